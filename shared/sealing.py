"""Secrets that must be read again are sealed with a key that is not in the database, so that a dump tells nothing."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Unsealable(Exception):
    """Sealed with another key, or for another place, or tampered with."""


class Sealer:
    """AES-256-GCM. Each ``purpose`` has a key of its own, derived from the operator's one."""

    def __init__(self, secret_key: str, purpose: str) -> None:
        if not secret_key:
            raise ValueError("There is no key to seal with")
        derivation = HKDF(SHA256(), 2 * _KEY_BYTES, salt=None, info=f"waypost {purpose}".encode())
        derived = derivation.derive(secret_key.encode())
        self._cipher = AESGCM(derived[:_KEY_BYTES])
        self._marker = derived[_KEY_BYTES:]

    def seal(self, plain: bytes, place: bytes) -> bytes:
        """``place`` says where the secret belongs; it can be opened nowhere else."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise Unsealable("A sealed secret cannot be opened with this key") from None

    def mark(self, data: bytes) -> bytes:
        """By its mark something is recognised, but without the key nobody can try out what it might have been."""
        return hmac.digest(self._marker, data, hashlib.sha256)
