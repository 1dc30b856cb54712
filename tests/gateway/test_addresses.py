"""Whose request it is: only what a trusted proxy says is believed, and limits count what one client has."""

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import Addresses
from shared.settings import SettingsError
from tests.client import Client
from tests.world import PATIENT, World

PROXIES = ("10.0.0.0/8", "192.0.2.7", "2001:db8:ffff::/48")


def scope(peer: str | None, *forwarded: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"client": (peer, 1234) if peer is not None else None, "headers": headers}


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.0.1", "127.0.0.1", "2001:db8::1"])
def test_nobody_is_believed_unless_the_operator_says_so(peer: str) -> None:
    assert Addresses(()).of(scope(peer, "198.51.100.1")) == peer


@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.8", "11.0.0.1", "2001:db8::1", "::ffff:203.0.113.9"])
def test_a_stranger_is_not_believed(peer: str) -> None:
    assert Addresses(PROXIES).of(scope(peer, "198.51.100.1")) == peer.removeprefix("::ffff:")


CHAINS = [
    # (from the proxy 10.0.0.1) X-Forwarded-For headers, the client
    (("198.51.100.1",), "198.51.100.1"),
    (("  198.51.100.1  ",), "198.51.100.1"),
    # What stands further left was written by the client, who may write anything.
    (("1.1.1.1, 198.51.100.1",), "198.51.100.1"),
    (("10.0.0.5, 198.51.100.1",), "198.51.100.1"),
    (("127.0.0.1,198.51.100.1",), "198.51.100.1"),
    (("<script>, ,,, 198.51.100.1",), "198.51.100.1"),
    (("1.1.1.1", "198.51.100.1"), "198.51.100.1"),
    # Proxies behind one another.
    (("198.51.100.1, 10.2.3.4",), "198.51.100.1"),
    (("1.1.1.1, 198.51.100.1, 192.0.2.7, 10.2.3.4",), "198.51.100.1"),
    (("1.1.1.1, 198.51.100.1", "192.0.2.7", "10.2.3.4"), "198.51.100.1"),
    # A client within the trusted networks is the leftmost of them.
    (("10.9.9.9, 10.2.3.4",), "10.9.9.9"),
    # Where a hop is no address, whoever wrote it down is the last that is known.
    ((), "10.0.0.1"),
    (("",), "10.0.0.1"),
    (("unknown",), "10.0.0.1"),
    (("_hidden",), "10.0.0.1"),
    (("198.51.100.1,",), "10.0.0.1"),
    (("198.51.100.1, unknown, 10.2.3.4",), "10.2.3.4"),
    (("198.51.100.256",), "10.0.0.1"),
    (("198.51.100",), "10.0.0.1"),
    (("0xc6336401",), "10.0.0.1"),
    (("3325256705",), "10.0.0.1"),
    (("198.51.100.1/32",), "10.0.0.1"),
    (("198.51.100.1:x",), "10.0.0.1"),
    (("example.com",), "10.0.0.1"),
    (("١٩٨.51.100.1".encode().decode("latin-1"),), "10.0.0.1"),
    (("1" * 5000,), "10.0.0.1"),
    # Some proxies write the port along.
    (("198.51.100.1:5678",), "198.51.100.1"),
    (("[2001:db8::5]:5678",), "2001:db8::5"),
    (("[2001:db8::5]",), "2001:db8::5"),
    (("198.51.100.1:1, 10.2.3.4:65535",), "198.51.100.1"),
    # One spelling for one address.
    (("2001:DB8:0:0::0005",), "2001:db8::5"),
    (("2001:db8::5, 2001:db8:ffff::1",), "2001:db8::5"),
    (("::ffff:198.51.100.1",), "198.51.100.1"),
    (("198.51.100.1, ::ffff:10.2.3.4",), "198.51.100.1"),
    (("fe80::1%eth0",), "fe80::1"),
    (("fe80::1%" + "z" * 5000,), "fe80::1"),
]


@pytest.mark.parametrize(("forwarded", "client"), CHAINS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_trusted_proxy_speaks_for_its_client(forwarded: tuple[str, ...], client: str, proxy: str) -> None:
    assert Addresses(PROXIES).of(scope(proxy, *forwarded)) == client


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
    ],
)
def test_limits_count_an_ipv4_address_or_the_64_of_an_ipv6_address(peer: str | None, counted: str) -> None:
    assert Addresses(()).counted(scope(peer)) == counted
    assert Addresses(PROXIES).counted(scope(peer)) == counted


def test_visitors_within_one_ipv6_network_are_told_apart() -> None:
    addresses = Addresses(PROXIES)
    assert addresses.of(scope("2001:db8::5")) != addresses.of(scope("2001:db8::6"))


@pytest.mark.parametrize("proxies", [("10.0.0.1/8",), ("proxy.example",), ("10.0.0.0/33",), ("*",), ("",)])
def test_a_network_that_is_none_is_refused_at_the_start(proxies: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="WAYPOST_TRUSTED_PROXIES"):
        Addresses(proxies)


@given(st.lists(st.text(st.characters(max_codepoint=255))), st.ip_addresses())
def test_whatever_is_left_of_the_client_changes_nothing(rubbish: list[str], client: object) -> None:
    trusted = Addresses(("10.0.0.0/8",))
    plain = trusted.of(scope("10.0.0.1", f"{client}, 10.7.7.7"))
    assert trusted.of(scope("10.0.0.1", *rubbish, f"{client}, 10.7.7.7")) == plain
    assert trusted.counted(scope("10.0.0.1", *rubbish, str(client)))


@given(st.lists(st.text(st.characters(max_codepoint=255))))
def test_any_header_at_all_gives_an_address(forwarded: list[str]) -> None:
    address = Addresses(("10.0.0.0/8", "::/0")).counted(scope("10.0.0.1", *forwarded))
    assert 0 < len(address) <= 42


async def test_behind_a_proxy_each_client_has_a_limit_of_its_own(world: World) -> None:
    gateway = await world.start_gateway(
        "gateway-proxied", limit_address_per_minute=3, trusted_proxies="127.77.1.0/24", **PATIENT
    )

    async def answers(client: Client, *chains: str) -> list[int]:
        return [(await client.get("/v1/profile", headers={"X-Forwarded-For": chain})).status for chain in chains]

    proxy, stranger = (aiohttp.TCPConnector(local_addr=(address, 0)) for address in ("127.77.1.1", "127.77.9.1"))
    async with aiohttp.ClientSession(connector=proxy) as near, aiohttp.ClientSession(connector=stranger) as far:
        through = Client(near, gateway.url, None, None)
        assert await answers(through, *["198.51.100.1"] * 4) == [401, 401, 401, 429]
        # The client's own words in front do not make it somebody else, and others are not touched.
        assert await answers(through, "9.9.9.9, 198.51.100.1", "198.51.100.2") == [429, 401]
        assert await answers(through, *(f"2001:db8:1:2::{n}" for n in range(1, 5))) == [401, 401, 401, 429]
        # One who is no proxy is counted as who they are, whatever they say.
        direct = Client(far, gateway.url, None, None)
        assert await answers(direct, *(f"198.51.100.{n}" for n in range(10, 14))) == [401, 401, 401, 429]
    await gateway.process.stop()
