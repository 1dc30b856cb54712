"""What survives of a file that was cut or damaged."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.redirect.frames import LARGEST_PAYLOAD, Ending, seal, walk

payloads = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=20)


def survivors(data: bytes) -> list[bytes]:
    return [bytes(payload) for payload in walk(data, 1000).payloads]


def ends_of(given_payloads: list[bytes]) -> list[int]:
    ends, at = [], 0
    for payload in given_payloads:
        at += len(seal(payload))
        ends.append(at)
    return ends


# How long an example takes says something of the machine only.
@given(payloads, st.data())
def test_of_a_cut_file_exactly_the_whole_frames_survive(given_payloads: list[bytes], data: st.DataObject) -> None:
    file = b"".join(map(seal, given_payloads))
    cut = data.draw(st.integers(0, len(file)))
    whole = sum(end <= cut for end in ends_of(given_payloads))
    found = walk(file[:cut], 1000)
    assert survivors(file[:cut]) == given_payloads[:whole]
    assert found.length == sum(len(seal(payload)) for payload in given_payloads[:whole])
    assert found.ending is (Ending.CLEAN if found.length == cut else Ending.CUT)


@given(payloads, st.data())
def test_a_flipped_bit_costs_its_frame_and_what_follows_and_nothing_before(
    given_payloads: list[bytes], data: st.DataObject
) -> None:
    file = bytearray(b"".join(map(seal, given_payloads)))
    bit = data.draw(st.integers(0, len(file) * 8 - 1))
    file[bit // 8] ^= 1 << bit % 8
    intact = sum(end <= bit // 8 for end in ends_of(given_payloads))
    assert survivors(bytes(file)) == given_payloads[:intact]
    assert walk(bytes(file), 1000).ending is not Ending.CLEAN


@given(payloads, st.binary(min_size=1, max_size=64))
def test_garbage_at_the_end_adds_no_click(given_payloads: list[bytes], garbage: bytes) -> None:
    file = b"".join(map(seal, given_payloads)) + garbage
    assert survivors(file) == given_payloads


def test_zeros_at_the_end_are_no_frames() -> None:
    assert survivors(seal(b"click") + bytes(4096)) == [b"click"]
    assert walk(bytes(4096), 10).ending is Ending.DAMAGE


def test_the_largest_payload_fits_and_a_longer_one_is_taken_for_damage() -> None:
    assert survivors(seal(bytes(LARGEST_PAYLOAD))) == [bytes(LARGEST_PAYLOAD)]
    assert walk(seal(bytes(LARGEST_PAYLOAD + 1)), 10).ending is Ending.DAMAGE


def test_a_reader_stops_at_the_number_of_frames_it_asked_for() -> None:
    file = seal(b"one") + seal(b"two") + seal(b"three")
    found = walk(file, 2)
    assert [bytes(payload) for payload in found.payloads] == [b"one", b"two"]
    assert (found.length, found.ending) == (len(seal(b"one") + seal(b"two")), Ending.CLEAN)
