"""From a visit to its facts."""

from functools import lru_cache

from services.analytics.enrichment.agents import Agents
from services.analytics.enrichment.campaigns import NO_CAMPAIGN, read_campaign
from services.analytics.enrichment.facts import Facts
from services.analytics.enrichment.languages import read_language
from services.analytics.enrichment.referrers import read_referrer
from shared.contracts.analytics import Visit
from shared.settings import Settings


class Enrichment:
    """Pure: the same visit gives the same facts. Making one compiles all patterns: some 0.1 seconds and 15 MiB."""

    def __init__(self, settings: Settings) -> None:
        agents = Agents(client_libraries_are_bots=settings.client_libraries_are_bots)
        self._agent = lru_cache(settings.agent_cache_entries)(agents.read)
        self._referrer = lru_cache(settings.referrer_cache_entries)(read_referrer)
        self._campaign = lru_cache(settings.campaign_cache_entries)(read_campaign)
        self._language = lru_cache(settings.language_cache_entries)(read_language)

    def enrich(self, visit: Visit) -> Facts:
        """Never raises, whatever a visitor has sent."""
        agent = self._agent(visit.user_agent)
        # Click ids make nearly every other query string unique, and they would push the campaigns out of the cache.
        campaign = self._campaign(visit.query) if "utm_" in visit.query else NO_CAMPAIGN
        return Facts(
            device=agent.device,
            os=agent.os,
            browser=agent.browser,
            bot=visit.bot or agent.bot,
            referrer=self._referrer(visit.referrer),
            language=self._language(visit.language),
            utm_source=campaign.source,
            utm_medium=campaign.medium,
            utm_campaign=campaign.campaign,
            utm_term=campaign.term,
            utm_content=campaign.content,
        )
