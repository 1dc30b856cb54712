"""The account that a new stack can be tried out with."""

import hashlib

from deploy.local import secret_store
from deploy.local.data_dir import DataDir
from deploy.local.secret_store import Secrets
from shared import bus as buses
from shared.bus import Bus
from shared.contracts import accounts, keys
from shared.contracts.accounts import Account, Tier
from shared.faults import Code, Fault
from shared.settings import Settings

USERNAME = "demo"
_EMAIL = "demo@waypost.invalid"
_KEY_NAME = "Demo"


async def ensure(settings: Settings, data: DataDir, secrets: Secrets) -> str:
    """A valid key of the demo account: the one shown before, or a new one when that is revoked or lost.

    Raises the `Fault` of whoever refuses, such as FORBIDDEN when the account has as many keys as it may.
    """
    async with buses.connect(settings) as bus:
        if secrets.demo_key and await _is_valid(bus, secrets.demo_key):
            return secrets.demo_key
        account = await _account(bus, secrets.demo_password)
        made = await bus.ask(keys.CreateKey(workspace=account.workspace.id, user=account.user.id, name=_KEY_NAME))
    secrets.demo_key = made.secret
    secret_store.save(data, secrets)
    return made.secret


async def _is_valid(bus: Bus, key: str) -> bool:
    check = await bus.ask(keys.CheckKey(digest=hashlib.sha256(key.encode()).digest()))
    return check.verdict is not None


async def _account(bus: Bus, password: str) -> Account:
    try:
        return await bus.ask(accounts.CreateUser(username=USERNAME, email=_EMAIL, password=password, tier=Tier.CREATOR))
    except Fault as fault:
        if fault.code is not Code.CONFLICT:
            raise
    return await bus.ask(accounts.FindUser(username=USERNAME))
