"""Short links: one entity behind all dialects."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Event, Tentative
from shared.contracts.bulk import Atomicity, OnConflict, Refusal, Result
from shared.contracts.link_fields import LinkChange, LinkEdit, Metadata, NewLink
from shared.contracts.modes import Mode
from shared.contracts.targets import Claimed, Resolved, ResolvedMany


class Status(StrEnum):
    """Derived, in this order: an expired link is expired, whether active or not."""

    EXPIRED = "expired"
    INACTIVE = "inactive"
    ACTIVE = "active"


class Sort(StrEnum):
    CREATED_AT = "created_at"
    CLICKS = "clicks"


class Order(StrEnum):
    ASC = "asc"
    DESC = "desc"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    workspace: str
    mode: Mode
    domain: str  # "" is the gateway's own public host; it never changes
    slug: str
    destination_url: str
    title: str | None = None
    description: str | None = None
    thumbnail: str | None = None
    active: bool = True
    position: int = 0  # order on the profile, smallest first
    tags: tuple[str, ...] = ()
    metadata: Metadata = {}
    expires_at: datetime | None = None
    expired_url: str | None = None
    has_password: bool = False
    max_clicks: int | None = None
    show_on_profile: bool = True
    forward_query: bool = False
    external_id: str | None = None  # the caller's own name for it, unique in the workspace and mode
    archived: bool = False  # put away: not in lists unless asked for, but it leads where it led
    clicks: int = 0  # of people, as analytics counts them
    claimed: int = 0  # redirects given out of ``max_clicks``, bots included; 0 without such a limit
    created_at: datetime
    updated_at: datetime

    @property
    def used_up(self) -> bool:
        """Was it followed as often as it may be?"""
        return self.max_clicks is not None and max(self.claimed, self.clicks) >= self.max_clicks

    def status(self, now: datetime) -> Status:
        """What a visitor would find at ``now``."""
        if self.used_up or (self.expires_at is not None and self.expires_at <= now):
            return Status.EXPIRED
        return Status.ACTIVE if self.active else Status.INACTIVE


class Links(msgspec.Struct, frozen=True, kw_only=True):
    links: tuple[Link, ...]


class LinkPage(msgspec.Struct, frozen=True, kw_only=True):
    links: tuple[Link, ...]
    total: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    link: str
    clicks: int  # since the link exists


class Upserted(msgspec.Struct, frozen=True, kw_only=True):
    link: Link
    created: bool


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    links: int  # archived ones are not counted


class TagPage(msgspec.Struct, frozen=True, kw_only=True):
    tags: tuple[Tag, ...]
    total: int


class ExportPage(msgspec.Struct, frozen=True, kw_only=True):
    links: tuple[Link, ...]
    after: str | None  # where the next page begins; None: this was the last one


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    result: Result
    link: Link | None = None  # as it is now, or as it was for one that was deleted
    refusal: Refusal | None = None


class Outcomes(Tentative, frozen=True, kw_only=True):
    """One for each item, in the order of the question."""

    items: tuple[Outcome, ...]  # not ``done``: it was to be all or nothing and something was refused, or a dry run


class CreateLink(NewLink, Ask[Link], frozen=True, kw_only=True):
    """CONFLICT when the slug or the external id is taken; IMPOSSIBLE when the slug is reserved, the destination is one
    of our own hosts or a verified domain, or the link's domain is no verified one of this workspace and mode."""

    workspace: str
    mode: Mode


class UpsertLink(LinkChange, Ask[Upserted], frozen=True, kw_only=True):
    """The link with this external id is changed as by `UpdateLink`, or made as by `CreateLink` when there is none.

    INVALID when it is to be made and no destination is given. CONFLICT when the slug belongs to another link.
    IMPOSSIBLE when it is there, but on another domain.
    """

    workspace: str
    mode: Mode
    external_id: str
    domain: str | UnsetType = UNSET


class GetLink(Ask[Link], frozen=True, kw_only=True):
    """By its id, by its external id, or by its slug on a domain: exactly one of the three is given."""

    workspace: str
    mode: Mode
    id: str | None = None
    external_id: str | None = None
    slug: str | None = None
    domain: str = ""


class GetLinks(Ask[Links], frozen=True, kw_only=True):
    """Those of the given ones that are there, in the order of their ids. Up to 100 at a time."""

    workspace: str
    mode: Mode
    ids: tuple[str, ...]


class ListLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """By position, then by age, archived ones left out. ``total`` counts all that match, whatever the page."""

    workspace: str
    mode: Mode
    active: bool | None = None
    limit: int = 50
    offset: int = 0


class ListProfileLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """What a workspace shows on its public page: live, active, not expired, meant to be shown; by position, ≤ 200."""

    workspace: str


class SearchLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """Links that match everything given; equal ones are in the order of their ids. ``total`` is exact.

    Pages by offset show the list as it is at that moment: whoever walks through them while links come and go may see
    one twice or miss one. Newest first, links that come meanwhile make a walk miss none; only those that go do.
    `ExportLinks` promises more.
    """

    workspace: str
    mode: Mode
    search: str | None = None  # 1–200 characters; in title, short code or destination, upper and lower case alike
    status: Status | None = None
    tag: str | None = None
    archived: bool | None = False  # None: archived or not
    domain: str | None = None  # as in `Link`; empty: our own host
    sort: Sort = Sort.CREATED_AT
    order: Order = Order.DESC
    limit: int = 20  # 1–100
    offset: int = 0


class FindLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """All that lead to exactly this address, however it is spelled; newest first, archived ones included."""

    workspace: str
    mode: Mode
    destination_url: str
    limit: int = 20  # 1–100
    offset: int = 0


class ExportLinks(Ask[ExportPage], frozen=True, kw_only=True):
    """Links in the order of their ids, page after page: each that was there from the first page to the last comes
    exactly once. A page may be shorter than its limit; only ``after`` tells whether it was the last one."""

    workspace: str
    mode: Mode
    after: str | None = None  # as the page before told it
    search: str | None = None
    status: Status | None = None
    tag: str | None = None
    archived: bool | None = None
    domain: str | None = None
    limit: int = 100  # 1–100


class ListTags(Ask[TagPage], frozen=True, kw_only=True):
    """The tags in use on links that are not archived, by name."""

    workspace: str
    mode: Mode
    limit: int = 100  # 1–100
    offset: int = 0


class UpdateLink(LinkChange, Ask[Link], frozen=True, kw_only=True):
    """CONFLICT when the new slug or external id belongs to another link."""

    workspace: str
    mode: Mode
    id: str


class DeleteLink(Ask[None], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class CreateLinks(Ask[Outcomes], frozen=True, kw_only=True):
    """1–100 links, at most ten of them with a password. Each of them is told as an event, as for a single one."""

    workspace: str
    mode: Mode
    links: tuple[NewLink, ...]
    atomicity: Atomicity = Atomicity.ALL


class UpdateLinks(Ask[Outcomes], frozen=True, kw_only=True):
    """1–100 different links, at most ten of them with a new password."""

    workspace: str
    mode: Mode
    links: tuple[LinkEdit, ...]
    atomicity: Atomicity = Atomicity.ALL


class DeleteLinks(Ask[Outcomes], frozen=True, kw_only=True):
    """1–100 different links."""

    workspace: str
    mode: Mode
    ids: tuple[str, ...]
    atomicity: Atomicity = Atomicity.ALL


class ImportLinks(Ask[Outcomes], frozen=True, kw_only=True):
    """`CreateLinks` for up to 500, every item for itself, with a word on short codes that are taken."""

    workspace: str
    mode: Mode
    links: tuple[NewLink, ...]
    on_conflict: OnConflict = OnConflict.FAIL
    dry_run: bool = False  # everything is tried, and nothing is kept


class ClaimClick(Ask[Claimed], frozen=True, kw_only=True):
    """One redirect out of the limit of a link, granted exactly ``max_clicks`` times whoever asks.

    Not granted when the link is over or inactive. A link without a limit grants every time and counts nothing.
    """

    domain: str
    slug: str


class Resolve(Ask[Resolved], frozen=True, kw_only=True):
    """Where does this slug lead right now, if anywhere?"""

    domain: str
    slug: str


class ResolveMany(Ask[ResolvedMany], frozen=True, kw_only=True):
    """`Resolve` for many slugs at a time, `RESOLVED_AT_ONCE` at most. Each key is a domain and a slug."""

    keys: tuple[tuple[str, str], ...]


class Unlock(Ask[Resolved], frozen=True, kw_only=True):
    """The target of a link with a password, or none when the password is wrong."""

    domain: str
    slug: str
    password: str


class RecordTotals(Ask[None], frozen=True, kw_only=True):
    """Absolute totals from analytics: hearing one twice, or an old one late, does no harm."""

    totals: tuple[Total, ...]


class LinkCreated(Event, frozen=True, kw_only=True):
    link: Link


class LinkUpdated(Event, frozen=True, kw_only=True):
    link: Link
    former_slug: str | None = None  # when the slug itself has changed


class LinkDeleted(Event, frozen=True, kw_only=True):
    link: Link


class LinkExpired(Event, frozen=True, kw_only=True):
    """Its time or its number of clicks has been reached. A link that was opened again may be told of again."""

    link: Link
