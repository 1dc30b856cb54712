"""A link that a gateway surely remembers, also when nobody can be asked any more."""

from typing import Any

from shared.ids import new as new_id
from tests.client import Client, until


async def remembered_link(client: Client, visitor: Client) -> Any:
    """A link as `/v1` answers it; ``visitor`` has been sent on by it once, by the gateway it speaks to."""
    link, marker = await client.new_link(), f"marker-{new_id()}"
    # That the marker exists, its gateway learns from the news alone; the news of the link came before.
    assert (await visitor.get(f"/{marker}")).status == 404
    await client.new_link(shortCode=marker, isActive=False)
    await until(lambda: visitor.get(f"/{marker}"), lambda answer: b"switched off" in answer.body)
    assert (await visitor.get(f"/{link['shortCode']}")).status == 302
    return link
