"""Writes that carry an idempotency key, through the whole platform: done once, and answered alike however often."""

import asyncio
import time

import msgspec
import pytest

from shared.contracts.keys import RevokeKey
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Answer, Client, NewClient, until, within
from tests.world import World

LINK = {"title": "A link", "url": "https://example.com/there"}


def keyed(key: str, name: str = "Idempotency-Key") -> dict[str, str]:
    return {name: key}


def replayed(answer: Answer) -> bool:
    return bool(answer.headers.get("Idempotent-Replayed") == "true")


async def links_of(client: Client) -> int:
    total: int = (await client.get("/v1/links")).json["total"]
    return total


@pytest.mark.parametrize("name", ["X-Idempotency-Key", "Idempotency-Key"])
async def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(client: Client, name: str) -> None:
    first = await client.post("/v1/links", LINK, headers=keyed("abc", name))
    again = await client.post("/v1/links", LINK, headers=keyed("abc", name))
    assert (first.status, replayed(first)) == (201, False)
    assert (again.status, again.body, replayed(again)) == (201, first.body, True)
    assert again.headers["X-RateLimit-Remaining"] != first.headers["X-RateLimit-Remaining"]
    assert await links_of(client) == 1


async def test_both_headers_together_are_one_key(client: Client) -> None:
    both = keyed("abc") | keyed("abc", "X-Idempotency-Key")
    first = await client.post("/v1/links", LINK, headers=both)
    assert replayed(await client.post("/v1/links", LINK, headers=keyed("abc")))
    assert first.status == 201


async def test_every_write_of_v1_is_repeatable(client: Client, new_client: NewClient) -> None:
    other = (await new_client()).account.user.username
    [template, *_] = (await client.get("/v1/templates")).json["templates"]
    link = await client.new_link()
    writes: list[tuple[str, str, object]] = [
        ("PATCH", f"/v1/links/{link['id']}", {"title": "Changed"}),
        ("PATCH", "/v1/profile", {"bio": "Once"}),
        ("POST", f"/v1/templates/{template['id']}/apply", None),
        ("PUT", f"/v1/following/{other}", None),
        ("DELETE", f"/v1/following/{other}", None),
        ("DELETE", f"/v1/links/{link['id']}", None),
    ]
    firsts = [await client.send(*write, headers=keyed(str(number))) for number, write in enumerate(writes)]
    agains = [await client.send(*write, headers=keyed(str(number))) for number, write in enumerate(writes)]
    assert [answer.status for answer in firsts] == [200, 200, 200, 200, 204, 204]
    assert [(answer.status, answer.body) for answer in agains] == [(answer.status, answer.body) for answer in firsts]
    assert not any(map(replayed, firsts))
    assert all(map(replayed, agains))


async def test_an_answer_is_repeated_as_it_was_whatever_has_become_of_the_link(client: Client) -> None:
    first = await client.post("/v1/links", LINK, headers=keyed("create"))
    path = f"/v1/links/{first.json['id']}"
    await client.patch(path, {"title": "Another title"})
    assert (await client.post("/v1/links", LINK, headers=keyed("create"))).body == first.body
    await client.delete(path)
    assert (await client.post("/v1/links", LINK, headers=keyed("create"))).body == first.body
    assert (await client.get(path)).status == 404


async def test_a_key_is_for_one_request_only(client: Client) -> None:
    first = await client.post("/v1/links", LINK, headers=keyed("abc"))
    link = await client.new_link()
    others = [
        await client.post("/v1/links", LINK | {"title": "Another"}, headers=keyed("abc")),
        await client.post("/v1/links", data=msgspec.json.format(msgspec.json.encode(LINK)), headers=keyed("abc")),
        await client.patch(f"/v1/links/{link['id']}", LINK, headers=keyed("abc")),
        await client.delete(f"/v1/links/{first.json['id']}", headers=keyed("abc")),
    ]
    for answer in others:
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
        assert answer.json["error"]["details"][0]["field"] == "idempotencyKey"
    assert await links_of(client) == 2


async def test_a_key_has_1_to_255_visible_characters(client: Client) -> None:
    for good in ("!", "~" * 255, '"\\{}: ,'.replace(" ", "")):
        answers = [await client.post("/v1/links", LINK, headers=keyed(good)) for _ in range(2)]
        assert [(answer.status, replayed(answer)) for answer in answers] == [(201, False), (201, True)]
    for bad in ("", "x" * 256, "a b", "a\tb", "ä"):
        answer = await client.post("/v1/links", LINK, headers=keyed(bad))
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), bad
        assert answer.json["error"]["details"][0]["field"] == "idempotencyKey"
    differ = await client.post("/v1/links", LINK, headers=keyed("one") | keyed("two", "X-Idempotency-Key"))
    assert differ.status == 400
    assert await links_of(client) == 3


async def test_reading_takes_no_notice_of_a_key(client: Client) -> None:
    answers = [await client.get("/v1/links", headers=keyed("ä" if n else "abc")) for n in range(3)]
    assert {(answer.status, replayed(answer)) for answer in answers} == {(200, False)}
    assert (await client.post("/v1/links", LINK, headers=keyed("abc"))).status == 201


async def test_key_scope_and_limit_are_checked_before_an_answer_is_repeated(
    world: World, client: Client, new_client: NewClient
) -> None:
    first = await client.post("/v1/links", LINK, headers=keyed("abc"))
    assert first.status == 201
    reader = await new_client(client.account, scopes=("links:read",))
    assert (await reader.post("/v1/links", LINK, headers=keyed("abc"))).status == 403
    limited = await new_client(client.account, limit=1)
    assert (await limited.post("/v1/links", LINK, headers=keyed("abc"))).body == first.body
    assert (await limited.post("/v1/links", LINK, headers=keyed("abc"))).status == 429
    doomed = await world.key(client.account)
    former = client.with_key(doomed.secret)
    assert replayed(await former.post("/v1/links", LINK, headers=keyed("abc")))
    await world.bus.ask(RevokeKey(id=doomed.key.id))
    await until(lambda: former.post("/v1/links", LINK, headers=keyed("abc")), lambda answer: answer.status == 401)


async def test_what_has_failed_is_tried_again(client: Client) -> None:
    taken = await client.new_link(shortCode=f"s{new_id()}")
    wanted = LINK | {"shortCode": taken["shortCode"]}
    for _ in range(2):
        refused = await client.post("/v1/links", wanted, headers=keyed("abc"))
        assert (refused.status, replayed(refused)) == (400, False)
    await client.delete(f"/v1/links/{taken['id']}")
    answers = [await client.post("/v1/links", wanted, headers=keyed("abc")) for _ in range(2)]
    assert [(answer.status, replayed(answer)) for answer in answers] == [(201, False), (201, True)]


async def test_workspaces_and_modes_have_keys_of_their_own(client: Client, new_client: NewClient) -> None:
    everyone = [client, await new_client(client.account, mode=Mode.TEST), await new_client()]
    firsts = [await each.post("/v1/links", LINK, headers=keyed("abc")) for each in everyone]
    agains = [await each.post("/v1/links", LINK, headers=keyed("abc")) for each in everyone]
    assert not any(map(replayed, firsts))
    assert [answer.body for answer in agains] == [answer.body for answer in firsts]
    assert len({answer.json["id"] for answer in firsts}) == 3


async def test_while_the_first_request_is_at_work_the_second_is_told_to_come_back(world: World, client: Client) -> None:
    owner = await world.connect()

    async def attempt(_: int) -> float:
        async with owner.transaction():
            await owner.execute(
                "insert into links.idempotency (workspace, mode, key, fingerprint, asked_at) "
                "values ($1, 'live', 'abc', '', now())",
                client.account.workspace.id,
            )
            began = time.monotonic()
            busy = await client.post("/v1/links", LINK, headers=keyed("abc"))
            took = time.monotonic() - began
            await owner.execute("delete from links.idempotency where workspace = $1", client.account.workspace.id)
        assert (busy.status, busy.code) == (409, "VALIDATION_ERROR")
        assert busy.headers["Retry-After"] == "1"
        assert busy.json["error"]["retryAfter"] == 1
        assert took >= 0.8
        return took

    try:
        await within(1.5, attempt)
    finally:
        await owner.close()
    assert (await client.post("/v1/links", LINK, headers=keyed("abc"))).status == 201
    assert await links_of(client) == 1


async def test_of_many_at_once_one_is_carried_out(new_client: NewClient) -> None:
    rounds, together = 20, 50
    client = await new_client()
    for number in range(rounds):
        asked = (client.insist("/v1/links", LINK, f"round-{number}") for _ in range(together))
        answers = [answer for answer, _ in await asyncio.gather(*asked)]
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body for answer in answers}) == 1
        assert sum(map(replayed, answers)) >= together - 1
    assert await links_of(client) == rounds
