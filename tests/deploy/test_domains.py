"""What the operator does with domains: sees whose they are, and takes one from a workspace that has lost it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from shared.ids import new as new_id
from tests.client import Client, NewClient, until
from tests.deploy.command import waypost
from tests.domains import DOMAINS, claim, new_name, prove, verified
from tests.names import Names
from tests.world import World


class Operator:
    """At the command line of a machine without a stack of its own, which the environment tells where the bus is."""

    def __init__(self, world: World, folder: Path) -> None:
        self._nats_url = world.servers.nats_url
        self._folder = folder

    async def domain(self, *words: str) -> dict[str, Any]:
        status, out, said = await self._run(*words)
        assert status == 0, said
        answer: dict[str, Any] = json.loads(out)
        return answer

    async def refused(self, *words: str, status: int = 1) -> str:
        got, out, said = await self._run(*words)
        assert (got, out, "Traceback" in said) == (status, "", False)
        return said

    async def _run(self, *words: str) -> tuple[int, str, str]:
        given = ("domain", *words, "--data", str(self._folder / "none"))
        done = await asyncio.to_thread(waypost, *given, WAYPOST_NATS_URL=self._nats_url)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


async def test_a_domain_whose_owner_has_changed_is_released_and_found_by_the_new_one(
    operator: Operator, new_client: NewClient, client: Client, visitor: Client, names: Names
) -> None:
    former = await new_client()
    name = new_name()
    domain = await verified(former, names, name, rootUrl="https://www.example.com/")
    host = {"Host": name}
    link = {"destinationUrl": "https://example.com/", "domain": name}
    slug = (await former.post("/api/use/links", link)).json["shortCode"]
    assert [(await visitor.get(path, headers=host)).status for path in ("/", f"/{slug}")] == [302, 302]
    claimed = await claim(client, name)
    prove(names, claimed)
    assert (await client.post(f"{DOMAINS}/{claimed['id']}/verify")).status == 409

    listed = (await operator.domain("list", "--name", name.upper()))["domains"]
    assert [(each["id"], each["status"]) for each in listed] == [
        (claimed["id"], "pending"),
        (domain["id"], "verified"),
    ]
    assert listed[1]["workspace"] == f"ws_{former.account.workspace.id}"
    assert "--force" in await operator.refused("release", "--name", name)
    assert (await visitor.get(f"/{slug}", headers=host)).status == 302
    told = await operator.domain("release", "--name", name, "--force")
    assert (told["id"], told["released"], told["linksDeleted"]) == (domain["id"], True, 1)

    async def seen() -> list[int]:
        return [(await visitor.get(path, headers=host)).status for path in ("/", f"/{slug}")]

    await until(seen, lambda statuses: statuses == [200, 404])
    assert (await client.post(f"{DOMAINS}/{claimed['id']}/verify")).json["status"] == "verified"
    assert (await former.get(f"{DOMAINS}/{domain['id']}")).status == 404
    assert "Nobody has" in await operator.refused("release", "--name", new_name())


async def test_domains_are_listed_of_a_user_of_a_workspace_and_of_all(operator: Operator, client: Client) -> None:
    mine = (await claim(client))["id"]
    account = client.account
    for which in (
        ("--username", account.user.username),
        ("--workspace", account.workspace.id),
        ("--workspace", f"ws_{account.workspace.id}"),
    ):
        assert [each["id"] for each in (await operator.domain("list", *which))["domains"]] == [mine]
    assert (await operator.domain("list", "--workspace", new_id()))["domains"] == []
    assert mine in [each["id"] for each in (await operator.domain("list"))["domains"]]
    assert "waypost: " in await operator.refused("list", "--workspace", "mine")
    assert "host name" in await operator.refused("list", "--name", "mine")
    await operator.refused("list", "--workspace", "a", "--name", "b", status=2)
    await operator.refused("release", status=2)
