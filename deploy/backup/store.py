"""The SQL of backups, one function per statement, as the owner of the database."""

import asyncpg

from deploy.backup.manifest import Table

# Whatever a row looks like as a text must not depend on who asks.
PLAIN = {"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "1"}


async def export_snapshot(db: asyncpg.Connection) -> str:
    """What others need to see the database just as this transaction does, for as long as it lasts."""
    name: str = await db.fetchval("select pg_export_snapshot()")
    return name


async def list_tables(db: asyncpg.Connection, schemas: list[str]) -> list[str]:
    """Quoted, with their schemas; a table in partitions is one."""
    rows = await db.fetch(
        """
        select format('%I.%I', n.nspname, c.relname) as name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
        order by 1
        """,
        schemas,
    )
    return [row["name"] for row in rows]


async def measure_table(db: asyncpg.Connection, name: str) -> Table:
    row = await db.fetchrow(
        # The name comes quoted from the catalogue.
        f"""
        select count(*) as rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text as sum from {name} t
        """  # noqa: S608
    )
    assert row
    return Table(rows=row["rows"], checksum=row["sum"])


async def list_others(db: asyncpg.Connection, database: str) -> list[str]:
    """Who else is connected to the database, by what they call themselves."""
    rows = await db.fetch(
        """
        select distinct coalesce(nullif(application_name, ''), 'somebody') as name from pg_stat_activity
        where datname = $1 and pid <> pg_backend_pid() order by 1
        """,
        database,
    )
    return [row["name"] for row in rows]


async def create_database(db: asyncpg.Connection, name: str, like: str) -> None:
    """Empty, with the encoding and the locale of another one."""
    await db.execute(
        await db.fetchval(
            """
            select format(
                'create database %I template template0 encoding %L locale_provider %s lc_collate %L lc_ctype %L%s',
                $1::text, pg_encoding_to_char(encoding),
                case datlocprovider when 'b' then 'builtin' when 'i' then 'icu' else 'libc' end, datcollate, datctype,
                case datlocprovider
                    when 'b' then format(' builtin_locale %L', datlocale)
                    when 'i' then format(' icu_locale %L', datlocale)
                    else ''
                end
            )
            from pg_database where datname = $2
            """,
            name,
            like,
        )
    )


async def drop_database(db: asyncpg.Connection, name: str) -> None:
    await db.execute(await db.fetchval("select format('drop database if exists %I', $1::text)", name))


async def rename_database(db: asyncpg.Connection, name: str, to: str) -> None:
    await db.execute(await db.fetchval("select format('alter database %I rename to %I', $1::text, $2::text)", name, to))
