"""What the operator has asked for, on the command line and in the environment."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from deploy.local.trouble import Trouble
from shared.destinations import OwnHosts
from shared.settings import FROM_FILE, PREFIX, Settings, SettingsError, from_files, variable

_OPERATOR_ASK_SECONDS = 10.0
_SERVERS = {
    "database_url": (("postgresql", "postgres"), "postgresql://user@host:5432/name"),
    "nats_url": (("nats", "tls"), "nats://user@host:4222"),
    "redis_url": (("redis", "rediss", "unix"), "redis://host:6379/0"),
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    data: Path
    port: int | None  # None: what the settings say
    workers: int


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The operator's settings, which need not name the servers. An empty `nats_url` means a server of our own."""
    try:
        told = from_files(environ)
        named = told.get(variable("nats_url"), "").strip()
        settings = Settings.read({**told, variable("nats_url"): named or "embedded"})
        # Every process would find that out by itself, when half of the stack is up.
        OwnHosts.of(settings)
        for setting, (schemes, example) in _SERVERS.items():
            if (url := told.get(variable(setting), "").strip()) and not _is_address(url, schemes):
                # It may hold a password, so it is not repeated.
                raise SettingsError(
                    f"{variable(setting)}: This is no address of such a server; one looks like {example}"
                )
    except SettingsError as error:
        raise Trouble(str(error)) from error
    return settings if named else msgspec.structs.replace(settings, nats_url="")


def unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence about each variable that looks like a setting and is none."""
    known = {variable(field.name) for field in msgspec.structs.fields(Settings)}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name.removesuffix(FROM_FILE) not in known:
            meant = get_close_matches(name, known, n=1)
            yield f"{name} is no setting and means nothing" + (f"; is it {meant[0]}?" if meant else "")


def _is_address(url: str, schemes: Sequence[str]) -> bool:
    parts = urlsplit(url)
    try:
        # Of several hosts, each may have a port.
        return parts.scheme in schemes and ("," in parts.netloc or parts.port != 0)
    except ValueError:
        return False


def patient(settings: Settings, nats_url: str) -> Settings:
    """For the operator's own questions: hashing a password on a busy machine takes longer than a visitor would wait."""
    return msgspec.structs.replace(settings, nats_url=nats_url, ask_timeout_seconds=_OPERATOR_ASK_SECONDS)
