"""Questions about many links at once: all or nothing, or each for itself, and a word on every one of them.

One transaction holds all of it. Every item has a savepoint of its own, so that one that is refused leaves no trace
and the others can still be tried.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from services.links import changes, store
from shared import ids
from shared.contracts.bulk import Atomicity, OnConflict, Refusal, Result
from shared.contracts.link_fields import LinkEdit, NewLink
from shared.contracts.links import (
    CreateLink,
    CreateLinks,
    DeleteLink,
    DeleteLinks,
    ImportLinks,
    Outcome,
    Outcomes,
    UpdateLink,
    UpdateLinks,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service

ITEMS = 100
IMPORTED = 500
PASSWORDS = 10  # each takes tens of milliseconds to hash

Act = Callable[[Connection], Awaitable[Outcome]]


class _UndoneError(Exception):
    """Something was refused that was to be all or nothing, or it was all for show."""


async def create_links(service: Service, ask: CreateLinks) -> Outcomes:
    _check_count(len(ask.links), "links")
    _check_passwords(ask.links)
    acts = [await _creation(service, ask, link, OnConflict.FAIL) for link in ask.links]
    return await _run(service, acts, ask.atomicity)


async def import_links(service: Service, ask: ImportLinks) -> Outcomes:
    _check_count(len(ask.links), "links", IMPORTED)
    _check_passwords(ask.links)
    acts = [await _creation(service, ask, link, ask.on_conflict) for link in ask.links]
    if ask.dry_run:
        return await _rehearse(service, acts)
    return await _run(service, acts, Atomicity.EACH)


async def update_links(service: Service, ask: UpdateLinks) -> Outcomes:
    named = [edit.id for edit in ask.links]
    _check_count(len(named), "links")
    _check_different(named, "links")
    _check_passwords(ask.links)
    acts = [await _update(service, ask, edit) for edit in ask.links]
    return await _run(service, acts, ask.atomicity, lambda tx: _lock(tx, ask, named))


async def delete_links(service: Service, ask: DeleteLinks) -> Outcomes:
    _check_count(len(ask.ids), "ids")
    _check_different(ask.ids, "ids")
    acts = [_deletion(DeleteLink(workspace=ask.workspace, mode=ask.mode, id=link_id)) for link_id in ask.ids]
    return await _run(service, acts, ask.atomicity, lambda tx: changes.lock(tx, ask.workspace, ask.mode, ask.ids))


async def _creation(service: Service, ask: CreateLinks | ImportLinks, link: NewLink, on_conflict: OnConflict) -> Act:
    fields = msgspec.structs.asdict(link)
    try:
        creation, password_hash = await changes.prepare(
            service, CreateLink(workspace=ask.workspace, mode=ask.mode, **fields)
        )
    except Fault as fault:
        return _refusing(fault)

    async def act(tx: Connection) -> Outcome:
        try:
            created = await changes.create(tx, creation, password_hash)
        except Fault as fault:
            if fault.code is not Code.CONFLICT or on_conflict is OnConflict.FAIL:
                raise
            if on_conflict is OnConflict.SKIP:
                return Outcome(result=Result.SKIPPED)
            if fault.details[0]["field"] != "slug":
                raise
            created = await changes.create(tx, msgspec.structs.replace(creation, slug=None), password_hash)
        return Outcome(result=Result.CREATED, link=created)

    return act


async def _update(service: Service, ask: UpdateLinks, edit: LinkEdit) -> Act:
    fields = msgspec.structs.asdict(edit)
    try:
        update, password_hash = await changes.prepare(
            service, UpdateLink(workspace=ask.workspace, mode=ask.mode, **fields)
        )
    except Fault as fault:
        return _refusing(fault)

    async def act(tx: Connection) -> Outcome:
        return Outcome(result=Result.UPDATED, link=await changes.update(tx, update, password_hash))

    return act


def _deletion(ask: DeleteLink) -> Act:
    async def act(tx: Connection) -> Outcome:
        return Outcome(result=Result.DELETED, link=await changes.delete(tx, ask))

    return act


def _refusing(fault: Fault) -> Act:
    async def act(_: Connection) -> Outcome:
        raise fault

    return act


async def _run(
    service: Service,
    acts: Sequence[Act],
    atomicity: Atomicity,
    lock: Callable[[Connection], Awaitable[None]] | None = None,
) -> Outcomes:
    items: list[Outcome] = []
    try:
        async with service.transaction() as tx:
            if lock is not None:
                await lock(tx)
            for act in acts:
                items.append(await _outcome(tx, act))  # noqa: PERF401 - one after the other, on one connection
            if atomicity is Atomicity.ALL and any(item.result is Result.REFUSED for item in items):
                raise _UndoneError
    except _UndoneError:
        undone = Outcome(result=Result.UNDONE)
        return Outcomes(items=tuple(i if i.result is Result.REFUSED else undone for i in items), done=False)
    return Outcomes(items=tuple(items), done=True)


async def _rehearse(service: Service, acts: Sequence[Act]) -> Outcomes:
    items: list[Outcome] = []
    with contextlib.suppress(_UndoneError):
        async with service.transaction() as tx:
            for act in acts:
                items.append(await _outcome(tx, act))  # noqa: PERF401 - one after the other, on one connection
            raise _UndoneError
    return Outcomes(items=tuple(items), done=False)


async def _lock(tx: Connection, ask: UpdateLinks, named: Sequence[str]) -> None:
    await store.lock_links(tx, ask.workspace, ask.mode, [each for each in named if ids.valid(each)])


async def _outcome(tx: Connection, act: Act) -> Outcome:
    try:
        async with tx.transaction():
            return await act(tx)
    except Fault as fault:
        if fault.code in (Code.UNAVAILABLE, Code.TIMEOUT):
            raise
        refusal = Refusal(code=fault.code, message=fault.message, details=fault.details)
        return Outcome(result=Result.REFUSED, refusal=refusal)


def _check_count(count: int, field: str, most: int = ITEMS) -> None:
    if not 1 <= count <= most:
        raise Fault(Code.INVALID, f"Between 1 and {most} links go at once", field=field)


def _check_different(named: Sequence[str], field: str) -> None:
    if len(set(named)) < len(named):
        raise Fault(Code.INVALID, "Each link is named once", field=field)


def _check_passwords(links: Sequence[NewLink | LinkEdit]) -> None:
    if sum(isinstance(link.password, str) for link in links) > PASSWORDS:
        raise Fault(Code.INVALID, f"At most {PASSWORDS} links with a new password go at once", field="password")
