"""What a key can learn of itself: what it may do, how often, until when, and what it was used for."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.endpoint import Call, Endpoint
from gateway.wire import moment
from shared.contracts import keys
from shared.contracts.accounts import Tier
from shared.contracts.keys import Window
from shared.contracts.modes import Mode

PREFIX = "key_"

Requests = Annotated[int, Meta(ge=0, examples=[128])]


class WorkspaceLimit(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[
        int, Meta(description="Requests per window, shared by all keys of the workspace.", examples=[1000])
    ]
    window: Annotated[Window, Meta(examples=["hour"])] = Window.HOUR


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(description="Requests per window with this key.", examples=[1000])]
    window: Annotated[Window, Meta(examples=["hour"])]
    remaining: Annotated[
        int | None,
        Meta(
            description="Requests left now, by the tightest of all limits that apply; `null`: no limit applies.",
            examples=[997],
        ),
    ]
    reset: Annotated[int | None, Meta(description="When more are left, in Unix seconds.", examples=[1769850300])]
    workspace: WorkspaceLimit


class KeyFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: Annotated[str, Meta(pattern="^key_[0-9A-Za-z]{22}$", examples=["key_02FvM8kQ7yZtLw3RbXc5Na"])]
    name: Annotated[str, Meta(examples=["Shop"])]
    description: Annotated[str, Meta(examples=["Links of the shop"])]
    mode: Annotated[Mode, Meta(description="Test keys see and change test data only.", examples=["live"])]
    prefix: Annotated[str, Meta(description="How the key begins.", examples=["lzly_live_aB3d"])]
    last_four: Annotated[str, Meta(description="How the key ends.", examples=["x9Zq"])]
    scopes: Annotated[tuple[str, ...], Meta(description="What the key may do.", examples=[["links:read"]])]
    allowlist: Annotated[
        tuple[str, ...],
        Meta(description="Networks the key may be used from; none: from anywhere.", examples=[["192.0.2.0/24"]]),
    ]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    expires_at: Annotated[str | None, Meta(description="`null`: it does not expire.")]
    rotated_at: Annotated[
        str | None, Meta(description="When the key got the secret it has now, if that was not first.")
    ]
    former_secret_ends_at: Annotated[
        str | None, Meta(description="When the secret before the last rotation stops working, or has stopped.")
    ]
    workspace: Annotated[str, Meta(pattern="^ws_[0-9A-Za-z]{22}$", examples=["ws_02FvM8kQ7yZtLw3RbXc5Na"])]


class KeyBody(KeyFields, frozen=True, kw_only=True, rename="camel"):
    limits: KeyLimits
    last_used_at: Annotated[str | None, Meta(description="Right to a minute; `null`: not used until a minute ago.")]
    tier: Annotated[Tier, Meta(examples=["pro"])]


class UsageTotals(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    requests: Requests
    succeeded: Annotated[Requests, Meta(description="Answered with 2xx.")]
    client_errors: Annotated[Requests, Meta(description="Answered with 4xx, but those that were over a limit.")]
    rate_limited: Annotated[Requests, Meta(description="Answered with 429.")]
    server_errors: Annotated[Requests, Meta(description="Answered with 5xx.")]


class UsageDay(UsageTotals, frozen=True, kw_only=True, rename="camel"):
    date: Annotated[
        str, Meta(description="A day in UTC.", examples=["2026-01-31"], extra_json_schema={"format": "date"})
    ]


class KeyUsageBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    last_used_at: str | None
    totals: UsageTotals
    days: Annotated[tuple[UsageDay, ...], Meta(description="The last 30 days, oldest first, today last.")]


async def get_key(call: Call) -> KeyBody:
    """The key you ask with: what it may do, how often, from where and until when. Any valid key may ask."""
    caller = call.key
    key = await call.ask(keys.GetKey(workspace=caller.workspace, id=caller.key))
    return KeyBody(
        id=PREFIX + key.id,
        name=key.name,
        description=key.description,
        mode=key.mode,
        prefix=key.prefix,
        last_four=key.last_four,
        scopes=key.scopes,
        limits=KeyLimits(
            limit=caller.key_limit,
            window=caller.key_window,
            remaining=call.rate.remaining if call.rate else None,
            reset=call.rate.reset if call.rate else None,
            workspace=WorkspaceLimit(limit=caller.workspace_limit),
        ),
        allowlist=key.allowlist,
        created_at=moment(key.created_at),
        expires_at=moment(key.expires_at) if key.expires_at else None,
        last_used_at=moment(key.last_used_at) if key.last_used_at else None,
        rotated_at=moment(key.rotated_at) if key.rotated_at else None,
        former_secret_ends_at=moment(key.former_ends_at) if key.former_ends_at else None,
        workspace=f"ws_{key.workspace}",
        tier=caller.tier,
    )


async def get_key_usage(call: Call) -> KeyUsageBody:
    """How often the key you ask with was used, by day and by what was answered. About a minute behind."""
    caller = call.key
    found = await call.ask(keys.GetKeyUsage(workspace=caller.workspace, id=caller.key))
    last_used_at = found.key.last_used_at
    return KeyUsageBody(
        last_used_at=moment(last_used_at) if last_used_at else None,
        totals=_totals(found.days),
        days=tuple(map(_day, found.days)),
    )


def _totals(days: tuple[keys.KeyDay, ...]) -> UsageTotals:
    return UsageTotals(
        requests=sum(day.requests for day in days),
        succeeded=sum(day.succeeded for day in days),
        client_errors=sum(day.refused for day in days),
        rate_limited=sum(day.limited for day in days),
        server_errors=sum(day.failed for day in days),
    )


def _day(day: keys.KeyDay) -> UsageDay:
    return UsageDay(
        date=day.day.isoformat(),
        requests=day.requests,
        succeeded=day.succeeded,
        client_errors=day.refused,
        rate_limited=day.limited,
        server_errors=day.failed,
    )


ENDPOINTS = (
    Endpoint("GET", "/key", get_key, scope=None, any_key=True),
    Endpoint("GET", "/key/usage", get_key_usage, scope=None, any_key=True),
)
