"""Logs on stderr, a line each: JSON for machines, plain text for people. The request's id is in every line."""

import logging
import sys
import time
import traceback

import msgspec

from shared.context import request_id
from shared.settings import Settings
from shared.tracing import TRACING

_encoder = msgspec.json.Encoder()
# What a record has of itself, and what stands in a line whatever a field of somebody's is called.
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_OWN_FIELDS |= {"time", "level", "logger", "request", "trace", "exception"}
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}


class JsonFormatter(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := request_id.get():
            line["request"] = request
        if TRACING.spans and (trace := TRACING.spans.trace_id()):
            line["trace"] = trace
        line |= {name: value for name, value in record.__dict__.items() if name not in _OWN_FIELDS}
        if record.exc_info and record.exc_info[0]:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return _encoder.encode({name: _plain(value) for name, value in line.items()}).decode()


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        # Words of strangers get into messages, and a terminal obeys control characters.
        record.message = record.message.translate(_CONTROLS)
        line = super().formatMessage(record)
        request = request_id.get()
        return f"{line}  [{request}]" if request else line


def set_up(settings: Settings) -> None:
    """Once per process, before anything else speaks."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(settings.process_name) if settings.log_format == "json" else TextFormatter(),
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # Both report every failed attempt to connect; the bus and the database tell of the changes that matter.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    logging.getLogger("asyncpg").setLevel(logging.ERROR)


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


def _plain(value: object) -> object:
    if isinstance(value, bool | None | float):
        return value
    if isinstance(value, int) and value.bit_length() < 64:
        return value
    # Half a surrogate pair is no text to JSON.
    return str(value).encode("utf-8", "replace").decode()
