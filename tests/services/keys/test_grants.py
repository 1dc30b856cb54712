import random
from datetime import UTC, datetime, timedelta

import pytest

from services.keys import grants
from services.keys.plans import PLANS, Plan
from shared.contracts.accounts import Tier
from shared.contracts.keys import SCOPES
from shared.faults import Fault

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_every_tier_has_the_documented_plan() -> None:
    assert {
        Tier.FREE: Plan(1_000, 2),
        Tier.PRO: Plan(5_000, 5),
        Tier.CREATOR: Plan(10_000, 10),
        Tier.LIFETIME: Plan(10_000, 10),
    } == PLANS
    assert set(PLANS) == set(Tier)


def test_scopes_come_out_in_the_order_of_the_closed_list() -> None:
    mixed = random.Random(1).sample(SCOPES, len(SCOPES))
    assert grants.check_scopes(tuple(mixed)) == SCOPES
    assert grants.check_scopes(("links:write", "links:read")) == ("links:read", "links:write")


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), grants.LIFETIME_LONGEST_SECONDS + 1])
def test_a_lifetime_is_longer_than_nothing_and_at_most_ten_years(seconds: float) -> None:
    with pytest.raises(Fault):
        grants.expiry(NOON, seconds)


def test_a_lifetime_counts_from_now_on() -> None:
    assert grants.expiry(NOON, None) is None
    assert grants.expiry(NOON, 0.25) == NOON + timedelta(milliseconds=250)


def test_lengths_count_characters_not_bytes() -> None:
    assert grants.check_name("\N{SNOWMAN}" * 100)
    assert grants.check_description("\N{SNOWMAN}" * 499 + "\n")
