"""A crowd of visitors, as a busy installation has them: few links and agents make most of the clicks."""

import bisect
import itertools
import random
import secrets
import time
from collections.abc import Iterator

from shared.contracts.analytics import Batch, Kind, Visit
from shared.contracts.modes import Mode
from shared.ids import new as new_id

LINKS = 20_000
AGENTS = 10_000
WORKSPACES = 20
NEW_VISITORS = 0.3  # of the clicks; the others are by people who have clicked before in the same workspace
BATCH = 2_000
_MINUTES = 10  # over which the clicks are spread
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{1} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.{0} "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S{1}B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.{1}",
)
_REFERRERS = ("", "", "https://t.co/x", "https://www.google.com/", "https://m.facebook.com/")
_LANGUAGES = ("de-AT,de;q=0.9", "en-US,en;q=0.8", "fr", "es-ES", "it")
_PLACES = (("AT", "AT-9"), ("DE", "DE-BY"), ("US", "US-CA"), ("FR", ""), ("", ""))


class Zipf:
    """The n-th of ``things`` comes 1/n times as often as the first."""

    def __init__(self, things: list[str]) -> None:
        self._things = things
        self._steps = list(itertools.accumulate(1 / place for place in range(1, len(things) + 1)))

    def pick(self) -> str:
        return self._things[bisect.bisect(self._steps, random.random() * self._steps[-1]) % len(self._things)]


def batches(clicks: int) -> Iterator[Batch]:
    """Made one by one, so that only one is in memory."""
    workspaces = [new_id() for _ in range(WORKSPACES)]
    links = [new_id() for _ in range(LINKS)]
    owner = {link: workspaces[place % WORKSPACES] for place, link in enumerate(links)}
    seen = {workspace: [secrets.token_bytes(16)] for workspace in workspaces}
    busy = Zipf(links)
    agents = Zipf([_BROWSERS[each % len(_BROWSERS)].format(90 + each % 50, each) for each in range(AGENTS)])
    referrers = [*_REFERRERS, *(f"https://blog{each}.example.com/post" for each in range(300))]
    queries = ["", "", "", *(f"utm_source=s{each}&utm_medium=m{each % 4}&utm_campaign=c{each}" for each in range(200))]
    begin = int(time.time() * 1000) - _MINUTES * 60_000

    def click(number: int) -> Visit:
        link = busy.pick()
        known = seen[owner[link]]
        if random.random() < NEW_VISITORS:
            known.append(secrets.token_bytes(16))
            visitor = known[-1]
        else:
            visitor = random.choice(known)
        country, region = random.choice(_PLACES)
        return Visit(
            kind=Kind.CLICK,
            at=begin + number * _MINUTES * 60_000 // clicks,
            workspace=owner[link],
            mode=Mode.LIVE,
            link=link,
            visitor=visitor,
            bot=random.random() < 0.02,
            took_us=180,
            user_agent=agents.pick(),
            referrer=random.choice(referrers),
            language=random.choice(_LANGUAGES),
            query=random.choice(queries),
            country=country,
            region=region,
        )

    for first in range(0, clicks, BATCH):
        yield Batch(new_id(), tuple(click(each) for each in range(first, min(first + BATCH, clicks))))
