"""Where short codes lead: what the links service tells a gateway of a link, and no more than that."""

from datetime import datetime

import msgspec

from shared.contracts.modes import Mode

RESOLVED_AT_ONCE = 128  # slugs; so many targets of the largest kind still fit into one message


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """All that the redirect needs of a link, so that the gateway decides without asking again."""

    link: str
    workspace: str
    mode: Mode
    domain: str
    slug: str
    destination_url: str
    title: str | None = None
    active: bool = True
    expires_at: datetime | None = None
    expired_url: str | None = None
    has_password: bool = False
    max_clicks: int | None = None
    clicks: int = 0
    claimed: int = 0
    forward_query: bool = False
    codes: dict[str, str] | None = None  # of its QR codes, by their tokens, the ids; None: it has none

    def is_over(self, now: float) -> bool:
        """Has its time or its number of clicks been reached at ``now`` (Unix seconds)?"""
        if self.max_clicks is not None and max(self.claimed, self.clicks) >= self.max_clicks:
            return True
        return self.expires_at is not None and self.expires_at.timestamp() <= now


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    target: Target | None = None


class ResolvedMany(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[Target, ...]  # in no order; a slug that leads nowhere has none


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """The target as it is now, or none when there is no such link; only with ``granted`` may a visitor be sent on."""

    target: Target | None = None
    granted: bool = False
