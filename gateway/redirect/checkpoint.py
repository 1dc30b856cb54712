"""How far a journal has been shipped, in a small file that survives a crash at any moment.

The file has two slots of one page each, and the valid slot with the higher sequence is the truth, so a torn write
leaves the state before it. A batch is entered here before it is published: whoever finds it entered and not settled has
to publish it again with exactly the same bounds, because the stream may have it already.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from gateway.redirect.segment import sync_data

_SLOT_BYTES = 4096
_RECORD = struct.Struct("<8sQQQQ")  # magic, sequence, segment, start, end; then their CRC-32
_CHECKSUM = struct.Struct("<I")
_MAGIC = b"WAYPOST1"


class CheckpointError(Exception):
    """Neither slot can be read."""


class Position(NamedTuple):
    """Everything before ``start`` is shipped; from there to ``end`` a batch is on its way, if these two differ."""

    segment: int
    start: int
    end: int


class Checkpoint:
    """The file, open. Its methods block on the disk."""

    def __init__(self, fd: int, sequence: int, position: Position, safe_slot: int) -> None:
        self.position = position
        self._fd = fd
        self._sequence = sequence
        # The slot that is safe on the disk is never written before the other one is safe, too.
        self._safe_slot = safe_slot

    @classmethod
    def create(cls, path: Path) -> "Checkpoint":
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # Both slots get their blocks now: shipping must go on when the disk is full, for it is what frees space.
        if os.pwrite(fd, bytes(2 * _SLOT_BYTES), 0) != 2 * _SLOT_BYTES:
            raise OSError(f"The disk has no room for {path}")
        checkpoint = cls(fd, 0, Position(0, 0, 0), safe_slot=1)
        checkpoint._write(checkpoint.position, sync=True)
        return checkpoint

    @classmethod
    def open(cls, path: Path) -> "Checkpoint":
        """Raises `CheckpointError` when there is none that can be read."""
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError as error:
            raise CheckpointError(f"{path} is missing") from error
        slots = (_unpack(os.pread(fd, _SLOT_BYTES, slot * _SLOT_BYTES)) for slot in (0, 1))
        valid = [(found, slot) for slot, found in enumerate(slots) if found]
        if not valid:
            os.close(fd)
            raise CheckpointError(f"{path} cannot be read")
        (sequence, position), slot = max(valid)
        # A process that was killed may have left the newest slot in memory only.
        sync_data(fd)
        return cls(fd, sequence, position, safe_slot=slot)

    def intend(self, position: Position) -> None:
        """Returns when the batch about to be published is entered safely."""
        self._write(position, sync=True)

    def settle(self) -> None:
        """The batch has been acknowledged.

        Not forced to the disk: if a power cut takes it back, the same batch is published once more under its old id.
        """
        self._write(self.position._replace(start=self.position.end), sync=False)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, position: Position, *, sync: bool) -> None:
        self._sequence += 1
        slot = 1 - self._safe_slot
        record = _RECORD.pack(_MAGIC, self._sequence, *position)
        record += _CHECKSUM.pack(crc32(record))
        written = os.pwrite(self._fd, record, slot * _SLOT_BYTES)
        if written != len(record):
            raise OSError(f"The disk took {written} of {len(record)} bytes of a checkpoint")
        if sync:
            sync_data(self._fd)
            self._safe_slot = slot
        self.position = position


def _unpack(data: bytes) -> tuple[int, Position] | None:
    size = _RECORD.size
    if len(data) < size + _CHECKSUM.size or _CHECKSUM.unpack_from(data, size)[0] != crc32(data[:size]):
        return None
    magic, sequence, segment, start, end = _RECORD.unpack_from(data)
    return (sequence, Position(segment, start, end)) if magic == _MAGIC else None
