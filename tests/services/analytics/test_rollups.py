from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.analytics.rollups import LinkDay, LinkTotal, ProfileTotal, RollUps, WorkspaceDay
from shared.contracts.analytics import Kind, Visit
from shared.contracts.modes import Mode
from tests.services.analytics.visits import NOON, visit

TODAY, YESTERDAY = NOON.date(), NOON.date() - timedelta(days=1)

VISITS = st.lists(
    st.builds(
        lambda workspace, link, mode, bot, back: visit(
            workspace,
            f"{workspace}-{link}" if link else "",
            kind=Kind.CLICK if link else Kind.VIEW,
            mode=mode,
            bot=bot,
            at=NOON - timedelta(days=back),
        ),
        st.sampled_from("ABC"),
        st.integers(0, 4),
        st.sampled_from(Mode),
        st.booleans(),
        st.integers(0, 3),
    )
)


def test_people_and_bots_clicks_and_views_are_counted_apart() -> None:
    sums = RollUps()
    sums.add([visit("W", "B"), visit("W", "A", bot=True), visit("W", "B", at=NOON - timedelta(days=1))])
    sums.add([visit("W", "B", bot=True), visit("W", kind=Kind.VIEW), visit("W", kind=Kind.VIEW, bot=True)])
    assert sums.link_days() == [
        LinkDay("W", "live", "A", TODAY, 0, 1),
        LinkDay("W", "live", "B", YESTERDAY, 1, 0),
        LinkDay("W", "live", "B", TODAY, 1, 1),
    ]
    assert sums.workspace_days() == [
        WorkspaceDay("W", "live", YESTERDAY, 1, 0, 0, 0),
        WorkspaceDay("W", "live", TODAY, 1, 2, 1, 1),
    ]
    # Only bots were on link A, so there is nothing to add to its total.
    assert sums.link_totals() == [LinkTotal("B", 2)]
    assert sums.profile_totals() == [ProfileTotal("W", "live", 1)]


@given(VISITS)
def test_every_visit_is_in_each_sum_once_and_every_key_once_and_in_order(visits: list[Visit]) -> None:
    sums = RollUps()
    for each in visits:
        sums.add([each])
    links, workspaces = sums.link_days(), sums.workspace_days()
    clicks = sum(each.kind is Kind.CLICK and not each.bot for each in visits)
    views = sum(each.kind is Kind.VIEW and not each.bot for each in visits)
    assert sum(row.clicks for row in links) == sum(row.clicks for row in workspaces) == clicks
    assert sum(row.views for row in workspaces) == views
    assert sum(row.clicks for row in sums.link_totals()) == clicks
    assert sum(row.views for row in sums.profile_totals()) == views
    bots = sum(each.bot for each in visits)
    assert sum(row.bots + row.view_bots for row in workspaces) == bots
    for keys in (
        [row[:4] for row in links],
        [row[:3] for row in workspaces],
        [row[:1] for row in sums.link_totals()],
        [row[:2] for row in sums.profile_totals()],
    ):
        assert keys == sorted(set(keys))
