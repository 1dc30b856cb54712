"""Our own processes: the services and the gateway's workers, and what each of them may know."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from deploy.local import ports
from deploy.local.child import Command
from deploy.local.part import Part
from deploy.local.roll_call import RollCall
from shared.contracts import SERVICES
from shared.migrations import role_of
from shared.settings import from_files, variable

# Where `services` and `gateway` are found, whatever directory the operator stands in.
HOME = Path(__file__).resolve().parents[2]
_SECRET = {
    variable(name)
    for name in (
        "database_url",
        "database_password",
        "redis_url",
        "redis_password",
        "nats_password",
        "secret_key",
        "role_password_dir",
    )
}


class OurProcess(Part):
    """``module`` is run as a program; it is ready when it answers the roll call under ``service``."""

    def __init__(
        self,
        name: str,
        *,
        module: str,
        service: str,
        environ: Mapping[str, str],
        roll_call: RollCall,
        watched_at: socket.socket,
        address: str | None = None,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self._module = module
        self._service = service
        self._environ = environ
        self._roll_call = roll_call
        self._address = address
        self._descriptors = (*descriptors, watched_at.fileno())
        self._metrics = f"{ports.url(watched_at)}/metrics"

    @property
    def address(self) -> str | None:
        return self._address

    @property
    def metrics(self) -> str | None:
        return self._metrics

    def command(self) -> Command:
        return Command(
            argv=(sys.executable, "-m", self._module),
            environ=self._environ,
            directory=HOME,
            descriptors=self._descriptors,
        )

    async def answers(self) -> bool:
        return await self._roll_call.hears(self._service, self.name)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is the same for all of our processes."""

    environ: Mapping[str, str]  # the operator's
    nats_url: str
    redis_url: str
    service_database_urls: Mapping[str, str]
    secret_key: str
    url: str
    listener: int
    workers: int
    journal: Path
    roll_call: RollCall
    watched_at: Mapping[str, socket.socket]  # by the names of the processes


def names(workers: int) -> list[str]:
    """Of all our processes."""
    return [*SERVICES, *_gateway_names(workers)]


def services(around: Surroundings) -> list[Part]:
    return [
        OurProcess(
            name,
            module=f"services.{name}",
            service=name,
            environ=_environ(
                around, name, database_url=around.service_database_urls[name], secret_key=around.secret_key
            ),
            roll_call=around.roll_call,
            watched_at=around.watched_at[name],
        )
        for name in SERVICES
    ]


def gateways(around: Surroundings) -> list[Part]:
    return [_gateway(around, name) for name in _gateway_names(around.workers)]


def _gateway_names(workers: int) -> list[str]:
    return [f"gateway-{number}" for number in range(1, workers + 1)]


def service_database_url(owner_url: str, service: str, password: str) -> str:
    """The owner's URL with the service's own role in it."""
    parts = urlsplit(owner_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role_of(service)}:{quote(password, safe='')}@{place}"))


def without_password(url: str) -> str:
    """A server's URL as it may be shown: its credentials are left out, and its options, which may hold some."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _gateway(around: Surroundings, name: str) -> Part:
    environ = _environ(
        around,
        name,
        redis_url=around.redis_url,
        listen_fd=str(around.listener),
        gateway_workers=str(around.workers),
        # One root for all workers, so that whatever one of them leaves behind is shipped by another.
        journal_dir=str(around.journal),
    )
    return OurProcess(
        name,
        module="gateway",
        service="gateway",
        environ=environ,
        roll_call=around.roll_call,
        watched_at=around.watched_at[name],
        address=around.url,
        descriptors=(around.listener,),
    )


def _environ(around: Surroundings, name: str, **given: str) -> dict[str, str]:
    # The owner's database, the counters' server and the secret key are nobody's business but those who are given them.
    inherited = {key: value for key, value in from_files(around.environ).items() if key not in _SECRET}
    public_url = inherited.get(variable("public_url"), "").strip() or around.url
    inherited.setdefault(variable("log_format"), "text")
    given["metrics_fd"] = str(around.watched_at[name].fileno())
    own = {"process_name": name, "nats_url": around.nats_url, "public_url": public_url, **given}
    return {"PATH": os.defpath, **inherited, **{variable(key): value for key, value in own.items()}}
