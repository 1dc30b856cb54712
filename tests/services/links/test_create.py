import asyncio
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.links import slugs
from services.links.single import create_link
from shared import database as databases
from shared import ids
from shared.contracts.links import CreateLink, GetLink, Link, LinkCreated, ListLinks
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from shared.service import Service
from tests.services.links.conftest import Desk, Ear
from tests.world import World


async def test_a_new_link_needs_a_destination_only(desk: Desk, ear: Ear) -> None:
    before = datetime.now(UTC)
    link = await desk.create("https://example.com")
    assert re.fullmatch(r"[0-9A-Za-z]{7}", link.slug)
    assert ids.valid(link.id)
    assert before - timedelta(seconds=1) < link.created_at < datetime.now(UTC) + timedelta(seconds=1)
    assert link == Link(
        id=link.id,
        workspace=desk.workspace,
        mode=Mode.LIVE,
        domain="",
        slug=link.slug,
        destination_url="https://example.com",
        created_at=link.created_at,
        updated_at=link.updated_at,
    )
    assert await ear.until(link.id, 1) == [LinkCreated(link=link)]


async def test_everything_given_is_kept(desk: Desk) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=123456) + timedelta(days=1)
    link = await desk.create(
        "https://example.com/ä",
        slug=f"My-{ids.new()}_x",
        title="Tïtle 😀",
        description="two\nlines",
        thumbnail="https://EXAMPLE.com/a.png",
        active=False,
        position=7,
        tags=("a", "B b", "ü"),
        metadata={"z": 1, "a": {"b": [1.5, None, True, "x\0"]}},
        expires_at=expires_at,
        expired_url="https://example.com/gone",
        password="p",
        max_clicks=3,
        show_on_profile=False,
        forward_query=True,
    )
    assert link.destination_url == "https://example.com/%C3%A4"
    assert link.thumbnail == "https://example.com/a.png"
    assert (link.title, link.description, link.active, link.position) == ("Tïtle 😀", "two\nlines", False, 7)
    assert link.tags == ("a", "B b", "ü")
    assert msgspec.json.encode(link.metadata) == b'{"z":1,"a":{"b":[1.5,null,true,"x\\u0000"]}}'
    assert (link.expires_at, link.expired_url) == (expires_at, "https://example.com/gone")
    assert (link.has_password, link.max_clicks, link.show_on_profile, link.forward_query) == (True, 3, False, True)
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == link


@pytest.mark.usefixtures("second_copy")
async def test_of_many_who_want_one_slug_at_once_exactly_one_gets_it(desk: Desk, world: World) -> None:
    for _ in range(20):
        slug = ids.new()
        desks = [Desk(world.bus, ids.new(), Mode.LIVE) for _ in range(12)]
        answers = await asyncio.gather(*(each.create(slug=slug) for each in desks), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Fault)]
        assert len(refused) == 11
        assert {(fault.code, fault.details[0]["field"]) for fault in refused} == {(Code.CONFLICT, "slug")}


async def test_slugs_are_case_sensitive(desk: Desk) -> None:
    slug = f"a{ids.new()}"
    await desk.create(slug=slug)
    assert (await desk.create(slug=slug.swapcase())).slug == slug.swapcase()


async def test_a_generated_slug_that_is_taken_is_drawn_again(
    desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = (await desk.create()).slug
    free = slugs.generate()
    draws = iter([taken] * 4 + [free])
    monkeypatch.setattr(slugs, "generate", lambda: next(draws))
    ask = CreateLink(workspace=desk.workspace, mode=desk.mode, destination_url="https://example.com")
    settings = world.settings(database_url=world.database_url("links"))
    async with databases.connect(settings, "links") as database:
        link = await create_link(Service("links", settings, world.bus, database), ask)
        assert link.slug == free
        monkeypatch.setattr(slugs, "generate", lambda: taken)
        with pytest.raises(Fault) as refusal:
            await create_link(Service("links", settings, world.bus, database), ask)
    assert refusal.value.code is Code.UNAVAILABLE


def test_generated_slugs_are_seven_characters_that_hardly_ever_repeat() -> None:
    drawn = {slugs.generate() for _ in range(20_000)}
    # That two of them are the same happens once in some thousand times, and that this happens twice, never.
    assert len(drawn) >= 20_000 - 1
    assert all(re.fullmatch(r"[0-9A-Za-z]{7}", slug) for slug in drawn)


@pytest.mark.parametrize("slug", ["api", "API", "Console", "dashboard", "docs", "login", "static", "well-known"])
async def test_a_word_of_the_gateways_own_is_reserved(desk: Desk, slug: str) -> None:
    with pytest.raises(Fault) as refusal:
        await desk.create(slug=slug)
    assert refusal.value.code is Code.IMPOSSIBLE
    assert refusal.value.details[0]["field"] == "slug"


PAST = datetime.now(UTC) - timedelta(seconds=1)
NAIVE = datetime(2999, 1, 1)

WRONG: list[tuple[str, object, Code]] = [
    ("destination_url", "javascript:alert(1)", Code.INVALID),
    ("destination_url", "https://example.com/" + "x" * 2048, Code.INVALID),
    ("destination_url", "http://127.0.0.1:8080/loop", Code.IMPOSSIBLE),
    ("destination_url", "http://0x7f.1:8080/loop", Code.IMPOSSIBLE),
    ("expired_url", "data:text/html,x", Code.INVALID),
    ("expired_url", "http://localhost.:8080/", Code.IMPOSSIBLE),
    ("thumbnail", "ftp://example.com/a.png", Code.INVALID),
    ("slug", "ab", Code.INVALID),
    ("slug", "", Code.INVALID),
    ("slug", "x" * 51, Code.INVALID),
    ("slug", "with space", Code.INVALID),
    ("slug", "dots.txt", Code.INVALID),
    ("slug", "ümlaut", Code.INVALID),
    ("slug", "line\n", Code.INVALID),
    ("title", "x" * 256, Code.INVALID),
    ("title", "two\nlines", Code.INVALID),
    ("title", "nul\0", Code.INVALID),
    ("description", "x" * 501, Code.INVALID),
    ("description", "bell\x07", Code.INVALID),
    ("position", -1, Code.INVALID),
    ("position", 1_000_001, Code.INVALID),
    ("tags", tuple(map(str, range(51))), Code.INVALID),
    ("tags", ("x" * 51,), Code.INVALID),
    ("tags", ("",), Code.INVALID),
    ("tags", ("a\0",), Code.INVALID),
    ("tags", ("twice", "twice"), Code.INVALID),
    ("metadata", {str(key): 1 for key in range(51)}, Code.INVALID),
    ("metadata", {"long": "x" * 8182}, Code.INVALID),
    ("expires_at", PAST, Code.IMPOSSIBLE),
    ("expires_at", NAIVE, Code.INVALID),
    ("password", "", Code.INVALID),
    ("password", "x" * 129, Code.INVALID),
    ("max_clicks", 0, Code.INVALID),
    ("max_clicks", 2**53, Code.INVALID),
    ("domain", "elsewhere.example", Code.IMPOSSIBLE),
]


@pytest.mark.parametrize(("field", "value", "code"), WRONG)
async def test_a_wrong_value_is_refused_with_its_field(desk: Desk, field: str, value: object, code: Code) -> None:
    with pytest.raises(Fault) as refusal:
        await desk.create(**{"destination_url": "https://example.com", field: value})  # type: ignore[arg-type]
    assert refusal.value.code is code
    assert [detail["field"] for detail in refusal.value.details] == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", "x_-"),
        ("title", "ü" * 255),
        ("description", "😀" * 500),
        ("position", 1_000_000),
        ("tags", tuple(f"{n:050}" for n in range(50))),
        ("metadata", {"long": "x" * 8181}),
        ("metadata", {str(key): 1 for key in range(50)}),
        ("max_clicks", 2**53 - 1),
    ],
)
async def test_the_largest_value_is_still_accepted(desk: Desk, field: str, value: object) -> None:
    if field == "slug":
        value = ids.new() + "_-" + "x" * 26
    link = await desk.create(**{field: value})  # type: ignore[arg-type]
    assert getattr(link, field) == value


async def test_all_wrong_fields_are_named_at_once(desk: Desk) -> None:
    with pytest.raises(Fault) as refusal:
        await desk.create("nonsense", slug="api", title="x" * 256, tags=("a", "a"))
    assert refusal.value.code is Code.INVALID
    assert [detail["field"] for detail in refusal.value.details] == ["destination_url", "title", "tags", "slug"]


async def test_a_password_is_kept_as_an_argon2id_hash_only(desk: Desk, world: World, ear: Ear) -> None:
    link = await desk.create(password="open-sesame-7")
    owner = await world.connect()
    kept = await owner.fetchrow("select * from links.links where id = $1", link.id)
    await owner.close()
    assert kept
    assert kept["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "open-sesame-7" not in str(dict(kept))
    [told] = await ear.until(link.id, 1)
    assert b"argon2" not in msgspec.msgpack.encode(told)


async def test_a_refused_link_leaves_nothing_behind(desk: Desk, world: World) -> None:
    slug = (await desk.create()).slug
    with pytest.raises(Fault):
        await desk.create(slug=slug)
    owner = await world.connect()
    kept = await owner.fetchval("select count(*) from links.links where workspace = $1", desk.workspace)
    page = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode))
    await owner.close()
    assert kept == page.total == 1
