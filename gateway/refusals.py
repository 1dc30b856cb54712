"""What is answered to a request that never becomes one: too long, too slow, or not HTTP; in its dialect's words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus

from gateway import wire
from gateway.admission import Headers
from gateway.dialects.dialect import Dialect, Word
from shared.faults import Code, Fault


class Refusal(Enum):
    """Status, the kind of fault whose name it bears, and the sentence."""

    MALFORMED = (400, Code.INVALID, "The request is not valid HTTP/1.1")
    HOST = (400, Code.INVALID, "The request needs one Host header")
    LATE_HEAD = (408, Code.INVALID, "The request's headers did not arrive in time")
    LATE_BODY = (408, Code.INVALID, "The request body did not arrive in time")
    TARGET = (414, Code.TOO_LARGE, "The request target is too long")
    HEADERS = (431, Code.TOO_LARGE, "The request has too many headers, or too long ones")
    STARTING = (503, Code.UNAVAILABLE, "The gateway is about to start; please try again in a few seconds")
    FULL = (503, Code.UNAVAILABLE, "The gateway has too many connections; please try again in a few seconds")

    @property
    def status(self) -> int:
        return self.value[0]

    def word(self, dialect: Dialect) -> Word:
        return Word(self.status, dialect.words[self.value[1]].name)


class Words:
    """How each dialect says it; elsewhere it is plain text."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects

    def dialect_at(self, path: str) -> Dialect | None:
        for dialect in self._dialects:
            if path == dialect.prefix or path.startswith(dialect.prefix + "/"):
                return dialect
        return None

    def say(self, refusal: Refusal, path: str) -> tuple[Headers, bytes]:
        """The body of the answer, and the headers that tell what it is."""
        _, code, sentence = refusal.value
        kind, body = b"text/plain; charset=utf-8", sentence.encode()
        dialect = self.dialect_at(path)
        if dialect is not None:
            shown = dialect.render(Fault(code, sentence), refusal.word(dialect), path, datetime.now(UTC))
            kind, body = b"application/json", wire.encode(shown)
        return [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ], body

    def answer(self, refusal: Refusal, path: str, headers: Headers) -> bytes:
        """The whole answer, after which the connection ends."""
        about, body = self.say(refusal, path)
        lines = b"".join([b"%b: %b\r\n" % header for header in (*about, *headers)])
        phrase = HTTPStatus(refusal.status).phrase.encode()
        return b"HTTP/1.1 %d %b\r\n%bconnection: close\r\n\r\n" % (refusal.status, phrase, lines) + body
