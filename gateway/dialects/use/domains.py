"""Domains: hosts of the caller's own that short links can be on."""

from gateway.dialects.names import bare
from gateway.dialects.use.domain_fields import DomainBody, DomainChanges, NewDomain, body_of
from gateway.dialects.use.ids import DOMAIN, DomainId
from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.endpoint import Call, Endpoint
from shared.contracts.links import domains


async def list_domains(call: Call, query: PageQuery) -> Page[DomainBody]:
    """Your domains, newest first."""
    found = await call.ask(
        domains.ListDomains(workspace=call.workspace, mode=call.mode, limit=query.size, offset=query.offset)
    )
    return paged([body_of(call.settings, each) for each in found.domains], found.total, query)


async def create_domain(call: Call, body: NewDomain) -> DomainBody:
    """Claims a domain.

    It is yours once its DNS holds the record in `verification`: that is looked for now and then, and at once by
    `POST /domains/{id}/verify`. Let its DNS lead to `target` as well. Others may claim the same domain; whoever proves
    first that it is theirs has it.
    """
    made = await call.write(
        domains.CreateDomain(
            workspace=call.workspace,
            mode=call.mode,
            domain=body.domain,
            root_url=body.root_url,
            not_found_url=body.not_found_url,
        )
    )
    return body_of(call.settings, made)


async def get_domain(call: Call) -> DomainBody:
    """One of your domains."""
    found = await call.ask(domains.GetDomain(workspace=call.workspace, mode=call.mode, id=_id(call)))
    return body_of(call.settings, found)


async def update_domain(call: Call, body: DomainChanges) -> DomainBody:
    """Changes where visitors are sent who come to no link."""
    updated = await call.write(
        domains.UpdateDomain(
            workspace=call.workspace,
            mode=call.mode,
            id=_id(call),
            root_url=body.root_url,
            not_found_url=body.not_found_url,
        )
    )
    return body_of(call.settings, updated)


async def delete_domain(call: Call) -> None:
    """Gives a domain up. Its links have to be removed before."""
    await call.write(domains.DeleteDomain(workspace=call.workspace, mode=call.mode, id=_id(call)))


async def verify_domain(call: Call) -> DomainBody:
    """Looks into the DNS now, and answers with the domain as it is afterwards.

    As long as that is `pending`, `problem` tells why; then the same request may be repeated, with the same idempotency
    key as well.
    """
    question = domains.VerifyDomain(workspace=call.workspace, mode=call.mode, id=_id(call))
    # Other people's servers may take their time.
    checked = await call.write(question, timeout=call.settings.request_timeout_seconds)
    return body_of(call.settings, checked.domain)


def _id(call: Call) -> str:
    return bare(DOMAIN, call.path["id"])


_ID = {"id": DomainId}
ENDPOINTS = (
    Endpoint("GET", "/domains", list_domains, scope="domains:read"),
    Endpoint("POST", "/domains", create_domain, scope="domains:write", status=201),
    Endpoint("GET", "/domains/{id}", get_domain, scope="domains:read", parts=_ID),
    Endpoint("PATCH", "/domains/{id}", update_domain, scope="domains:write", parts=_ID),
    Endpoint("DELETE", "/domains/{id}", delete_domain, scope="domains:delete", status=204, parts=_ID),
    Endpoint("POST", "/domains/{id}/verify", verify_domain, scope="domains:write", parts=_ID),
)
