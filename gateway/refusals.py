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

    @property
    def status(self) -> int:
        return self.value[0]


class Words:
    """How each dialect says it; elsewhere it is plain text."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects

    def dialect_of(self, target: bytes) -> Dialect | None:
        """``target`` is as much of it as has arrived."""
        path = _path(target)
        for dialect in self._dialects:
            if path == dialect.prefix or path.startswith(dialect.prefix + "/"):
                return dialect
        return None

    def answer(self, refusal: Refusal, target: bytes, headers: Headers) -> bytes:
        """The whole answer, after which the connection ends."""
        status, code, sentence = refusal.value
        kind, body = b"text/plain; charset=utf-8", sentence.encode()
        dialect = self.dialect_of(target)
        if dialect is not None:
            word = Word(status, dialect.words[code].name)
            shown = dialect.render(Fault(code, sentence), word, _path(target), datetime.now(UTC))
            kind, body = b"application/json", wire.encode(shown)
        head = (
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
            b"%bconnection: close\r\n\r\n"
        )
        more = b"".join([b"%b: %b\r\n" % header for header in headers])
        return head % (status, HTTPStatus(status).phrase.encode(), kind, len(body), more) + body


def _path(target: bytes) -> str:
    return target.partition(b"?")[0].decode("latin-1")
