"""What holds when Valkey is a cluster, and while its primary dies."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from gateway.limits import Layer, Limiter
from shared import ids
from tests.gateway.limits.conftest import PATIENT, Make
from tests.valkey_cluster import Cluster, Server

LOGGER = "gateway.limits.breaker"
# Any counter's key has it, and it alone decides where they are.
TAG = "{limits}"
# Longer than a machine that stands still for a moment keeps a node from answering.
NODE_TIMEOUT_SECONDS = 2.0
# To notice the death, to vote, to be told; and as much again for a busy machine.
FAILOVER_SECONDS = 40.0
GATEWAY = {
    "limit_budget_seconds": 5.0,
    "limit_patience_seconds": PATIENT,
    "limit_connection_timeout_seconds": PATIENT,
    "limit_breaker_seconds": 0.2,
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), NODE_TIMEOUT_SECONDS)
    try:
        made.start()
        done = made.make()
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.stop()


@pytest.fixture
async def gateways(cluster: Cluster, make: Make) -> list[Limiter]:
    """Two, each with the address of another node that does not count."""
    primary = cluster.primary_of(TAG)
    wrong = [server for server in cluster.servers if server is not primary]
    return [make(server, **GATEWAY) for server in (wrong[0], wrong[-1])]


def layer(limit: int) -> Layer:
    return Layer(name="key", key=ids.new(), limit=limit, window_seconds=3600)


async def accepted(gateways: list[Limiter], limited: Layer, calls: int) -> int:
    """Of so many calls, all of which have to be decided by Valkey."""
    requests = iter(range(calls))

    async def ask(gateway: Limiter) -> int:
        taken = 0
        for _ in requests:
            decision = await gateway.decide([limited])
            assert decision.exact
            taken += decision.allowed
        return taken

    return sum(await asyncio.gather(*(ask(gateways[task % len(gateways)]) for task in range(32))))


async def until(seen: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + FAILOVER_SECONDS
    while not seen():
        assert time.monotonic() < end, otherwise
        await asyncio.sleep(0.02)


async def until_exact(gateways: list[Limiter]) -> None:
    end = time.monotonic() + FAILOVER_SECONDS
    for gateway in gateways:
        while not (await gateway.decide([layer(10)])).exact:
            assert time.monotonic() < end, "Another primary counts, and the limiter does not use it"
            await asyncio.sleep(0.02)


def replicated(primary: Server) -> bool:
    """Replicas follow a moment later, so a primary that is killed may know more than its successor."""
    told = dict(line.split(":", 1) for line in str(primary.ask("INFO", "replication")).splitlines() if ":" in line)
    return f"offset={told['master_repl_offset']}," in told.get("slave0", "")


async def fail_over(cluster: Cluster) -> Server:
    """The primary that counts is killed; returns it once another one is in its place."""
    primary = cluster.primary_of(TAG)
    primary.kill()
    await until(lambda: cluster.primary_of(TAG) is not primary, "No replica takes over")
    return primary


async def test_two_gateways_at_wrong_nodes_share_one_exact_limit(gateways: list[Limiter]) -> None:
    for _ in range(3):
        assert await accepted(gateways, layer(100), calls=1000) == 100


async def test_limits_are_exact_again_when_a_replica_has_taken_over(
    cluster: Cluster, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    primary = cluster.primary_of(TAG)
    # One knows nothing but the very node that dies, and what that has told it.
    gateways = [
        make(primary, **GATEWAY),
        make(next(each for each in cluster.servers if each is not primary), **GATEWAY),
    ]
    half_used, kept = layer(100), layer(7)
    assert await accepted(gateways, half_used, calls=50) == 50
    assert await accepted(gateways, kept, calls=20) == 7
    await until(lambda: replicated(primary), "The replica is left behind")

    failing = asyncio.create_task(fail_over(cluster))
    while not failing.done():
        for gateway in gateways:
            decision = await gateway.decide([layer(10)])
            assert decision.allowed
        await asyncio.sleep(0.01)
    await until_exact(gateways)

    assert await accepted(gateways, half_used, calls=200) == 50
    assert await accepted(gateways, kept, calls=20) == 0
    for _ in range(3):
        assert await accepted(gateways, layer(100), calls=1000) == 100
    lines = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert sum("does not decide" in line for line in lines) == 2
    assert sum("answers again" in line for line in lines) == len(lines) - 2 == 2

    (await failing).start()
    done = cluster.make()
    assert done.returncode == 0, done.stderr
    # Coming back it is a replica, and a gateway that was told of it alone is led on.
    assert await accepted([make(primary, **GATEWAY)], layer(5), calls=20) == 5


async def test_counters_on_their_way_to_another_primary_are_followed(cluster: Cluster, gateways: list[Limiter]) -> None:
    source = cluster.primary_of(TAG)
    slot = cast(int, source.ask("CLUSTER KEYSLOT", TAG))
    target = next(
        server
        for server in cluster.servers
        if server is not source and "role:master" in str(server.ask("INFO", "replication"))
    )
    source_id, target_id = str(source.ask("CLUSTER MYID")), str(target.ask("CLUSTER MYID"))
    known = layer(100)
    assert await accepted(gateways, known, calls=40) == 40

    target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
    # What is there already is still counted there, and what is new at the other end.
    new = layer(60)
    assert await accepted(gateways, known, calls=10) == 10
    assert await accepted(gateways, new, calls=50) == 50
    assert target.ask("CLUSTER COUNTKEYSINSLOT", slot) == 1

    moved = cast(list[str], source.ask("CLUSTER GETKEYSINSLOT", slot, 1000))
    password = source.url.split(":")[2].split("@")[0]
    source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "AUTH", password, "KEYS", *moved)
    target.ask("CLUSTER SETSLOT", slot, "NODE", target_id)
    source.ask("CLUSTER SETSLOT", slot, "NODE", target_id)
    assert await accepted(gateways, known, calls=200) == 50
    assert await accepted(gateways, new, calls=200) == 10
