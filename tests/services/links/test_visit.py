"""What the redirect asks: where a slug leads, and whether a password opens it."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import pytest

from services.links.qr_codes import TOKEN_LENGTH
from shared import ids
from shared.contracts.links import GetLink, RecordTotals, Resolve, ResolveMany, Total, Unlock
from shared.contracts.modes import Mode
from shared.contracts.targets import RESOLVED_AT_ONCE, Target
from shared.faults import Code, Fault
from tests.services.links.conftest import Desk, Ear
from tests.world import World


@pytest.mark.parametrize("mode", Mode)
async def test_a_slug_leads_to_all_that_the_redirect_needs(world: World, mode: Mode) -> None:
    desk = Desk(world.bus, ids.new(), mode)
    expires_at = datetime(2999, 1, 1, tzinfo=UTC)
    link = await desk.create(
        title="Title",
        active=False,
        expires_at=expires_at,
        expired_url="https://example.com/gone",
        password="secret",
        max_clicks=9,
        forward_query=True,
    )
    found = await desk.bus.ask(Resolve(domain="", slug=link.slug))
    assert found.target == Target(
        link=link.id,
        workspace=desk.workspace,
        mode=mode,
        domain="",
        slug=link.slug,
        destination_url="https://example.com",
        title="Title",
        active=False,
        expires_at=expires_at,
        expired_url="https://example.com/gone",
        has_password=True,
        max_clicks=9,
        forward_query=True,
    )


@pytest.mark.parametrize("slug", ["", "x", "x\0y", "ünïcode", "a" * 51, "../../x", "' or 1=1", "\U0001f600" * 4])
async def test_what_is_no_slug_leads_nowhere(world: World, slug: str) -> None:
    assert (await world.bus.ask(Resolve(domain="", slug=slug))).target is None
    assert (await world.bus.ask(Unlock(domain="", slug=slug, password="x"))).target is None


async def test_many_slugs_lead_where_each_of_them_leads(desk: Desk) -> None:
    links = [await desk.create(title=f"Title {number}", max_clicks=number + 1) for number in range(5)]
    keys = [("", link.slug) for link in links]
    strangers = [("", "no-such-slug"), ("", "x\0y"), ("nul\0", links[0].slug), ("elsewhere.example", links[1].slug)]
    found = await desk.bus.ask(ResolveMany(keys=(*keys, *strangers, *keys)))
    alone = [(await desk.bus.ask(Resolve(domain=domain, slug=slug))).target for domain, slug in keys]
    assert sorted(found.targets, key=lambda target: target.slug) == sorted(
        (target for target in alone if target), key=lambda target: target.slug
    )
    assert (await desk.bus.ask(ResolveMany(keys=()))).targets == ()


async def test_as_many_slugs_as_may_be_asked_for_fit_into_one_message_whatever_they_hold(
    world: World, desk: Desk, owner: asyncpg.Connection
) -> None:
    codes = world.settings().qr_codes_per_link

    def address(number: int) -> str:
        return f"https://example.com/{number}/".ljust(2_048, "a")

    links = [
        await desk.create(destination_url=address(number), expired_url=address(number), title="\U0001f600" * 100)
        for number in range(RESOLVED_AT_ONCE)
    ]
    await owner.execute(
        """
        insert into links.qr_codes (id, workspace, mode, link, token, foreground, background, error_correction, margin)
        select left(md5(link || number), 22), $1, 'live', link, lpad(number::text, $4, '0'), '#000000', '#FFFFFF',
               'M', 4
        from unnest($2::text[]) as link cross join generate_series(1, $3) as number
        """,
        desk.workspace,
        [link.id for link in links],
        codes,
        TOKEN_LENGTH,
    )
    keys = tuple(("", link.slug) for link in links)
    found = await desk.bus.ask(ResolveMany(keys=keys))
    assert {target.link for target in found.targets} == {link.id for link in links}
    assert {len(target.codes or ()) for target in found.targets} == {codes}
    with pytest.raises(Fault, match="At most 128"):
        await desk.bus.ask(ResolveMany(keys=(*keys, ("", "one-more"))))


@pytest.mark.parametrize("domain", ["elsewhere.example", "nul\0", "ünï"])
async def test_a_slug_leads_nowhere_on_another_domain(desk: Desk, domain: str) -> None:
    link = await desk.create()
    assert (await desk.bus.ask(Resolve(domain=domain, slug=link.slug))).target is None
    assert (await desk.bus.ask(Resolve(domain="", slug=link.slug.swapcase() + "x"))).target is None


async def test_only_the_right_password_opens_a_link(desk: Desk) -> None:
    link = await desk.create(password="Sesame ü")
    for wrong in ("", "sesame ü", "Sesame u\u0308", "Sesame ü ", "x" * 100_000, "nul\0"):
        assert (await desk.bus.ask(Unlock(domain="", slug=link.slug, password=wrong))).target is None
    opened = await desk.bus.ask(Unlock(domain="", slug=link.slug, password="Sesame ü"))
    assert opened == await desk.bus.ask(Resolve(domain="", slug=link.slug))


async def test_a_link_without_a_password_opens_with_any(desk: Desk) -> None:
    link = await desk.create()
    opened = await desk.bus.ask(Unlock(domain="", slug=link.slug, password="any"))
    assert opened.target
    assert opened.target.link == link.id


async def test_a_flood_of_guesses_does_not_keep_visitors_waiting(desk: Desk) -> None:
    locked, free = await desk.create(password="secret"), await desk.create()
    guess = Unlock(domain="", slug=locked.slug, password="guess")
    flood = [asyncio.create_task(desk.bus.ask(guess, timeout=60)) for _ in range(600)]
    await asyncio.sleep(0)
    visits = 0
    while not all(each.done() for each in flood):
        assert (await desk.bus.ask(Resolve(domain="", slug=free.slug), timeout=60)).target
        visits += 1
    answers = await asyncio.gather(*flood, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Fault)]
    # On a machine that is busy enough some find a place, but no free connection to the database.
    assert {fault.code for fault in refused} == {Code.UNAVAILABLE}
    assert len([fault for fault in refused if fault.retry_after == 1]) >= 300
    # Had they waited for the guesses, the first would have been the last, however fast the machine is.
    assert visits >= 10
    assert (await desk.bus.ask(Unlock(domain="", slug=locked.slug, password="secret"))).target


async def test_totals_never_go_back_and_change_nothing_else(desk: Desk, ear: Ear) -> None:
    link, other = await desk.create(max_clicks=3), await desk.create()
    for told, kept in ((2, 2), (5, 5), (3, 5), (0, 5), (-1, 5), (5, 5), (6, 6)):
        await desk.bus.ask(RecordTotals(totals=(Total(link=link.id, clicks=told), Total(link=ids.new(), clicks=9))))
        found = await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id))
        assert found.clicks == kept
        assert found.updated_at == link.updated_at
        target = (await desk.bus.ask(Resolve(domain="", slug=link.slug))).target
        assert target
        assert target.clicks == kept
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=other.id)) == other
    await desk.bus.ask(RecordTotals(totals=()))
    assert [type(told).__name__ for told in await ear.until(link.id, 2)] == ["LinkCreated", "LinkExpired"]


@pytest.mark.usefixtures("second_copy")
async def test_concurrent_reports_in_any_order_leave_the_largest_totals(desk: Desk) -> None:
    links = [await desk.create() for _ in range(40)]
    reports = []
    for clicks in range(1, 31):
        order = links if clicks % 2 else links[::-1]
        totals = [Total(link=link.id, clicks=clicks) for link in order]
        reports.append(RecordTotals(totals=(*totals, Total(link=links[0].id, clicks=1))))
    await asyncio.gather(*(desk.bus.ask(report, timeout=10) for report in reports))
    found = [await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) for link in links]
    assert {link.clicks for link in found} == {30}


async def test_a_report_that_is_too_long_is_refused(desk: Desk) -> None:
    totals = tuple(Total(link="x", clicks=n) for n in range(10_001))
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(RecordTotals(totals=totals))
    assert refusal.value.code is Code.INVALID
