"""What the operator has asked for, on the command line and in the environment."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from deploy.local.trouble import Trouble
from shared.settings import Settings, SettingsError, from_files, variable

_OPERATOR_ASK_SECONDS = 10.0


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
    except SettingsError as error:
        raise Trouble(str(error)) from error
    return settings if named else msgspec.structs.replace(settings, nats_url="")


def patient(settings: Settings, nats_url: str) -> Settings:
    """For the operator's own questions: hashing a password on a busy machine takes longer than a visitor would wait."""
    return msgspec.structs.replace(settings, nats_url=nats_url, ask_timeout_seconds=_OPERATOR_ASK_SECONDS)
