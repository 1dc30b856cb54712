"""Which endpoints are told of what."""

from datetime import datetime, timedelta

from services.webhooks.facts import Fact
from shared.contracts.analytics import Click
from shared.contracts.links import Link
from shared.contracts.webhooks import CLICK_TOPICS, EVERYTHING, Endpoint, Filter, Topic

# The clocks of two machines may be so far apart. What happened earlier happened before the endpoint was there.
CLOCKS_APART = timedelta(seconds=5)


def wants(endpoint: Endpoint, fact: Fact) -> bool:
    if endpoint.id == fact.endpoint or not (_listens(endpoint, fact.topic) and _was_there(endpoint, fact.at)):
        return False
    return fact.link is None or _passes(endpoint.filter, fact.link.id, fact.link)


def topics_of(click: Click) -> tuple[Topic, ...]:
    """What a click is told as: a scan of a QR code is both."""
    return CLICK_TOPICS if click.code else CLICK_TOPICS[:1]


def wants_click(endpoint: Endpoint, topic: Topic, click: Click, at: datetime, link: Link | None) -> bool:
    """``link``: None when it has been deleted since."""
    if not (_listens(endpoint, topic) and _was_there(endpoint, at)):
        return False
    return _passes(endpoint.filter, click.link, link)


def _listens(endpoint: Endpoint, topic: Topic) -> bool:
    return EVERYTHING in endpoint.topics or topic in endpoint.topics


def _was_there(endpoint: Endpoint, at: datetime) -> bool:
    return at >= endpoint.created_at - CLOCKS_APART


def _passes(given: Filter, link_id: str, link: Link | None) -> bool:
    """Of each kind that the filter names, one is enough. Of what is gone, neither tags nor domain can be told."""
    if given.links and link_id not in given.links:
        return False
    if given.tags and (link is None or not set(given.tags) & set(link.tags)):
        return False
    return not given.domains or (link is not None and link.domain in given.domains)
