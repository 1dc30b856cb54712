"""Makes one Valkey cluster of several servers, and whole again what has come apart; a whole one it leaves as it is.

    python -m deploy.valkey_cluster --primaries 3 valkey-0.valkey-pods:6379 valkey-1.valkey-pods:6379 …

It is run again and again. A server that came back under another address is introduced to the others anew, and one that
came back with nothing becomes a replica where one is missing. The password is read as the gateway reads it.
"""

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.settings import SettingsError, from_files, variable

_SLOTS = 16_384
_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 3.0


class Seen(NamedTuple):
    """A member as another one sees it: a line of ``CLUSTER NODES``."""

    flags: frozenset[str]
    primary: str  # its id, or "-" if this is one itself
    linked: bool
    slots: frozenset[int]


class Member:
    """``place`` is ``host:port``, or ``host:port@bus`` where the port of the bus is not the usual one."""

    def __init__(self, place: str, password: str) -> None:
        address, _, self._bus = place.partition("@")
        host, _, port = address.rpartition(":")
        # Servers know each other by numbers only.
        self._host = cast(str, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        self._port = int(port)
        self._redis = Redis(
            host=self._host,
            port=self._port,
            password=password or None,
            decode_responses=True,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
        )
        # Each answer as the server words it.
        self._redis.response_callbacks.clear()
        self.id = str(self.ask("MYID"))

    def ask(self, *words: str | int) -> object:
        return self._answer(f"CLUSTER {words[0]}", *words[1:])

    def view(self) -> dict[str, Seen]:
        """Every node that this one knows, by its id."""
        return dict(_seen(line) for line in str(self.ask("NODES")).splitlines())

    def meet(self, other: "Member") -> None:
        self.ask("MEET", other._host, other._port, *([other._bus] if other._bus else []))

    def follows(self) -> bool:
        """Has it all that its primary has, if it is a replica?"""
        return "master_link_status:down" not in str(self._answer("INFO", "replication"))

    def close(self) -> None:
        self._redis.close()

    def _answer(self, *words: str | int) -> object:
        return self._redis.execute_command(*words)  # type: ignore[no-untyped-call]


def make(members: Sequence[Member], primaries: int) -> None:
    """Raises RedisError when a server refuses, and TimeoutError when they do not agree in time."""
    ids = {member.id for member in members}
    first = members[0]
    known = first.view()
    for member in members[1:]:
        if member.id not in known or not known[member.id].linked:
            first.meet(member)
    _wait("know each other", lambda: all(_linked(member, ids) for member in members))
    _forget_the_lost(members, ids)
    _give_slots(members, primaries)
    _wait("agree on the slots", lambda: bool(_holders(members)))
    _wait("become one cluster", lambda: _unite(members, ids))


def _linked(member: Member, ids: set[str]) -> bool:
    return ids == {each for each, seen in member.view().items() if each in ids and seen.linked}


def _forget_the_lost(members: Sequence[Member], ids: set[str]) -> None:
    """All members are here, so whoever else has failed is a server whose disk was lost, and comes back as another."""
    for member in members:
        view = member.view()
        for stranger in view.keys() - ids - {view[member.id].primary}:
            if "fail" in view[stranger].flags:
                member.ask("FORGET", stranger)


def _give_slots(members: Sequence[Member], primaries: int) -> None:
    view = members[0].view()
    free = sorted(set(range(_SLOTS)).difference(*(seen.slots for seen in view.values())))
    holders = [member for member in members if view[member.id].slots]
    empty = [member for member in members if view[member.id].primary == "-" and member not in holders]
    takers = empty[: max(primaries - len(holders), 0)] or holders[:1]
    for place, taker in enumerate(takers):
        share = free[place * len(free) // len(takers) : (place + 1) * len(free) // len(takers)]
        if share:
            taker.ask("ADDSLOTS", *share)


def _holders(members: Sequence[Member]) -> list[str]:
    """The ids of those who hold slots; none unless all see the same, and no slot without its holder."""
    views = [{each: seen.slots for each, seen in member.view().items() if seen.slots} for member in members]
    agreed = all(view == views[0] for view in views) and sum(map(len, views[0].values())) == _SLOTS
    return [member.id for member in members if member.id in views[0]] if agreed else []


def _unite(members: Sequence[Member], ids: set[str]) -> bool:
    """Gives a primary to whoever is alone; are they one cluster now?

    Servers that have just met may find a primary dead and replace it, so each look begins with who holds slots.
    """
    holders = _holders(members)
    if not holders:
        return False
    _attach_replicas(members, holders)
    return all(_whole(member, holders, ids) for member in members)


def _attach_replicas(members: Sequence[Member], holders: Sequence[str]) -> None:
    replicas = dict.fromkeys(holders, 0)
    alone = []
    for member in members:
        itself = member.view()[member.id]
        if itself.primary in replicas:
            replicas[itself.primary] += 1
        elif member.id not in replicas and not itself.slots:
            # Whoever has slots has taken a primary's place since the others were asked.
            alone.append(member)
    for member in alone:
        primary = min(replicas, key=replicas.__getitem__)
        member.ask("REPLICATE", primary)
        replicas[primary] += 1


def _whole(member: Member, holders: Sequence[str], ids: set[str]) -> bool:
    view = member.view()
    # Whoever is taken for dead may still be replaced.
    alive = not any({"fail", "fail?"} & view[each].flags for each in ids)
    settled = alive and all(each in holders or view[each].primary in holders for each in ids)
    return settled and "cluster_state:ok" in str(member.ask("INFO")) and member.follows()


def _seen(line: str) -> tuple[str, Seen]:
    identity, _address, flags, primary, _ping, _pong, _epoch, link, *ranges = line.split()
    slots: set[int] = set()
    for given in ranges:
        if given.startswith("["):  # on its way to another node
            continue
        first, _, last = given.partition("-")
        slots.update(range(int(first), int(last or first) + 1))
    linked = link == "connected" and not {"handshake", "noaddr"} & set(flags.split(","))
    return identity, Seen(frozenset(flags.split(",")), primary, linked, frozenset(slots))


def _wait(wanted: str, done: Callable[[], bool]) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"the servers do not {wanted}")
        time.sleep(_LOOK_SECONDS)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit status: 0, or 1 with a sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m deploy.valkey_cluster", description=__doc__)
    parser.add_argument("--primaries", type=int, default=3, help="how many share the slots (%(default)s)")
    parser.add_argument("places", nargs="+", metavar="HOST:PORT")
    given = parser.parse_args(argv)
    members: list[Member] = []
    try:
        password = from_files(environ).get(variable("redis_password"), "")
        members.extend(Member(place, password) for place in given.places)
        make(members, given.primaries)
    except (RedisError, OSError, SettingsError) as error:
        print(f"The cluster of Valkey is not whole: {error}", file=sys.stderr)
        return 1
    finally:
        for member in members:
            member.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
