"""What the processes of a running stack really tell Prometheus."""

import asyncio
import math
import re
from collections.abc import Iterable

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.world import Process

# What Prometheus itself adds to everything that it reads.
ADDED = frozenset(("job", "instance"))


class Seen(msgspec.Struct):
    """One name of a sample."""

    labels: set[frozenset[str]] = msgspec.field(default_factory=set)
    values: dict[str, set[str]] = msgspec.field(default_factory=dict)  # by label
    least: float = math.inf  # of its numbers

    def add(self, labels: dict[str, str], number: float) -> None:
        self.labels.add(frozenset(labels) | ADDED)
        self.least = min(self.least, number)
        for name, value in labels.items():
            self.values.setdefault(name, set()).add(value)


async def scrape(session: aiohttp.ClientSession, processes: Iterable[Process]) -> dict[str, Seen]:
    """By name, over all processes together."""
    seen: dict[str, Seen] = {"up": Seen({ADDED})}
    for page in await asyncio.gather(*(_page(session, process) for process in processes)):
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                seen.setdefault(sample.name, Seen()).add(sample.labels, sample.value)
    return seen


def matches(seen: Seen, label: str, wanted: str) -> bool:
    """Whether ``wanted``, a regular expression as in a matcher, fits a value of the label."""
    return any(re.fullmatch(wanted, value) for value in seen.values.get(label, ()))


async def _page(session: aiohttp.ClientSession, process: Process) -> str:
    async with session.get(f"{process.watched_at}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()
