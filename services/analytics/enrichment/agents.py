"""What a user agent string says: read by ua-parser's rules in its native core, folded into the names people use."""

from collections.abc import Mapping

import msgspec
from ua_parser import OS, Domain, UserAgent, load_lazy_builtins
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

from services.analytics.enrichment.crawlers import Crawlers
from services.analytics.enrichment.devices import Devices
from services.analytics.enrichment.facts import UNKNOWN, Device
from services.analytics.enrichment.families import APPS, BROWSERS, SYSTEMS

LONGEST_NAME = 50  # characters of a system or a browser


class Agent(msgspec.Struct, frozen=True):
    device: Device
    os: str
    browser: str
    bot: bool


class Agents:
    def __init__(self, *, client_libraries_are_bots: bool) -> None:
        browsers, systems, _ = load_lazy_builtins()
        apps = [UserAgentMatcher(pattern, name) for pattern, name in APPS.items()]
        # The third list tells hundreds of models apart; reports only want to know the kind of device.
        self._parse = Resolver(([*apps, *browsers], systems, []))
        self._crawlers = Crawlers(client_libraries_are_bots=client_libraries_are_bots)
        self._devices = Devices()

    def read(self, user_agent: str) -> Agent:
        """Takes some 25 microseconds."""
        parsed = self._parse(user_agent, Domain.USER_AGENT | Domain.OS)
        return Agent(
            device=self._devices.kind(user_agent),
            os=_name(parsed.os, SYSTEMS),
            browser=_name(parsed.user_agent, BROWSERS),
            bot=self._crawlers.know(user_agent),
        )


def _name(found: UserAgent | OS | None, names: Mapping[str, str]) -> str:
    if found is None:
        return UNKNOWN
    # Some of the parser's families, those of apps above all, are whatever the visitor wrote.
    if len(found.family) > LONGEST_NAME or not found.family.isprintable():
        return UNKNOWN
    return names.get(found.family, found.family)
