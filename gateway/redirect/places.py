"""Where an address is, looked up before anything is written, so that no address ever has to be.

Countries come with the package `iptocc`: the delegation lists of the five regional registries, which tell where a
network was registered. An operator who wants regions and cities names a database in the MaxMind DB format.
"""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import maxminddb
from iptocc import country_code

from shared.settings import SettingsError

# What registries write for networks that belong to no single country; ISO 3166-1 knows none of them as one.
NO_COUNTRIES = frozenset({"AP", "EU", "ZZ"})

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Each "" when it is unknown."""

    country: str = ""  # ISO 3166-1, two letters
    region: str = ""  # ISO 3166-2, e.g. "AT-9"
    city: str = ""  # in English


NOWHERE = Place()


class Atlas:
    """Remembers the last ``entries`` addresses, in memory only."""

    def __init__(self, path: str | None, entries: int) -> None:
        """``path``: a MaxMind DB, or None for the countries at hand. Raises `SettingsError` when it cannot be read."""
        look_up: Callable[[str], Place] = _Database(path).look_up if path else _look_up_registry
        self._look_up = lru_cache(entries)(look_up)

    def of(self, address: str) -> Place:
        return self._look_up(address)


class _Database:
    """A file in the layout of GeoIP2, GeoLite2 or DB-IP, or a flat one (`country_code`), as many others are.

    It is mapped, not read: it costs no memory of its own, and a new file is seen after the next start.
    """

    def __init__(self, path: str) -> None:
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise SettingsError(f"WAYPOST_GEOIP_PATH: {path} cannot be read: {error}") from None
        self._damaged = False

    def look_up(self, address: str) -> Place:
        try:
            record = self._reader.get(address)
        except ValueError:  # no address, or one of IPv6 in a database of IPv4
            return NOWHERE
        except maxminddb.InvalidDatabaseError as error:
            self._complain(error)
            return NOWHERE
        return _place(record) if isinstance(record, dict) else NOWHERE

    def _complain(self, error: Exception) -> None:
        """Once: a visitor is sent on without a place, and so are the thousands that follow."""
        if not self._damaged:
            log.error("The database of places is damaged: %s", error)
        self._damaged = True


def _look_up_registry(address: str) -> Place:
    country = country_code(address)
    return Place(country) if country and country not in NO_COUNTRIES else NOWHERE


def _place(record: dict[str, object]) -> Place:
    country = _text(record, "country", "iso_code") or _text(record, "country_code") or _text(record, "country")
    if len(country) != 2:
        return NOWHERE
    subdivisions = record.get("subdivisions")
    first = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    region = _text(first, "iso_code")
    return Place(
        country=country.upper(),
        region=f"{country}-{region}".upper() if region else "",
        city=_text(record, "city", "names", "en") or _text(record, "city"),
    )


def _text(value: object, *path: str) -> str:
    """The text at the end of ``path``, "" when there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
