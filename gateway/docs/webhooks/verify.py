import base64
import hashlib
import hmac
import re
import time

TOLERANCE_SECONDS = 300


def verify(secret: str, message_id: str, timestamp: str, signature: str, body: bytes) -> bool:
    """Was this sent by who knows the secret, and just now?

    Take the body as it has arrived, before it is parsed.
    """
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode(errors="replace") + body
    expected = "sha256=" + hmac.new(key, signed, hashlib.sha256).hexdigest()
    # While a secret is being changed there are two signatures, with a comma between.
    signatures = signature.encode(errors="replace").split(b",")
    return any(hmac.compare_digest(expected.encode(), each) for each in signatures)
