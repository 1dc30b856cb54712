"""QR codes as pictures. Drawing one takes milliseconds of the processor, so it is done beside the event loop."""

import asyncio
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import segno

from services.links.figures import DRAWN
from shared.contracts.links.qr_codes import TRANSPARENT, DrawQrCode, Format
from shared.faults import Code, Fault

Rows = Sequence[Sequence[int]]  # of modules: 1 is dark

_PNG = b"\x89PNG\r\n\x1a\n"
_PALETTE, _NO_FILTER = 3, b"\0"


class Easel:
    """One thread that draws, and those who wait for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qr")
        self._waiting = 0

    async def draw(self, ask: DrawQrCode, *, most_waiting: int) -> bytes:
        """UNAVAILABLE at once when so many wait already: they must not keep other questions from being answered."""
        if self._waiting >= most_waiting:
            raise Fault(Code.UNAVAILABLE, "Too many pictures are being drawn right now", retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _draw, ask)
        finally:
            self._waiting -= 1


def _draw(ask: DrawQrCode) -> bytes:
    began = time.perf_counter()
    picture = draw(ask)
    DRAWN.of().add(time.perf_counter() - began)
    return picture


def draw(ask: DrawQrCode) -> bytes:
    try:
        code = segno.make(ask.text, error=ask.error_correction, micro=False)
    except segno.DataOverflowError:
        raise Fault(Code.IMPOSSIBLE, "No QR code holds so long an address", field="text") from None
    modules = len(code.matrix) + 2 * ask.margin
    if modules > ask.size:
        raise Fault(Code.IMPOSSIBLE, f"This code needs {modules} pixels at least", field="size")
    return _WRITERS[ask.format](code.matrix, ask)


def _svg(rows: Rows, ask: DrawQrCode) -> bytes:
    whole = len(rows) + 2 * ask.margin
    ground = "" if ask.background == TRANSPARENT else f'<path fill="{ask.background}" d="M0 0h{whole}v{whole}H0z"/>'
    dark = "".join(
        f"M{begin + ask.margin} {line + ask.margin}h{length}v1h-{length}z"
        for line, row in enumerate(rows)
        for begin, length in _dark_runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{ask.size}" height="{ask.size}" '
        f'viewBox="0 0 {whole} {whole}" shape-rendering="crispEdges">'
        f'{ground}<path fill="{ask.foreground}" d="{dark}"/></svg>\n'
    ).encode()


def _dark_runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Where each begins, and how long it is."""
    runs, place = [], 0
    for dark, group in groupby(row):
        length = len(list(group))
        if dark:
            runs.append((place, length))
        place += length
    return runs


def _png(rows: Rows, ask: DrawQrCode) -> bytes:
    """Two colours, one bit for each pixel."""
    # Modules are whole pixels, or their edges would blur; what is left over goes to the margin.
    scale = ask.size // (len(rows) + 2 * ask.margin)
    inner = scale * len(rows)
    before = (ask.size - inner) // 2
    after = ask.size - inner - before
    blank = _NO_FILTER + _packed("0" * ask.size)
    lines = [blank * before]
    for row in rows:
        bits = "".join("1" * scale if dark else "0" * scale for dark in row)
        lines.append((_NO_FILTER + _packed("0" * before + bits + "0" * after)) * scale)
    lines.append(blank * after)
    light = "#FFFFFF" if ask.background == TRANSPARENT else ask.background
    return b"".join(
        (
            _PNG,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", ask.size, ask.size, 1, _PALETTE, 0, 0, 0)),
            _chunk(b"PLTE", bytes.fromhex(light[1:] + ask.foreground[1:])),
            _chunk(b"tRNS", b"\0") if ask.background == TRANSPARENT else b"",
            _chunk(b"IDAT", zlib.compress(b"".join(lines))),
            _chunk(b"IEND", b""),
        )
    )


def _packed(bits: str) -> bytes:
    """Eight in a byte, the last one filled up."""
    length = -(-len(bits) // 8)
    return int(bits.ljust(length * 8, "0"), 2).to_bytes(length, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_WRITERS: dict[Format, Callable[[Rows, DrawQrCode], bytes]] = {Format.SVG: _svg, Format.PNG: _png}
