"""Nothing that anybody gives for an address leads a message to the canary, unless the operator allows its network."""

import asyncio
import ipaddress
import socket
import sys

import msgspec
import psutil
import pytest

from services.webhooks import addresses, fields, guard
from services.webhooks.attempt import Courier, Message, Outcome
from services.webhooks.signature import new_secret
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.settings import Settings, SettingsError
from tests.names import Names, naming
from tests.services.webhooks import home, payloads
from tests.services.webhooks.receiver import Receiver, always, receiving
from tests.shared.waiting import fault_of, until

PUBLIC = "8.8.8.8"  # is looked up, and never connected to
LOOPBACK = ("127.0.0.0/8", "0.0.0.0/32", "::/127")


def settings(names: Names, *allowed: str) -> Settings:
    return Settings(
        nats_url="nats://127.0.0.1",
        webhook_allow_cidrs=allowed,
        webhook_dns_servers=(names.server,),
        webhook_connect_timeout_seconds=5,
    )


def message(url: str) -> Message:
    return Message(id="msg_1", topic="link.created", url=url, body=b"{}", headers={}, secrets=(new_secret(),))


async def try_to_get_in(url: str, names: Names, courier: Courier, *allowed: str) -> list[Outcome]:
    """By the way of everybody, if the address is taken; and as if it had been taken all the same."""
    outcomes = []
    given = settings(names, *allowed)
    try:
        taken = fields.url(url, OwnHosts.of(given))
        await guard.check_url(taken, given)
    except Fault:
        pass
    else:
        outcomes.append(await courier.carry(message(taken)))
    outcomes.append(await courier.carry(message(url)))
    return outcomes


async def try_all(names: Names, canary: Receiver, public: str, *allowed: str) -> tuple[int, set[str]]:
    """How many addresses were tried, and those that got an answer."""
    port = str(canary.port)
    urls = {url.replace(payloads.PORT, port) for url in payloads.urls()}
    urls |= {f"http://{name}:{port}/" for name in payloads.names(names, public)}
    got_in = set()
    async with Courier(settings(names, *allowed)) as courier:
        for url in urls:
            if any(outcome.status for outcome in await try_to_get_in(url, names, courier, *allowed)):
                got_in.add(url)
    return len(urls), got_in


async def test_no_address_leads_to_the_canary() -> None:
    async with naming() as names, receiving(always(200), "127.0.0.1", "::1") as canary:
        tried, got_in = await try_all(names, canary, PUBLIC)
    assert tried >= 300
    assert canary.connections == 0
    assert not got_in


async def test_the_same_addresses_lead_to_the_canary_when_its_network_is_allowed() -> None:
    async with naming() as names, receiving(always(200), "127.0.0.1", "::1") as canary:
        _, got_in = await try_all(names, canary, "127.0.0.1", *LOOPBACK)
        port = canary.port
    assert len(canary.received) > 250
    assert len(got_in) > 150
    for host in (
        "127.0.0.1",
        "0x7f.0x0.0000.01",
        "2130706433",
        "１２７．０．０．１",
        "localhost",
        "[::1]",
        "[::ffff:7f00:1]",
    ):
        assert f"http://{host}:{port}/" in got_in
    for name in ("plain-8", "first-0", "last-0", "rebound-0", "rebound-alias-0", "step-4-5-0", "to-localhost"):
        assert f"http://{name}.example:{port}/" in got_in


async def test_a_name_that_turns_inside_after_it_was_registered_is_refused_at_the_attempt() -> None:
    async with naming() as names, receiving(always(200)) as canary, Courier(settings(names)) as courier:
        names.says("turns.example", [PUBLIC], ["127.0.0.1"])
        url = f"http://turns.example:{canary.port}/"
        await guard.check_url(url, settings(names))
        outcome = await courier.carry(message(url))
        assert outcome.error == guard.NOT_PUBLIC
        # Looked up once when it was registered and once for the attempt, and not once more to connect.
        assert names.asked == ["turns.example"] * 2
        assert canary.connections == 0


async def test_a_redirect_is_a_failure_and_nobody_follows_it() -> None:
    async with (
        naming() as names,
        receiving(always(200)) as canary,
        receiving(always(200), "127.0.0.2") as lure,
        Courier(settings(names, *LOOPBACK)) as courier,
    ):
        for status in (300, 301, 302, 303, 305, 307, 308):
            for location in (
                f"http://127.0.0.1:{canary.port}/",
                f"//localhost:{canary.port}/",
                f"http://2130706433:{canary.port}",
            ):
                lure.script = always(status, b"", Location=location, Refresh=f"0; url={location}")
                outcome = await courier.carry(message(f"http://127.0.0.2:{lure.port}/"))
                assert outcome.status == status
                assert not outcome.delivered
        assert len(lure.received) == 21
        assert canary.connections == 0
        # The canary could have been reached.
        assert (await courier.carry(message(canary.url))).delivered


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with naming() as names, receiving(always(200)) as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        names.says("nobody.example", ["127.0.0.1"])
        async with Courier(settings(names, *LOOPBACK)) as courier:
            outcome = await courier.carry(message("http://nobody.example:1025/"))
    assert outcome.error == "Connection refused"
    assert proxy.connections == 0


@pytest.mark.parametrize("port", [22, 25, 587, 6379])
async def test_ports_where_lines_are_commands_are_refused_even_in_a_network_that_is_allowed(port: int) -> None:
    async with naming() as names:
        given = settings(names, *LOOPBACK)
        fault, _ = await fault_of(guard.check_url(f"http://127.0.0.1:{port}/", given))
        assert (fault.code, fault.details[0]["field"]) == (Code.IMPOSSIBLE, "url")
        async with Courier(given) as courier:
            outcome = await courier.carry(message(f"http://127.0.0.1:{port}/"))
    assert outcome.error == "The port of the address belongs to something else than a web server"


async def test_a_name_that_nobody_knows_is_taken_and_one_that_leads_inside_is_not() -> None:
    async with naming() as names:
        names.says("inside.example", ["10.1.2.3"])
        names.says("outside.example", [PUBLIC, "2606:4700::1111"])
        given = settings(names)
        await guard.check_url("https://nobody-knows.example/", given)
        await guard.check_url("https://outside.example/", given)
        fault, _ = await fault_of(guard.check_url("https://inside.example/", given))
        assert (fault.code, fault.message) == (Code.IMPOSSIBLE, guard.NOT_PUBLIC)
        # With its network allowed, it is.
        await guard.check_url("https://inside.example/", settings(names, "10.1.0.0/16"))


async def test_a_name_server_that_keeps_silent_delays_nobody_else() -> None:
    async with naming() as names, receiving(always(200)) as receiver:
        names.silent.add("silent.example")
        names.says("known.example", ["127.0.0.1"])
        async with Courier(settings(names, *LOOPBACK)) as courier:
            waiting = [asyncio.create_task(courier.carry(message("http://silent.example/"))) for _ in range(50)]
            await until(lambda: "silent.example" in names.asked)
            outcome = await courier.carry(message(f"http://known.example:{receiver.port}/"))
            assert outcome.delivered
            assert not any(task.done() for task in waiting)
            outcomes = await asyncio.gather(*waiting)
    assert {outcome.error for outcome in outcomes} == {"No connection within 5 s"}


async def test_a_public_address_of_this_machine_itself_is_refused_unless_the_operator_allows_it() -> None:
    address = "93.184.216.34"
    if await _run("unshare", "--map-root-user", "--net", "ip", "link", "set", "lo", "up") is None:
        pytest.skip("This system makes no network namespaces, in which a machine could have that address")
    said = await _run(
        "unshare", "--map-root-user", "--net", sys.executable, "-m", "tests.services.webhooks.home", address
    )
    assert said
    found = msgspec.json.decode(said, type=dict[str, dict[str, home.Found]])
    assert list(found) == [address, f"[::ffff:{address}]"]
    for each in found.values():
        assert each == {
            "refused": home.Found(registered=False, error=guard.NOT_PUBLIC, arrived=0),
            "allowed": home.Found(registered=True, error=None, arrived=1),
        }


async def _run(*argv: str) -> bytes | None:
    """What it prints; None when it fails or is not there."""
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    except FileNotFoundError:
        return None
    said, _ = await process.communicate()
    return said if process.returncode == 0 else None


def test_addresses_of_this_machine_are_its_own_and_those_of_others_are_not() -> None:
    known = [each.address for ways in psutil.net_if_addrs().values() for each in ways if each.family == socket.AF_INET]
    assert "127.0.0.1" in known
    assert all(addresses.is_own(ipaddress.ip_address(address)) for address in known)
    for address in (PUBLIC, "1.1.1.1", "2606:4700::1111", "192.88.99.1"):
        assert not addresses.is_own(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", [*payloads.INSIDE_4, *payloads.INSIDE_6])
def test_an_address_of_somebodys_inside_is_not_public(address: str) -> None:
    assert not addresses.is_public(ipaddress.ip_address(address))
    assert not addresses.permitted(address, ())


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.254",
     "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2400:cb00::1"],
)  # fmt: skip
def test_an_address_that_is_given_out_is_public(address: str) -> None:
    assert addresses.permitted(address, ())


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0177.0.0.1", "8.8.8.8 ", "fe80::1%lo", "2606:4700::1111%eth0", "８.8.8.8"]
)
def test_what_is_no_address_in_full_is_never_permitted(text: str) -> None:
    assert not addresses.permitted(text, addresses.networks(("0.0.0.0/0", "::/0")))


def test_a_network_that_is_none_is_told_by_the_name_of_its_variable() -> None:
    with pytest.raises(SettingsError, match="WAYPOST_WEBHOOK_ALLOW_CIDRS"):
        addresses.networks(("10.0.0.1/8",))
