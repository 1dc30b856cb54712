"""Domains that somebody claims, and proves to be theirs."""

from typing import Any

from shared.ids import new as new_id
from tests.client import Client
from tests.names import Names

DOMAINS = "/api/use/domains"


def new_name() -> str:
    """That nobody has claimed yet."""
    return f"{new_id().lower()}.example"


async def claim(client: Client, name: str | None = None, **fields: object) -> Any:
    answer = await client.post(DOMAINS, {"domain": name or new_name(), **fields})
    assert answer.status == 201, answer.body
    return answer.json


def prove(names: Names, domain: Any) -> None:
    """Does what whoever has the domain can do: writes into its DNS what is asked for."""
    names.writes(domain["verification"]["name"], "v=spf1 -all", domain["verification"]["value"])


async def verified(client: Client, names: Names, name: str | None = None, **fields: object) -> Any:
    domain = await claim(client, name, **fields)
    prove(names, domain)
    answer = await client.post(f"{DOMAINS}/{domain['id']}/verify")
    assert (answer.status, answer.json["status"]) == (200, "verified"), answer.body
    return answer.json
