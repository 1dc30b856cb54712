"""``python -m tests.bench [--only NAME …]``: measures, prints a table, and writes ``bench.json``."""

import argparse
import asyncio
import os
import platform
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from tests.bench import api, capacity, drain, figures, footprint, lists, live, redirect, report, waits, webhooks, wrk
from tests.bench.figures import Figure, Shown

# In the order of the table. Each starts a stack of its own.
ROWS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "redirect": redirect.one,
    "redirect-zipf": redirect.zipf,
    "list": api.list_links,
    "create": api.create_link,
    "lists": lists.lists,
    "steady": waits.steady,
    "visible": waits.visible,
    "live": live.live,
    "drain": drain.drain,
    "report": report.report,
    "webhooks": webhooks.webhooks,
    "capacity": capacity.capacity,
    "ready": footprint.ready,
    "memory": footprint.memory,
}
OUTPUT = Path("bench.json")
_ROW_SECONDS = 600


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    cores: int
    load: float  # of the last minute before the first row: what others did to the figures
    python: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    machine: Machine
    rows: dict[str, list[Shown]]


async def measure(names: list[str]) -> dict[str, list[Figure]]:
    """What was found; without the rows that could not be measured."""
    rows: dict[str, list[Figure]] = {}
    for name in names:
        began = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout(_ROW_SECONDS):
                rows[name] = await ROWS[name]()
        except wrk.Missing as missing:
            print(f"  {name}: {missing}", file=sys.stderr)
        except Exception:  # noqa: BLE001 - whatever it is, one row that cannot be measured must not cost the others
            traceback.print_exc()
        print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """The exit status: 1 when a row could not be measured. A target that is missed is no failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures Waypost against yardsticks.")
    parser.add_argument("--only", nargs="+", choices=[*ROWS], default=[*ROWS], metavar="NAME", help=", ".join(ROWS))
    names = parser.parse_args().only
    machine = Machine(cores=os.cpu_count() or 1, load=os.getloadavg()[0], python=platform.python_version())
    rows = uvloop.run(measure(names))
    shown = {name: [figures.shown(figure) for figure in found] for name, found in rows.items()}
    report = Report(at=datetime.now(UTC).isoformat(timespec="seconds"), machine=machine, rows=shown)
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    for name, found in rows.items():
        print(figures.table(name, found))
    return 0 if len(rows) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
