"""A key that is bound to networks, shown from within and from elsewhere."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.addresses import within
from shared import credentials
from shared.contracts.keys import GetKey, GetKeyUsage, NewKey, RevokeKey, Style
from shared.contracts.modes import Mode
from tests.client import Client, until
from tests.world import PATIENT, Gateway, World

PATH = "/api/use/key"
ALLOWED = ("198.51.100.0/24", "2001:db8:1::/48", "203.0.113.9")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("198.51.100.255", True),
        ("203.0.113.9", True),
        ("2001:db8:1::9", True),
        ("::ffff:198.51.100.1", True),
        ("198.51.101.0", False),
        ("203.0.113.10", False),
        ("2001:db8:2::9", False),
        ("::198.51.100.1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_an_address_is_in_one_of_the_networks_or_not(address: str, inside: bool) -> None:
    assert within(address, ALLOWED) is inside


def test_everywhere_has_two_spellings_and_a_local_socket_is_nowhere() -> None:
    assert within("198.51.100.1", ("0.0.0.0/0",))
    assert not within("2001:db8::1", ("0.0.0.0/0",))
    assert within("2001:db8::1", ("::/0",))
    assert not within("198.51.100.1", ("::/0",))
    assert not within("", ("0.0.0.0/0", "::/0"))


@pytest.fixture(scope="module")
async def gateway(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway(
        "gateway-allowlist",
        trusted_proxies="127.77.1.0/24",
        key_use_flush_seconds=0.1,
        limit_address_per_minute=40,
        limit_address_keyed_per_minute=0,
        **PATIENT,
    )
    yield started
    await started.process.stop()


@pytest.fixture
async def bound(world: World) -> NewKey:
    return await world.key(await world.account(), allowlist=ALLOWED)


async def ask(
    gateway: Gateway, secret: str, *chain: str, peer: str = "127.77.1.1", path: str = PATH
) -> tuple[int, object, object]:
    """The status, the word, and what is left, for a request that comes from ``peer`` with that X-Forwarded-For."""
    headers = {"X-Forwarded-For": ", ".join(chain)} if chain else {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(peer, 0))) as session:
        answer = await Client(session, gateway.url, secret, None).get(path, headers=headers)
    error = answer.json.get("error")
    word = error["code"] if isinstance(error, dict) else error
    return answer.status, word, answer.headers["X-RateLimit-Limit"]


@pytest.mark.parametrize(
    "chain",
    [
        ("198.51.100.7",),
        ("203.0.113.9",),
        ("2001:DB8:1::5",),
        ("::ffff:198.51.100.7",),
        ("[2001:db8:1::5]:4711",),
        # What the client wrote itself stands further left, and is not believed either way.
        ("192.0.2.1", "198.51.100.7"),
        ("198.51.100.7", "127.77.1.2"),
    ],
)
async def test_from_within_its_networks_a_key_works(gateway: Gateway, bound: NewKey, chain: tuple[str, ...]) -> None:
    assert (await ask(gateway, bound.secret, *chain))[0] == 200


@pytest.mark.parametrize(
    ("peer", "chain"),
    [
        ("127.77.1.1", ("192.0.2.1",)),
        ("127.77.1.1", ("198.51.100.7", "192.0.2.1")),
        ("127.77.1.1", ("2001:db8:2::5",)),
        ("127.77.1.1", ("198.51.100.7", "unknown")),
        ("127.77.1.1", ()),
        # One who is no proxy may say what they like.
        ("127.77.2.1", ("198.51.100.7",)),
        ("127.77.2.1", ()),
    ],
)
async def test_from_elsewhere_it_is_forbidden_whatever_they_say(
    gateway: Gateway, bound: NewKey, peer: str, chain: tuple[str, ...]
) -> None:
    assert (await ask(gateway, bound.secret, *chain, peer=peer))[:2] == (403, "Forbidden")


async def test_each_dialect_has_its_word_for_it(gateway: Gateway, bound: NewKey) -> None:
    assert (await ask(gateway, bound.secret, peer="127.77.3.1", path="/v1/links"))[:2] == (403, "FORBIDDEN")
    assert (await ask(gateway, bound.secret, peer="127.77.3.1", path="/api/use/key"))[:2] == (403, "Forbidden")


async def test_what_is_tried_from_elsewhere_uses_up_nothing_and_is_no_use(
    world: World, gateway: Gateway, bound: NewKey
) -> None:
    for _ in range(5):
        status, _, limit = await ask(gateway, bound.secret, peer="127.77.4.1")
        assert (status, limit) == (403, "40")
    other = await world.key(await world.account(), allowlist=("127.77.4.0/24",))
    assert (await ask(gateway, other.secret, peer="127.77.4.1"))[0] == 200
    usage = GetKeyUsage(workspace=other.key.workspace, id=other.key.id, days=1)
    # Both were reported together, had there been anything to report.
    await until(lambda: world.bus.ask(usage), lambda seen: seen.days[0].succeeded == 1)
    assert (await world.bus.ask(GetKey(workspace=bound.key.workspace, id=bound.key.id))).last_used_at is None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.77.1.9", 0))) as session:
        within = Client(session, gateway.url, bound.secret, None)
        answer = await within.get(PATH, headers={"X-Forwarded-For": "198.51.100.7"})
    assert answer.json["limits"]["remaining"] == 9_999


async def test_whoever_has_no_good_secret_learns_nothing_of_the_networks(
    world: World, gateway: Gateway, bound: NewKey
) -> None:
    await world.bus.ask(RevokeKey(id=bound.key.id))
    # From within its networks, where asking often uses up nothing of what an address has.
    await until(lambda: ask(gateway, bound.secret, "198.51.100.7"), lambda seen: seen[0] == 401)
    unknown = await ask(gateway, credentials.mint(Style.LZLY, Mode.LIVE), peer="127.77.5.1")
    assert unknown == await ask(gateway, bound.secret, peer="127.77.5.1")


async def test_trying_from_elsewhere_is_limited_by_address(gateway: Gateway, bound: NewKey) -> None:
    seen = [(await ask(gateway, bound.secret, peer="127.77.6.1"))[0] for _ in range(45)]
    assert seen == [403] * 40 + [429] * 5
