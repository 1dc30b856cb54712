"""Which server counts: the one that the settings name, or the primary that its cluster leads to.

All counters carry one tag, so of a cluster only one primary is ever asked. It is not looked for: any other node says
where it is when it is asked itself.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Node(NamedTuple):
    host: str
    port: int


class Nodes:
    """One server, or a cluster as far as it has told of itself. Nothing in here waits for anything."""

    def __init__(self, named: Node) -> None:
        self.named = named
        self.asked = named
        self._members: tuple[Node, ...] = ()
        self._untried: list[Node] = []

    def learn(self, members: Sequence[Node]) -> None:
        """What a node says of its cluster replaces what was known of it."""
        if set(members) != set(self._members):
            self._members = tuple(members)
            self._untried = []

    def moved(self, to: Node) -> None:
        self.asked = to

    def failed(self, node: Node) -> None:
        """The next one is asked, over and over: first the named one, since a name may lead elsewhere by now."""
        if node != self.asked:
            return
        self._untried = self._untried or [each for each in (self.named, *self._members) if each != node]
        if self._untried:
            self.asked = self._untried.pop(0)


def members_of(reply: object, asked: Node) -> list[Node]:
    """The nodes in an answer to ``CLUSTER SLOTS``; none if it is no such answer. ``asked`` is who has given it."""
    if not isinstance(reply, list):
        return []
    named = [(host, port) for _first, _last, *nodes in reply for host, port, *_rest in nodes]
    # A node that does not know its own address leaves it out; one whose host name is not known yet is a '?'.
    nodes = [Node(host.decode() if host else asked.host, port) for host, port in named if host != b"?"]
    return list(dict.fromkeys(nodes))
