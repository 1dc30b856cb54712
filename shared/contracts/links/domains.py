"""Domains: hosts of their own that workspaces have short links on."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Event, Tentative
from shared.contracts.modes import Mode

CHALLENGE = "_waypost."  # before a domain's name: where its owner puts the proof
PROOF = "waypost-verification="  # before the token


class DomainStatus(StrEnum):
    PENDING = "pending"  # claimed; anybody may do that
    VERIFIED = "verified"  # the DNS has told that it is theirs; nobody else has it


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    workspace: str
    mode: Mode
    name: str  # punycode, lower case, no dot at the end
    token: str
    root_url: str | None = None  # where visitors go who ask for no short code
    not_found_url: str | None = None  # and those who ask for one that is not there
    problem: str | None = None  # why the last look into the DNS has not verified it
    checked_at: datetime | None = None
    verified_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def status(self) -> DomainStatus:
        return DomainStatus.PENDING if self.verified_at is None else DomainStatus.VERIFIED

    @property
    def challenge(self) -> str:
        """The name of the TXT record that is to hold the `proof`."""
        return CHALLENGE + self.name

    @property
    def proof(self) -> str:
        return PROOF + self.token


class DomainPage(msgspec.Struct, frozen=True, kw_only=True):
    domains: tuple[Domain, ...]
    total: int


class Checked(Tentative, frozen=True, kw_only=True):
    """The domain after a look into the DNS; ``done`` when it is verified."""

    domain: Domain


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """All that a gateway needs to know of a verified domain."""

    domain: str
    root_url: str | None = None
    not_found_url: str | None = None


class FoundHost(msgspec.Struct, frozen=True, kw_only=True):
    host: Host | None = None


class CreateDomain(Ask[Domain], frozen=True, kw_only=True):
    """IMPOSSIBLE when it is one of our own hosts; CONFLICT when the workspace has it already; FORBIDDEN when it has as
    many as it may. Whether somebody else has it comes out when it is verified."""

    workspace: str
    mode: Mode
    domain: str
    root_url: str | None = None
    not_found_url: str | None = None


class GetDomain(Ask[Domain], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class ListDomains(Ask[DomainPage], frozen=True, kw_only=True):
    """Newest first."""

    workspace: str
    mode: Mode
    limit: int = 20  # 1–100
    offset: int = 0


class UpdateDomain(Ask[Domain], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str
    root_url: str | None | UnsetType = UNSET
    not_found_url: str | None | UnsetType = UNSET


class DeleteDomain(Ask[None], frozen=True, kw_only=True):
    """CONFLICT as long as there are links on it."""

    workspace: str
    mode: Mode
    id: str


class VerifyDomain(Ask[Checked], frozen=True, kw_only=True):
    """Looks into the DNS now. CONFLICT when the proof is there, but another workspace or mode has the domain."""

    workspace: str
    mode: Mode
    id: str


class FindHost(Ask[FoundHost], frozen=True, kw_only=True):
    """Does a verified domain have this name, whosever it is? It is compared as it is."""

    domain: str


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    domains: tuple[Domain, ...]


class FindDomains(Ask[Claims], frozen=True, kw_only=True):
    """For the operator: the domains of all workspaces and modes, claimed and verified, newest first. INVALID when
    ``name`` is no name of a domain."""

    workspace: str | None = None
    name: str | None = None  # in any spelling
    before: str | None = None  # the last id of the page before
    limit: int = 100  # 1–100


class Released(msgspec.Struct, frozen=True, kw_only=True):
    domain: Domain
    links: int  # deleted by this question
    done: bool  # if not, there may be more links on it, and it is to be asked again


class ReleaseDomain(Ask[Released], frozen=True, kw_only=True):
    """For the operator: takes a verified domain from whoever has it, as if they had deleted it.

    NOT_FOUND when nobody has it; CONFLICT when there are links on it, unless they are to be deleted with it.
    """

    name: str  # in any spelling
    with_links: bool = False


class DomainVerified(Event, frozen=True, kw_only=True):
    domain: Domain


class DomainUpdated(Event, frozen=True, kw_only=True):
    domain: Domain


class DomainDeleted(Event, frozen=True, kw_only=True):
    domain: Domain
