"""A link that a gateway surely remembers, also when nobody can be asked any more."""

from typing import Any

from tests.client import Client, until


async def remembered_link(client: Client, visitor: Client) -> Any:
    """A link as `/v1` answers it; ``visitor`` has been sent on by it once, by the gateway it speaks to."""
    link, marker = await client.new_link(), await client.new_link()
    # That the marker is switched off, its gateway learns from the news alone; the news of the link came before. Until
    # then it leads somewhere: a code that leads nowhere could be tried only so many times a minute.
    assert (await visitor.get(f"/{marker['shortCode']}")).status == 302
    await client.patch(f"/v1/links/{marker['id']}", {"isActive": False})
    await until(lambda: visitor.get(f"/{marker['shortCode']}"), lambda answer: b"switched off" in answer.body)
    assert (await visitor.get(f"/{link['shortCode']}")).status == 302
    return link
