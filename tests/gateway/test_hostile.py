"""Hostile destinations through every way in: refused where they are written, and never sent to a visitor."""

import asyncio
import json
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from yarl import URL

from shared.contracts.links import CreateLink, Link
from shared.contracts.modes import Mode
from tests.client import Answer, Client
from tests.shared.test_destinations import HOSTILE, LOOPBACK, PLAIN, REWRITTEN, VISIBLE
from tests.world import World

AT_ONCE = 16
OWN_PORT = 8080  # of the public address that the links service knows in this run
PAGE_FIELDS = ("avatar", "banner", "website")

# What a visitor can put behind a short code whose link sends the query along.
QUERIES = [
    "",
    "?",
    "a=b",
    "%0d%0aSet-Cookie:x=y",
    "%00",
    "@evil.example",
    "//evil.example",
    "/../../",
    "#https://evil.example",
    "a=<script>",
    'a="onload=',
    "a=b c",
    "%zz",
    "a=%F0%9F%98%80",
    "a=^`{|}",
    "\\evil.example",
    "a=" + "x" * 7000,
]


def encoded(fields: dict[str, str]) -> bytes:
    """As ASCII, so that halves of characters can be sent too."""
    return json.dumps(fields).encode()


async def each(client: Client, method: str, path: str, bodies: Iterable[dict[str, str]]) -> list[Answer]:
    """The answers to many requests, in order, a few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(fields: dict[str, str]) -> Answer:
        async with places:
            return await client.send(method, path, data=encoded(fields))

    return await asyncio.gather(*map(one, bodies))


def refused(answer: Answer, field: str) -> bool:
    details = answer.json["error"].get("details", []) if answer.status == 400 else []
    return bool([detail["field"] for detail in details] == [field])


def not_refused(urls: list[str], answers: list[Answer], field: str) -> list[tuple[str, bytes]]:
    return [(url, answer.body) for url, answer in zip(urls, answers, strict=True) if not refused(answer, field)]


def is_good(location: str) -> bool:
    """One visible http address without a user name: what a browser follows is what is written there."""
    return bool(VISIBLE.fullmatch(location) and PLAIN.match(location))


async def test_no_link_is_made_to_a_hostile_destination(client: Client) -> None:
    answers = await each(client, "POST", "/v1/links", ({"title": "x", "url": url} for url in HOSTILE))
    assert not not_refused(HOSTILE, answers, "url")
    assert (await client.get("/v1/links")).json["total"] == 0


async def test_no_link_is_changed_to_a_hostile_destination(client: Client, visitor: Client) -> None:
    link = await client.new_link("https://example.com/safe")
    answers = await each(client, "PATCH", f"/v1/links/{link['id']}", ({"url": url} for url in HOSTILE))
    assert not not_refused(HOSTILE, answers, "url")
    assert (await visitor.get(f"/{link['shortCode']}")).headers["Location"] == "https://example.com/safe"


async def test_no_file_brings_a_link_to_a_hostile_destination(client: Client) -> None:
    file = b"\n".join(encoded({"destinationUrl": url}) for url in HOSTILE)
    answer = await client.send("POST", "/api/use/links/import?format=waypost", data=file)
    # The cells of a table may have blanks around them, so some of these are good once they are taken away.
    good = [url for url in HOSTILE if url != url.strip() and is_good(url.strip())]
    assert answer.json["created"] <= len(good)
    listed = (await client.get("/api/use/links?limit=100")).json
    assert listed["total"] == answer.json["created"]
    assert all(is_good(link["destinationUrl"]) for link in listed["data"])


async def test_no_picture_comes_from_a_hostile_address(client: Client, visitor: Client) -> None:
    wanted = [url for url in HOSTILE if url]  # an empty one means none
    bodies = ({"title": "x", "url": "https://example.com", "thumbnail": url} for url in wanted)
    answers = await each(client, "POST", "/v1/links", bodies)
    assert not not_refused(wanted, answers, "thumbnail")
    for field in PAGE_FIELDS:
        answers = await each(client, "PATCH", "/v1/profile", ({field: url} for url in wanted))
        assert not not_refused(wanted, answers, field)
    profile = (await client.get("/v1/profile")).json
    assert [profile[field] for field in PAGE_FIELDS] == [None, None, None]


async def test_a_link_never_leads_back_to_ourselves_in_any_spelling(client: Client) -> None:
    urls = [f"http://{host}:{OWN_PORT}/x" for host in LOOPBACK]
    made = await each(client, "POST", "/v1/links", ({"title": "x", "url": url} for url in urls))
    assert not not_refused(urls, made, "url")
    link = await client.new_link()
    changed = await each(client, "PATCH", f"/v1/links/{link['id']}", ({"url": url} for url in urls))
    assert not not_refused(urls, changed, "url")


async def test_an_unusual_destination_is_followed_in_its_canonical_spelling(client: Client, visitor: Client) -> None:
    for url, canonical in REWRITTEN.items():
        link = await client.new_link(url)
        assert link["url"] == canonical
        location = (await visitor.get(f"/{link['shortCode']}")).headers["Location"]
        assert location == canonical
        assert is_good(location)


async def make(world: World, client: Client, **fields: object) -> Link:
    given: dict[str, object] = {"destination_url": "https://example.com/safe", "mode": Mode.LIVE} | fields
    return await world.bus.ask(CreateLink(workspace=client.account.workspace.id, **given))  # type: ignore[arg-type]


async def test_what_has_got_into_the_database_all_the_same_is_never_sent_to_a_visitor(
    world: World, client: Client, visitor: Client
) -> None:
    storable = [url for url in HOSTILE if "\0" not in url and url.isprintable()]
    assert len(storable) >= 150
    slugs = [f"hostile-{number}-{client.account.user.id[-6:]}" for number in range(len(storable))]
    owner = await world.connect()
    for slug in slugs:
        await make(world, client, slug=slug, forward_query=slug.split("-")[1].endswith("0"))
    # What the table's triggers write is found where the service would find it.
    await owner.execute("set search_path to links")
    await owner.executemany(
        "update links.links set destination_url = $1, expired_url = $1 where slug = $2",
        list(zip(storable, slugs, strict=True)),
    )
    # Every third has ended, so its visitors are sent where the end of the link says.
    await owner.execute("update links.links set expires_at = now() - interval '1 day' where slug = any($1)", slugs[::3])
    await owner.close()
    answers = [await visitor.get(f"/{slug}?a=b") for slug in slugs]
    for url, answer in zip(storable, answers, strict=True):
        location = answer.headers.get("Location")
        if location is None:
            assert answer.status in (404, 410), url
            assert b"<h1>" in answer.body
        else:
            # Its host would not be taken today, but to the browser it is one plain address.
            assert is_good(location), url
    assert sum("Location" not in answer.headers for answer in answers) >= 100
    for slug, url in zip(slugs, storable, strict=True):
        preview = (await visitor.get(f"/{slug}+")).body.decode()
        assert "<script" not in preview, url
        assert 'href="javascript:' not in preview.lower()


async def test_what_a_visitor_adds_makes_no_other_address_of_it(world: World, client: Client, visitor: Client) -> None:
    places = ("https://example.com", "https://example.com/x", "https://example.com/x?y=1", "https://example.com/#z")
    for place in places:
        link = await make(world, client, destination_url=place, forward_query=True)
        for query in QUERIES:
            target = URL(f"{visitor.url}/{link.slug}?{quote(query, safe=chr(37) + '!#$&()*+,/:;=?@[]')}", encoded=True)
            async with visitor._session.get(target, allow_redirects=False) as answer:
                assert answer.status == 302
                location = answer.headers["Location"]
            assert is_good(location)
            assert urlsplit(location).hostname == "example.com"


async def test_bytes_that_no_client_sends_make_no_other_address_of_it(
    world: World, client: Client, visitor: Client
) -> None:
    link = await make(world, client, forward_query=True)
    address = urlsplit(visitor.url)
    for query in (b'a="b', b"a=<>", b"a=\\", b"a=^`{|}", b"@evil.example", b"a=b#c", b"a=\t", b"\xe2\x80\xae", b"?&?&"):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET /%s?%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (link.slug.encode(), query))
        head = (await reader.read()).decode("latin-1").split("\r\n\r\n")[0]
        writer.close()
        locations = [line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith("location")]
        assert len(locations) == (0 if " 400 " in head else 1), head
        assert all(is_good(location) for location in locations), head


async def test_a_hostile_host_header_changes_nothing_that_is_answered(client: Client, visitor: Client) -> None:
    for host in ("evil.example", "evil.example:80@x", "", "a" * 3000, "<script>"):
        made = await client.post(
            "/v1/links", {"title": "x", "url": "https://example.com"}, headers={"Host": host, "X-Forwarded-Host": host}
        )
        assert made.json["shortUrl"] == f"{client.url}/{made.json['shortCode']}"
        page = await visitor.get(f"/{made.json['shortCode']}+", headers={"X-Forwarded-Host": host})
        assert f'href="{client.url}/{made.json["shortCode"]}"' in page.body.decode()
        lost = await visitor.get(f"/{made.json['shortCode']}+", headers={"Host": host, "X-Forwarded-Host": host})
        # Without a name it is our own host; all others are nobody's.
        assert lost.status == (404 if host else 200)
        if host:
            assert host not in page.body.decode() + lost.body.decode()
