"""Addresses that lead back to us: a link to a link could send visitors round in circles."""

from collections.abc import Iterable, Sequence

from msgspec import UnsetType

from services.links import store_all_domains
from shared import destinations
from shared.contracts.link_fields import LinkChange, NewLink
from shared.contracts.links.domains import Domain
from shared.database import Connection
from shared.faults import Code, Detail, Fault

_LOOPS = "The address leads back to this service itself"


async def refuse(tx: Connection, thing: NewLink | LinkChange | Domain) -> None:
    """IMPOSSIBLE when an address that is given leads to a verified domain, whosever, or a domain to itself."""
    if hosts := _hosts_by_field(thing):
        found = await store_all_domains.list_verified(tx, hosts.values())
        _refuse(hosts, found | {thing.name} if isinstance(thing, Domain) else found)


async def among(tx: Connection, links: Sequence[NewLink]) -> list[Fault | None]:
    """The same for many links: of each, what is to be said against it."""
    hosts = [_hosts_by_field(link) for link in links]
    found = await store_all_domains.list_verified(tx, {host for each in hosts for host in each.values()})
    return [_fault(each, found) for each in hosts]


def hosts_of(link: NewLink) -> list[str]:
    return list(_hosts_by_field(link).values())


def _hosts_by_field(thing: NewLink | LinkChange | Domain) -> dict[str, str]:
    fields: Iterable[tuple[str, str | None | UnsetType]]
    if isinstance(thing, Domain):
        fields = (("root_url", thing.root_url), ("not_found_url", thing.not_found_url))
    else:
        fields = (("destination_url", thing.destination_url), ("expired_url", thing.expired_url))
    return {field: destinations.host_of(url) for field, url in fields if isinstance(url, str)}


def _refuse(hosts: dict[str, str], ours: set[str]) -> None:
    if fault := _fault(hosts, ours):
        raise fault


def _fault(hosts: dict[str, str], ours: set[str]) -> Fault | None:
    details = tuple(Detail(field, _LOOPS) for field, host in hosts.items() if host in ours)
    return Fault(Code.IMPOSSIBLE, _LOOPS, details=details) if details else None
