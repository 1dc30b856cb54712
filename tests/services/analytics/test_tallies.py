from hypothesis import given
from hypothesis import strategies as st

from services.analytics import tallies
from services.analytics.tallies import DIMENSIONS, REST, Click, Hour, Tally

SOURCE = DIMENSIONS.index("utm_source")


def click(hour: int, source: str) -> Click:
    return (hour, "AT-9", "Mobile", "iOS", "Safari", "Direct", "de", source, "", "", "", "")


def tally(*clicks: Click, uniques: tuple[int, ...] = ()) -> Tally:
    made = Tally()
    made.clicks += clicks
    made.uniques += uniques
    return made


def test_details_add_up_by_hour_and_by_value_and_leave_out_what_is_absent() -> None:
    stored = tallies.merge(b"", tally(click(9, "news"), click(9, ""), uniques=(9,)), 10)
    details = tallies.read(tallies.merge(stored, tally(click(23, "news"), uniques=(9, 23)), 10))
    assert details.hours == {9: Hour(2, 2), 23: Hour(1, 1)}
    values = dict(zip(DIMENSIONS, details.values, strict=True))
    assert {name: counts for name, counts in values.items() if counts} == {
        "place": {"AT-9": 3},
        "device": {"Mobile": 3},
        "os": {"iOS": 3},
        "browser": {"Safari": 3},
        "language": {"de": 3},
        "utm_source": {"news": 2},
    }


@given(st.lists(st.lists(st.integers(0, 30).map(str), max_size=40), max_size=5))
def test_no_more_values_are_told_apart_than_agreed_and_no_click_is_lost(batches: list[list[str]]) -> None:
    stored = b""
    for sources in batches:
        stored = tallies.merge(stored, tally(*(click(0, source) for source in sources)), 7)
    counts = tallies.read(stored).values[SOURCE]
    assert len(counts.keys() - {REST}) <= 7
    assert sum(counts.values()) == sum(map(len, batches))
    if len({source for sources in batches for source in sources}) <= 7:
        assert REST not in counts


def test_details_from_before_a_dimension_was_added_are_read() -> None:
    assert tallies.read(b"").values == [{} for _ in DIMENSIONS]
