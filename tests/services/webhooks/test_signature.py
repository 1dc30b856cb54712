"""The public libraries that receivers use verify what is sent, and refuse what somebody has touched."""

import base64
import hashlib
import hmac
import subprocess
import time
from collections.abc import Callable

import pytest
import standardwebhooks
import svix

from services.webhooks import signature
from services.webhooks.attempt import Courier, Message
from shared.settings import Settings
from tests.services.webhooks.receiver import receiving
from tests.services.webhooks.test_guard import LOOPBACK

# Raises when a message is not what it claims to be.
Verify = Callable[[str, bytes, dict[str, str]], None]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTORS = [
    # id, timestamp, body, base64 of the signature; the first is the example that Standard Webhooks gives
    (
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
]


def with_standard_webhooks(secret: str, body: bytes, headers: dict[str, str]) -> None:
    standardwebhooks.Webhook(secret).verify(body, headers)


def with_svix(secret: str, body: bytes, headers: dict[str, str]) -> None:
    svix.Webhook(secret).verify(body, headers)


def with_hex(secret: str, body: bytes, headers: dict[str, str]) -> None:
    """What the documentation of this header tells receivers to do."""
    signed = f"{headers['x-webhook-id']}.{headers['x-webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "sha256=" + hmac.new(key, signed, hashlib.sha256).hexdigest()
    if abs(time.time() - int(headers["x-webhook-timestamp"])) > 300:
        raise ValueError("too old")
    if not any(hmac.compare_digest(expected, given) for given in headers["x-webhook-signature"].split(",")):
        raise ValueError("no signature fits")


VERIFIERS = [with_standard_webhooks, with_svix, with_hex]


def signed(*secrets: str, message: str = "msg_1", at: float | None = None, body: bytes = b'{"a":1}') -> dict[str, str]:
    headers = signature.headers(secrets, message, int(time.time() if at is None else at), "link.created", body)
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize(("message", "timestamp", "body", "expected"), VECTORS)
def test_vectors(message: str, timestamp: int, body: bytes, expected: str) -> None:
    headers = signature.headers([SECRET], message, timestamp, "link.created", body)
    assert headers == {
        "X-Webhook-Id": message,
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Event": "link.created",
        "X-Webhook-Signature": f"sha256={base64.b64decode(expected).hex()}",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{expected}",
    }


def test_openssl_comes_to_the_same_signature() -> None:
    message, timestamp, body, expected = VECTORS[0]
    key = base64.b64decode(SECRET.removeprefix("whsec_")).hex()
    answer = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}"],
        input=f"{message}.{timestamp}.".encode() + body, capture_output=True, check=True,
    )  # fmt: skip
    assert answer.stdout.split()[-1].decode() == base64.b64decode(expected).hex()


@pytest.mark.parametrize("verify", VERIFIERS)
def test_a_message_is_verified_with_any_secret_that_signed_it(verify: Verify) -> None:
    new, former = signature.new_secret(), signature.new_secret()
    headers = signed(new, former)
    verify(new, b'{"a":1}', headers)
    verify(former, b'{"a":1}', headers)
    with pytest.raises(Exception, match=r"(?i)signature"):
        verify(signature.new_secret(), b'{"a":1}', headers)


@pytest.mark.parametrize("verify", VERIFIERS)
@pytest.mark.parametrize("touched", ["body", "id", "timestamp", "signature"])
def test_what_was_touched_is_refused(verify: Verify, touched: str) -> None:
    secret, now = signature.new_secret(), time.time()
    headers, body = signed(secret, at=now), b'{"a":1}'
    other = signed(secret, message="msg_2", at=now - 1, body=b'{"a":2}')
    if touched == "body":
        body = b'{"a":2}'
    else:
        headers |= {name: value for name, value in other.items() if name.endswith(touched)}
    with pytest.raises(Exception, match=r"(?i)signature"):
        verify(secret, body, headers)


@pytest.mark.parametrize("verify", VERIFIERS)
@pytest.mark.parametrize("seconds", [-600, 600])
def test_a_message_of_another_time_is_refused(verify: Verify, seconds: int) -> None:
    secret = signature.new_secret()
    with pytest.raises(Exception, match="too"):
        verify(secret, b'{"a":1}', signed(secret, at=time.time() + seconds))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        signature.sign(secret, "msg_1", 0, b"")


@pytest.mark.parametrize("body", [b"{}", '{"a":"äöü ☃ 😀"}'.encode(), b'{"a":"' + b"x" * 100_000 + b'"}'])
async def test_what_goes_over_the_wire_is_verified(body: bytes) -> None:
    secrets = (signature.new_secret(), signature.new_secret())
    settings = Settings(nats_url="nats://127.0.0.1", webhook_allow_cidrs=LOOPBACK)
    async with receiving() as receiver, Courier(settings) as courier:
        sent = Message(id="msg_1", topic="link.clicked", url=receiver.url, body=body, headers={}, secrets=secrets)
        assert (await courier.carry(sent)).delivered
        received = receiver.received[0]
        assert received.body == body
    assert received.headers["x-webhook-event"] == "link.clicked"
    for verify in VERIFIERS:
        for secret in secrets:
            verify(secret, received.body, received.headers)
