"""Starts one gateway: settings, bus, limits, memory, journal, application, server; and stops it in reverse."""

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence

import uvloop

from gateway import limits
from gateway.addresses import Addresses
from gateway.admission import Admission, Counting
from gateway.app import App
from gateway.bio.door import BioDoor
from gateway.dialects import DIALECTS
from gateway.dialects.dialect import mount
from gateway.docs.door import Docs
from gateway.health import Health
from gateway.keyring import Keyring
from gateway.limits import Limiter
from gateway.metrics import MemoryCollector, Metrics
from gateway.redirect.counts import JournalCollector
from gateway.redirect.domains import Domains
from gateway.redirect.door import Door
from gateway.redirect.hosts import Hosts
from gateway.redirect.journal import Journal
from gateway.redirect.places import Atlas
from gateway.redirect.strays import Strays
from gateway.redirect.targets import Targets
from gateway.redirect.visitors import Visitors
from gateway.refusals import Words
from gateway.requests import Requests
from gateway.server import Server, listen, server
from gateway.streaming import Places
from gateway.unavailable import Starting, full
from gateway.uses import Uses
from shared import bus as buses
from shared import heap
from shared import log as logs
from shared.answering import Answering
from shared.metrics.watch import Watch
from shared.settings import Settings, SettingsError, variable
from shared.stopping import cancel
from shared.tracing import TRACING

log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    addresses = Addresses(settings.trusted_proxies)
    atlas = Atlas(settings.geoip_path or None, settings.geoip_cache_entries)
    listener = listen(settings)
    metrics = Metrics(addresses, settings)
    limiter = Limiter(limits.connect(settings), settings)
    health = Health(settings)
    watch = Watch("gateway", settings, health)
    requests = Requests(settings)
    words, counting = Words(DIALECTS), Counting(limiter, addresses, settings)
    starting = Starting(health, words, counting)
    http = server(starting, full(health, words, counting), words, counting, settings)
    # Who shares its socket leaves the connections to the others until it can do something with them.
    alone = settings.listen_fd < 0
    serving = asyncio.create_task(http.serve(sockets=[listener])) if alone else None
    async with watch.open(), buses.connect(settings) as bus:
        await bus.ensure_streams()
        keyring, targets, visitors = Keyring(bus, settings), Targets(bus, settings), Visitors(bus, settings)
        uses = Uses(bus, settings)
        journal = Journal(settings, bus.publish)
        hosts, domains = Hosts(settings), Domains(bus, settings)
        strays = Strays(hosts, domains, limiter, addresses, settings)
        door = Door(hosts, targets, strays, journal, visitors, atlas, limiter, addresses, bus, settings)
        bio = BioDoor(door, limiter, addresses, bus, settings)
        docs = Docs(DIALECTS, limiter, addresses, settings)
        admission = Admission(keyring, limiter, addresses, settings)
        places = Places(keyring, bus, settings)
        for part in (keyring, targets, domains, bio, visitors, places):
            await part.start()
        journal.start()
        watch.reached(bus)
        memories = MemoryCollector(keys=keyring.memory, links=targets.memory, domains=domains.memory, pages=bio.memory)
        clicks = JournalCollector(journal.counts, lambda: journal.lag, settings.journal_cap_bytes)
        watch.add(requests, clicks, memories)
        dialects = mount(DIALECTS, admission, uses, places, requests, bus, settings)
        starting.successor = App(door, strays, bio, health, metrics, docs, dialects, requests, addresses)
        http.hand_over(starting.successor)
        stopping = _signals()
        health.reached(bus)
        serving = serving or asyncio.create_task(http.serve(sockets=[listener]))
        presence = Answering(bus, settings, "gateway", {})
        work = [
            asyncio.create_task(each)
            for each in (
                uses.keep_reporting(),
                targets.renew(),
                visitors.keep(),
                places.keep(),
                watch.keep(bus),
                bus.closed(),
                _be_present(presence),
            )
        ]
        log.info("The gateway answers on %s", settings.public_url)
        await _until_stopped(http, serving, stopping, health, places, work, settings.stop_notice_seconds)
        await presence.stop()
        await uses.report()
        await journal.drain(settings.journal_drain_seconds)
        await journal.close()
    await limiter.close()
    log.info("The gateway has stopped")


async def _be_present(presence: Answering) -> None:
    """For ever. NATS may hang at this very moment, and nothing else waits for its word."""
    await presence.start()
    await asyncio.Event().wait()


def _signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, which until now have ended the process at once: it had nothing to finish."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _until_stopped(
    http: Server,
    serving: asyncio.Task[None],
    stopping: asyncio.Event,
    health: Health,
    places: Places,
    work: Sequence[asyncio.Task[None]],
    notice_seconds: float,
) -> None:
    """Until a signal comes or something that should go on for ever has ended."""
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, signalled, *work], return_when=asyncio.FIRST_COMPLETED)
    health.stopping = True
    http.departure.begun = True
    places.stop()
    # No longer than everything lasts that is needed for it.
    await asyncio.wait([serving, *work], timeout=notice_seconds, return_when=asyncio.FIRST_COMPLETED)
    http.should_exit = True
    await serving
    signalled.cancel()
    for outcome in await cancel(work):
        if isinstance(outcome, Exception):
            raise outcome


def _open_many_files() -> None:
    """As many connections as the system lets us have: what it begins with is often a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    # The first process of a container is sent no signal that it has not asked for, so it asks even for its plain end.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    heap.settle()
    _open_many_files()
    try:
        settings = Settings.read(os.environ)
        if not settings.redis_url:
            raise SettingsError(f"{variable('redis_url')}: the gateway cannot do without it")
        logs.set_up(settings)
        with TRACING.begin("gateway", settings):
            uvloop.run(run(settings))
    except SettingsError as error:
        sys.exit(f"waypost gateway: {error}")


if __name__ == "__main__":
    main()
