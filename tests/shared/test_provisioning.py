"""Schemas and roles are made once, however many want to make them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from shared.contracts import SERVICES
from shared.database import migrations_of
from shared.ids import new
from shared.migrations import provision
from tests.shared.stage import Stage


def with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@pytest.fixture
async def fresh_url(stage: Stage) -> AsyncIterator[str]:
    """The owner's URL of a database in which nothing is yet."""
    name = f"fresh_{new().lower()}"
    async with stage.owner() as owner:
        await owner.execute(f"create database {name}")
    yield with_database(stage.servers.owner_url, name)
    async with stage.owner() as owner:
        await owner.execute(f"drop database {name} with (force)")


async def test_of_eight_who_migrate_at_once_each_migration_is_run_by_one(stage: Stage, fresh_url: str) -> None:
    passwords = stage.world.passwords
    run = await asyncio.gather(
        *(provision(fresh_url, service, passwords[service]) for _ in range(8) for service in SERVICES)
    )
    applied = Counter(name for names in run for name in names)
    wanted = Counter(path.stem for service in SERVICES for path in migrations_of(service))
    assert applied == wanted
    owner = await asyncpg.connect(fresh_url)
    for service in SERVICES:
        rows = await owner.fetch(f"select name from {service}.migrations order by name")
        assert [row["name"] for row in rows] == [path.stem for path in migrations_of(service)]
    await owner.close()


async def test_migrating_again_changes_nothing(stage: Stage, fresh_url: str) -> None:
    assert await provision(fresh_url, "accounts", stage.world.passwords["accounts"])
    assert await provision(fresh_url, "accounts", stage.world.passwords["accounts"]) == []


async def test_an_index_that_was_left_half_made_is_made_again(stage: Stage, fresh_url: str) -> None:
    password = stage.world.passwords["links"]
    await provision(fresh_url, "links", password)
    owner = await asyncpg.connect(fresh_url)
    # As a migration leaves them that is broken off while the fifth of its indexes is made.
    await owner.execute("""
        delete from links.migrations where name = '0005_list_indexes';
        drop index links.link_ranks_order, links.links_due, links.links_destination;
        update pg_index set indisvalid = false where indexrelid = 'links.link_entries_link'::regclass;
    """)
    assert await provision(fresh_url, "links", password) == ["0005_list_indexes"]
    made = await owner.fetch("""
        select relname, indisvalid from pg_index join pg_class on oid = indexrelid
        where relnamespace = 'links'::regnamespace
    """)
    await owner.close()
    assert {"link_ranks_order", "link_entries_link", "links_due"} <= {row["relname"] for row in made}
    assert all(row["indisvalid"] for row in made)


async def test_links_from_before_are_entered_under_their_tags_once(stage: Stage, fresh_url: str) -> None:
    password = stage.world.passwords["links"]
    await provision(fresh_url, "links", password)
    owner = await asyncpg.connect(fresh_url, server_settings={"search_path": "links"})
    await owner.execute("""
        drop table link_tags, link_tag_ranks;
        drop function links_added_to_tags, links_removed_from_tags, link_tagged_anew, link_tag_ranked_anew cascade;
        delete from migrations
        where name in ('0008_links_by_tag', '0009_tags_of_old_links', '0010_words_by_workspace');
        insert into links (id, workspace, mode, domain, slug, destination_url, active, position, tags, metadata,
                           show_on_profile, forward_query, clicks, archived)
        select n, 'w', 'live', '', n, 'https://example.com', n % 2 = 0, n,
               case when n % 3 = 0 then '{}'::text[] else '{a,b}' end, '{}', true, false, n, n % 5 = 0
        from generate_series(1, 2500) n;
    """)
    await provision(fresh_url, "links", password)
    for table, column in (("link_tags", "created_at"), ("link_tag_ranks", "clicks")):
        wrong = await owner.fetch(f"""
            with wanted as (
                select workspace, mode, t.tag, {column}, id, archived, state_of(active, lapsed)
                from links, unnest(tags) as t (tag)
            ),
            kept as (select workspace, mode, tag, {column}, link, archived, state from {table})
            (table wanted except all table kept) union all (table kept except all table wanted)
        """)
        assert wrong == []
        assert await owner.fetchval(f"select count(*) from {table}") > 3000
    await owner.close()


async def test_provisioning_again_changes_the_password(stage: Stage) -> None:
    first = stage.world.database_url("profile")
    for secret in ("it's a \\ secret", stage.world.passwords["profile"]):
        await provision(stage.servers.owner_url, "profile", secret)
        parts = urlsplit(first)
        connection = await asyncpg.connect(
            host=parts.hostname, port=parts.port, user=parts.username, password=secret, database="postgres"
        )
        await connection.close()
        if secret != stage.world.passwords["profile"]:
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(first)


async def test_timeouts_are_settings_of_the_role(stage: Stage) -> None:
    url, password = stage.servers.owner_url, stage.world.passwords["profile"]
    for statement, shown in ((2.5, "2500ms"), (5.0, "5s")):
        await provision(url, "profile", password, statement_timeout_seconds=statement)
        connection = await asyncpg.connect(stage.world.database_url("profile"))
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "search_path")
        assert [await connection.fetchval(f"show {name}") for name in names] == [shown, "2s", "10s", "profile"]
        await connection.close()
