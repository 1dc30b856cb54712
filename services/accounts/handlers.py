"""What can be asked of accounts."""

from services.accounts import store, usernames
from shared import ids, outbox, passwords
from shared.contracts.accounts import (
    Account,
    CreateUser,
    FindUser,
    GetWorkspace,
    SetTier,
    UserCreated,
    Workspace,
    WorkspaceChanged,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service, read, whole, write


async def create_user(service: Service, ask: CreateUser) -> Account:
    username = usernames.check(ask.username)
    email = usernames.check_email(ask.email)
    passwords.check(ask.password, shortest=8)
    # Hashing takes tens of milliseconds, so it is done before the transaction begins.
    password_hash = await passwords.hash_of(ask.password)
    async with service.transaction() as tx:
        row = await store.insert_user(tx, ids.new(), username, email, password_hash)
        if row is None:
            raise await _taken(tx, username)
        user = store.user_from(row)
        workspace = await store.insert_workspace(tx, ids.new(), username, ask.tier, user.id)
        account = Account(user=user, workspace=workspace)
        await outbox.tell(tx, UserCreated(account=account))
        return account


async def find_user(db: Connection, ask: FindUser) -> Account:
    account = await store.find_account_by_username(db, ask.username) if usernames.possible(ask.username) else None
    if account is None:
        raise Fault(Code.NOT_FOUND, f"There is no user {ask.username!r}", field="username")
    return account


async def get_workspace(db: Connection, ask: GetWorkspace) -> Account:
    account = await store.find_account_by_workspace(db, ask.workspace)
    if account is None:
        raise Fault(Code.NOT_FOUND, "There is no such workspace")
    return account


async def set_tier(tx: Connection, ask: SetTier) -> Workspace:
    workspace = await store.update_tier(tx, ask.workspace, ask.tier)
    if workspace is None:
        raise Fault(Code.NOT_FOUND, "There is no such workspace")
    await outbox.tell(tx, WorkspaceChanged(workspace=workspace))
    return workspace


async def _taken(tx: Connection, username: str) -> Fault:
    field = "username" if await store.username_taken(tx, username) else "email"
    return Fault(Code.CONFLICT, f"This {field} is taken", field=field)


HANDLERS = (whole(create_user), read(find_user), read(get_workspace), write(set_tier))
