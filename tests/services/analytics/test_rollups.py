from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.analytics.enrichment import Enrichment
from services.analytics.rollups import LinkDay, LinkTotal, ProfileTotal, RollUps, WorkspaceDay
from services.analytics.rollups import Views as Seen
from services.analytics.visitors import Arrival
from shared.contracts.analytics import Kind, Visit
from shared.contracts.modes import Mode
from shared.settings import Settings
from tests.services.analytics.visits import NOON, visit

ENRICHMENT = Enrichment(Settings(nats_url="nats://127.0.0.1:1"))
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


def add(sums: RollUps, *visits: Visit) -> None:
    sums.add([(visit, ENRICHMENT.enrich(visit)) for visit in visits])


def test_people_and_bots_clicks_and_views_are_counted_apart() -> None:
    sums = RollUps()
    add(sums, visit("W", "B"), visit("W", "A", bot=True), visit("W", "B", at=NOON - timedelta(days=1)))
    add(sums, visit("W", "B", bot=True), visit("W", kind=Kind.VIEW), visit("W", kind=Kind.VIEW, bot=True))
    assert [(key, len(tally.clicks), tally.bots) for key, tally in sums.link_days()] == [
        (LinkDay("W", "live", "A", TODAY), 0, 1),
        (LinkDay("W", "live", "B", YESTERDAY), 1, 0),
        (LinkDay("W", "live", "B", TODAY), 1, 1),
    ]
    assert [(key, len(tally.clicks), tally.bots, views) for key, tally, views in sums.workspace_days()] == [
        (WorkspaceDay("W", "live", YESTERDAY), 1, 0, Seen(0, 0)),
        (WorkspaceDay("W", "live", TODAY), 1, 2, Seen(1, 1)),
    ]
    # Only bots were on link A, so there is nothing to add to its total.
    assert sums.link_totals() == [LinkTotal("B", 2)]
    assert sums.profile_totals() == [ProfileTotal("W", "live", 1)]


@given(VISITS)
def test_every_visit_is_in_each_sum_once_and_every_key_once_and_in_order(visits: list[Visit]) -> None:
    sums = RollUps()
    for each in visits:
        add(sums, each)
    links, workspaces = sums.link_days(), sums.workspace_days()
    clicks = sum(each.kind is Kind.CLICK and not each.bot for each in visits)
    views = sum(each.kind is Kind.VIEW and not each.bot for each in visits)
    assert sum(len(tally.clicks) for _, tally in links) == clicks
    assert sum(len(tally.clicks) for _, tally, _ in workspaces) == clicks
    assert sum(seen.people for _, _, seen in workspaces) == views
    assert sum(row.clicks for row in sums.link_totals()) == clicks
    assert sum(row.views for row in sums.profile_totals()) == views
    bots = sum(each.bot for each in visits)
    assert sum(tally.bots + seen.bots for _, tally, seen in workspaces) == bots
    for keys in (
        [key for key, _ in links],
        [key for key, _, _ in workspaces],
        [row[:1] for row in sums.link_totals()],
        [row[:2] for row in sums.profile_totals()],
    ):
        assert keys == sorted(set(keys))


def test_a_visitor_begins_at_the_link_that_was_clicked_first_whatever_came_first() -> None:
    sums = RollUps()
    later, earlier = visit("W", "A", at=NOON), visit("W", "B", at=NOON - timedelta(hours=2))
    add(sums, later, earlier)
    (entry,) = sums.visitors.entries()
    assert (entry.link, entry.single) == ("B", False)
    arrivals = list(sums.visitors.arrivals())
    assert [each.link for each in arrivals] == ["A", "B"]
    sums.begin([entry])
    sums.arrive([Arrival(*arrivals[0])])
    assert [(tally.uniques, tally.entries, tally.bounces) for _, tally in sums.link_days()] == [
        ([12], 0, 0),
        ([10], 1, 0),
    ]
    ((_, tally, _),) = sums.workspace_days()
    assert (tally.uniques, tally.entries, tally.bounces) == ([10], 1, 0)
