"""Brings every service's schema and role up to date, as the owner of the database."""

from collections.abc import Mapping

import asyncpg

from deploy.local.trouble import Trouble
from shared.contracts import SERVICES
from shared.migrations import provision
from shared.settings import Settings


async def migrate(owner_url: str, role_passwords: Mapping[str, str], settings: Settings) -> dict[str, list[str]]:
    """The migrations that were run just now, by service; raises `Trouble` when the database refuses one."""
    applied = {}
    for service in SERVICES:
        try:
            applied[service] = await provision(
                owner_url,
                service,
                role_passwords[service],
                statement_timeout_seconds=settings.database_statement_timeout_seconds,
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise Trouble(f"The migration of {service} failed: {str(error) or type(error).__name__}") from error
    return applied
