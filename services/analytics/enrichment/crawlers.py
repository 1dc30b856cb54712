"""Who is no human: crawlers, link previews, monitors, scanners.

Known from the list `crawler-user-agents` and from what nearly all robots have in common: a name that says so, or an
address where their owner can be found.
"""

import re
from collections.abc import Iterable

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

from services.analytics.enrichment.libraries import without_libraries

# What the list takes for a robot, but people have in their hands, too.
PEOPLE = frozenset(
    {
        r"AP3A\.240617\.008",  # a build of Android 15 on many phones
        r"Code\/1\.",  # an editor with a browser in it
        r"Fluid",  # a web site as a desktop program
        r"MetaIAB Facebook",  # the browser in the Facebook app
        r"Notion\/",  # also the desktop program; its link preview is known by the address it gives
        r"Sogou",  # also a phone browser; its spiders are known by their name
        r"Trae\/",  # an editor with a browser in it
    }
)

# What the list leaves to its reader, or has not heard of yet: anywhere in an agent …
SIGNS = (
    r"(?i)(?:^|[^u])bots?(?:$|[^a-z])",  # Cubot makes phones
    r"(?i)crawl|spider|scrap(?:e|ing|y)|headless|archiver|prefetch|fetcher|unfurl|monitoring|health-?check",
    r"(?i)(?:link|url|web|page)[ _-]?(?:preview|check)",
    r"(?i)https?://|\+www\.|[\w.]@[\w-]+\.[a-z]",
    r"HttpClient\b",
    r"\bms-office\b",  # a look at a link before it is handed to the browser
)
# … and at its beginning.
OPENINGS = (
    r"(?i)^mozilla/\d\.\d(?: \(compatible;?\))?$",
    r"^(?:kube-probe|GoogleHC|Google-|iTMS|Microsoft Office )",
    r"^(?:Nuclei|gobuster|feroxbuster|ffuf|ApacheBench|k6|vegeta|hey|wrk)\b",
    r"^(?:Java|Ruby|PHP|Python|Perl|Deno|Bun|Dart|undici|reqwest|ureq|hyper|libcurl|libwww|WinHttp)\b",
    r"^(?:Faraday|Typhoeus|Guzzle|GuzzleHttp|RestSharp|Symfony|Snoopy)\b",
)

_PLAIN = re.compile(r"[\w \\/.:-]+", re.ASCII)  # a pattern that is nothing but a name


class Crawlers:
    def __init__(self, *, client_libraries_are_bots: bool) -> None:
        self._client_libraries_are_bots = client_libraries_are_bots
        # The parser's native core looks for all patterns at once; in Python's own engine the same takes milliseconds.
        self._signs = _finder(SIGNS)
        listed = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in PEOPLE]
        self._list = _finder([*OPENINGS, *(pattern for pattern in listed if not self._implied(pattern))])

    def know(self, user_agent: str) -> bool:
        own = without_libraries(user_agent)
        if not own:
            return self._client_libraries_are_bots
        name = user_agent if self._client_libraries_are_bots else own
        return _finds(self._signs, name) or _finds(self._list, name)

    def _implied(self, pattern: str) -> bool:
        """Is it a name that bears a sign itself? Half the list is, and would take half the memory for nothing."""
        return _PLAIN.fullmatch(pattern) is not None and _finds(self._signs, pattern)


def _finder(patterns: Iterable[str]) -> Resolver:
    return Resolver(([UserAgentMatcher(pattern, "robot") for pattern in patterns], [], []))


def _finds(finder: Resolver, text: str) -> bool:
    return finder(text, Domain.USER_AGENT).user_agent is not None
