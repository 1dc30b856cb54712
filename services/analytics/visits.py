"""Visits on their way in: from a message of the stream to lines for the table."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from shared.contracts.analytics import Visit

# In the order of a line.
COLUMNS = (
    "at",
    "visitor",
    "bot",
    "took_us",
    "workspace",
    "mode",
    "kind",
    "link",
    "user_agent",
    "referrer",
    "language",
    "query",
    "country",
    "region",
    "code",
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = 4_096  # whose text is remembered
_TABS = 10
_ESCAPED = str.maketrans(
    {
        "\\": r"\\",
        "\t": r"\t",
        "\n": r"\n",
        "\r": r"\r",
        # PostgreSQL has no place for NUL, and one visitor who sends it must not cost a batch of two thousand.
        "\0": "\ufffd",
    }
)


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A `Batch` whose visits are not unpacked yet: one that is known already costs no more than its id."""

    id: str
    visits: msgspec.Raw


_packed = msgspec.msgpack.Decoder(Packed)
_visits = msgspec.msgpack.Decoder(tuple[Visit, ...])


def open_message(payload: bytes) -> Packed:
    """Raises `msgspec.DecodeError` when it is no batch."""
    return _packed.decode(payload)


def unpack(batch: Packed) -> tuple[Visit, ...]:
    """Raises `msgspec.DecodeError` when one of them is no visit."""
    return _visits.decode(batch.visits)


def line(visit: Visit, bot: bool) -> str:
    """The visit as ``COPY`` reads it; raises `OverflowError` when its time is outside the calendar."""
    texts = (
        visit.workspace,
        visit.mode,
        visit.kind,
        visit.link,
        visit.user_agent,
        visit.referrer,
        visit.language,
        visit.query,
        visit.country,
        visit.region,
        visit.code,
    )
    told = "\t".join(texts)
    if told.count("\t") != _TABS or "\\" in told or "\n" in told or "\r" in told or "\0" in told:
        told = "\t".join(text.translate(_ESCAPED) for text in texts)
    second, ms = divmod(visit.at, 1000)
    return f"{_second(second)}.{ms:03}+00\t\\\\x{visit.visitor.hex()}\t{'t' if bot else 'f'}\t{visit.took_us}\t{told}\n"


# Visits of one batch come close together.
@lru_cache(_SECONDS)
def _second(number: int) -> str:
    return (_EPOCH + timedelta(seconds=number)).isoformat(" ")[:19]
