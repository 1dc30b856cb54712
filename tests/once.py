"""Writes that may be repeated, as a gateway would hand them to a service."""

import hashlib
from datetime import UTC, datetime
from typing import TypeVar

from shared.bus import Bus
from shared.contracts.ask import Ask
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from shared.once import Done, Once

TRIES = 20

A = TypeVar("A")


def once(
    key: str,
    request: str = "a request",
    *,
    workspace: str = "somebody",
    mode: Mode = Mode.LIVE,
    asked_at: datetime | None = None,
) -> Once:
    return Once(
        workspace=workspace,
        mode=mode,
        key=key,
        fingerprint=hashlib.sha256(request.encode()).digest(),
        asked_at=asked_at or datetime.now(UTC),
    )


async def insist(bus: Bus, question: Ask[A], named: Once) -> Done[A]:
    """Asks until nobody else is at work on the same: on a machine that stands still some wait for too long."""
    for _ in range(TRIES):
        try:
            return await bus.ask_once(question, named)
        except Fault as fault:
            if fault.code is not Code.BUSY:
                raise
    raise AssertionError("somebody is at work on it for ever")
