"""The one table of tiers: what a workspace may ask for in an hour, and how many keys it may hold."""

import msgspec

from shared.contracts.accounts import Tier


class Plan(msgspec.Struct, frozen=True):
    requests_per_hour: int  # shared by all keys of the workspace
    active_keys: int  # neither revoked nor expired


PLANS = {
    Tier.FREE: Plan(1_000, 2),
    Tier.PRO: Plan(5_000, 5),
    Tier.CREATOR: Plan(10_000, 10),
    Tier.LIFETIME: Plan(10_000, 10),
}
