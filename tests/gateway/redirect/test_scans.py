"""What of the clicks is a scan of a QR code, and what becomes of its token."""

import asyncio
from typing import Any

import msgspec
import pytest

from gateway.redirect.scans import code_of, without_token
from shared.contracts.modes import Mode
from shared.contracts.targets import Target
from tests import scanner
from tests.client import Answer, Client, NewClient, until
from tests.domains import verified
from tests.names import Names

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"}
BOT = {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}
TARGET = Target(
    link="L",
    workspace="W",
    mode=Mode.LIVE,
    domain="",
    slug="slug",
    destination_url="https://example.com/",
    codes={"abc123": "one", "XYZ789": "two"},
)


@pytest.mark.parametrize(
    ("query", "code", "rest"),
    [
        (b"", "", b""),
        (b"qr=abc123", "one", b""),
        (b"a=1&qr=XYZ789&b=2&b=2", "two", b"a=1&b=2&b=2"),
        (b"qr=abc123&qr=XYZ789", "one", b""),
        (b"qr=mine&qr=abc123", "one", b"qr=mine"),
        (b"qr=ABC123", "", b"qr=ABC123"),
        (b"qr=", "", b"qr="),
        (b"xqr=abc123&QR=abc123", "", b"xqr=abc123&QR=abc123"),
        (b"a=qr=abc123", "", b"a=qr=abc123"),
        (b"qr=abc12\xff&&=&qr", "", b"qr=abc12\xff&&=&qr"),
    ],
)
def test_a_token_is_known_and_taken_out_and_nothing_else(query: bytes, code: str, rest: bytes) -> None:
    assert code_of(TARGET, query) == code
    assert without_token(TARGET, query) == rest
    plain = msgspec.structs.replace(TARGET, codes=None)
    assert (code_of(plain, query), without_token(plain, query)) == ("", query)


async def make(client: Client, **fields: object) -> tuple[str, str, str]:
    """The path of a link, the query of a QR code of it, and where the code is."""
    given = {"destinationUrl": "https://example.com/there?kept=1#here", **fields}
    link = (await client.post("/api/use/links", given)).json
    return f"/{link['shortCode']}", *await make_code(client, link["id"])


async def make_code(client: Client, link_id: str) -> tuple[str, str]:
    code = (await client.post("/api/use/qr", {"linkId": link_id})).json
    return code["url"].partition("?")[2], f"/api/use/qr/{code['id']}"


async def scans(client: Client, *codes: str) -> list[int]:
    return [(await client.get(code)).json["scans"] for code in codes]


async def clicks(client: Client) -> int:
    page: dict[str, Any] = (await client.get("/api/use/links")).json
    return sum(link["clicks"] for link in page["data"])


async def follow(visitor: Client, path: str, headers: dict[str, str] = PHONE, method: str = "GET") -> Answer:
    answer = await visitor.send(method, path, headers=headers)
    assert answer.status == 302, answer.body
    return answer


async def test_people_who_come_by_a_code_are_its_scans_and_clicks_like_all(client: Client, visitor: Client) -> None:
    path, query, code = await make(client)
    for _ in range(3):
        assert (await follow(visitor, f"{path}?{query}")).headers["Location"] == "https://example.com/there?kept=1#here"
    await follow(visitor, f"{path}?utm_source=mail&{query}&fbclid=x")
    for other in (path, f"{path}?qr=nobody", f"{path}?qr=", f"{path}?utm_source={query}"):
        await follow(visitor, other)
    await follow(visitor, f"{path}?{query}", method="HEAD")
    await follow(visitor, f"{path}?{query}", BOT)
    await follow(visitor, f"{path}?{query}", {**PHONE, "Sec-Purpose": "prefetch"})
    await until(lambda: clicks(client), lambda seen: seen == 8)
    await until(lambda: scans(client, code), lambda seen: seen == [4])


async def test_each_code_counts_its_own_scans_and_none_counts_for_another_link(client: Client, visitor: Client) -> None:
    path, first, first_code = await make(client)
    other_path, foreign, foreign_code = await make(client)
    link = (await client.get(first_code)).json["linkId"]
    second, second_code = await make_code(client, link)
    await follow(visitor, path)
    for query, times in ((first, 1), (second, 2), (foreign, 4)):
        for _ in range(times):
            await follow(visitor, f"{path}?{query}")
    await follow(visitor, f"{other_path}?{foreign}")
    await until(lambda: clicks(client), lambda seen: seen == 9)
    await until(lambda: scans(client, first_code, second_code, foreign_code), lambda seen: seen == [1, 2, 1])


async def test_a_code_of_a_link_that_is_remembered_counts_from_the_moment_it_is_known(
    client: Client, visitor: Client
) -> None:
    path, _, code = await make(client)
    await follow(visitor, path)
    link = (await client.get(code)).json["linkId"]
    query, later = await make_code(client, link)

    async def scan() -> list[int]:
        await follow(visitor, f"{path}?{query}")
        await asyncio.sleep(0.1)
        return await scans(client, later)

    await until(scan, lambda seen: seen[0] > 0)


async def test_the_scans_of_a_deleted_code_are_clicks_like_all(client: Client, visitor: Client) -> None:
    path, query, code = await make(client, forwardQuery=True)
    target = "https://example.com/there?kept=1#here"
    await until(lambda: follow(visitor, f"{path}?{query}"), lambda answer: answer.headers["Location"] == target)
    assert (await client.delete(code)).status == 204
    # Nobody knows the word any more, so it is a word like any other.
    await until(
        lambda: follow(visitor, f"{path}?{query}"),
        lambda answer: answer.headers["Location"] == f"https://example.com/there?kept=1&{query}#here",
    )


async def test_a_token_goes_no_further_than_here(client: Client, visitor: Client) -> None:
    path, query, code = await make(client, forwardQuery=True)
    for given, forwarded in (
        (query, ""),
        (f"{query}&a=1", "&a=1"),
        (f"a=1&{query}&b=%20&b=", "&a=1&b=%20&b="),
        (f"qr=mine&{query}", "&qr=mine"),
    ):
        location = (await follow(visitor, f"{path}?{given}")).headers["Location"]
        assert location == f"https://example.com/there?kept=1{forwarded}#here"
    await until(lambda: scans(client, code), lambda seen: seen == [4])


async def test_a_code_of_a_link_with_a_limit_counts_as_long_as_the_limit_lets_it(
    client: Client, visitor: Client
) -> None:
    path, query, code = await make(client, maxClicks=3)
    for _ in range(3):
        await follow(visitor, f"{path}?{query}")
    assert (await visitor.get(f"{path}?{query}", headers=PHONE)).status == 410
    await until(lambda: scans(client, code), lambda seen: seen == [3])


async def test_a_scan_survives_the_question_for_the_password(client: Client, visitor: Client) -> None:
    path, query, code = await make(client, password="open sesame", forwardQuery=True)
    hostile = "x=%22%3E%3Cscript%3E"
    asked = await visitor.get(f"{path}?{query}&{hostile}", headers=PHONE)
    assert asked.status == 200
    action = f"{path}?{query}&{hostile}"
    assert f'action="{action.replace("&", "&amp;")}"' in asked.body.decode()
    wrong = await visitor.send("POST", action, data=b"password=wrong", headers=PHONE)
    assert (wrong.status, f'action="{action.replace("&", "&amp;")}"' in wrong.body.decode()) == (403, True)
    opened = await visitor.send("POST", action, data=b"password=open+sesame", headers=PHONE)
    assert (opened.status, opened.headers["Location"]) == (302, f"https://example.com/there?kept=1&{hostile}#here")
    await until(lambda: scans(client, code), lambda seen: seen == [1])


async def test_a_code_of_a_link_on_a_domain_of_ones_own_says_so_and_counts(
    client: Client, visitor: Client, names: Names
) -> None:
    domain = (await verified(client, names))["domain"]
    path, query, code = await make(client, domain=domain)
    host = f"{domain}:{client.url.rpartition(':')[2]}"
    says = (await client.get(code)).json["url"]
    assert says == f"http://{host}{path}?{query}"
    picture = scanner.develop((await client.get(f"{code}/image")).body)
    assert scanner.read(picture) == says
    answer, _ = await until(
        lambda: visitor.get(f"{path}?{query}", headers={**PHONE, "Host": host}), lambda answer: answer.status == 302
    )
    assert answer.headers["Location"] == "https://example.com/there?kept=1#here"
    await until(lambda: scans(client, code), lambda seen: seen == [1])


async def test_codes_of_a_test_key_are_scanned_like_others(
    client: Client, new_client: NewClient, visitor: Client
) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    path, query, code = await make(tester)
    await follow(visitor, f"{path}?{query}")
    await until(lambda: scans(tester, code), lambda seen: seen == [1])
    assert (await client.get("/api/use/qr")).json["total"] == 0
