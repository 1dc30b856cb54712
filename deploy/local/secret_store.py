"""The passwords of one stack, its secret key and the demo key, made once and kept in ``secrets.json``."""

import secrets

import msgspec

from deploy.local import private_file
from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble, explained
from shared.contracts import SERVICES


class Secrets(msgspec.Struct, kw_only=True):
    owner_password: str
    nats_password: str
    valkey_password: str
    role_passwords: dict[str, str]  # by service
    demo_password: str
    demo_key: str = ""
    secret_key: str = ""  # what the services seal secrets in the database with


def load(data: DataDir) -> Secrets:
    """The secrets of the stack; made at the first start."""
    known = _read(data)
    kept = known or Secrets(
        owner_password=_password(),
        nats_password=_password(),
        valkey_password=_password(),
        role_passwords={},
        demo_password=_password(),
    )
    missing = [service for service in SERVICES if service not in kept.role_passwords]
    kept.role_passwords |= {service: _password() for service in missing}
    keyless = not kept.secret_key
    if keyless:
        kept.secret_key = _password()
    if known is None or missing or keyless:
        save(data, kept)
    return kept


def save(data: DataDir, kept: Secrets) -> None:
    private_file.write(data.secrets, msgspec.json.format(msgspec.json.encode(kept)))


def _read(data: DataDir) -> Secrets | None:
    with explained(data.secrets):
        if not data.secrets.exists():
            return None
        content = data.secrets.read_bytes()
    try:
        return msgspec.json.decode(content, type=Secrets)
    except msgspec.DecodeError as error:
        raise Trouble(
            f"{data.secrets} cannot be read ({error}): put back the file that belongs to this data"
        ) from error


def _password() -> str:
    # Hexadecimal, so that it needs no escaping in a URL or a configuration file.
    return secrets.token_hex(24)
