"""The SQL of what is told to whoever watches. It reads the few states of endpoints, never their many deliveries."""

from typing import NamedTuple

from shared.database import Connection


class Standing(NamedTuple):
    pending: int
    dropped: int  # and can still be recovered
    well: int
    failing: int
    disabled: int
    overdue_seconds: float


async def find_standing(db: Connection) -> Standing:
    """Of all workspaces together."""
    (row,) = await db.fetch(
        """
        select coalesce(sum(waiting), 0)::bigint as pending, coalesce(sum(kept), 0)::bigint as dropped,
               count(*) filter (where e.enabled and failures = 0) as well,
               count(*) filter (where e.enabled and failures > 0) as failing,
               count(*) filter (where not e.enabled) as disabled,
               greatest(coalesce(extract(epoch from now() - min(due_at)), 0), 0)::float8 as overdue_seconds
        from endpoint_states s join endpoints e on e.id = s.endpoint
        """
    )
    return Standing(*row)
