"""How a message proves where it comes from: the same HMAC-SHA256 in the headers of two conventions.

What is signed is ``{id}.{timestamp}.{body}``, so neither can be exchanged, and a message that is kept and sent again
later is told by its timestamp. The ``webhook-…`` headers are those of Standard Webhooks.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def headers(signing: Sequence[str], message: str, timestamp: int, topic: str, body: bytes) -> dict[str, str]:
    """``signing`` are the secrets that are good now, the newest first; ``timestamp`` is in Unix seconds."""
    digests = [sign(secret, message, timestamp, body) for secret in signing]
    return {
        "X-Webhook-Id": message,
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Event": topic,
        "X-Webhook-Signature": ",".join(f"sha256={digest.hex()}" for digest in digests),
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def sign(secret: str, message: str, timestamp: int, body: bytes) -> bytes:
    return hmac.digest(_key(secret), f"{message}.{timestamp}.".encode() + body, hashlib.sha256)


def _key(secret: str) -> bytes:
    """The bytes behind ``whsec_``; the text itself is never a key."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not key:
        # An empty key would sign, too, and anybody could make such a signature.
        raise ValueError("A secret is whsec_ and base64")
    return key
