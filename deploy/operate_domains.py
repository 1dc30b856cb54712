"""What the operator asks of domains: who has which, and to take one from whoever has it."""

import msgspec

from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble
from deploy.operate import Answer, bare_id, bus_of
from shared.bus import Bus
from shared.contracts import accounts
from shared.contracts.links.domains import Domain, FindDomains, ReleaseDomain
from shared.faults import Code, Fault

_PREFIX = "ws_"


class WantedDomains(msgspec.Struct, frozen=True, kw_only=True):
    """One of them at most; none: all that there are."""

    username: str | None
    workspace: str | None
    name: str | None


async def list_domains(data: DataDir, wanted: WantedDomains) -> Answer:
    workspace = None if wanted.workspace is None else bare_id(wanted.workspace, _PREFIX, "a workspace")
    async with bus_of(data) as bus:
        if wanted.username is not None:
            workspace = (await bus.ask(accounts.FindUser(username=wanted.username))).workspace.id
        found = await _find_all(bus, workspace, wanted.name)
    return {"domains": [_listed(domain) for domain in found]}


async def release_domain(data: DataDir, name: str, force: bool) -> Answer:
    """``force``: with the links on it, in several steps. Whoever interrupts them may ask again."""
    deleted, done = 0, False
    async with bus_of(data) as bus:
        while not done:
            try:
                released = await bus.ask(ReleaseDomain(name=name, with_links=force))
            except Fault as fault:
                if fault.code is not Code.CONFLICT:
                    raise
                raise Trouble(f"{fault.message}; with --force they are deleted, and their QR codes with them") from None
            deleted += released.links
            done = released.done
    return {**_listed(released.domain), "released": True, "linksDeleted": deleted}


async def _find_all(bus: Bus, workspace: str | None, name: str | None) -> list[Domain]:
    found: list[Domain] = []
    page = await bus.ask(FindDomains(workspace=workspace, name=name))
    while page.domains:
        found += page.domains
        page = await bus.ask(FindDomains(workspace=workspace, name=name, before=found[-1].id))
    return found


def _listed(domain: Domain) -> Answer:
    return {
        "id": f"dom_{domain.id}",
        "workspace": _PREFIX + domain.workspace,
        "mode": domain.mode,
        "name": domain.name,
        "status": domain.status,
        "problem": domain.problem,
        "createdAt": domain.created_at,
        "checkedAt": domain.checked_at,
        "verifiedAt": domain.verified_at,
    }
