"""Who is no human: crawlers, link previews, monitors, scanners, HTTP libraries.

Known from the list `crawler-user-agents` and from what nearly all robots have in common: a name that says so, or an
address where their owner can be found. A person at a command line is a person: curl, wget and the like count as
clicks. A visit without a user agent is a robot's, since every browser sends one.
"""

import re

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

COMMAND_LINE = re.compile(r"(?:curl|wget2?|httpie|xh|aria2)/", re.IGNORECASE | re.ASCII)

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

OWN = (
    r"(?i)(?:^|[^u])bots?(?:$|[^a-z])",  # Cubot makes phones
    r"(?i)crawl|spider|scrape|scraping|headless|archiver|prefetch|link ?check|monitor(?:ing)?[/ ;)]",
    r"(?i)https?://|\+www\.|[\w.]@[\w-]+\.[a-z]",
    r"(?i)(?:link|url|web|page)[ _-]?preview|unfurl|fetcher|^facebookplatform",
    r"(?i)^mozilla/\d\.\d(?: \(compatible;?\))?$",
    r"^(?:Java|Ruby|PHP|Python|Perl|Deno|Bun|Dart|undici|reqwest|ureq|hyper|Guzzle|Faraday|Typhoeus|RestSharp)\b",
    r"^(?:k6|Artillery|Apache-|ApacheBench|Siege|vegeta|hey|wrk|Nuclei|gobuster|feroxbuster|ffuf|Hydra|OWASP)\b",
    r"^(?:libcurl|libwww|lwp|HTTP_Request|Symfony|Zend|Snoopy|WinHttp|Microsoft URL Control)\b",
    r"^(?:iTMS|CFNetworkAgent|com\.apple\.WebKit\.Networking|Google-|GoogleDocs|Microsoft Office (?:Existence|Protocol))",
)


class Crawlers:
    def __init__(self) -> None:
        listed = [entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in PEOPLE]
        # The parser's native core looks for all patterns at once; in Python's own engine the same takes milliseconds.
        self._find = Resolver(([UserAgentMatcher(pattern, "robot") for pattern in (*OWN, *listed)], [], []))

    def know(self, user_agent: str) -> bool:
        if not user_agent.strip():
            return True
        if COMMAND_LINE.match(user_agent):
            return False
        return self._find(user_agent, Domain.USER_AGENT).user_agent is not None
