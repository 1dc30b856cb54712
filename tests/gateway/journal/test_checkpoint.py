"""The checkpoint after a write that did not end, whichever it was."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.redirect.checkpoint import Checkpoint, CheckpointError, Position


def reopened(path: Path) -> Position:
    checkpoint = Checkpoint.open(path)
    checkpoint.close()
    return checkpoint.position


def test_it_says_after_a_restart_what_it_said_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoint = Checkpoint.create(path)
    assert reopened(path) == (0, 0, 0)
    checkpoint.intend(Position(3, 100, 250))
    assert reopened(path) == (3, 100, 250)
    checkpoint.settle()
    assert reopened(path) == (3, 250, 250)
    checkpoint.close()


# How long an example takes says something of the machine only.
@given(steps=st.lists(st.booleans(), min_size=1, max_size=12), torn=st.integers(0, 44), forced_only=st.booleans())
def test_a_power_cut_during_an_intent_leaves_the_intent_before_it_or_what_came_after(
    tmp_path_factory: pytest.TempPathFactory, steps: list[bool], torn: int, forced_only: bool
) -> None:
    """Each step is an intent, settled or not; then the next intent is torn in the middle of its record."""
    path = tmp_path_factory.mktemp("torn") / "checkpoint"
    checkpoint = Checkpoint.create(path)
    end = 0
    possible: list[Position] = []
    forced = b""
    for settles in steps:
        possible = [Position(1, end, end + 10)]
        checkpoint.intend(possible[0])
        forced = path.read_bytes()
        end += 10
        if settles:
            checkpoint.settle()
            possible.append(Position(1, end, end))
    written = path.read_bytes()
    torn_intent = Position(1, end, end + 10)
    checkpoint.intend(torn_intent)
    after = path.read_bytes()
    checkpoint.close()

    left = bytearray(forced if forced_only else written)
    slot = next(at for at in range(len(after)) if after[at] != written[at]) // 4096 * 4096
    left[slot : slot + torn] = after[slot : slot + torn]
    path.write_bytes(left)
    if left[slot : slot + 44] == after[slot : slot + 44]:
        possible.append(torn_intent)
    assert reopened(path) in possible


def test_a_settled_batch_whose_slot_is_lost_counts_as_being_on_its_way(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoint = Checkpoint.create(path)
    checkpoint.intend(Position(1, 0, 10))
    intended = path.read_bytes()
    checkpoint.settle()
    checkpoint.close()
    # A power cut: the settled state was never forced to the disk.
    path.write_bytes(intended)
    assert reopened(path) == (1, 0, 10)


@pytest.mark.parametrize("content", [b"", bytes(8192), b"x" * 8192])
def test_a_checkpoint_that_cannot_be_read_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        Checkpoint.open(path)
    with pytest.raises(CheckpointError):
        Checkpoint.open(tmp_path / "absent")
