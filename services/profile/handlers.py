"""What can be asked of profiles."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from services.profile import fields, looks, store
from services.profile.templates import TEMPLATES
from services.profile.themes import DEFAULT_THEME
from shared import outbox
from shared.contracts.accounts import Account, FindUser, GetWorkspace
from shared.contracts.modes import Mode
from shared.contracts.profile import (
    ApplyTemplate,
    Follow,
    GetProfile,
    GetPublicProfile,
    ListTemplates,
    Profile,
    ProfileUpdated,
    PublicProfile,
    RecordViews,
    Templates,
    Unfollow,
    UpdateProfile,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service, whole, write


async def get_profile(service: Service, ask: GetProfile) -> Profile:
    return await _own(service, ask.workspace, ask.mode)


async def get_public_profile(service: Service, ask: GetPublicProfile) -> PublicProfile:
    profile = await _named(service, ask.username, Mode.LIVE)
    return PublicProfile(profile=profile, theme=looks.theme_of(profile))


async def update_profile(service: Service, ask: UpdateProfile) -> Profile:
    wanted = fields.checked(ask)
    return await _change(service, ask.workspace, ask.mode, lambda profile: fields.applied(profile, wanted))


async def list_templates(service: Service, ask: ListTemplates) -> Templates:  # noqa: ARG001 - data, the same for all
    return Templates(templates=tuple(TEMPLATES.values()))


async def apply_template(service: Service, ask: ApplyTemplate) -> Profile:
    template = TEMPLATES.get(ask.template)
    if template is None:
        raise Fault(Code.NOT_FOUND, "There is no such template")
    return await _change(service, ask.workspace, ask.mode, lambda profile: looks.apply(profile, template))


async def follow(service: Service, ask: Follow) -> Profile:
    own, other = await _own(service, ask.workspace, ask.mode), await _named(service, ask.username, ask.mode)
    if own.workspace == other.workspace:
        raise Fault(Code.IMPOSSIBLE, "Nobody follows themselves", field="username")
    async with service.transaction() as tx:
        await store.lock_pair(tx, own.workspace, other.workspace, ask.mode)
        if await store.insert_follow(tx, own.workspace, ask.mode, other.workspace):
            await store.update_counters(tx, own.workspace, ask.mode, other.workspace, 1)
        return await _kept(tx, ask.workspace, ask.mode)


async def unfollow(service: Service, ask: Unfollow) -> Profile:
    own, other = await _own(service, ask.workspace, ask.mode), await _named(service, ask.username, ask.mode)
    async with service.transaction() as tx:
        await store.lock_pair(tx, own.workspace, other.workspace, ask.mode)
        if await store.delete_follow(tx, own.workspace, ask.mode, other.workspace):
            await store.update_counters(tx, own.workspace, ask.mode, other.workspace, -1)
        return await _kept(tx, ask.workspace, ask.mode)


async def record_views(tx: Connection, ask: RecordViews) -> None:
    await store.update_views(tx, ask.totals)


async def _own(service: Service, workspace: str, mode: Mode) -> Profile:
    """The profile of a workspace, made when this is the first look at it."""
    async with service.database.connection() as db:
        profile = await store.find_profile(db, workspace, mode)
    return profile or await _make(service, await service.bus.ask(GetWorkspace(workspace=workspace)), mode)


async def _named(service: Service, username: str, mode: Mode) -> Profile:
    """The profile of a user, made when this is the first look at it."""
    if not username.isprintable():
        raise Fault(Code.NOT_FOUND, f"There is no user {username!r}", field="username")
    async with service.database.connection() as db:
        profile = await store.find_profile_by_username(db, mode, username.lower())
    return profile or await _make(service, await service.bus.ask(FindUser(username=username)), mode)


async def _make(service: Service, account: Account, mode: Mode) -> Profile:
    now = datetime.now(UTC)
    profile = Profile(
        workspace=account.workspace.id,
        mode=mode,
        user=account.user.id,
        username=account.user.username,
        name=account.user.username,
        theme=DEFAULT_THEME,
        layout=looks.DEFAULT_LAYOUT,
        sections=looks.DEFAULT_SECTIONS,
        created_at=now,
        updated_at=now,
    )
    async with service.database.connection() as db:
        return await store.insert_profile(db, profile) or await _kept(db, profile.workspace, mode)


async def _change(service: Service, workspace: str, mode: Mode, change: Callable[[Profile], Profile]) -> Profile:
    """One change at a time; one that changes nothing is not told."""
    await _own(service, workspace, mode)
    async with service.transaction() as tx:
        profile = await store.find_profile_for_update(tx, workspace, mode)
        assert profile
        changed = change(profile)
        if changed == profile:
            return profile
        changed = msgspec.structs.replace(changed, updated_at=datetime.now(UTC))
        await store.update_profile(tx, changed)
        await outbox.tell(tx, ProfileUpdated(profile=changed))
    return changed


async def _kept(db: Connection, workspace: str, mode: Mode) -> Profile:
    profile = await store.find_profile(db, workspace, mode)
    assert profile
    return profile


HANDLERS = (
    whole(get_profile),
    whole(get_public_profile),
    whole(update_profile),
    whole(list_templates),
    whole(apply_template),
    whole(follow),
    whole(unfollow),
    write(record_views),
)
