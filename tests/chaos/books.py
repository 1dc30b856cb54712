"""What the platform has counted, in each place where it keeps a number of clicks."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec

from shared.bus import Bus
from shared.contracts.accounts import CreateUser
from shared.contracts.analytics import CLICKS_STREAM, GetReport, Interval
from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from shared.faults import Fault
from shared.ids import new as new_id
from tests.chaos.ledger import Ledger, Verdict

LOOK_SECONDS = 0.25
MOST_SECONDS = 300

RAW = "select link, substr(query, 3) as token, date_trunc('hour', at, 'UTC') as hour from analytics.visits"
BY_LINK = {
    "link_days": """
        select link, sum(clicks)::bigint as clicks from analytics.link_days
        where workspace = $1 group by link""",
    "link_totals": """
        select link, clicks from analytics.link_totals
        where link in (select link from analytics.link_days where workspace = $1)""",
    "links": "select id as link, clicks from links.links where workspace = $1 and clicks > 0",
}


class Platform(msgspec.Struct, frozen=True):
    """How a proof gets at everything, however it runs."""

    bus: Bus
    owner_url: str


class Campaign(msgspec.Struct, frozen=True):
    """Links in a workspace of their own."""

    workspace: str
    slugs: tuple[str, ...]


async def open_campaign(platform: Platform, links: int) -> Campaign:
    name = f"u{new_id().lower()}"[:24]
    account = await platform.bus.ask(
        CreateUser(username=name, email=f"{name}@example.com", password=new_id()), timeout=20
    )
    workspace = account.workspace.id
    question = CreateLink(workspace=workspace, mode=Mode.LIVE, destination_url="https://example.com/there")
    made = [await platform.bus.ask(question) for _ in range(links)]
    return Campaign(workspace, tuple(link.slug for link in made))


async def settled(
    platform: Platform, campaign: Campaign, ledger: Ledger, *, calm_seconds: float, patience_seconds: float
) -> Verdict:
    """The verdict when nothing has changed any more: for ``calm_seconds`` if it is clean, else for the longer time."""
    last: tuple[Verdict, int] | None = None
    since = time.monotonic()
    async with asyncio.timeout(MOST_SECONDS):
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                seen = (await judge(platform, campaign, ledger), await left_in_stream(platform))
            except (Fault, OSError, asyncpg.PostgresError):
                # What was killed last may not be quite back.
                continue
            if seen != last:
                last, since = seen, time.monotonic()
            verdict, left = seen
            if time.monotonic() - since >= (calm_seconds if verdict.clean and not left else patience_seconds):
                return verdict


async def counted_tokens(platform: Platform, campaign: Campaign) -> Counter[str]:
    """How often each token is among the raw visits."""
    owner = await asyncpg.connect(platform.owner_url)
    try:
        return Counter(row["token"] for row in await owner.fetch(f"{RAW} where workspace = $1", campaign.workspace))
    finally:
        await owner.close()


async def judge(platform: Platform, campaign: Campaign, ledger: Ledger) -> Verdict:
    owner = await asyncpg.connect(platform.owner_url)
    try:
        # At one moment, since clicks may be counted between two looks.
        async with owner.transaction(isolation="repeatable_read", readonly=True):
            raw = await owner.fetch(f"{RAW} where workspace = $1", campaign.workspace)
            kept = {name: await owner.fetch(query, campaign.workspace) for name, query in BY_LINK.items()}
    finally:
        await owner.close()
    told = {name: Counter({row["link"]: row["clicks"] for row in rows}) for name, rows in kept.items()}
    disagreements = [
        *(name for name, counted in told.items() if counted != Counter(row["link"] for row in raw)),
        *await _reports_that_differ(platform.bus, campaign, raw),
    ]
    return ledger.judge(Counter(row["token"] for row in raw), tuple(disagreements))


async def _reports_that_differ(bus: Bus, campaign: Campaign, raw: Sequence[asyncpg.Record]) -> list[str]:
    now = datetime.now(UTC)
    hours = Counter(row["hour"] for row in raw)
    first = min(hours, default=now)
    differing = []
    for link in (None, *sorted({row["link"] for row in raw})):
        report = await bus.ask(
            GetReport(
                workspace=campaign.workspace,
                mode=Mode.LIVE,
                link=link,
                start=first,
                end=now,
                interval=Interval.HOUR,
            )
        )
        expected = hours if link is None else Counter(row["hour"] for row in raw if row["link"] == link)
        told = Counter({point.at: point.clicks for point in report.series if point.clicks})
        if told != expected or report.clicks != expected.total():
            differing.append(f"report of {link or 'the workspace'}")
    return differing


async def left_in_stream(platform: Platform) -> int:
    """Messages; 0 when there is no stream."""
    reply = await platform.bus._client.request(f"$JS.API.STREAM.INFO.{CLICKS_STREAM}", timeout=5)
    return int(msgspec.json.decode(reply.data).get("state", {}).get("messages", 0))
