"""Endpoints and deliveries as the service makes them, made by the owner of the database; and what is found there."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg

from services.webhooks.signature import new_secret
from services.webhooks.vault import Vault
from shared import ids
from shared.contracts.webhooks import Header
from tests.world import World


class Registered(NamedTuple):
    id: str
    workspace: str
    secret: str
    former_secret: str | None


class Desk:
    def __init__(self, world: World, db: asyncpg.Connection) -> None:
        self.db = db
        self._vault = Vault(world.secret_key)

    async def register(
        self,
        url: str,
        *headers: Header,
        workspace: str = "",
        enabled: bool = True,
        rotated: timedelta | None = None,
    ) -> Registered:
        """``rotated``: how long from now the secret before goes on signing."""
        made = Registered(ids.new(), workspace or ids.new(), new_secret(), new_secret() if rotated else None)
        now = datetime.now(UTC)
        await self.db.execute(
            """
            insert into webhooks.endpoints (
                id, workspace, mode, url, description, topics, links, tags, domains, headers, header_names, batch,
                enabled, secret, secret_hint, former_secret, former_ends_at, created_at, updated_at
            ) values ($1, $2, 'live', $3, '', '{*}', '{}', '{}', '{}', $4, $5, false, $6, $7, '', $8, $9, $10, $10)
            """,
            made.id,
            made.workspace,
            url,
            self._vault.seal_headers(made.id, headers),
            [header.name for header in headers],
            enabled,
            self._vault.seal_secret(made.id, made.secret),
            self._vault.seal_secret(made.id, made.former_secret) if made.former_secret else None,
            now + rotated if rotated else None,
            now,
        )
        await self.db.execute("insert into webhooks.endpoint_states (endpoint) values ($1)", made.id)
        return made

    async def deliver(self, endpoint: str, number: int = 1, body: bytes = b'{"type":"link.created"}') -> list[str]:
        """Commits so many deliveries that are due; returns the ids that their receiver will see."""
        made = [ids.new() for _ in range(number)]
        async with self.db.transaction():
            await self.db.execute(
                """
                insert into webhooks.deliveries (endpoint, id, event, topic, body, state, created_at, next_at)
                select $1, id, id, 'link.created', $3, 'pending', now(), now() from unnest($2::text[]) as id
                """,
                endpoint,
                made,
                body,
            )
            await self.db.execute(
                """
                update webhooks.endpoint_states set waiting = waiting + $2, due_at = least(due_at, now())
                where endpoint = $1
                """,
                endpoint,
                number,
            )
        return [f"msg_{each}" for each in made]

    async def enable(self, endpoint: str) -> None:
        await self.db.execute("update webhooks.endpoints set enabled = true, reason = null where id = $1", endpoint)
        await self.db.execute(
            """
            update webhooks.endpoint_states
            set failures = 0, failing_since = null, paused_until = null, due_at = now() where endpoint = $1
            """,
            endpoint,
        )

    async def fail(self, endpoint: str) -> None:
        """As if it had just failed for the first time."""
        await self.db.execute(
            "update webhooks.endpoint_states set failures = 1, failing_since = now() where endpoint = $1", endpoint
        )

    async def end_rotation(self, endpoint: str) -> None:
        """As if its time were over."""
        await self.db.execute("update webhooks.endpoints set former_ends_at = now() where id = $1", endpoint)

    async def end_claims(self, endpoint: str) -> None:
        """As if whoever has them had not been heard of for too long."""
        async with self.db.transaction():
            await self.db.execute(
                """
                update webhooks.deliveries set claimed_until = now(), next_at = now()
                where endpoint = $1 and claimed_until is not null
                """,
                endpoint,
            )
            await self.db.execute("update webhooks.endpoint_states set due_at = now() where endpoint = $1", endpoint)

    async def forget(self, endpoint: str) -> None:
        await self.db.execute("delete from webhooks.endpoints where id = $1", endpoint)

    async def states(self, endpoint: str) -> dict[str, int]:
        rows = await self.db.fetch(
            "select state, count(*) from webhooks.deliveries where endpoint = $1 group by state", endpoint
        )
        return {row["state"]: row["count"] for row in rows}

    async def standing(self, endpoint: str) -> asyncpg.Record:
        found = await self.db.fetchrow(
            """
            select e.enabled, e.reason, s.* from webhooks.endpoint_states s
            join webhooks.endpoints e on e.id = s.endpoint where s.endpoint = $1
            """,
            endpoint,
        )
        assert found
        return found

    async def failed(self, endpoint: str) -> bool:
        return (await self.standing(endpoint))["last_failure_at"] is not None

    async def disabled(self, endpoint: str) -> bool:
        return not (await self.standing(endpoint))["enabled"]

    async def paused(self, endpoint: str) -> bool:
        return (await self.standing(endpoint))["paused_until"] is not None

    async def attempts(self, message: str) -> Sequence[asyncpg.Record]:
        return await self.db.fetch(
            "select * from webhooks.attempts where delivery = $1 order by number", message.removeprefix("msg_")
        )

    async def idle(self, endpoint: str) -> bool:
        """Nothing of it is under way."""
        query = "select exists (select from webhooks.deliveries where endpoint = $1 and claimed_until is not null)"
        return not await self.db.fetchval(query, endpoint)

    async def settled(self, endpoint: str) -> bool:
        """Nothing of it is pending or under way."""
        return not await self.db.fetchval(
            """
            select exists (
                select from webhooks.deliveries
                where endpoint = $1 and (state = 'pending' or claimed_until is not null)
            )
            """,
            endpoint,
        )


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))
