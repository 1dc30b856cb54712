"""What an attempt means: for its delivery, and for the standing of its endpoint."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from services.webhooks import schedule
from services.webhooks.attempt import Outcome
from services.webhooks.store_sending import Claim, Claimed, EndpointState, Result
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Reason, State
from shared.settings import Settings

GONE = 410


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    claim: Claim
    workspace: str
    mode: Mode
    delivered: bool
    gone: bool  # the endpoint wants no messages any more
    ended_at: datetime
    paused_until: datetime | None  # the endpoint has asked for it
    result: Result


def judge(claimed: Claimed, outcome: Outcome, dice: random.Random, settings: Settings) -> Verdict:
    ended_at = outcome.at + timedelta(milliseconds=outcome.took_ms)
    tries = claimed.tries + 1
    pause = None if outcome.delivered else schedule.pause(tries, dice)
    paused_until = None
    if outcome.status is not None:
        asked = schedule.retry_after(
            outcome.status, outcome.retry_after, ended_at, settings.webhook_retry_after_most_seconds
        )
        paused_until = ended_at + asked / settings.time_scale if asked else None
    next_at = None if pause is None else ended_at + pause / settings.time_scale
    if next_at and paused_until:
        next_at = max(next_at, paused_until)
    result = Result(
        endpoint=claimed.endpoint,
        id=claimed.id,
        claimed_until=claimed.claimed_until,
        state=State.DELIVERED if outcome.delivered else State.PENDING if next_at else State.FAILED,
        tries=tries,
        next_at=next_at,
        at=outcome.at,
        took_ms=outcome.took_ms,
        status=outcome.status,
        error=outcome.error,
        reply=outcome.reply,
    )
    return Verdict(
        claim=claimed.claim,
        workspace=claimed.workspace,
        mode=claimed.mode,
        delivered=outcome.delivered,
        gone=outcome.status == GONE,
        ended_at=ended_at,
        paused_until=paused_until,
        result=result,
    )


def after(state: EndpointState, verdicts: Iterable[Verdict]) -> EndpointState:
    """``verdicts`` are of this endpoint, in the order in which the attempts ended."""
    for verdict in verdicts:
        at = verdict.ended_at
        if verdict.delivered:
            state = state._replace(failures=0, failing_since=None, last_success_at=at, paused_until=None)
        else:
            state = state._replace(
                failures=state.failures + 1,
                failing_since=state.failing_since or at,
                last_failure_at=at,
                paused_until=verdict.paused_until or state.paused_until,
            )
        if verdict.result.state is not State.PENDING:
            state = state._replace(waiting=state.waiting - 1)
    return state


def reason_to_disable(state: EndpointState, verdicts: Iterable[Verdict], settings: Settings) -> Reason | None:
    """``state`` is what the verdicts have led to."""
    if any(verdict.gone for verdict in verdicts):
        return Reason.GONE
    if (
        state.failing_since is None
        or state.last_failure_at is None
        or state.failures < settings.webhook_failing_attempts
    ):
        return None
    patience = timedelta(seconds=settings.webhook_failing_seconds) / settings.time_scale
    return Reason.FAILING if state.last_failure_at - state.failing_since >= patience else None
