"""`waypost webhook listen` by itself, and at a stack that sends nothing to the machine it runs on."""

import http.client
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from multidict import CIMultiDict

from deploy.webhook_receiver import key_of, problem_of
from services.webhooks import signature
from tests.deploy.command import Up, answer, waypost
from tests.deploy.listener import Listener

ID, BODY = "msg_02FvM8kQ7yZtLw3RbXc5Na", '{"title":"Größe"}'.encode()


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code


def signed(*secrets: str, body: bytes = BODY, at: float | None = None) -> dict[str, str]:
    return signature.headers(secrets, ID, int(at or time.time()), "link.created", body)


def test_what_arrives_is_shown_in_one_line_and_verified(tmp_path: Path) -> None:
    secret = signature.new_secret()
    with Listener(tmp_path, "--secret", "-", stdin=f"{secret}\n") as listener:
        url = listener.wait_until_listening()
        assert post(url, BODY, signed(secret)) == 204
        assert post(url, BODY, signed(signature.new_secret(), secret)) == 204
        assert post(url, BODY + b" ", signed(secret)) == 401
        assert post(url, b"\xff not JSON", signed(signature.new_secret())) == 401
        assert listener.stop() == 0
    good, both, changed, foreign = listener.shown()
    assert good == {
        "event": "link.created",
        "id": ID,
        "at": good["at"],
        "verified": True,
        "problem": None,
        "body": {"title": "Größe"},
    }
    assert both["verified"] is True
    assert changed["verified"] is foreign["verified"] is False
    assert "changed on its way" in changed["problem"]
    assert foreign["body"] == "\ufffd not JSON"
    assert secret not in listener.said
    assert "WAYPOST_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8,::1/128 waypost up" in listener.said


def test_without_a_secret_nothing_is_verified_and_it_says_so(tmp_path: Path) -> None:
    with Listener(tmp_path) as listener:
        url = listener.wait_until_listening()
        assert post(url, BODY, signed(signature.new_secret())) == 204
        assert listener.stop(signal.SIGTERM) == 0
    assert [each["verified"] for each in listener.shown()] == [None]
    assert "without --secret, nothing can be verified" in listener.said


def test_only_what_is_posted_is_a_delivery(tmp_path: Path) -> None:
    with Listener(tmp_path) as listener:
        host, _, port = listener.wait_until_listening().removeprefix("http://").rstrip("/").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 405
        connection.close()
    assert listener.shown() == []


def test_what_cannot_be_trusted_is_told_apart() -> None:
    secret, now = signature.new_secret(), time.time()
    key = key_of(secret)
    assert key
    headers = CIMultiDict(signed(secret, at=now))

    def problem(body: bytes = BODY, **changed: str) -> str | None:
        names = {"id": "X-Webhook-Id", "timestamp": "X-Webhook-Timestamp", "signature": "X-Webhook-Signature"}
        return problem_of(
            CIMultiDict({**headers, **{names[name]: value for name, value in changed.items()}}), body, key, now
        )

    assert problem() is None
    assert problem(signature="") == problem(id="") == "It is not signed"
    assert problem(timestamp="") == problem(timestamp="soon") == "It does not say when it was sent"
    for other in ("0", str(int(now) - 301), str(int(now) + 302)):
        assert "five minutes" in str(problem(timestamp=other))
    for changed in (
        problem(b""),
        problem(id=f"{ID}\udcff"),
        problem(signature="sha256=\udcff"),
        problem(id="msg_1"),
        problem(timestamp=str(int(now) + 1)),
        problem(signature="sha256=00"),
    ):
        assert "another secret" in str(changed)


def test_a_mistake_is_told_in_a_sentence(tmp_path: Path) -> None:
    for wrong in ("whsec_", "whsec_ä", "MDEyMw==", "whsec_MDEyM"):
        done = waypost("webhook", "listen", "--secret", wrong)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("waypost: This is no secret")
        assert len(done.stderr.splitlines()) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = waypost("webhook", "listen", "--port", str(taken.getsockname()[1]))
        assert done.returncode == 1
        assert "is taken" in done.stderr
    assert waypost("webhook", "listen", "--secret", "-", "--username", "ada").returncode == 2
    assert "No stack runs" in waypost("webhook", "listen", "--username", "ada", "--data", str(tmp_path)).stderr


def test_by_default_no_stack_sends_to_its_own_machine_and_the_way_to_change_that_is_told(tmp_path: Path) -> None:
    with Up(tmp_path / "stack") as up:
        up.wait_until_ready()
        at = ("--data", str(up.data))
        answer("account", "create", "--username", "ada", "--email", "ada@example.org", *at)
        done = waypost("webhook", "listen", "--username", "ada", *at)
        assert (done.returncode, done.stdout) == (1, "")
        assert "not public" in done.stderr
        assert "WAYPOST_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8,::1/128 waypost up" in done.stderr
