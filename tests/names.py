"""A name server on the loopback that says whatever a test wants to hear."""

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, cast

A, CNAME, TXT, AAAA = 1, 5, 16, 28
_IN = 1
_ANSWERS, _UNKNOWN = 0x8180, 0x8183


class Alias(NamedTuple):
    """A CNAME."""

    name: str


# One answer: addresses, or the name that this one stands for.
Answer = Sequence[str] | Alias


class Names(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        # Of each name its answers in turn; the last one stays.
        self.zone: dict[str, list[Answer]] = {}
        self.texts: dict[str, tuple[str, ...]] = {}
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def says(self, name: str, *answers: Answer) -> str:
        self.zone[name] = list(answers)
        return name

    def writes(self, name: str, *texts: str) -> None:
        """The TXT records of a name; with none given, there are none any more, but the name is known."""
        self.texts[name] = texts

    @property
    def server(self) -> str:
        assert self._transport
        return f"127.0.0.1:{self._transport.get_extra_info('sockname')[1]}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport
        name, end = _name(data, 12)
        (kind,) = struct.unpack_from("!H", data, end)
        if kind in (A, TXT):
            self.asked.append(name)
        if name in self.silent:
            return
        records = self._records(name, kind)
        flags = _ANSWERS if name in self.zone or name in self.texts else _UNKNOWN
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        self._transport.sendto(head + data[12 : end + 4] + b"".join(records), addr)

    def _records(self, name: str, kind: int) -> list[bytes]:
        """Follows aliases as a resolver does, up to a length at which everybody gives up."""
        if kind == TXT:
            return [_record(name, TXT, _chunks(text)) for text in self.texts.get(name, ())]
        records: list[bytes] = []
        for _ in range(16):
            answers = self.zone.get(name)
            if not answers:
                break
            # Both questions of a look-up, IPv4's and IPv6's, get the same answer; the one for IPv4 turns the page.
            answer = answers[0]
            if kind == A and len(answers) > 1:
                answers.pop(0)
            if isinstance(answer, Alias):
                records.append(_record(name, CNAME, _packed(answer.name)))
                name = answer.name
                continue
            wanted = [each for each in map(ipaddress.ip_address, answer) if kind == (A if each.version == 4 else AAAA)]
            records += [_record(name, kind, each.packed) for each in wanted]
            break
        return records


def _record(name: str, kind: int, value: bytes) -> bytes:
    return _packed(name) + struct.pack("!HHIH", kind, _IN, 0, len(value)) + value


def _chunks(text: str) -> bytes:
    """In pieces, because servers may part a text where they like."""
    data = text.encode()
    pieces = [data[begin : begin + 20] for begin in range(0, len(data), 20)]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces)


def _packed(name: str) -> bytes:
    labels = name.rstrip(".").encode().split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _name(data: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode().lower())
        at += 1 + length
    return ".".join(labels), at + 1


@contextlib.asynccontextmanager
async def naming() -> AsyncIterator[Names]:
    names = Names()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: names, ("127.0.0.1", 0))
    try:
        yield names
    finally:
        transport.close()
