"""Identifiers sort by time, are never the same, and are known by their shape."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import ids


def number_of(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 62 + ids.ALPHABET.index(digit)
    return number


def test_100_000_ids_are_all_different_and_valid() -> None:
    made = [ids.new() for _ in range(100_000)]
    assert len(set(made)) == len(made)
    assert all(map(ids.valid, made))
    assert {len(each) for each in made} == {ids.LENGTH}


@given(st.lists(st.integers(0, (1 << 48) - 1), min_size=2, max_size=20, unique=True))
def test_ids_sort_by_the_millisecond_they_were_made_in(moments: list[int]) -> None:
    # Half a millisecond more, because a float of such a size is not exact.
    made = {moment: ids.new((moment + 0.5) / 1000) for moment in moments}
    assert sorted(moments) == sorted(moments, key=made.__getitem__)


@given(st.integers(0, (1 << 48) - 1))
def test_an_id_is_a_uuid_of_version_7_that_tells_its_time(moment: int) -> None:
    parsed = uuid.UUID(int=number_of(ids.new((moment + 0.5) / 1000)))
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == moment


def test_an_id_is_made_of_the_present() -> None:
    before = int(time.time() * 1000)
    moment = number_of(ids.new()) >> 80
    assert before <= moment <= int(time.time() * 1000)


@pytest.mark.parametrize(
    "text",
    ["", "short", "0" * 21, "0" * 23, "0" * 21 + "-", "0" * 21 + "é", "0" * 21 + "\n", "0" * 22 + "\n", " " * 22],
)
def test_what_has_another_shape_is_no_id(text: str) -> None:
    assert not ids.valid(text)


@given(st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 128) - 1))
def test_the_order_of_the_text_is_the_order_of_the_number(one: int, other: int) -> None:
    assert (ids.base62(one, 22) < ids.base62(other, 22)) == (one < other)
    assert number_of(ids.base62(one, 22)) == one
