"""From a visit to its facts."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.enrichment import Enrichment, Facts
from shared.contracts.analytics import Kind, Visit
from shared.contracts.modes import Mode
from shared.settings import Settings

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
SETTINGS = Settings(nats_url="nats://127.0.0.1:1", agent_cache_entries=8, referrer_cache_entries=8)
ENRICHMENT = Enrichment(SETTINGS)


def visit(
    user_agent: str = PHONE, referrer: str = "", language: str = "", query: str = "", *, bot: bool = False
) -> Visit:
    return Visit(
        kind=Kind.CLICK,
        at=1_767_225_600_000,
        workspace="w",
        mode=Mode.LIVE,
        link="l",
        visitor=b"0123456789abcdef",
        bot=bot,
        took_us=180,
        user_agent=user_agent,
        referrer=referrer,
        language=language,
        query=query,
    )


def test_a_visit_tells_device_browser_origin_language_and_campaign() -> None:
    facts = ENRICHMENT.enrich(
        visit(PHONE, "https://m.facebook.com/", "de-AT,de;q=0.9", "utm_source=Mail&utm_campaign=Spring&x=1")
    )
    assert facts == Facts(
        device="Mobile",
        os="iOS",
        browser="Safari",
        bot=False,
        referrer="facebook.com",
        language="de",
        utm_source="mail",
        utm_medium="",
        utm_campaign="Spring",
        utm_term="",
        utm_content="",
    )


def test_what_the_gateway_saw_to_be_no_human_stays_a_robot() -> None:
    assert ENRICHMENT.enrich(visit(bot=True)).bot
    assert not ENRICHMENT.enrich(visit(bot=False)).bot


def test_a_full_cache_forgets_and_reads_again() -> None:
    first = ENRICHMENT.enrich(visit())
    for number in range(100):
        ENRICHMENT.enrich(visit(user_agent=f"{PHONE} {number}", referrer=f"https://{number}.example.com/"))
    assert ENRICHMENT._agent.cache_info().currsize == SETTINGS.agent_cache_entries
    assert ENRICHMENT._referrer.cache_info().currsize == SETTINGS.referrer_cache_entries
    assert ENRICHMENT.enrich(visit()) == first


@settings(max_examples=300)
@given(*[st.text(st.characters(max_codepoint=255), max_size=200)] * 4)
def test_nothing_a_visitor_sends_is_too_odd(agent: str, referrer: str, language: str, query: str) -> None:
    facts = ENRICHMENT.enrich(visit(agent, referrer, language, f"utm_source={query}"))
    for text in (facts.os, facts.browser, facts.referrer, facts.language, facts.utm_source):
        assert text.isprintable()
        assert len(text) <= 253


@pytest.mark.parametrize(
    "referrer", ["https://" + "a." * 500, "https://" + "www." * 250, "android-app://" + "a." * 505]
)
def test_a_hostile_referrer_costs_no_time(referrer: str) -> None:
    started = time.perf_counter()
    for _ in range(100):
        ENRICHMENT._referrer.__wrapped__(referrer)
    assert time.perf_counter() - started < 0.5
