"""The test vectors of the guide, and its code in every language that this machine speaks, on good and on bad input."""

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from gateway.docs.webhooks.page import FOLDER, LANGUAGES, Vector, vectors
from services.webhooks import signature

SECRET, FORMER = signature.new_secret(), signature.new_secret()
ID = "msg_02FvM8kQ7yZtLw3RbXc5Na"
BODY = '{"title":"Größe 👋","n":1}\n'.encode()


class Delivery(NamedTuple):
    """What the code is given: the secret that its user has, and what has arrived."""

    secret: str
    id: str
    timestamp: str
    signature: str
    body: bytes


def delivery(*, age: int = 0, signing: tuple[str, ...] = (SECRET,), body: bytes = BODY) -> Delivery:
    headers = signature.headers(signing, ID, int(time.time()) - age, "webhook.test", body)
    return Delivery(SECRET, ID, headers["X-Webhook-Timestamp"], headers["X-Webhook-Signature"], body)


def good() -> dict[str, Delivery]:
    return {
        "as it comes": delivery(),
        "an empty body": delivery(body=b""),
        "bytes of all kinds": delivery(body=bytes(range(256)) * 400),
        "signed by the secret and the one before": delivery(signing=(SECRET, FORMER)),
        "signed by a newer secret too": delivery(signing=(FORMER, SECRET)),
        "four minutes old": delivery(age=240),
        "by a clock that is ahead": delivery(age=-240),
    }


def bad() -> dict[str, Delivery]:
    right = delivery()
    longer = {char: right.timestamp + char for char in (" ", "\n", "x")}
    return {
        "another body": right._replace(body=BODY.replace(b"1", b"2")),
        "a body with one byte more": right._replace(body=BODY + b"\n"),
        "no body": right._replace(body=b""),
        "another id": right._replace(id=ID.replace("Na", "Nb")),
        "another time": right._replace(timestamp=str(int(right.timestamp) + 1)),
        "another secret": right._replace(secret=FORMER),
        "the text of the secret as the key": right._replace(
            secret="whsec_" + base64.b64encode(SECRET.encode()).decode()
        ),
        "signed by another secret": delivery(signing=(FORMER,))._replace(secret=SECRET),
        "six minutes old": delivery(age=360),
        "six minutes ahead": delivery(age=-360),
        "no signature": right._replace(signature=""),
        "half a signature": right._replace(signature=right.signature[:40]),
        "a signature with something behind it": right._replace(signature=right.signature + "00"),
        "a signature without its kind": right._replace(signature=right.signature.removeprefix("sha256=")),
        "a signature of another kind": right._replace(signature=right.signature.replace("sha256", "sha1")),
        "a signature that is no text": right._replace(signature=right.signature + "\udcff"),
        "an id that is no text": right._replace(id=ID + "\udcff"),
        "a time that is no text": right._replace(timestamp=right.timestamp + "\udcff"),
        "nothing but commas": right._replace(signature=",,,"),
        "no time": right._replace(timestamp=""),
        "a time in words": right._replace(timestamp="now"),
        "a time without end": right._replace(timestamp="9" * 5000),
        **{f"a time with {char!r} behind it": right._replace(timestamp=text) for char, text in longer.items()},
    }


def by_python(given: Delivery) -> list[str]:
    code = "import sys; from verify import verify; sys.exit(not verify(*sys.argv[1:], sys.stdin.buffer.read()))"
    return [sys.executable, "-c", code, *given[:4]]


def by_javascript(given: Delivery) -> list[str]:
    code = (
        "const { verify } = require('./verify.js');"
        "process.exit(verify(...process.argv.slice(1), require('node:fs').readFileSync(0)) ? 0 : 1)"
    )
    return ["node", "-e", code, "--", *given[:4]]


def by_php(given: Delivery) -> list[str]:
    code = "require 'verify.php'; exit(verify(...array_slice($argv, 1), body: stream_get_contents(STDIN)) ? 0 : 1);"
    return ["php", "-r", code, "--", *given[:4]]


def by_ruby(given: Delivery) -> list[str]:
    return ["ruby", "-r", "./verify.rb", "-e", "exit(verify(*ARGV, STDIN.binmode.read))", "--", *given[:4]]


def by_shell(given: Delivery) -> list[str]:
    return ["sh", "verify.sh", *given[:4]]


TRIED: dict[str, Callable[[Delivery], list[str]]] = {
    "Python": by_python,
    "JavaScript": by_javascript,
    "PHP": by_php,
    "Ruby": by_ruby,
    "Shell": by_shell,
}


def says(argv: list[str], body: bytes) -> bool:
    done = subprocess.run(argv, cwd=FOLDER, input=body, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) in ((0, b""), (1, b"")), done.stderr.decode()
    return done.returncode == 0


@pytest.mark.parametrize("language", TRIED)
def test_the_code_takes_what_is_good_and_refuses_what_is_not(language: str) -> None:
    command = TRIED[language]
    if shutil.which(command(delivery())[0]) is None:
        pytest.skip(f"there is no {language} on this machine")
    assert {name: says(command(given), given.body) for name, given in good().items()} == dict.fromkeys(good(), True)
    assert {name: says(command(given), given.body) for name, given in bad().items()} == dict.fromkeys(bad(), False)


GO = """package webhook

import (
	"os"
	"testing"
	"encoding/json"
)

type given struct {
	Secret, ID, Timestamp, Signature string
	Body []byte
	Good bool
}

func TestVerify(t *testing.T) {
	var all map[string]given
	content, _ := os.ReadFile("cases.json")
	if err := json.Unmarshal(content, &all); err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	for name, it := range all {
		if Verify(it.Secret, it.ID, it.Timestamp, it.Signature, it.Body) != it.Good {
			t.Error(name)
		}
	}
}
"""


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go on this machine")
def test_the_code_in_go_does_so_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("go")
    (folder / "go.mod").write_text("module webhook\n\ngo 1.19\n")
    (folder / "verify.go").write_bytes((FOLDER / "verify.go").read_bytes())
    (folder / "verify_test.go").write_text(GO)

    def run(*argv: str) -> None:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    # It is translated first, which may take minutes, and what is signed is good for five.
    run("go", "test", "-c", "-o", "verify.test")
    cases = {
        name: given._asdict() | {"body": base64.b64encode(given.body).decode(), "good": is_good}
        for is_good, all_of_them in ((True, good()), (False, bad()))
        for name, given in all_of_them.items()
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    run("./verify.test")


def test_every_language_is_tried() -> None:
    assert {*TRIED, "Go"} == set(LANGUAGES)


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)
def test_the_vectors_are_what_is_sent(vector: Vector) -> None:
    headers, body = vector.headers, vector.body.encode()
    timestamp = int(headers["X-Webhook-Timestamp"])
    made = signature.headers(vector.secrets, headers["X-Webhook-Id"], timestamp, headers["X-Webhook-Event"], body)
    assert made == headers


def test_the_vectors_show_a_change_of_secrets() -> None:
    assert {len(vector.secrets) for vector in vectors()} == {1, 2}
