"""A link that a gateway surely remembers, also when nobody can be asked any more."""

from typing import Any

from tests.client import Client, until


async def remembered_link(client: Client, visitor: Client) -> Any:
    """A link as `/v1` answers it; ``visitor`` has been sent on by it at least once, by the gateway it speaks to."""
    link = await client.new_link(isActive=False)
    path = f"/{link['shortCode']}"
    assert (await visitor.get(path)).status == 404
    await client.patch(f"/v1/links/{link['id']}", {"isActive": True})
    # Only the news of the change makes a gateway ask again, so no further news will make it forget what it now knows.
    await until(lambda: visitor.get(path), lambda answer: answer.status == 302)
    return link
