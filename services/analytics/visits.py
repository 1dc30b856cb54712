"""Visits on their way in: from a message of the stream to rows of the table."""

from datetime import UTC, datetime, timedelta

import msgspec

from shared.contracts.analytics import Kind, Visit
from shared.contracts.modes import Mode

COLUMNS = (
    "at",
    "workspace",
    "mode",
    "kind",
    "link",
    "visitor",
    "bot",
    "took_us",
    "user_agent",
    "referrer",
    "language",
    "query",
    "country",
    "region",
)
Row = tuple[datetime, str, Mode, Kind, str, bytes, bool, int, str, str, str, str, str, str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def row(visit: Visit, bot: bool) -> Row:
    """The visit in the order of `COLUMNS`; raises `OverflowError` when its time is outside the calendar."""
    return (
        _EPOCH + timedelta(milliseconds=visit.at),
        visit.workspace,
        visit.mode,
        visit.kind,
        visit.link,
        visit.visitor,
        bot,
        visit.took_us,
        _storable(visit.user_agent),
        _storable(visit.referrer),
        _storable(visit.language),
        _storable(visit.query),
        visit.country,
        visit.region,
    )


def _storable(text: str) -> str:
    """PostgreSQL has no place for NUL, and one visitor who sends it must not cost a batch of two thousand."""
    return text.replace("\0", "\ufffd")
