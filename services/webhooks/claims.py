"""Deliveries that are ours for a while: taken, settled by what was attempted, or given back."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from services.webhooks import disabling, judgement, store_sending
from services.webhooks.judgement import Verdict
from services.webhooks.store_sending import Claim, Claimed
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Reason
from shared.service import Service

log = logging.getLogger(__name__)


class Claims:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        # Wait for a transaction of their own, because its first lock is the workspace's.
        self._to_disable: dict[str, tuple[str, Mode, Reason]] = {}

    async def take(self, under_way: Collection[Claimed]) -> tuple[list[Claimed], bool]:
        """As many more as there are places left; and whether there may be others that are due.

        Endpoints that fail mostly do so by keeping us waiting, so they get half of the places; and no workspace gets
        more than a quarter, however many endpoints it has.
        """
        settings, now = self._settings, datetime.now(UTC)
        until = now + timedelta(seconds=settings.webhook_lease_seconds)
        at_once, places = settings.webhook_endpoint_attempts, settings.webhook_attempts
        share = max(at_once, places // 4)
        taken = Counter(claimed.workspace for claimed in under_way)
        claimed: list[Claimed] = []
        locked: list[str] = []
        more = False
        async with self._service.database.transaction() as tx:
            for failing, most in ((False, places), (True, places // 2 - sum(each.failing for each in under_way))):
                most = min(most, places - len(under_way) - len(claimed))
                if most <= 0:
                    continue
                sated = [workspace for workspace, number in taken.items() if number >= share]
                endpoints = await store_sending.lock_due(tx, now, failing, most, sated)
                if endpoints:
                    chosen = await store_sending.claim(
                        tx, endpoints, now, until, at_once=at_once, most=most, share=share, taken=taken
                    )
                    taken.update(each.workspace for each in chosen)
                    claimed += chosen
                    locked += endpoints
                    more |= len(endpoints) == most
            if locked:
                await store_sending.update_due(tx, locked, now, at_once)
        return claimed, more

    async def settle(self, verdicts: Sequence[Verdict]) -> None:
        """All of them or none. Said twice, it changes nothing."""
        if verdicts:
            await self._write_down(verdicts)
        while self._to_disable:
            endpoint, (workspace, mode, reason) = next(iter(self._to_disable.items()))
            async with self._service.transaction() as tx:
                if await disabling.disable(tx, workspace, mode, endpoint, reason, datetime.now(UTC)):
                    log.info("An endpoint is disabled: %s", reason, extra={"endpoint": endpoint})
            del self._to_disable[endpoint]

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Nothing has come of the attempts, so that they do not count, and another copy need not wait."""
        now = datetime.now(UTC)
        endpoints = sorted({endpoint for endpoint, _, _ in claims})
        async with self._service.database.transaction() as tx:
            await store_sending.update_given_back(tx, claims, now)
            await store_sending.lock_states(tx, endpoints)
            await store_sending.update_due(tx, endpoints, now, self._settings.webhook_endpoint_attempts)

    async def _write_down(self, verdicts: Sequence[Verdict]) -> None:
        of_endpoint: dict[str, list[Verdict]] = defaultdict(list)
        async with self._service.database.transaction() as tx:
            good = await store_sending.update_results(tx, [verdict.result for verdict in verdicts])
            for verdict in verdicts:
                if verdict.claim in good:
                    of_endpoint[verdict.result.endpoint].append(verdict)
            states = await store_sending.lock_states(tx, list(of_endpoint))
            states = [judgement.after(state, of_endpoint[state.endpoint]) for state in states]
            # Neither claims nor endpoints need to be there any more.
            if states:
                await store_sending.update_states(tx, states)
                at_once = self._settings.webhook_endpoint_attempts
                await store_sending.update_due(tx, list(of_endpoint), datetime.now(UTC), at_once)
        for state in states:
            told = of_endpoint[state.endpoint]
            if reason := judgement.reason_to_disable(state, told, self._settings):
                self._to_disable[state.endpoint] = (told[0].workspace, told[0].mode, reason)
        if len(good) < len(verdicts):
            log.warning("%d attempts have outlived their claims and do not count", len(verdicts) - len(good))
