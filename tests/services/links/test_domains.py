"""Domains under concurrency: one owner, and never a link on a domain that is not there."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.links import store_domains
from services.links.domains import RELEASED
from shared.contracts.bulk import Atomicity, Result
from shared.contracts.link_fields import NewLink
from shared.contracts.links import CreateLinks, DeleteLinks, Link, LinkDeleted, ListLinks
from shared.contracts.links.domains import (
    CreateDomain,
    DeleteDomain,
    Domain,
    DomainStatus,
    FindDomains,
    GetDomain,
    ListDomains,
    ReleaseDomain,
    VerifyDomain,
)
from shared.contracts.links.qr_codes import CreateQrCode
from shared.contracts.modes import Mode
from shared.database import Database
from shared.faults import Code, Fault
from shared.ids import new as new_id
from shared.settings import Settings
from tests.domains import new_name
from tests.names import Names
from tests.services.links.conftest import Desk, Ear
from tests.world import World

ROUNDS = 20


async def claimed(desk: Desk, name: str) -> Domain:
    return await desk.bus.ask(CreateDomain(workspace=desk.workspace, mode=desk.mode, domain=name))


async def verify(desk: Desk, domain: Domain) -> Domain:
    ask = VerifyDomain(workspace=desk.workspace, mode=desk.mode, id=domain.id)
    return (await desk.bus.ask(ask, timeout=10)).domain


async def verified(desk: Desk, names: Names, name: str | None = None) -> Domain:
    domain = await claimed(desk, name or new_name())
    names.writes(domain.challenge, domain.proof)
    domain = await verify(desk, domain)
    assert domain.status is DomainStatus.VERIFIED
    return domain


def delete(desk: Desk, domain: Domain) -> DeleteDomain:
    return DeleteDomain(workspace=desk.workspace, mode=desk.mode, id=domain.id)


def codes(outcomes: Sequence[object]) -> Counter[Code | type[object]]:
    return Counter(each.code if isinstance(each, Fault) else type(each) for each in outcomes)


async def test_of_many_who_prove_a_domain_at_once_one_gets_it(world: World, names: Names) -> None:
    for _ in range(ROUNDS):
        name = new_name()
        desks = [Desk(world.bus, new_id(), mode) for _ in range(4) for mode in Mode]
        domains = [await claimed(desk, name) for desk in desks]
        names.writes(domains[0].challenge, *(domain.proof for domain in domains))
        pairs = list(zip(desks, domains, strict=True))
        outcomes = await asyncio.gather(*(verify(*pair) for pair in pairs * 2), return_exceptions=True)
        winners = {each.id for each in outcomes if isinstance(each, Domain)}
        assert len(winners) == 1
        assert {each.code for each in outcomes if isinstance(each, Fault)} == {Code.CONFLICT}
        found = [await world.bus.ask(GetDomain(workspace=d.workspace, mode=d.mode, id=each.id)) for d, each in pairs]
        assert {each.id for each in found if each.status is DomainStatus.VERIFIED} == winners


async def test_of_many_claims_of_one_workspace_no_name_comes_twice_and_none_is_beyond_its_allowance(
    desk: Desk,
) -> None:
    most = Settings(nats_url="").domains_most
    wanted = [new_name() for _ in range(most + 20)]
    places = asyncio.Semaphore(6)

    async def one(name: str) -> Domain:
        async with places:
            return await claimed(desk, name)

    outcomes = await asyncio.gather(*(one(name) for name in wanted for _ in range(2)), return_exceptions=True)
    page = await desk.bus.ask(ListDomains(workspace=desk.workspace, mode=desk.mode, limit=100))
    assert page.total == most == sum(isinstance(each, Domain) for each in outcomes)
    assert {each.code for each in outcomes if isinstance(each, Fault)} == {Code.CONFLICT, Code.FORBIDDEN}
    assert len({each.name for each in page.domains}) == 100


@pytest.mark.usefixtures("second_copy")
async def test_no_link_is_ever_on_a_domain_that_is_not_there(
    desk: Desk, names: Names, owner: asyncpg.Connection, chance: random.Random
) -> None:
    kept = 0
    for _ in range(ROUNDS):
        domain = await verified(desk, names)

        async def many(domain: Domain = domain) -> None:
            await asyncio.sleep(chance.uniform(0, 0.02))
            new = NewLink(destination_url="https://example.com", domain=domain.name)
            ask = CreateLinks(workspace=desk.workspace, mode=desk.mode, links=(new,) * 5, atomicity=Atomicity.EACH)
            items = (await desk.bus.ask(ask)).items
            assert {item.result for item in items} <= {Result.CREATED, Result.REFUSED}

        async def single(domain: Domain = domain, **fields: str) -> Link:
            await asyncio.sleep(chance.uniform(0.002, 0.02))
            return await desk.create(domain=domain.name, **fields)

        async def remove(domain: Domain = domain) -> None:
            await asyncio.sleep(chance.uniform(0, 0.01))
            await desk.bus.ask(delete(desk, domain))

        creations = [single() for _ in range(8)] + [single(slug=f"s-{new_id()}") for _ in range(8)]
        outcomes = await asyncio.gather(remove(), many(), *creations, return_exceptions=True)
        removal, *made = outcomes
        there = await owner.fetchval("select count(*) from links.domains where id = $1", domain.id)
        links = await owner.fetchval("select count(*) from links.links where domain = $1", domain.name)
        assert (there, links > 0) == ((0, False) if removal is None else (1, True)), codes(outcomes)
        assert all(isinstance(each, Link) or each is None or codes([each]) == {Code.IMPOSSIBLE: 1} for each in made), (
            made
        )
        kept += there
    print(f"{kept} of {ROUNDS} domains were kept by their links")


async def test_the_database_itself_takes_no_link_on_a_domain_that_is_not_there(
    desk: Desk, names: Names, owner: asyncpg.Connection
) -> None:
    domain = await verified(desk, names)
    link = await desk.create(domain=domain.name)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("delete from links.domains where id = $1", domain.id)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("update links.links set domain_id = null where id = $1", link.id)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("update links.links set domain = '' where id = $1", link.id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("update links.links set domain = 'other.example' where id = $1", link.id)
    gone = DeleteLinks(workspace=desk.workspace, mode=desk.mode, ids=(link.id,))
    assert (await desk.bus.ask(gone)).done
    await desk.bus.ask(delete(desk, domain))


async def test_links_to_a_domain_are_refused_among_those_that_are_made_together(desk: Desk, names: Names) -> None:
    domain = await verified(desk, names)
    urls = [f"https://{domain.name}/{n}" if n % 3 == 0 else f"https://example.com/{n}" for n in range(60)]
    outcomes = await asyncio.gather(*(desk.create(url) for url in urls), return_exceptions=True)
    for url, outcome in zip(urls, outcomes, strict=True):
        if "example.com" in url:
            assert isinstance(outcome, Link)
            assert outcome.destination_url == url
        else:
            assert isinstance(outcome, Fault)
            assert outcome.code is Code.IMPOSSIBLE
            assert [each["field"] for each in outcome.details] == ["destination_url"]


async def test_an_operator_sees_whose_domains_are_page_by_page(world: World, names: Names) -> None:
    name = f"{new_name()}"
    desks = [Desk(world.bus, new_id(), mode) for mode in Mode for _ in range(3)]
    mine = [await claimed(desk, name) for desk in desks]
    names.writes(mine[2].challenge, mine[2].proof)
    await verify(desks[2], mine[2])
    other = await claimed(desks[0], new_name())

    async def pages(size: int, **which: str) -> list[str]:
        found: list[str] = []
        while page := (
            await world.bus.ask(FindDomains(limit=size, before=found[-1] if found else None, **which))
        ).domains:
            found += [each.id for each in page]
        return found

    for spelling in (name, f"{name.upper()}."):
        assert await pages(2, name=spelling) == [each.id for each in reversed(mine)]
    assert await pages(1, workspace=desks[0].workspace) == [other.id, mine[0].id]
    everything = (await world.bus.ask(FindDomains(limit=7))).domains
    assert [each.id for each in everything] == [other.id, *(each.id for each in reversed(mine))]
    assert [each.id for each in everything if each.status is DomainStatus.VERIFIED] == [mine[2].id]
    with pytest.raises(Fault, match="host name"):
        await world.bus.ask(FindDomains(name="no domain"))


async def test_a_domain_that_is_released_is_free_for_whoever_proves_it(world: World, names: Names) -> None:
    one, other = (Desk(world.bus, new_id(), Mode.LIVE) for _ in range(2))
    domain = await verified(one, names)
    taken = await claimed(other, domain.name)
    names.writes(domain.challenge, taken.proof)
    with pytest.raises(Fault, match="another workspace"):
        await verify(other, taken)
    released = await world.bus.ask(ReleaseDomain(name=domain.name.upper()))
    assert (released.domain.id, released.links, released.done) == (domain.id, 0, True)
    assert (await verify(other, taken)).status is DomainStatus.VERIFIED
    with pytest.raises(Fault, match="no such domain"):
        await world.bus.ask(GetDomain(workspace=one.workspace, mode=one.mode, id=domain.id))
    # A claim is nobody's domain yet.
    for name in (new_name(), (await claimed(one, new_name())).name):
        with pytest.raises(Fault, match="Nobody has"):
            await world.bus.ask(ReleaseDomain(name=name))


async def test_links_go_with_a_released_domain_only_if_they_are_meant_to(desk: Desk, names: Names, ear: Ear) -> None:
    domain = await verified(desk, names)
    links = [await desk.create(domain=domain.name) for _ in range(RELEASED + 3)]
    code = CreateQrCode(workspace=desk.workspace, mode=desk.mode, link=links[0].id)
    await desk.bus.ask(code)
    elsewhere = await desk.create()
    with pytest.raises(Fault, match=rf"\({RELEASED + 3}\)") as refusal:
        await desk.bus.ask(ReleaseDomain(name=domain.name))
    assert refusal.value.code is Code.CONFLICT
    steps = [await desk.bus.ask(ReleaseDomain(name=domain.name, with_links=True), timeout=10) for _ in range(2)]
    assert [(step.links, step.done) for step in steps] == [(RELEASED, False), (3, True)]
    for link in links:
        assert isinstance((await ear.until(link.id, 2))[-1], LinkDeleted)
    found = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode))
    assert [each.id for each in found.links] == [elsewhere.id]


async def test_of_links_made_while_their_domain_is_released_none_is_left(desk: Desk, names: Names) -> None:
    for _ in range(ROUNDS):
        domain = await verified(desk, names)

        async def release(domain: Domain = domain) -> None:
            while not (await desk.bus.ask(ReleaseDomain(name=domain.name, with_links=True), timeout=10)).done:
                pass

        creations = [desk.create(domain=domain.name, slug=f"s-{new_id()}") for _ in range(10)]
        outcomes = await asyncio.gather(*creations[:5], release(), *creations[5:], return_exceptions=True)
        assert codes(outcomes).keys() <= {Link, type(None), Code.IMPOSSIBLE}
        assert (await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode))).total == 0


async def test_a_domain_is_looked_at_ever_more_seldom_and_then_no_more(
    desk: Desk, owner: asyncpg.Connection, database: Database
) -> None:
    domain = await claimed(desk, new_name())
    age_and_pause = ((0, 60), (60, 60), (600, 300), (86_400, 21_600), (6 * 86_400, 21_600), (8 * 86_400, None))
    for age, pause in age_and_pause:
        now = domain.created_at + timedelta(seconds=age)
        async with database.transaction() as tx:
            # In one transaction, or the service itself might come first.
            await tx.execute("update domains set next_look_at = $2 where id = $1", domain.id, now)
            due = await store_domains.take_due(tx, now, 100_000, 60, 21_600, now - timedelta(days=7))
        assert domain.id in {each.id for each in due}
        after = await owner.fetchval("select next_look_at from links.domains where id = $1", domain.id)
        assert after == (None if pause is None else now + timedelta(seconds=pause))


async def test_copies_share_the_looks_that_are_due(desk: Desk, database: Database) -> None:
    for _ in range(3):  # the service itself may have one of them in hand
        domains = {(await claimed(desk, new_name())).id for _ in range(10)}
        now = datetime.now(UTC) + timedelta(days=1)
        async with database.transaction() as one, database.transaction() as other:
            some = await store_domains.take_due(one, now, 5, 60, 60, now - timedelta(days=7))
            more = await store_domains.take_due(other, now, 100_000, 60, 60, now - timedelta(days=7))
        assert not {each.id for each in some} & {each.id for each in more}
        if domains <= {each.id for each in (*some, *more)}:
            return
    raise AssertionError("Some that were due have been taken by nobody, each time")
