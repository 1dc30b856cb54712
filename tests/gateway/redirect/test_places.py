"""Where an address is: by the registries' lists, or by a database of the operator's."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.redirect.places import NOWHERE, Atlas, Place
from shared.settings import SettingsError


def database(path: Path, networks: dict[str, dict[str, Any]], *, ip_version: int = 6) -> str:
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type="Test-City")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("address", "country"),
    [("8.8.8.8", "US"), ("133.11.0.1", "JP"), ("193.0.6.139", "NL"), ("2001:4860:4860::8888", "US")],
)
def test_countries_are_known_out_of_the_box(address: str, country: str) -> None:
    assert Atlas(None, 10).of(address) == Place(country)


@pytest.mark.parametrize("address", ["", "127.0.0.1", "10.1.2.3", "203.0.113.9", "::1", "2001:db8::1", "unknown"])
def test_what_is_nowhere_has_no_place(address: str) -> None:
    assert Atlas(None, 10).of(address) == NOWHERE


@pytest.fixture
def cities(tmp_path: Path) -> Atlas:
    vienna = {
        "country": {"iso_code": "AT", "names": {"en": "Austria"}},
        "subdivisions": [{"iso_code": "9", "names": {"en": "Vienna"}}],
        "city": {"names": {"de": "Wien", "en": "Vienna"}},
    }
    networks: dict[str, dict[str, Any]] = {
        "192.0.2.0/24": vienna,
        "198.51.100.0/24": {"country": {"iso_code": "DE"}, "subdivisions": [{"names": {"en": "Bavaria"}}]},
        "203.0.113.0/25": {"country_code": "us", "city": "Springfield"},
        "203.0.113.128/25": {"country": "Utopia", "subdivisions": "none", "city": 7},
        "2001:db8::/32": vienna,
    }
    return Atlas(database(tmp_path / "cities.mmdb", networks), 10)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", Place("AT", "AT-9", "Vienna")),
        ("2001:db8::1", Place("AT", "AT-9", "Vienna")),
        ("198.51.100.1", Place("DE")),  # a name is no code
        ("203.0.113.1", Place("US", "", "Springfield")),
        ("203.0.113.200", NOWHERE),
        ("8.8.8.8", NOWHERE),
        ("", NOWHERE),
        ("unknown", NOWHERE),
    ],
)
def test_a_database_of_the_operator_tells_regions_and_cities(cities: Atlas, address: str, place: Place) -> None:
    assert cities.of(address) == place


def test_an_ipv6_address_has_no_place_in_a_database_of_ipv4(tmp_path: Path) -> None:
    places = Atlas(database(tmp_path / "four.mmdb", {"192.0.2.0/24": {"country_code": "AT"}}, ip_version=4), 10)
    assert places.of("192.0.2.1") == Place("AT")
    assert places.of("2001:db8::1") == NOWHERE


def test_only_so_many_addresses_are_remembered() -> None:
    places = Atlas(None, 3)
    for last in range(100):
        places.of(f"8.8.8.{last}")
    assert places._look_up.cache_info().currsize == 3


def test_a_database_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.mmdb"
    rubbish.write_bytes(b"no database")
    for path in (rubbish, tmp_path / "absent.mmdb", tmp_path):
        with pytest.raises(SettingsError, match="WAYPOST_GEOIP_PATH"):
            Atlas(str(path), 10)


def test_a_damaged_database_costs_the_place_but_not_the_visit(tmp_path: Path) -> None:
    path = Path(database(tmp_path / "cities.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "AT"}}}))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x47country", b"\xff" * 8))
    assert path.read_bytes() != data
    assert Atlas(str(path), 10).of("192.0.2.1") == NOWHERE
