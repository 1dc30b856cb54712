"""API keys: who holds which key, what it may do, and how often."""

from datetime import date, datetime
from enum import StrEnum

import msgspec

from shared.contracts.accounts import Tier
from shared.contracts.ask import Ask, Confidential, Event
from shared.contracts.modes import Mode

SCOPES = (
    "profile:read",
    "profile:write",
    "links:read",
    "links:write",
    "links:delete",
    "analytics:read",
    "templates:read",
    "templates:apply",
    "qr:read",
    "qr:write",
    "qr:delete",
    "domains:read",
    "domains:write",
    "domains:delete",
    "webhooks:read",
    "webhooks:write",
)


class Style(StrEnum):
    """How a key is spelled; see `shared.credentials`."""

    EZX = "ezx"
    LZLY = "lzly"


class Window(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def seconds(self) -> int:
        return {"minute": 60, "hour": 3600, "day": 86400}[self.value]


class Overlap(StrEnum):
    """How long the secret before a rotation goes on working."""

    NONE = "0"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def seconds(self) -> int:
        return {"0": 0, "1h": 3600, "24h": 86_400, "7d": 604_800}[self.value]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its owner sees it: everything but the secret."""

    id: str
    workspace: str
    user: str
    name: str
    description: str
    style: Style
    mode: Mode
    scopes: tuple[str, ...]
    limit: int | None  # requests per window; None: what the workspace's tier allows
    window: Window
    prefix: str  # the first visible characters, e.g. ezx_1a2b
    last_four: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    allowlist: tuple[str, ...] = ()  # networks it may be used from, e.g. 192.0.2.0/24; none: from anywhere
    rotated_at: datetime | None = None
    former_ends_at: datetime | None = None  # when the secret before the last rotation stops working


class NewKey(Confidential, frozen=True, kw_only=True):
    key: Key
    secret: str  # shown this once


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway must know of a valid key, to admit a request without asking anybody."""

    key: str
    workspace: str
    user: str
    mode: Mode
    scopes: frozenset[str]
    workspace_limit: int  # requests per hour, shared by all keys of the workspace
    key_limit: int
    key_window: Window
    tier: Tier
    expires_at: datetime | None = None  # of the key, or of the secret that was shown, whichever ends first
    allowlist: tuple[str, ...] = ()


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """No verdict: the key is unknown, expired or revoked, and nobody is told which."""

    verdict: Verdict | None = None


class LeakState(StrEnum):
    REVOKED = "revoked"  # just now
    REVOKED_BEFORE = "revoked before"
    ENDED = "ended by a rotation"  # the secret opens nothing any more; its key has another one


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    key: Key
    state: LeakState


class Use(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Requests with one key on one day (UTC), by what was answered."""

    key: str
    at: datetime  # of the last one, and so on the day that they are counted to
    succeeded: int = 0
    refused: int = 0  # 4xx, but those of `limited`
    limited: int = 0  # 429
    failed: int = 0  # 5xx


class KeyDay(msgspec.Struct, frozen=True):
    """Like `Use`, from all gateways together."""

    day: date
    succeeded: int
    refused: int
    limited: int
    failed: int

    @property
    def requests(self) -> int:
        return self.succeeded + self.refused + self.limited + self.failed


class KeyUsage(msgspec.Struct, frozen=True, kw_only=True):
    key: Key
    days: tuple[KeyDay, ...]  # oldest first, today last, those without a request included


class CreateKey(Ask[NewKey], frozen=True, kw_only=True):
    """FORBIDDEN, naming the tier and its number, when the workspace has as many active keys as it may."""

    workspace: str
    user: str
    style: Style = Style.EZX
    mode: Mode = Mode.LIVE
    scopes: tuple[str, ...] = SCOPES
    limit: int | None = None
    window: Window = Window.HOUR
    expires_in_seconds: float | None = None
    name: str = "API key"  # 1–100 characters
    description: str = ""  # up to 500 characters
    allowlist: tuple[str, ...] = ()  # up to 20 networks or addresses


class RotateKey(Ask[NewKey], frozen=True, kw_only=True):
    """A new secret for a key that stays what it is. A rotation during an overlap ends the oldest secret at once.

    IMPOSSIBLE for a key that is revoked or expired. No workspace: the operator asks, for any of them.
    """

    id: str
    workspace: str | None = None
    overlap: Overlap = Overlap.DAY


class CheckKey(Ask[Check], frozen=True, kw_only=True):
    digest: bytes  # SHA-256 of the whole key, 32 bytes


class GetKey(Ask[Key], frozen=True, kw_only=True):
    workspace: str
    id: str


class ListKeys(Ask[Keys], frozen=True, kw_only=True):
    """Newest first, revoked ones included."""

    workspace: str


class RevokeKey(Ask[Key], frozen=True, kw_only=True):
    """For good. A key that is revoked already stays as it is. No workspace: the operator asks, for any of them."""

    id: str
    workspace: str | None = None


class ReportLeak(Ask[Leak], frozen=True, kw_only=True):
    """A secret has been seen where it should not be: whichever key it still opens is revoked. NOT_FOUND: nobody's."""

    digest: bytes  # SHA-256 of the whole key, 32 bytes


class GetKeyUsage(Ask[KeyUsage], frozen=True, kw_only=True):
    """What a key was used for, as far as gateways have told it: they do so about twice a minute."""

    workspace: str
    id: str
    days: int = 30  # up to 90


class RecordUses(Ask[None], frozen=True, kw_only=True):
    """What a gateway has seen since its last report. A report that comes twice counts once.

    An older time of a last use never replaces a newer one.
    """

    reporter: str  # a gateway process
    number: int  # of its reports; each is told until it is answered, and only then the next
    uses: tuple[Use, ...]


class KeyCreated(Event, frozen=True, kw_only=True):
    key: Key
    digest: bytes


class KeyRevoked(Event, frozen=True, kw_only=True):
    key: Key
    digest: bytes
    former_digest: bytes | None = None  # of the secret before the last rotation


class KeyRotated(Event, frozen=True, kw_only=True):
    key: Key
    digests: tuple[bytes, ...]  # all that are different now: the new secret, the one before, and one that has ended


class PlanChanged(Event, frozen=True, kw_only=True):
    """The limits of a workspace are different now; verdicts about its keys are out of date."""

    workspace: str
