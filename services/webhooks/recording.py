"""Facts become mail for the endpoints that are to be told of them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from services.webhooks import bodies, matching, posting, store, store_intake
from services.webhooks.facts import Clicks, Fact
from services.webhooks.posting import Mail, Message
from shared import ids
from shared.contracts.analytics import Click
from shared.contracts.links import Link
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Endpoint, Topic
from shared.database import Connection
from shared.settings import Settings

Place = tuple[str, Mode]
# By id; None: deleted since.
Links = Mapping[str, Link | None]


async def record(tx: Connection, told: Sequence[Fact | Clicks], links: Links, settings: Settings, now: datetime) -> int:
    """How many deliveries have come of it. A fact that has been recorded before changes nothing."""
    endpoints = await _listening(tx, told)
    if not endpoints:
        return 0
    wanted = {each.event: each for each in told if _wanted(each, endpoints[_place(each)], links)}
    if not wanted:
        return 0
    mails: dict[str, Mail] = {}
    new = await store_intake.insert_taken(tx, sorted(wanted), now)
    for event, each in wanted.items():
        if event not in new:
            continue
        if isinstance(each, Fact):
            _address(each, endpoints[_place(each)], mails, settings.public_url)
        else:
            _address_clicks(each, endpoints[_place(each)], links, mails, settings.public_url)
    return await posting.post(tx, mails, settings, now)


async def _listening(tx: Connection, told: Iterable[Fact | Clicks]) -> dict[Place, list[Endpoint]]:
    """For each place that something is told of; nothing at all when nobody listens anywhere."""
    places = {_place(each): list[Endpoint]() for each in told}
    found = await store.list_workspace_endpoints(tx, list(places))
    for endpoint in found:
        places[endpoint.workspace, endpoint.mode].append(endpoint)
    return places if found else {}


def _place(told: Fact | Clicks) -> Place:
    return (told.workspace, told.mode) if isinstance(told, Fact) else (told.clicked.workspace, told.clicked.mode)


def _wanted(told: Fact | Clicks, endpoints: Sequence[Endpoint], links: Links) -> bool:
    if isinstance(told, Fact):
        return any(matching.wants(endpoint, told) for endpoint in endpoints)
    return any(
        _listening_to(topic, click, endpoints, links)
        for click in told.clicked.clicks
        for topic in matching.topics_of(click)
    )


def _address(fact: Fact, endpoints: Iterable[Endpoint], mails: dict[str, Mail], public_url: str) -> None:
    body = bodies.message(fact.event, fact.topic, fact.mode, fact.data(public_url))
    message = Message(fact.event, fact.topic, body)
    for endpoint in endpoints:
        if matching.wants(endpoint, fact):
            _mail(mails, endpoint).messages.append(message)


def _address_clicks(
    told: Clicks, endpoints: Sequence[Endpoint], links: Links, mails: dict[str, Mail], public_url: str
) -> None:
    for click in told.clicked.clicks:
        if click.code:
            _address_scan(click, told.clicked.mode, endpoints, links, mails, public_url)
        listening = _listening_to(Topic.LINK_CLICKED, click, endpoints, links)
        if not listening:
            continue
        data = bodies.of_click(click, links.get(click.link), public_url)
        body = bodies.message(click.id, Topic.LINK_CLICKED, told.clicked.mode, data, _at(click))
        message = Message(click.id, Topic.LINK_CLICKED, body)
        for endpoint in listening:
            if endpoint.batch:
                _mail(mails, endpoint).clicks.append(data)
            else:
                _mail(mails, endpoint).messages.append(message)


def _address_scan(
    click: Click, mode: Mode, endpoints: Sequence[Endpoint], links: Links, mails: dict[str, Mail], public_url: str
) -> None:
    """Each by itself: what is told together are clicks."""
    listening = _listening_to(Topic.QR_SCANNED, click, endpoints, links)
    if not listening:
        return
    # Another fact than the click, and the same whoever tells it.
    event = ids.base62(
        int.from_bytes(hashlib.blake2b(f"{click.id} scan".encode(), digest_size=16).digest()), ids.LENGTH
    )
    data = bodies.of_scan(click, links.get(click.link), public_url)
    message = Message(event, Topic.QR_SCANNED, bodies.message(event, Topic.QR_SCANNED, mode, data, _at(click)))
    for endpoint in listening:
        _mail(mails, endpoint).messages.append(message)


def _listening_to(topic: Topic, click: Click, endpoints: Iterable[Endpoint], links: Links) -> list[Endpoint]:
    link = links.get(click.link)
    return [endpoint for endpoint in endpoints if matching.wants_click(endpoint, topic, click, _at(click), link)]


def _at(click: Click) -> datetime:
    return datetime.fromtimestamp(click.at / 1000, UTC)


def _mail(mails: dict[str, Mail], endpoint: Endpoint) -> Mail:
    return mails.setdefault(endpoint.id, Mail(endpoint.mode, [], []))
