import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from services.profile.looks import DEFAULT_SECTIONS
from services.profile.templates import TEMPLATES
from services.profile.themes import DEFAULT_THEME, THEMES
from shared import ids
from shared.contracts.accounts import Account
from shared.contracts.modes import Mode
from shared.contracts.profile import (
    ApplyTemplate,
    GetProfile,
    GetPublicProfile,
    ListTemplates,
    Profile,
    ProfileUpdated,
    RecordViews,
    Stats,
    UpdateProfile,
    Views,
)
from shared.faults import Code, Fault
from tests.services.keys.told import told
from tests.world import World

FILLED: Mapping[str, Any] = {
    "name": "Ada Löwe \N{LION FACE}",
    "bio": "First line\nsecond line",
    "avatar": "https://img.example.com/ada.png",
    "banner": "https://img.example.com/wide.jpg",
    "location": "Zürich",
    "website": "https://ada.example.com",
    "pronouns": "she/her",
}


async def look(world: World, account: Account, mode: Mode = Mode.LIVE) -> Profile:
    return await world.bus.ask(GetProfile(workspace=account.workspace.id, mode=mode))


async def update(world: World, account: Account, mode: Mode = Mode.LIVE, **fields: Any) -> Profile:
    return await world.bus.ask(UpdateProfile(workspace=account.workspace.id, mode=mode, **fields))


def said(profile: Profile) -> dict[str, str | None]:
    return {field: getattr(profile, field) for field in FILLED}


async def test_the_first_look_makes_a_profile_under_the_users_name(world: World) -> None:
    account = await world.account()
    profile = await look(world, account)
    assert (profile.workspace, profile.user) == (account.workspace.id, account.user.id)
    assert profile.username == profile.name == account.user.username
    assert (profile.theme, profile.layout) == (DEFAULT_THEME, THEMES[DEFAULT_THEME].layout)
    assert profile.sections == DEFAULT_SECTIONS
    assert profile.stats == Stats()
    assert {value for field, value in said(profile).items() if field != "name"} == {None}
    assert await look(world, account) == profile


async def test_of_twenty_first_looks_at_once_one_makes_the_profile_and_all_see_it(world: World) -> None:
    account = await world.account()
    own = GetProfile(workspace=account.workspace.id, mode=Mode.LIVE)
    public = GetPublicProfile(username=account.user.username)
    profiles = await asyncio.gather(*(world.bus.ask(own) for _ in range(10)))
    pages = await asyncio.gather(*(world.bus.ask(public) for _ in range(10)))
    assert len({profile.created_at for profile in (*profiles, *(page.profile for page in pages))}) == 1
    owner = await world.connect()
    rows = await owner.fetchval("select count(*) from profile.profiles where workspace = $1", account.workspace.id)
    await owner.close()
    assert rows == 1


async def test_a_workspace_that_does_not_exist_has_no_profile(world: World) -> None:
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(GetProfile(workspace=ids.new(), mode=Mode.LIVE))
    assert refusal.value.code is Code.NOT_FOUND


async def test_everybody_finds_a_profile_by_its_username_in_any_case(world: World) -> None:
    account = await world.account()
    first = await world.bus.ask(GetPublicProfile(username=account.user.username.upper()))
    again = await world.bus.ask(GetPublicProfile(username=account.user.username))
    assert first == again
    assert first.profile == await look(world, account)
    assert first.theme == THEMES[DEFAULT_THEME]


@pytest.mark.parametrize("username", ["nobody-of-that-name", "", "nul\x00", "a" * 5_000, "\N{LION FACE}"])
async def test_a_name_that_nobody_has_is_not_found(world: World, username: str) -> None:
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(GetPublicProfile(username=username))
    assert refusal.value.code is Code.NOT_FOUND
    assert refusal.value.details[0]["field"] == "username"


async def test_an_update_changes_what_is_given_and_leaves_the_rest(world: World) -> None:
    account = await world.account()
    before = await look(world, account)
    filled = await update(world, account, **FILLED)
    assert said(filled) == FILLED
    assert filled.created_at == before.created_at
    assert filled.updated_at > before.updated_at
    changed = await update(world, account, bio="Other", location=None)
    assert said(changed) == {**FILLED, "bio": "Other", "location": None}
    assert await look(world, account) == changed
    assert (await world.bus.ask(GetPublicProfile(username=account.user.username))).profile == changed


async def test_none_and_an_empty_text_clear_an_optional_value(world: World) -> None:
    account = await world.account()
    for empty in (None, ""):
        await update(world, account, **FILLED)
        nothing: dict[str, Any] = {field: empty for field in FILLED if field != "name"}
        cleared = await update(world, account, **nothing)
        assert {value for field, value in said(cleared).items() if field != "name"} == {None}


async def test_updates_of_different_fields_at_once_all_last(world: World) -> None:
    account = await world.account()
    await asyncio.gather(*(update(world, account, **{field: value}) for field, value in FILLED.items()))
    assert said(await look(world, account)) == FILLED


async def test_addresses_are_kept_in_their_canonical_form(world: World) -> None:
    account = await world.account()
    changed = await update(world, account, website="HTTPS://Müller.example/straße")
    assert changed.website == "https://xn--mller-kva.example/stra%C3%9Fe"


IMPOSSIBLE = [
    ("name", ""),
    ("name", " \t"),
    ("name", "a" * 81),
    ("name", "two\nlines"),
    ("bio", "a" * 501),
    ("bio", "bell\x07"),
    ("bio", "carriage\r\nreturn"),
    ("avatar", "javascript:alert(1)"),
    ("avatar", "ftp://example.com/a.png"),
    ("avatar", "//example.com/a.png"),
    ("avatar", "https://example.com/" + "a" * 2_048),
    ("banner", "data:image/png;base64,AAAA"),
    ("banner", "https://"),
    ("website", "example.com"),
    ("website", "https://user:password@example.com"),
    ("website", "https://example.com/\r\nX: y"),
    ("location", "a" * 101),
    ("location", "nul\x00"),
    ("pronouns", "a" * 41),
    ("pronouns", "line\N{LINE SEPARATOR}separator"),
    ("theme", "no-such-theme"),
    ("theme", ""),
]


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
async def test_an_impossible_value_is_refused_with_its_field(world: World, field: str, value: str) -> None:
    account = await world.account()
    wanted: dict[str, Any] = {"location": "fine", field: value}
    with pytest.raises(Fault) as refusal:
        await update(world, account, **wanted)
    assert refusal.value.code is Code.INVALID
    assert [detail["field"] for detail in refusal.value.details] == [field]
    assert (await look(world, account)).location is None


async def test_all_impossible_values_of_one_update_are_named_together(world: World) -> None:
    wrong: dict[str, Any] = dict(IMPOSSIBLE)
    with pytest.raises(Fault) as refusal:
        await update(world, await world.account(), **wrong)
    assert [detail["field"] for detail in refusal.value.details] == [
        "name",
        "bio",
        "avatar",
        "banner",
        "theme",
        "location",
        "website",
        "pronouns",
    ]


async def test_lengths_count_characters_not_bytes(world: World) -> None:
    lion = "\N{LION FACE}"
    changed = await update(
        world, await world.account(), name=lion * 80, bio=lion * 500, location=lion * 100, pronouns=lion * 40
    )
    assert changed.bio == lion * 500


async def test_a_theme_brings_its_layout_and_leaves_the_sections(world: World) -> None:
    account = await world.account()
    await update(world, account, theme="minimal-ink")
    changed = await update(world, account, theme="brut")
    assert (changed.theme, changed.layout) == ("brut", THEMES["brut"].layout)
    assert changed.sections == TEMPLATES["minimal-ink"].sections


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_a_template_puts_its_theme_layout_and_sections_on_the_profile(world: World, template: Any) -> None:
    account = await world.account()
    await update(world, account, **FILLED)
    applied = await world.bus.ask(ApplyTemplate(workspace=account.workspace.id, mode=Mode.LIVE, template=template.id))
    assert (applied.theme, applied.layout, applied.sections) == (template.theme, template.layout, template.sections)
    assert said(applied) == FILLED
    named = await update(world, await world.account(), theme=template.id)
    assert (named.theme, named.layout, named.sections) == (template.theme, template.layout, template.sections)


async def test_whoever_sends_back_the_theme_they_read_keeps_the_templates_layout(world: World) -> None:
    account = await world.account()
    template = next(each for each in TEMPLATES.values() if each.layout != THEMES[each.theme].layout)
    applied = await update(world, account, theme=template.id)
    assert await update(world, account, theme=applied.theme) == applied


async def test_the_public_theme_is_drawn_in_the_layout_of_the_profile(world: World) -> None:
    account = await world.account()
    template = next(each for each in TEMPLATES.values() if each.layout != THEMES[each.theme].layout)
    await update(world, account, theme=template.id)
    public = await world.bus.ask(GetPublicProfile(username=account.user.username))
    assert public.theme.id == template.theme
    assert public.theme.layout == public.profile.layout == template.layout
    assert public.theme.light == THEMES[template.theme].light


async def test_a_theme_that_is_no_longer_there_gives_way_to_the_default(world: World) -> None:
    account = await world.account()
    await look(world, account)
    owner = await world.connect()
    await owner.execute("update profile.profiles set theme = 'gone' where workspace = $1", account.workspace.id)
    await owner.close()
    public = await world.bus.ask(GetPublicProfile(username=account.user.username))
    assert public.theme.id == DEFAULT_THEME


async def test_all_templates_are_listed(world: World) -> None:
    assert (await world.bus.ask(ListTemplates())).templates == tuple(TEMPLATES.values())


async def test_an_unknown_template_is_not_found(world: World) -> None:
    account = await world.account()
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(ApplyTemplate(workspace=account.workspace.id, mode=Mode.LIVE, template="no-such-template"))
    assert refusal.value.code is Code.NOT_FOUND


async def test_each_change_is_told_once_and_no_change_is_not_told(world: World) -> None:
    account = await world.account()
    first = await update(world, account, bio="One")
    assert await update(world, account, bio="One") == first
    assert await update(world, account) == first
    second = await world.bus.ask(ApplyTemplate(workspace=account.workspace.id, mode=Mode.LIVE, template="minimal-ink"))
    test = await update(world, account, Mode.TEST, bio="One")
    events = [event for event in await told(world, ProfileUpdated) if event.profile.user == account.user.id]
    assert events == [ProfileUpdated(profile=profile) for profile in (first, second, test)]


async def test_a_test_profile_is_another_one_and_never_public(world: World) -> None:
    account = await world.account()
    await update(world, account, Mode.TEST, **FILLED)
    await world.bus.ask(RecordViews(totals=(Views(workspace=account.workspace.id, mode=Mode.TEST, views=9),)))
    live = await look(world, account)
    assert live.name == account.user.username
    assert live.stats == Stats()
    assert (await world.bus.ask(GetPublicProfile(username=account.user.username))).profile == live
    test = await look(world, account, Mode.TEST)
    assert said(test) == FILLED
    assert test.stats == Stats(views=9)


async def test_views_never_go_back(world: World) -> None:
    account, other = await world.account(), await world.account()
    before = await look(world, account)
    await look(world, other)

    async def record(*views: int) -> int:
        totals = [Views(workspace=account.workspace.id, mode=Mode.LIVE, views=number) for number in views]
        stranger = Views(workspace=ids.new(), mode=Mode.LIVE, views=7)
        await world.bus.ask(RecordViews(totals=(*totals, stranger)))
        return (await look(world, account)).stats.views

    assert await record(5) == 5
    assert await record(3) == 5
    assert await record(8, 12, 10) == 12
    assert await record() == 12
    await asyncio.gather(*(record(number) for number in range(40)))
    after = await look(world, account)
    assert after.stats.views == 39
    assert after.updated_at == before.updated_at
    assert (await look(world, other)).stats.views == 0
