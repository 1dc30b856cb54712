"""Whose is a domain? Its DNS says so: whoever can put a record of ours there has it.

Looks take as long as other people's servers take, so none is made inside a transaction.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import aiodns
import pycares

from services.links import store_domains
from services.links.figures import LOOKS, Seen
from shared import outbox
from shared.contracts.links.domains import Domain, DomainVerified
from shared.service import Service
from shared.settings import Settings
from shared.upkeep import keep_doing

TAKEN = "The proof is there, but another workspace or mode has this domain"
SILENT = "The DNS did not answer in time"
_ABSENT = (pycares.errno.ARES_ENODATA, pycares.errno.ARES_ENOTFOUND)
_TRIES = 2  # questions may get lost

log = logging.getLogger(__name__)


async def look(domain: Domain, settings: Settings) -> str | None:
    """None when the proof is there; else why not, for the eyes of whoever claims the domain."""
    seen, problem = await _look(domain, settings)
    LOOKS.labels(seen).inc()
    return problem


async def _look(domain: Domain, settings: Settings) -> tuple[Seen, str | None]:
    # One for each look: it would remember answers, also that there is nothing yet.
    names = aiodns.DNSResolver(
        nameservers=settings.domains_dns_servers or None,
        flags=pycares.ARES_FLAG_NOSEARCH,  # a name is a whole name, whatever the machine's own domain is
        timeout=settings.domains_dns_timeout_seconds / (_TRIES + 1),
        tries=_TRIES,
    )
    try:
        async with asyncio.timeout(settings.domains_dns_timeout_seconds):
            found = await names.query_dns(domain.challenge, "TXT")
    except aiodns.error.DNSError as error:
        if error.args[0] in _ABSENT:
            return Seen.NOTHING, f"There is no TXT record at {domain.challenge}"
        if error.args[0] == pycares.errno.ARES_ETIMEOUT:
            return Seen.SILENCE, SILENT
        return Seen.REFUSAL, "The DNS has refused to answer"
    except TimeoutError:
        return Seen.SILENCE, SILENT
    finally:
        await names.close()
    said = [record.data.data for record in found.answer if isinstance(record.data, pycares.TXTRecordData)]
    if domain.proof.encode() in map(bytes.strip, said):
        return Seen.PROOF, None
    return Seen.SOMETHING_ELSE, f"No TXT record at {domain.challenge} says what it should"


async def settle(service: Service, domain: Domain, problem: str | None, now: datetime) -> Domain | None:
    """Writes down what a look has found, and tells it when the domain is verified by it; None when it is gone.

    `VerifiedElsewhereError` when the proof is there and somebody else has it.
    """
    key = (domain.workspace, domain.mode, domain.id)
    if problem is None:
        async with service.transaction() as tx:
            verified = await store_domains.verify_domain(tx, *key, now)
            if verified is not None:
                await outbox.tell(tx, DomainVerified(domain=verified))
                return verified
            return await store_domains.find_domain(tx, *key)
    return await note(service, domain, problem, now)


async def note(service: Service, domain: Domain, problem: str, now: datetime) -> Domain | None:
    """In a transaction of its own: with an idempotency key, a look that has verified nothing leaves nothing else."""
    async with service.database.transaction() as tx:
        return await store_domains.note_problem(tx, domain.workspace, domain.mode, domain.id, problem, now)


async def keep_looking(service: Service) -> None:
    """Looks at claimed domains without being asked: often at first, and after some days no more."""
    settings = service.settings
    await keep_doing(
        "The verification of domains",
        lambda: _look_at_due(service),
        settings.domains_poll_seconds / settings.time_scale,
    )


async def _look_at_due(service: Service) -> None:
    most = service.settings.domains_looks_at_once
    due = await _take_due(service, datetime.now(UTC), most)
    while due:
        ends = await asyncio.gather(*(_look_again(service, domain) for domain in due), return_exceptions=True)
        for error in filter(None, ends):
            raise error
        due = await _take_due(service, datetime.now(UTC), most) if len(due) == most else []


async def _take_due(service: Service, now: datetime, most: int) -> list[Domain]:
    settings = service.settings
    async with service.database.transaction() as tx:
        return await store_domains.take_due(
            tx,
            now,
            most,
            settings.domains_look_seconds / settings.time_scale,
            settings.domains_look_most_seconds / settings.time_scale,
            now - timedelta(seconds=settings.domains_look_for_seconds) / settings.time_scale,
        )


async def _look_again(service: Service, domain: Domain) -> None:
    problem = await look(domain, service.settings)
    try:
        await settle(service, domain, problem, datetime.now(UTC))
    except store_domains.VerifiedElsewhereError:
        await note(service, domain, TAKEN, datetime.now(UTC))
