"""The whole stack, in the order in which it comes up: servers, migrations, services, gateways, the demo account."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping

import aiohttp
import psutil

from deploy import demo
from deploy.local import leftovers, ports, processes, roll_call, secret_store, servers, state
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.options import Options, patient, read_settings
from deploy.local.panel import Panel
from deploy.local.processes import Surroundings
from deploy.local.servers import ServerSet
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble
from deploy.migrate import migrate
from shared.contracts import SERVICES
from shared.faults import Fault
from shared.settings import variable

_LOOK_SECONDS = 0.05
_AGAIN_SECONDS = 1.0


class Stack:
    """One start of everything. Call `run` and, whatever became of it, `stop`."""

    def __init__(self, data: DataDir, options: Options, environ: Mapping[str, str], console: Console) -> None:
        self.settings = read_settings(environ)
        self.hurry = asyncio.Event()
        self._data = data
        self._options = options
        # Whoever reads along in a terminal reads text more easily; a setting of the operator's own wins.
        self._environ = {variable("log_format"): "text", **environ} if console.for_people else environ
        self._console = console
        self._complaint = ""
        self._again: asyncio.TimerHandle | None = None
        self._open = contextlib.AsyncExitStack()
        self._listener: socket.socket | None = None
        self._watched_at: dict[str, socket.socket] = {}
        self._supervisor: Supervisor | None = None
        self._state = state.State(pid=os.getpid(), create_time=psutil.Process().create_time(), url="")

    async def run(self, panel: Panel) -> None:
        """Brings everything up, shows the panel, and keeps everything running. Ends only by an exception."""
        began = time.monotonic()
        await self._clear_leftovers()
        self._listener = self._listen()
        self._watched_at = ports.listen_in_a_row(
            self.settings.metrics_host, self.settings.metrics_port, processes.names(self._options.workers)
        )
        secrets = secret_store.load(self._data)
        chosen = servers.choose(self.settings, self._data, secrets, self._console)
        self._supervisor = supervisor = Supervisor(
            self._data, self.settings, self._console, self._write_state, self.hurry
        )
        await self._start_servers(supervisor, chosen)
        await self._migrate(chosen, secrets)
        calling = await self._open.enter_async_context(roll_call.connect(chosen.nats_url))
        around = self._surroundings(chosen, self._listener, calling, secrets)
        self._console.say("starting the services …")
        await supervisor.start(processes.services(around))
        self._console.say("starting the gateway …")
        await supervisor.start(processes.gateways(around))
        await self._until_ready()
        key = await self._demo_key(chosen, secrets)
        self._state.ready = True
        self._write_state()
        self._console.say(f"everything serves after {time.monotonic() - began:.1f} s")
        panel.show(self._state.url, key, self._data)
        await supervisor.failed()

    async def stop(self) -> None:
        """Stops whatever runs by now, gateways first. Set ``hurry`` to kill what is still busy."""
        for listener in (self._listener, *self._watched_at.values()):
            if listener:
                listener.close()
        if self._supervisor:
            await self._supervisor.stop()
        await self._open.aclose()
        if self._again:
            self._again.cancel()
        if self._listener:
            # Before that the file was still the earlier start's, and may name what is left of it.
            self._data.state.unlink(missing_ok=True)

    async def _clear_leftovers(self) -> None:
        before = state.read(self._data)
        names = await leftovers.stop(before, self.settings.stop_timeout_seconds) if before else []
        if names:
            self._console.say(f"stopped what an earlier start had left running: {', '.join(names)}")

    def _listen(self) -> socket.socket:
        port = self.settings.listen_port if self._options.port is None else self._options.port
        listener = ports.listen(self.settings.listen_host, port)
        self._state.url = ports.url(listener)
        self._write_state()
        return listener

    async def _start_servers(self, supervisor: Supervisor, chosen: ServerSet) -> None:
        names = ", ".join(part.name for part in chosen.ours)
        self._console.say(f"starting {names} …" if names else "using the servers that the environment names …")
        await asyncio.gather(supervisor.start(chosen.ours), chosen.wait_for_others())

    async def _migrate(self, chosen: ServerSet, secrets: secret_store.Secrets) -> None:
        applied = await migrate(chosen.database_url, secrets.role_passwords, self.settings)
        for service, names in applied.items():
            if names:
                self._console.say(f"migrated {service}: {', '.join(names)}")
        self._state.servers = state.Servers(
            database_url=chosen.database_url,
            nats_url=chosen.nats_url,
            nats_monitor_url=chosen.nats.monitor_url if chosen.nats else "",
            redis_url=chosen.redis_url,
            service_database_urls={
                service: processes.service_database_url(chosen.database_url, service, secrets.role_passwords[service])
                for service in SERVICES
            },
            embedded=[part.name for part in chosen.ours],
        )
        self._write_state()

    async def _demo_key(self, chosen: ServerSet, secrets: secret_store.Secrets) -> str | None:
        try:
            return await demo.ensure(patient(self.settings, chosen.nats_url), self._data, secrets)
        except Fault as fault:
            self._console.say(f"there is no demo key this time: {fault.message}")
            return None

    def _surroundings(
        self,
        chosen: ServerSet,
        listener: socket.socket,
        calling: roll_call.RollCall,
        secrets: secret_store.Secrets,
    ) -> Surroundings:
        return Surroundings(
            environ=self._environ,
            nats_url=chosen.nats_url,
            redis_url=chosen.redis_url,
            service_database_urls=self._state.servers.service_database_urls,
            secret_key=self.settings.secret_key or secrets.secret_key,
            url=self._state.url,
            listener=listener.fileno(),
            workers=self._options.workers,
            journal=self._data.journal,
            roll_call=calling,
            watched_at=self._watched_at,
        )

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + self.settings.local_start_timeout_seconds
        status = 0
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.settings.ask_timeout_seconds)
        ) as http:
            while status != 200:
                if time.monotonic() > deadline:
                    raise Trouble(f"{self._state.url}/readyz answers {status or 'nothing'}; see {self._data.logs}")
                try:
                    async with http.get(f"{self._state.url}/readyz") as reply:
                        status = reply.status
                except (aiohttp.ClientError, OSError, TimeoutError):
                    status = 0
                await asyncio.sleep(0 if status == 200 else _LOOK_SECONDS)

    def _write_state(self) -> None:
        self._state.processes = self._supervisor.processes if self._supervisor else []
        if self._again:
            self._again.cancel()
        try:
            state.write(self._data, self._state)
        except Trouble as trouble:
            # A full disk is no reason to stop serving; the state is written when there is room again.
            self._again = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._write_state)
            if str(trouble) != self._complaint:
                self._complaint = str(trouble)
                self._console.say(self._complaint)
