"""Deliveries that are ours for a while: taken, settled by what was attempted, or given back."""

import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from services.webhooks import disabling, judgement, store_sending
from services.webhooks.judgement import Verdict
from services.webhooks.store_sending import Claim, Claimed, EndpointState
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Reason
from shared.database import Connection
from shared.service import Service

log = logging.getLogger(__name__)

# By endpoint.
Doomed = dict[str, tuple[str, Mode, Reason]]


class Claims:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings
        # Wait for a transaction of their own, because its first lock is the workspace's.
        self._to_disable: Doomed = {}

    async def turn(self, verdicts: Sequence[Verdict], under_way: Collection[Claimed]) -> tuple[list[Claimed], bool]:
        """Writes down what was attempted and takes what is next: all of it or nothing. Said twice, a verdict changes
        nothing.

        As many are taken as there are places left beside those ``under_way``; and whether there may be others is told.
        """
        async with self._transaction() as tx:
            states, doomed = await self._write_down(tx, verdicts)
            claimed, endpoints, more = await self._take(tx, states, self._to_disable | doomed, under_way)
            await self._look_again(tx, {*states, *endpoints})
        self._to_disable |= doomed
        return claimed, more

    async def settle(self, verdicts: Sequence[Verdict]) -> None:
        """The same, with nothing taken."""
        async with self._transaction() as tx:
            states, doomed = await self._write_down(tx, verdicts)
            await self._look_again(tx, states)
        self._to_disable |= doomed

    async def disable(self) -> None:
        """Those endpoints for which the verdicts were a reason."""
        while self._to_disable:
            endpoint, (workspace, mode, reason) = next(iter(self._to_disable.items()))
            async with self._service.transaction() as tx:
                if await disabling.disable(tx, workspace, mode, endpoint, reason, datetime.now(UTC)):
                    log.info("An endpoint is disabled: %s", reason, extra={"endpoint": endpoint})
            del self._to_disable[endpoint]

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Nothing has come of the attempts, so that they do not count, and another copy need not wait."""
        endpoints = sorted({endpoint for endpoint, _, _ in claims})
        async with self._transaction() as tx:
            await store_sending.update_given_back(tx, claims, datetime.now(UTC))
            await store_sending.lock_states(tx, endpoints)
            await self._look_again(tx, endpoints)

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._service.database.transaction() as tx:
            await store_sending.keep_plans(tx)
            yield tx

    async def _write_down(self, tx: Connection, verdicts: Sequence[Verdict]) -> tuple[dict[str, EndpointState], Doomed]:
        """The states of the endpoints that the verdicts are about, which are locked; and those to be disabled."""
        if not verdicts:
            return {}, {}
        of_endpoint: dict[str, list[Verdict]] = defaultdict(list)
        good = await store_sending.update_results(tx, [verdict.result for verdict in verdicts])
        for verdict in verdicts:
            if verdict.claim in good:
                of_endpoint[verdict.result.endpoint].append(verdict)
        if len(good) < len(verdicts):
            log.warning("%d attempts have outlived their claims and do not count", len(verdicts) - len(good))
        # Neither claims nor endpoints need to be there any more.
        before = await store_sending.lock_states(tx, list(of_endpoint)) if of_endpoint else []
        states = {state.endpoint: judgement.after(state, of_endpoint[state.endpoint]) for state in before}
        if states:
            await store_sending.update_states(tx, list(states.values()))
        doomed: Doomed = {}
        for endpoint, state in states.items():
            told = of_endpoint[endpoint]
            if reason := judgement.reason_to_disable(state, told, self._settings):
                doomed[endpoint] = (told[0].workspace, told[0].mode, reason)
        return states, doomed

    async def _take(
        self,
        tx: Connection,
        settled: Mapping[str, EndpointState],
        but_not: Collection[str],
        under_way: Collection[Claimed],
    ) -> tuple[list[Claimed], set[str], bool]:
        """Of endpoints that are due, and of those that have just been ``settled``; and which of them were looked at.

        Endpoints that fail mostly do so by keeping us waiting, so they get half of the places; and no workspace gets
        more than a quarter, however many endpoints it has.
        """
        settings, now = self._settings, datetime.now(UTC)
        until = now + timedelta(seconds=settings.webhook_lease_seconds)
        at_once, places = settings.webhook_endpoint_attempts, settings.webhook_attempts
        share = max(at_once, places // 4)
        taken = Counter(claimed.workspace for claimed in under_way)
        sated = [workspace for workspace, number in taken.items() if number >= share]
        left = max(places - len(under_way), 0)
        left_to_failing = min(left, max(places // 2 - sum(each.failing for each in under_way), 0))
        due = await store_sending.lock_due(tx, now, left, left_to_failing, sated)
        looked_at = {False: {endpoint for endpoint, failing in due if not failing}}
        looked_at[True] = {endpoint for endpoint, failing in due if failing}
        more = 0 < left == len(looked_at[False]) or 0 < left_to_failing == len(looked_at[True])
        for endpoint, state in settled.items():
            looked_at[state.failures > 0].add(endpoint)
        claimed: list[Claimed] = []
        for failing, most in ((False, left), (True, left_to_failing)):
            most = min(most, left - len(claimed))
            endpoints = looked_at[failing] - set(but_not)
            if endpoints and most:
                chosen = await store_sending.claim(
                    tx, list(endpoints), now, until, at_once=at_once, most=most, share=share, taken=taken
                )
                taken.update(each.workspace for each in chosen)
                claimed += chosen
        return claimed, looked_at[False] | looked_at[True], more

    async def _look_again(self, tx: Connection, endpoints: Collection[str]) -> None:
        if endpoints:
            at_once = self._settings.webhook_endpoint_attempts
            await store_sending.update_due(tx, list(endpoints), datetime.now(UTC), at_once)
