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


@given(st.dictionaries(st.integers(0, 99).map(str), st.integers(1, 5), max_size=60), st.integers(1, 10))
def test_of_a_day_that_is_over_the_most_frequent_values_stay_with_their_equals_and_no_click_is_lost(
    counts: dict[str, int], most: int
) -> None:
    details = tallies.read(b"")
    details.values[SOURCE] = dict(counts)
    changed = tallies.shorten(details, most)
    left = dict(details.values[SOURCE])
    rest = left.pop(REST, 0)
    level = sorted(counts.values(), reverse=True)[most - 1] if len(counts) > most else 0
    assert left == {value: number for value, number in counts.items() if number >= level}
    assert sum(left.values()) + rest == sum(counts.values())
    assert changed == (left != counts)
    assert not tallies.shorten(details, most)


def test_what_comes_after_a_day_is_over_adds_to_what_has_been_kept_of_it() -> None:
    stored = tallies.merge(b"", tally(click(0, "a"), click(0, "a"), click(0, "b")), 2)
    details = tallies.read(stored)
    assert tallies.shorten(details, 1)
    late = tallies.merge(tallies.write(details), tally(click(0, "a"), click(0, "b"), click(0, "c")), 3)
    assert tallies.read(late).values[SOURCE] == {"a": 3, REST: 2, "b": 1}


def test_details_from_before_a_dimension_was_added_are_read() -> None:
    assert tallies.read(b"").values == [{} for _ in DIMENSIONS]
