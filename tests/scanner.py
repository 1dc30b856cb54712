"""A camera: reads the pictures of QR codes as a phone would, by their colours."""

import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from typing import NamedTuple

import zxingcpp

_SVG = "{http://www.w3.org/2000/svg}"
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-?\d+z", re.IGNORECASE)
_PAPER = (255, 255, 255)

Colour = tuple[int, int, int]


class Image(NamedTuple):
    width: int
    height: int
    pixels: bytes  # blue, green and red of each


def read(image: Image) -> str:
    """What the one code in it says."""
    (found,) = zxingcpp.read_barcodes(memoryview(image.pixels).cast("B", (image.height, image.width, 3)))
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    return found.text


def develop(data: bytes, paper: Colour = _PAPER) -> Image:
    """SVG or PNG, as far as pictures of QR codes use them, on paper of a colour."""
    return _from_png(data, paper) if data.startswith(b"\x89PNG") else _from_svg(data, paper)


def _from_png(data: bytes, paper: Colour) -> Image:
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + content),)
        chunks[kind] = content
        at += 12 + length
    width, height, depth, kind_of_colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, kind_of_colour, rest) == (1, 3, [0, 0, 0])
    palette = [_bgr(*chunks[b"PLTE"][place : place + 3]) for place in range(0, len(chunks[b"PLTE"]), 3)]
    if b"tRNS" in chunks:
        assert chunks[b"tRNS"] == b"\0"
        palette[0] = _bgr(*paper)
    stride = 1 + -(-width // 8)
    lines = zlib.decompress(chunks[b"IDAT"])
    assert len(lines) == stride * height
    pixels = bytearray()
    for line in range(height):
        filter_, *packed = lines[line * stride : (line + 1) * stride]
        assert filter_ == 0
        bits = "".join(f"{byte:08b}" for byte in packed)[:width]
        pixels += b"".join(palette[bit == "1"] for bit in bits)
    return Image(width, height, bytes(pixels))


def _from_svg(data: bytes, paper: Colour) -> Image:
    root = ElementTree.fromstring(data)
    assert root.tag == f"{_SVG}svg"
    size = int(root.attrib["width"])
    _, _, whole, high = map(int, root.attrib["viewBox"].split())
    assert (root.attrib["height"], high) == (str(size), whole)
    modules = [[_bgr(*paper)] * whole for _ in range(whole)]
    for path in root:
        assert path.tag == f"{_SVG}path"
        colour = _bgr(*bytes.fromhex(path.attrib["fill"].removeprefix("#")))
        assert not _RUN.sub("", path.attrib["d"])
        for left, top, wide, tall in _RUN.findall(path.attrib["d"]):
            for line in range(int(top), int(top) + int(tall)):
                modules[line][int(left) : int(left) + int(wide)] = [colour] * int(wide)
    lines = [b"".join(row[x * whole // size] for x in range(size)) for row in modules]
    return Image(size, size, b"".join(lines[y * whole // size] for y in range(size)))


def _bgr(red: int, green: int, blue: int) -> bytes:
    return bytes((blue, green, red))


def on_a_table(image: Image) -> Image:
    """With as much of a white table around it as a code needs."""
    around = image.width // 8
    width = image.width + 2 * around
    blank = b"\xff" * 3 * width
    side = b"\xff" * 3 * around
    stride = 3 * image.width
    rows = [side + image.pixels[line * stride : (line + 1) * stride] + side for line in range(image.height)]
    return Image(width, image.height + 2 * around, blank * around + b"".join(rows) + blank * around)
