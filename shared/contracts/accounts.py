"""Users and the workspaces they work in. Every user has a personal workspace from the start."""

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.contracts.ask import Ask, Event


class Tier(StrEnum):
    FREE = "free"
    PRO = "pro"
    CREATOR = "creator"
    LIFETIME = "lifetime"


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    username: str
    email: str
    created_at: datetime


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    tier: Tier
    owner: str  # a user's id
    created_at: datetime
    version: int = 1  # grows with every change, so that late news can be told from new


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user together with the workspace that is theirs."""

    user: User
    workspace: Workspace


class CreateUser(Ask[Account], frozen=True, kw_only=True):
    """Makes a user and their personal workspace. CONFLICT with the field when username or email is taken."""

    username: str  # 3–30 of a-z 0-9 - _, begins with a letter or digit
    email: str
    password: str  # 8–128 characters
    tier: Tier = Tier.FREE


class FindUser(Ask[Account], frozen=True, kw_only=True):
    """NOT_FOUND when nobody has that name. Upper and lower case do not matter."""

    username: str


class GetWorkspace(Ask[Account], frozen=True, kw_only=True):
    """A workspace and its owner; NOT_FOUND when there is none."""

    workspace: str


class SetTier(Ask[Workspace], frozen=True, kw_only=True):
    workspace: str
    tier: Tier


class UserCreated(Event, frozen=True, kw_only=True):
    account: Account


class WorkspaceChanged(Event, frozen=True, kw_only=True):
    workspace: Workspace
