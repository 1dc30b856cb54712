"""Whom the limiter asks when somebody does not answer."""

from gateway.limits.nodes import Node, Nodes, members_of

NAMED = Node("valkey", 6379)
A, B, C = (Node(f"10.0.0.{number}", 6379) for number in (1, 2, 3))


def test_one_server_is_asked_however_often_it_fails() -> None:
    nodes = Nodes(NAMED)
    for _ in range(5):
        nodes.failed(NAMED)
        assert nodes.asked == NAMED


def test_after_a_failure_every_other_node_has_its_turn_and_the_named_one_first() -> None:
    nodes = Nodes(NAMED)
    nodes.learn([A, B, C])
    nodes.moved(B)
    asked = []
    for _ in range(4):
        nodes.failed(nodes.asked)
        asked.append(nodes.asked)
    assert asked[:3] == [NAMED, A, C]
    # The one that failed first may be back.
    assert asked[3] != C


def test_a_failure_of_a_node_that_is_asked_no_more_changes_nothing() -> None:
    nodes = Nodes(NAMED)
    nodes.learn([A, B])
    nodes.moved(A)
    nodes.failed(B)
    assert nodes.asked == A


def test_what_a_node_says_of_its_cluster_is_read_with_the_gaps_it_has() -> None:
    slots: object = [
        [0, 5460, [b"10.0.0.1", 6379, b"id", []], [b"10.0.0.2", 6379, b"id", []]],
        [5461, 10922, [None, 6380, b"id", []], [b"?", 6379, b"id", []]],
        [10923, 16383, [b"10.0.0.1", 6379, b"id", []], [b"", 6381, b"id", []]],
    ]
    assert members_of(slots, NAMED) == [A, B, Node("valkey", 6380), Node("valkey", 6381)]
    assert members_of(Exception("This instance has cluster support disabled"), NAMED) == []
