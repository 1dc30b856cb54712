"""What the operator asks of a running stack. Each answer is one JSON object."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path

import msgspec

from deploy.imports import Import, WantedImport
from deploy.local import secret_store, state
from deploy.local.data_dir import DataDir
from deploy.local.options import patient, read_settings
from deploy.local.processes import HOME, service_database_url, without_password
from deploy.local.state import Phase, Process, Servers
from deploy.local.trouble import Trouble, explained
from deploy.migrate import migrate
from shared import bus as buses
from shared import ids
from shared.bus import Bus
from shared.contracts import SERVICES, accounts
from shared.contracts.accounts import Tier
from shared.settings import Settings, from_files, variable

Answer = dict[str, object]

_CONNECT_SECONDS = 5.0


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    username: str
    email: str
    password: str | None
    tier: Tier


async def create_account(data: DataDir, wanted: NewAccount) -> Answer:
    password = wanted.password or secrets.token_urlsafe(18)
    async with bus_of(data) as bus:
        account = await bus.ask(
            accounts.CreateUser(username=wanted.username, email=wanted.email, password=password, tier=wanted.tier)
        )
    answer: Answer = {
        "id": f"usr_{account.user.id}",
        "username": account.user.username,
        "email": account.user.email,
        "tier": account.workspace.tier,
        "workspace": f"ws_{account.workspace.id}",
    }
    return answer if wanted.password else {**answer, "password": password}


async def import_links(data: DataDir, wanted: WantedImport, say: Callable[[str], None]) -> Answer:
    """``say`` is told of the progress, and of every line that cannot be taken in."""
    async with bus_of(data) as bus:
        return await Import(bus, wanted, data.imports, say).run()


async def migrate_all(data: DataDir) -> Answer:
    """On the database of the stack that runs there, else on the one that the environment names."""
    settings = read_settings(os.environ)
    url = servers_of(data, lambda servers: servers.database_url).database_url
    return {"applied": await migrate(url, _role_passwords(data, settings), settings)}


def rebuild_analytics(data: DataDir, first: date | None, last: date | None) -> Answer:
    """The service's own program does it, as the service's role; what it logs is seen meanwhile."""
    servers = servers_of(data, lambda servers: servers.database_url)
    password = _role_passwords(data, read_settings(os.environ))["analytics"]
    given = {
        "process_name": "analytics-rebuild",
        "log_format": "text",
        "nats_url": servers.nats_url,
        "database_url": service_database_url(servers.database_url, "analytics", password),
    }
    words = [word for name, day in (("--from", first), ("--to", last)) if day for word in (name, day.isoformat())]
    done = subprocess.run(
        [sys.executable, "-m", "services.analytics.rebuild", *words],
        cwd=HOME,
        env={
            **from_files(os.environ),
            variable("database_password"): "",
            **{variable(name): value for name, value in given.items()},
        },
        stdout=subprocess.PIPE,
        check=False,
    )
    if not done.stdout:
        raise Trouble("The roll-ups could not be made anew; the reason is told above")
    answer: Answer = msgspec.json.decode(done.stdout, type=dict[str, object])
    if "error" in answer:
        raise Trouble(str(answer["error"]))
    return answer


def _role_passwords(data: DataDir, settings: Settings) -> Mapping[str, str]:
    """By service: what the operator has laid down, else what the data directory keeps."""
    if not settings.role_password_dir:
        if not data.root.is_dir():
            raise Trouble(
                f"{data.root} is not there, nor are the passwords of the services' roles: name the place of the stack "
                f"with --data DIR, or a directory that holds them with {variable('role_password_dir')}"
            )
        return secret_store.load(data).role_passwords
    folder = Path(settings.role_password_dir)
    passwords = {}
    for service in SERVICES:
        with explained(folder / service):
            passwords[service] = (folder / service).read_text(encoding="utf-8").strip()
        # An empty password would shut the service out, and nobody would learn why.
        if not passwords[service]:
            raise Trouble(f"{folder / service} is empty: it has to hold the password of a role")
    return passwords


def status(data: DataDir) -> Answer:
    running = state.read_running(data)
    servers = running.servers
    addresses = {"postgres": servers.database_url, "nats": servers.nats_url, "valkey": servers.redis_url}
    return {
        "url": running.url,
        "ready": running.ready,
        "pid": running.pid,
        "processes": [_process(process) for process in running.processes],
        "servers": {
            # While the stack starts, neither is known.
            name: {"address": without_password(url) or None, "embedded": name in servers.embedded if url else None}
            for name, url in addresses.items()
        },
    }


def _process(process: Process) -> Answer:
    alive = state.find(process.pid, process.create_time) is not None
    # The supervisor is about to notice what has just died.
    phase = process.state if alive or process.state is not Phase.RUNNING else Phase.RESTARTING
    return {
        "name": process.name,
        "pid": process.pid if alive else None,
        "state": phase,
        "address": process.address,
        "metrics": process.metrics,
    }


@asynccontextmanager
async def bus_of(data: DataDir) -> AsyncIterator[Bus]:
    """Of the stack that runs there, else the one that the environment names."""
    settings = read_settings(os.environ)
    url = servers_of(data, lambda servers: servers.nats_url).nats_url
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                bus = await stack.enter_async_context(buses.connect(patient(settings, url)))
        except TimeoutError:
            raise Trouble("The NATS server does not answer; `waypost status` shows what runs") from None
        yield bus


def servers_of(data: DataDir, needed: Callable[[Servers], str]) -> Servers:
    """Those of the stack that runs there, else those that the environment names; raises `Trouble` without either."""
    try:
        return state.read_running(data).servers
    except Trouble:
        settings = read_settings(os.environ)
        named = Servers(database_url=settings.database_url, nats_url=settings.nats_url)
        if not needed(named):
            raise
        return named


def bare_id(given: str, prefix: str, whose: str) -> str:
    """An id as services know it. Raises `Trouble` when it is none."""
    bare = given.removeprefix(prefix)
    if not ids.valid(bare):
        raise Trouble(f"{given!r} is not the id of {whose}")
    return bare
