"""Where a short code leads is up to the host that is asked for it."""

from typing import Any

import aiohttp
import pytest

from gateway.redirect.hosts import NOBODYS, OURS, Hosts
from shared.ids import new as new_id
from shared.settings import Settings
from tests.client import Answer, Client, until, within
from tests.domains import DOMAINS, claim, new_name, verified
from tests.gateway.raw import wire
from tests.names import Names
from tests.world import PATIENT, Gateway, World

LINKS = "/api/use/links"
THERE = "https://example.com/there"
AT = {"public_url": "https://go.example", "own_hosts": ("short.example", "other.example:8443")}

OUR_HOSTS = [
    *("", ":80", "go.example", "GO.Example", "go.example:443", "go.example.", "short.example", "other.example"),
    *("127.0.0.1", "127.0.0.1:8080", "10.1.2.3", "0x7f.1", "2130706433", "[::1]", "[2001:db8::1]:8080"),
    *("localhost", "LOCALHOST:80", "links.localhost", "localhost.localdomain", "gateway-1:8080", "intern."),
]
OTHERS = {
    "links.example": "links.example",
    "Links.Example:8443": "links.example",
    "LINKS.EXAMPLE.": "links.example",
    "links.example.:80": "links.example",
    "www.go.example": "www.go.example",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "a_b.example:": "a_b.example",
}
GARBAGE = [
    *(
        "a b",
        "links.example links.example",
        "links.example,go.example",
        "user@go.example",
        "go.example/x",
        "go..example",
    ),
    *(
        ".",
        "..",
        ".example",
        "go.example:x",
        "go.example:80:80",
        "bücher.example",
        "\xff",
        "<script>",
        "%67o.example",
        "*",
    ),
    *("a" * 400, ".".join(["a" * 60] * 5) + ".example"),
]


def at(name: str) -> dict[str, str]:
    return {"Host": name}


async def new(client: Client, domain: str | None, **fields: object) -> Any:
    answer = await client.post(LINKS, {"destinationUrl": THERE, "domain": domain, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def led_to(answer: Answer) -> str | None:
    assert answer.status in (302, 404), answer.body
    location: str | None = answer.headers.get("Location")
    return location


@pytest.mark.parametrize("host", OUR_HOSTS)
def test_hosts_of_ours(host: str) -> None:
    assert Hosts(Settings(nats_url="", **AT)).read(host.encode("latin-1")) == OURS  # type: ignore[arg-type]


@pytest.mark.parametrize(("host", "domain"), OTHERS.items())
def test_hosts_of_others(host: str, domain: str) -> None:
    assert Hosts(Settings(nats_url="", **AT)).read(host.encode("latin-1")) == domain  # type: ignore[arg-type]


@pytest.mark.parametrize("host", GARBAGE)
def test_what_is_no_host_is_nobodys(host: str) -> None:
    assert Hosts(Settings(nats_url="", **AT)).read(host.encode("latin-1")) == NOBODYS  # type: ignore[arg-type]


def test_no_more_hosts_are_remembered_than_allowed() -> None:
    hosts = Hosts(Settings(nats_url="", domain_cache_entries=10))
    for number in range(100):
        scope = {"headers": [(b"accept", b"*/*"), (b"host", b"h%d.example" % number)]}
        assert hosts.of(scope) == hosts.of(scope) == f"h{number}.example"
        assert hosts.of({"headers": [(b"host", b"%da.example" % number + b"a" * 400)]}) == NOBODYS
        assert len(hosts._known) <= 10
    assert hosts.of({"headers": []}) == OURS


async def test_one_short_code_leads_where_its_host_says(client: Client, visitor: Client, names: Names) -> None:
    code = f"s-{new_id()}"
    domains = [(await verified(client, names))["domain"] for _ in range(2)]
    for number, domain in enumerate((None, *domains)):
        await new(client, domain, customSlug=code, destinationUrl=f"{THERE}/{number}")
    # Asked for, and then known by heart.
    for _ in range(2):
        assert led_to(await visitor.get(f"/{code}")) == f"{THERE}/0"
        for number, domain in enumerate(domains, 1):
            for host in (domain, domain.upper(), f"{domain}:8443", f"{domain}.", f"{domain}.:80"):
                answer = await visitor.get(f"/{code}", headers=at(host))
                assert (answer.status, led_to(answer)) == (302, f"{THERE}/{number}")
                assert led_to(await visitor.send("HEAD", f"/{code}", headers=at(host))) == f"{THERE}/{number}"
        for host in (new_name(), f"www.{domains[0]}"):
            assert led_to(await visitor.get(f"/{code}", headers=at(host))) is None


async def test_a_link_on_a_domain_is_nowhere_else(client: Client, visitor: Client, names: Names) -> None:
    link = await new(client, (await verified(client, names))["domain"])
    for host in (visitor.url.removeprefix("http://"), "localhost", "gateway-1:8080", new_name()):
        assert led_to(await visitor.get(f"/{link['shortCode']}", headers=at(host))) is None


async def test_all_that_can_happen_at_a_link_happens_on_a_domain(client: Client, visitor: Client, names: Names) -> None:
    domain = (await verified(client, names))["domain"]
    host = at(domain)
    secret = await new(client, domain, password="open sesame")
    path = f"/{secret['shortCode']}"
    form = await visitor.get(path, headers=host)
    assert (form.status, f'action="{path}"' in form.body.decode()) == (200, True)
    typed = host | {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await visitor.send("POST", path, data=b"password=wrong", headers=typed)).status == 403
    assert led_to(await visitor.send("POST", path, data=b"password=open+sesame", headers=typed)) == THERE
    plain = await new(client, domain)
    preview = await visitor.get(f"/{plain['shortCode']}+", headers=host)
    assert (preview.status, plain["shortUrl"] in preview.body.decode()) == (200, True)
    few = await new(client, domain, maxClicks=2)
    seen = [(await visitor.get(f"/{few['shortCode']}", headers=host)).status for _ in range(3)]
    assert seen == [302, 302, 410]
    over = await new(client, domain, maxClicks=1, expiredUrl=f"{THERE}/over")
    assert led_to(await visitor.get(f"/{over['shortCode']}", headers=host)) == THERE
    assert led_to(await visitor.get(f"/{over['shortCode']}", headers=host)) == f"{THERE}/over"
    longer = await new(client, domain, forwardQuery=True)
    assert led_to(await visitor.get(f"/{longer['shortCode']}?a=b", headers=host)) == f"{THERE}?a=b"
    switched_off = await new(client, domain, active=False)
    assert (await visitor.get(f"/{switched_off['shortCode']}", headers=host)).status == 404


async def test_a_visit_on_a_domain_is_counted(client: Client, visitor: Client, names: Names) -> None:
    link = await new(client, (await verified(client, names))["domain"])
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    for _ in range(3):
        answer = await visitor.get(f"/{link['shortCode']}", headers=at(link["domain"]) | agent)
        assert led_to(answer) == THERE
    await until(lambda: client.get(f"{LINKS}/{link['id']}"), lambda answer: answer.json["clicks"] == 3)


async def test_whoever_comes_to_no_link_goes_where_the_domains_owner_says(
    client: Client, visitor: Client, names: Names
) -> None:
    domain = await verified(client, names)
    host, path = at(domain["domain"]), f"{DOMAINS}/{domain['id']}"
    lost = (f"/{new_id()}", f"/{new_id()}+", "/a/b", "/x", "/console", "/%00", f"/{'x' * 60}")

    async def seen() -> list[str | None]:
        return [led_to(await visitor.get(each, headers=host)) for each in ("/", *lost)]

    assert await seen() == [None] * 8

    async def told(number: int) -> float:
        """How long it takes until visitors are sent where the owner says."""
        gone, root = f"https://www.example.com/gone/{number}", f"https://www.example.com/{number}"
        assert (await client.patch(path, {"notFoundUrl": gone, "rootUrl": root})).status == 200
        return (await until(seen, lambda found: found == [root, *[gone] * 7]))[1]

    await within(1.0, told)
    root = (await client.get(path)).json["rootUrl"]
    answer = await visitor.get(lost[0], headers=host)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert led_to(await visitor.send("HEAD", "/", headers=host)) == root
    assert (await visitor.send("POST", "/", headers=host)).status == 404
    # The API, the reference and the pages of creators are the same on any host.
    assert (await visitor.get("/api/use", headers=host)).status == 200
    assert (await visitor.get("/api/docs", headers=host)).status == 200
    assert (await visitor.get("/livez", headers=host)).status == 200
    assert (await visitor.get(f"/@{client.account.user.username}", headers=host)).status == 200
    assert (await client.delete(path)).status == 204
    await until(lambda: visitor.get(lost[0], headers=host), lambda answer: answer.status == 404)


async def test_a_host_that_nobody_has_verified_leads_nowhere(client: Client, visitor: Client) -> None:
    root = "https://www.example.com/"
    pending = await claim(client, rootUrl=root, notFoundUrl=root)
    for host in (pending["domain"], new_name()):
        home = await visitor.get("/", headers=at(host))
        assert (home.status, home.body) == (200, (await visitor.get("/")).body)
        assert (await visitor.get(f"/{new_id()}", headers=at(host))).status == 404
    assert (await visitor.get("/a/b")).status == 404


async def test_a_target_in_absolute_form_names_the_host(client: Client, gateway: Gateway, names: Names) -> None:
    link = await new(client, (await verified(client, names))["domain"])
    asked = {
        f"GET http://{link['domain']}/{link['shortCode']} HTTP/1.1\r\nHost: 127.0.0.1": 302,
        f"GET http://{link['domain'].upper()}:80/{link['shortCode']} HTTP/1.1\r\nHost: {new_name()}": 302,
        f"GET HTTP://{link['domain']}/{link['shortCode']}?x=http://y/z HTTP/1.1\r\nHost: 127.0.0.1": 302,
        f"GET http://a:b@{link['domain']}/{link['shortCode']} HTTP/1.1\r\nHost: 127.0.0.1": 302,
        f"GET http://[::1]:80/{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}": 404,
        f"GET http:///{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}": 400,
        "GET http://127.0.0.1 HTTP/1.1\r\nHost: 127.0.0.1": 200,
        "GET http://127.0.0.1?x HTTP/1.1\r\nHost: 127.0.0.1": 200,
        f"GET http://127.0.0.1/{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}": 404,
        f"GET http://{new_name()}/{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}": 404,
        f"GET /{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}": 302,
        f"GET /{link['shortCode']} HTTP/1.1\r\nhOsT:{link['domain']}": 302,
        f"GET /{link['shortCode']} HTTP/1.1\r\nHost: {link['domain']}\r\nHost: {link['domain']}": 400,
        f"GET /{link['shortCode']} HTTP/1.0": 404,
    }
    for request, status in asked.items():
        async with wire(gateway) as connection:
            await connection.send(f"{request}\r\nConnection: close\r\n\r\n".encode())
            assert (await connection.answer())[0] == status, request


@pytest.mark.parametrize("host", GARBAGE)
async def test_garbage_for_a_host_leads_nowhere_and_breaks_nothing(client: Client, gateway: Gateway, host: str) -> None:
    link = await new(client, None)
    for path in (f"/{link['shortCode']}", "/", "/a/b", f"/{link['shortCode']}+"):
        async with wire(gateway) as connection:
            await connection.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
            status = (await connection.answer())[0]
            assert status in (400, 404) or (path == "/" and status == 200)


async def test_a_proxy_may_ask_for_which_hosts_certificates_are_to_be_had(
    client: Client, visitor: Client, names: Names
) -> None:
    async def allowed(host: str) -> int:
        return (await visitor.get(f"/.well-known/waypost/domain?domain={host}")).status

    async def given_up(_: int) -> float:
        """How long it takes until a domain that was given up is nobody's."""
        domain = await verified(client, names)
        assert [await allowed(host) for host in (domain["domain"], domain["domain"].upper())] == [200, 200]
        assert (await client.delete(f"{DOMAINS}/{domain['id']}")).status == 204
        return (await until(lambda: allowed(domain["domain"]), lambda status: status == 404))[1]

    pending = (await claim(client))["domain"]
    for host in ("", pending, new_name(), "localhost", "127.0.0.1", "%00", "%F0%9F%98%80.example", "a" * 4000):
        assert await allowed(host) == 404
    await within(1.0, given_up)


async def test_misses_on_domains_are_limited_and_a_proxy_that_asks_for_certificates_is_not(
    world: World, session: aiohttp.ClientSession, client: Client, names: Names
) -> None:
    gone = "https://www.example.com/gone"
    domain = (await verified(client, names, notFoundUrl=gone))["domain"]
    gateway = await world.start_gateway(
        "gateway-misses",
        limit_misses_per_minute=5,
        trusted_proxies="127.0.0.1/32",
        limit_pages_per_minute=0,
        **PATIENT,
    )
    try:
        visitor = Client(session, gateway.url, None, None)

        async def statuses(path: str, address: str | None, host: str) -> list[int]:
            headers = at(host) | ({"X-Forwarded-For": address} if address else {})
            return [(await visitor.get(path, headers=headers)).status for _ in range(7)]

        assert await statuses(f"/{new_id()}", "192.0.2.1", domain) == [302] * 5 + [429] * 2
        assert await statuses("/a/b", "192.0.2.2", domain) == [302] * 5 + [429] * 2
        assert await statuses("/", "192.0.2.3", new_name()) == [200] * 5 + [429] * 2
        asking = f"/.well-known/waypost/domain?domain={new_name()}"
        assert await statuses(asking, "192.0.2.4", domain) == [404] * 5 + [429] * 2
        assert await statuses(asking, None, "gateway") == [404] * 7
        found = f"/.well-known/waypost/domain?domain={domain}"
        assert await statuses(found, "192.0.2.4", domain) == [200] * 7
    finally:
        await gateway.process.stop()
