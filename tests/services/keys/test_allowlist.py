"""From where a key may be used: what can be written, and how it is kept."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.keys import networks
from shared import credentials
from shared.contracts.keys import CheckKey, ListKeys
from shared.faults import Code, Fault
from tests.world import World


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("2001:db8::0001", "2001:db8::1/128"),
        ("::/0", "::/0"),
        # The same addresses that an IPv6 socket sees an IPv4 client with.
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:c000:200/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ],
)
def test_a_network_has_one_spelling(written: str, kept: str) -> None:
    assert networks.check((written,)) == (kept,)
    assert networks.check((kept,)) == (kept,)


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "*", "example.com", "nul\x00", "1" * 5_000, "3221225985", "\u0661.0.0.1", "192.0.2", "192.0.2.256"),
        *(
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/24/24",
            "192.0.2.0/24 ",
            "2001:db8::/129",
            "fe80::1%eth0",
            "::/0%1",
        ),
    ],
)
def test_what_is_no_network_is_refused(written: str) -> None:
    with pytest.raises(Fault) as refusal:
        networks.check(("192.0.2.0/24", written))
    assert (refusal.value.code, refusal.value.details[0]["field"]) == (Code.INVALID, "allowlist")
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize("written", ["192.0.2.7/24", "2001:db8::1/32", "::ffff:192.0.2.7/120"])
def test_an_address_with_the_length_of_a_network_is_refused_with_both_readings(written: str) -> None:
    with pytest.raises(Fault, match="either"):
        networks.check((written,))


def test_there_are_up_to_twenty_networks_each_once() -> None:
    twenty = tuple(f"10.{number}.0.0/16" for number in range(20))
    assert networks.check(twenty) == twenty
    assert networks.check(("10.0.0.0/8", "10.0.0.0/255.0.0.0")) == ("10.0.0.0/8",)
    with pytest.raises(Fault):
        networks.check((*twenty, "10.20.0.0/16"))


@given(st.ip_addresses(), st.integers(0, 128))
def test_what_is_kept_holds_exactly_the_addresses_that_were_written(address: object, length: int) -> None:
    network = ipaddress.ip_network(f"{address}/{min(length, 32 if '.' in str(address) else 128)}", strict=False)
    (kept,) = networks.check((str(network),))
    again = ipaddress.ip_network(kept)
    assert again.num_addresses == network.num_addresses
    assert again == network or again.network_address == getattr(network.network_address, "ipv4_mapped", None)


@given(st.text())
def test_any_text_at_all_is_a_network_or_refused(text: str) -> None:
    try:
        (kept,) = networks.check((text,))
    except Fault:
        return
    assert networks.check((kept,)) == (kept,)


async def test_a_key_keeps_the_networks_it_was_made_with(world: World) -> None:
    account = await world.account()
    new = await world.key(account, allowlist=("192.0.2.7", "2001:DB8::/32", "192.0.2.7/32"))
    assert new.key.allowlist == ("192.0.2.7/32", "2001:db8::/32")
    checked = (await world.bus.ask(CheckKey(digest=credentials.digest(new.secret)))).verdict
    assert checked
    assert checked.allowlist == new.key.allowlist
    assert (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys == (new.key,)


async def test_a_key_with_an_impossible_network_is_not_made(world: World) -> None:
    account = await world.account()
    with pytest.raises(Fault) as refusal:
        await world.key(account, allowlist=("192.0.2.0/24", "here"))
    assert refusal.value.details[0]["field"] == "allowlist"
    assert not (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys
