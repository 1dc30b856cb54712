"""The secrets of endpoints as they are kept: each sealed for its endpoint, so that it opens nothing for another one."""

from collections.abc import Sequence

import msgspec

from shared.contracts.webhooks import Header
from shared.sealing import Sealer

HINT_LENGTH = 4

_headers = msgspec.json.Decoder(tuple[Header, ...])


def hint(secret: str) -> str:
    """How it ends, which all that are made here do with ``=``."""
    return secret[-HINT_LENGTH:]


class Vault:
    """Opens what it has sealed; anything else raises `shared.sealing.Unsealable`."""

    def __init__(self, secret_key: str) -> None:
        self._sealer = Sealer(secret_key, "webhooks")

    def seal_secret(self, endpoint: str, secret: str) -> bytes:
        return self._sealer.seal(secret.encode(), b"secret " + endpoint.encode())

    def open_secret(self, endpoint: str, sealed: bytes) -> str:
        return self._sealer.open(sealed, b"secret " + endpoint.encode()).decode()

    def seal_headers(self, endpoint: str, headers: Sequence[Header]) -> bytes:
        return self._sealer.seal(msgspec.json.encode(headers), b"headers " + endpoint.encode())

    def open_headers(self, endpoint: str, sealed: bytes) -> tuple[Header, ...]:
        return _headers.decode(self._sealer.open(sealed, b"headers " + endpoint.encode()))
