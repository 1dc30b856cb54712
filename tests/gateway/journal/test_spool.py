"""Batches and their bounds, damaged files, and who owns a directory."""

import fcntl
import os
import resource
from pathlib import Path

import msgspec
import pytest

from gateway.redirect import spool as spools
from gateway.redirect.counts import Counts
from gateway.redirect.frames import seal
from gateway.redirect.spool import OpenSegmentDamagedError, Parcel
from gateway.redirect.writer import Writer
from shared.settings import Settings
from tests.gateway.journal.clicks import batch_in, settings, tokens_in, tokens_of, visit


class Worker:
    """One that writes clicks and hands over parcels, without a stream."""

    def __init__(self, chosen: Settings) -> None:
        self.counts = Counts()
        self.root = Path(chosen.journal_dir)
        self.spool = spools.claim_or_create(self.root, chosen, self.counts)
        self.writer = Writer(self.spool, chosen, self.counts)
        self.written = 0

    @property
    def files(self) -> list[Path]:
        return sorted(self.spool.path.glob("*.segment"))

    def write(self, tokens: list[str]) -> None:
        for token in tokens:
            self.writer.append(frame(token))
            self.written += len(frame(token))

    def ship(self) -> list[Parcel]:
        shipped = []
        while parcel := self.spool.prepare():
            shipped.append(parcel)
            self.spool.settle()
        # Whatever has happened to the files, nothing may seem to wait for ever.
        assert self.spool.found + self.written == self.spool.released
        return shipped

    def die(self) -> None:
        """Leaves the files as a killed process does, and the lock open."""
        self.writer.close()
        self.spool.release()


def frame(token: str) -> bytes:
    return seal(msgspec.msgpack.encode(visit(token)))


def numbered(first: int, last: int) -> list[str]:
    return [f"{number:06d}" for number in range(first, last)]


def test_batches_hold_every_click_once_in_order_and_are_readable_as_batches(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 1000))
    parcels = worker.ship()
    assert tokens_of(parcels) == numbered(0, 1000)
    assert max(parcel.clicks for parcel in parcels) == 50
    assert [batch_in(parcel.payload).id for parcel in parcels] == [parcel.id for parcel in parcels]
    assert len({parcel.id for parcel in parcels}) == len(parcels)
    worker.die()


def test_a_batch_keeps_to_its_size_in_bytes(tmp_path: Path) -> None:
    chosen = settings(tmp_path, ship_batch_bytes=100_000, ship_batch_clicks=100_000, journal_segment_bytes=1_000_000)
    worker = Worker(chosen)
    worker.write(numbered(0, 2000))
    parcels = worker.ship()
    assert tokens_of(parcels) == numbered(0, 2000)
    assert all(90_000 < len(parcel.payload) <= 100_000 for parcel in parcels[:-1])
    worker.die()


def test_shipped_segments_are_deleted(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 1000))
    assert len(worker.files) > 3
    worker.ship()
    assert len(worker.files) == 1
    worker.die()


def test_a_batch_on_its_way_is_the_same_after_a_crash_however_many_clicks_came_since(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 7))
    before = worker.spool.prepare()
    worker.write(numbered(7, 30))
    worker.die()

    again = Worker(settings(tmp_path))
    after = again.ship()
    assert before
    assert (after[0].id, after[0].payload) == (before.id, before.payload)
    assert tokens_of(after) == numbered(0, 30)
    again.die()


def test_a_new_process_begins_a_new_segment_and_never_an_old_number(tmp_path: Path) -> None:
    first = Worker(settings(tmp_path))
    first.write(numbered(0, 5))
    first.ship()
    first.die()
    second = Worker(settings(tmp_path))
    assert second.spool.id == first.spool.id
    second.write(numbered(5, 10))
    shipped = second.ship()
    assert tokens_of(shipped) == numbered(5, 10)
    assert [path.stem for path in second.files] == ["000000000002"]
    second.die()


def test_a_number_is_not_used_again_when_its_segment_is_shipped_and_gone(tmp_path: Path) -> None:
    first = Worker(settings(tmp_path))
    first.write(numbered(0, 5))
    first.writer.close()
    before = first.ship()
    first.spool.release()
    assert first.files == []
    second = Worker(settings(tmp_path))
    second.write(numbered(5, 10))
    assert second.spool.id == first.spool.id
    assert {parcel.id for parcel in second.ship()}.isdisjoint(parcel.id for parcel in before)
    second.die()


def test_the_torn_end_of_a_dead_worker_is_cut_off(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 3))
    path = worker.files[-1]
    worker.die()
    with path.open("ab") as file:
        file.write(frame("torn")[:-1])

    again = Worker(settings(tmp_path))
    again.write(numbered(3, 6))
    assert tokens_of(again.ship()) == numbered(0, 6)
    assert (again.counts.torn, again.counts.corrupt) == (1, 0)
    again.die()


def test_a_batch_on_its_way_whose_end_a_power_cut_took_keeps_its_id(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 10))
    before = worker.spool.prepare()
    path = worker.files[-1]
    worker.die()
    os.truncate(path, len(frame(numbered(0, 1)[0])) * 4 + 11)

    again = Worker(settings(tmp_path))
    again.write(numbered(20, 22))
    after = again.ship()
    assert before
    assert after[0].id == before.id
    assert tokens_in(after[0].payload) == numbered(0, 4)
    assert tokens_of(after[1:]) == numbered(20, 22)
    again.die()


def test_a_batch_on_its_way_of_which_nothing_is_left_is_given_up(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 10))
    assert worker.spool.prepare()
    path = worker.files[-1]
    worker.die()
    os.truncate(path, 0)

    again = Worker(settings(tmp_path))
    again.write(numbered(20, 22))
    assert tokens_of(again.ship()) == numbered(20, 22)
    again.die()


def test_a_damaged_file_is_kept_aside_and_the_next_one_goes_on(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 600))
    first = worker.files[0]
    worker.die()
    size = len(frame(numbered(0, 1)[0]))
    in_first = first.stat().st_size // size
    with first.open("r+b") as file:
        file.seek(size * 100 + 40)
        file.write(b"\xff\x00\xff")

    again = Worker(settings(tmp_path))
    damaged = first.read_bytes()
    assert tokens_of(again.ship()) == numbered(0, 100) + numbered(in_first, 600)
    aside = list(again.root.glob("*.corrupt"))
    assert [path.read_bytes() for path in aside] == [damaged]
    assert again.counts.corrupt == 1
    again.die()


def test_damage_in_the_file_that_is_being_written_stops_neither_writing_nor_shipping(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 10))
    with worker.files[0].open("r+b") as file:
        file.seek(len(frame(numbered(0, 1)[0])) * 5 + 40)
        file.write(b"\xff\x00\xff")
    first = worker.spool.prepare()
    assert first
    assert tokens_in(first.payload) == numbered(0, 5)
    worker.spool.settle()
    with pytest.raises(OpenSegmentDamagedError) as damage:
        worker.spool.prepare()
    damage.value.segment.closed = True
    worker.write(numbered(10, 20))
    assert tokens_of(worker.ship()) == numbered(10, 20)
    assert worker.counts.corrupt == 1
    worker.die()


def test_a_file_that_somebody_deleted_is_counted_and_the_next_one_goes_on(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 600))
    gone = worker.files[1]
    tokens = gone.read_bytes().count(b"token=")
    worker.die()
    again = Worker(settings(tmp_path))
    before = worker.files[0].read_bytes().count(b"token=")
    gone.unlink()
    assert tokens_of(again.ship()) == numbered(0, before) + numbered(before + tokens, 600)
    assert again.counts.corrupt == 1
    again.die()


def test_a_journal_whose_checkpoint_is_lost_is_put_aside_as_a_whole(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.write(numbered(0, 10))
    worker.die()
    (worker.spool.path / "checkpoint").write_bytes(bytes(8192))
    again = Worker(settings(tmp_path))
    assert again.spool.id != worker.spool.id
    assert again.counts.corrupt == 1
    assert worker.spool.path.with_suffix(".corrupt").is_dir()
    again.die()


def test_what_is_left_of_making_or_removing_a_directory_is_swept_away(tmp_path: Path) -> None:
    worker = Worker(settings(tmp_path))
    worker.die()
    for path in [*worker.files, worker.spool.path / "checkpoint"]:
        path.unlink()
    again = Worker(settings(tmp_path))
    # Under its old id the batches would begin with the old names again.
    assert again.spool.id != worker.spool.id
    assert not worker.spool.path.exists()
    assert again.counts.corrupt == 0
    again.die()


def test_a_living_workers_directory_is_never_taken(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    first, second = Worker(chosen), Worker(chosen)
    assert first.spool.id != second.spool.id
    assert spools.claim(first.spool.path, chosen, Counts()) is None
    first.die()
    adopted = spools.claim(first.spool.path, chosen, Counts())
    assert adopted
    assert spools.claim(first.spool.path, chosen, Counts()) is None
    adopted.release()
    second.die()


def test_a_directory_that_is_removed_while_it_is_claimed_is_not_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(tmp_path)
    worker = Worker(chosen)
    worker.die()
    adopted = spools.claim(worker.spool.path, chosen, Counts())
    assert adopted
    assert adopted.prepare() is None
    lock = fcntl.flock

    def too_late(fd: int, how: int) -> None:
        adopted.remove()
        adopted.release()
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", too_late)
    counts = Counts()
    assert spools.claim(worker.spool.path, chosen, counts) is None
    assert list(worker.root.iterdir()) == []


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    others = [Path(chosen.journal_dir) / "lost+found", Path(chosen.journal_dir) / "notes"]
    for path in others:
        path.mkdir(parents=True)
    worker = Worker(chosen)
    assert spools.directories(worker.root) == [worker.spool.path]
    assert all(path.is_dir() for path in others)
    worker.die()


def test_a_frame_that_the_disk_took_in_part_leaves_no_trace(tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel write short, as a full disk does."""
    worker = Worker(settings(tmp_path, journal_segment_bytes=1_000_000))
    worker.write(numbered(0, 10))
    size = worker.files[0].stat().st_size
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, old[1]))
    try:
        for token in numbered(10, 15):
            with pytest.raises(OSError):
                worker.write([token])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert worker.files[0].stat().st_size == size
    worker.write(numbered(15, 20))
    assert tokens_of(worker.ship()) == numbered(0, 10) + numbered(15, 20)
    worker.die()


def test_a_torn_frame_that_cannot_be_taken_back_ends_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(settings(tmp_path, journal_segment_bytes=1_000_000))
    worker.write(numbered(0, 10))

    def refuse(fd: int, length: int) -> None:
        raise OSError("the disk is gone")

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (worker.files[0].stat().st_size + 100, old[1]))
    monkeypatch.setattr(os, "ftruncate", refuse)
    try:
        with pytest.raises(OSError, match="gone"):
            worker.write(["torn"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    worker.write(numbered(10, 20))
    assert len(worker.files) == 2
    worker.die()

    again = Worker(settings(tmp_path))
    assert tokens_of(again.ship()) == numbered(0, 20)
    assert (again.counts.torn, again.counts.corrupt) == (1, 0)
    again.die()
