"""Visits with a token each, so that every single one can be found again, and settings for small journals."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.redirect.spool import Parcel
from shared.contracts.analytics import Batch, Kind, Visit
from shared.contracts.modes import Mode
from shared.settings import Settings

_decode = msgspec.msgpack.Decoder(Batch).decode
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


def visit(token: str, agent: str = AGENT) -> Visit:
    return Visit(
        kind=Kind.CLICK,
        at=1_750_000_000_000,
        workspace="0" * 22,
        mode=Mode.LIVE,
        link="1" * 22,
        visitor=bytes(16),
        bot=False,
        took_us=150,
        user_agent=agent,
        referrer="https://example.org/",
        language="de-DE,de;q=0.9",
        query=f"token={token}",
    )


def token_of(click: Visit) -> str:
    return click.query.removeprefix("token=")


def tokens_in(payload: bytes) -> list[str]:
    return [token_of(click) for click in _decode(payload).visits]


def batch_in(payload: bytes) -> Batch:
    return _decode(payload)


def tokens_of(parcels: list[Parcel]) -> list[str]:
    return [token for parcel in parcels for token in tokens_in(parcel.payload)]


def directories(chosen: Settings) -> list[str]:
    """Everything in the journals' directory, by name."""
    return sorted(path.name for path in Path(chosen.journal_dir).iterdir())


async def until(true: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for happens on a disk, in a server or in another process
            await asyncio.sleep(0.005)


def settings(folder: Path, **changes: object) -> Settings:
    """Made for tests: many segments, small batches, short waits."""
    given: dict[str, object] = {
        "nats_url": "nats://127.0.0.1:1",
        "journal_dir": str(folder / "journal"),
        "journal_segment_bytes": 65_536,
        "ship_batch_clicks": 50,
        "ship_interval_seconds": 0.02,
        "ship_retry_seconds": 0.2,
        "journal_adopt_seconds": 0.2,
    }
    return msgspec.convert(given | changes, Settings)
