"""The file of the six Valkey servers and the job that makes them one cluster, on six real servers."""

import re
import shutil
import time
from collections.abc import Iterator
from typing import cast

import pytest

from deploy import valkey_cluster
from tests.deploy.kubernetes.manifests import COMPONENT, containers, environment, named, of_kind, pod_of
from tests.deploy.kubernetes.test_rights import reaches
from tests.valkey_cluster import PRIMARIES, SERVERS, Cluster, Server

OVERLAY = "production"
RENDERED = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which renders them, is not installed")
TAG = "{limits}"
# Far longer than a handover takes, so that a death that has to be noticed first can be told from it.
NODE_TIMEOUT_SECONDS = 3.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), NODE_TIMEOUT_SECONDS)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def shape(seen_by: Server) -> tuple[int, int, int]:
    """Primaries with slots, replicas of these, and nodes in all."""
    lines = [line.split() for line in str(seen_by.ask("CLUSTER NODES")).splitlines()]
    holders = {identity for identity, _, flags, *rest in lines if "master" in flags and len(rest) > 5}
    replicas = [line for line in lines if "slave" in line[2] and line[3] in holders]
    return len(holders), len(replicas), len(lines)


def made(cluster: Cluster) -> None:
    done = cluster.make()
    assert done.returncode == 0, done.stderr
    assert {shape(server) for server in cluster.servers} == {(PRIMARIES, SERVERS - PRIMARIES, SERVERS)}


def role(server: Server) -> str:
    return str(cast(list[object], server.ask("ROLE"))[0])


def roles(cluster: Cluster) -> list[tuple[object, str]]:
    return [(server.ask("CLUSTER MYID"), role(server)) for server in cluster.servers]


def test_the_job_makes_one_cluster_and_leaves_it_as_it_is(cluster: Cluster) -> None:
    made(cluster)
    before = roles(cluster)
    made(cluster)
    assert roles(cluster) == before


def test_a_primary_that_is_told_to_stop_hands_over_first(cluster: Cluster) -> None:
    made(cluster)
    took = []
    for _ in range(3):  # the machine may stand still during one of them
        primary = cluster.primary_of(TAG)
        began = time.monotonic()
        primary.terminate()
        while cluster.primary_of(TAG) is primary:
            assert time.monotonic() - began < 60
            time.sleep(0.02)
        took.append(time.monotonic() - began)
        primary.start()
        made(cluster)
        if took[-1] < NODE_TIMEOUT_SECONDS:
            return
    raise AssertionError(f"Its death had to be noticed: {took}")


def test_a_replica_that_takes_over_while_the_job_looks_keeps_what_it_has_taken(cluster: Cluster) -> None:
    made(cluster)
    members = [valkey_cluster.Member(server.place, cluster.password) for server in cluster.servers]
    seen_before = valkey_cluster._holders(members)
    replica = next(server for server in cluster.servers if role(server) == "slave")
    assert replica.ask("CLUSTER FAILOVER") == "OK"
    until = time.monotonic() + 20
    while role(replica) != "master":
        assert time.monotonic() < until
        time.sleep(0.02)
    valkey_cluster._attach_replicas(members, seen_before)
    assert role(replica) == "master"
    for member in members:
        member.close()
    made(cluster)


def test_a_server_that_lost_its_disk_becomes_a_replica_and_its_former_self_is_forgotten(cluster: Cluster) -> None:
    made(cluster)
    primary = cluster.primary_of(TAG)
    primary.terminate()
    primary.lose_disk()
    primary.start()
    made(cluster)
    assert role(primary) == "slave"


def test_servers_that_all_come_back_under_other_addresses_find_each_other(cluster: Cluster) -> None:
    made(cluster)
    primary = cluster.primary_of(TAG)
    assert primary.ask("SET", TAG, "kept") == "OK"
    # Whoever finds its primary dead takes its place, with what it has been told until then.
    assert primary.ask("WAIT", 1, 10_000) == 1
    for server in cluster.servers:
        server.kill()
    for server in cluster.servers:
        server.move()
        server.start()
    made(cluster)
    assert cluster.primary_of(TAG).ask("GET", TAG) == "kept"


def test_the_job_says_why_there_is_no_cluster(cluster: Cluster) -> None:
    made(cluster)
    away = cluster.servers[-1]
    away.kill()
    done = cluster.make()
    assert done.returncode == 1
    assert re.fullmatch(r"The cluster of Valkey is not whole: .*Connection refused\.?\n", done.stderr)
    away.start()


@RENDERED
def test_the_job_is_given_every_server_and_its_password() -> None:
    servers = named(OVERLAY, "StatefulSet", "valkey")
    [job] = of_kind(OVERLAY, "CronJob")
    spec = pod_of(job)["spec"]
    [container] = spec["containers"]
    [headless] = [each for each in of_kind(OVERLAY, "Service") if each["metadata"]["name"] == "valkey-pods"]
    assert headless["spec"]["clusterIP"] == "None"
    assert servers["spec"]["serviceName"] == "valkey-pods"
    assert servers["spec"]["replicas"] == SERVERS
    pods = [f"valkey-{number}.valkey-pods:6379" for number in range(SERVERS)]
    assert container["args"] == [f"--primaries={PRIMARIES}", *pods]
    assert environment(container) == {"WAYPOST_REDIS_PASSWORD_FILE": "/run/secrets/waypost/valkey"}
    [volume] = spec["volumes"]
    assert volume["secret"]["items"] == [{"key": "valkey", "path": "valkey"}]


@RENDERED
def test_every_server_of_the_cluster_knows_its_address_and_its_password() -> None:
    [container] = pod_of(named(OVERLAY, "StatefulSet", "valkey"))["spec"]["containers"]
    command = container["command"]
    told = dict(zip(command[2::2], command[3::2], strict=True))
    assert told == {
        "--requirepass": "$(VALKEY_PASSWORD)",
        "--primaryauth": "$(VALKEY_PASSWORD)",
        "--cluster-announce-ip": "$(POD_IP)",
    }
    assert {each["name"] for each in container["env"]} == {"VALKEY_PASSWORD", "POD_IP"}
    assert all("valueFrom" in each for each in container["env"])


@RENDERED
def test_the_bus_of_the_cluster_is_open_to_its_servers_alone() -> None:
    components = {pod_of(each)["metadata"]["labels"][COMPONENT] for each in of_kind(OVERLAY, "Deployment", "Job")}
    for asker in components | {"gateway", "nats", "valkey-cluster"}:
        assert not reaches(OVERLAY, asker, "valkey", 16379)
    assert reaches(OVERLAY, "valkey", "valkey", 16379)
    assert reaches(OVERLAY, "valkey", "valkey", 6379)


@RENDERED
def test_the_job_runs_the_release_that_everything_else_runs() -> None:
    images = {container["image"] for _, container in containers(OVERLAY) if "/waypost:" in container["image"]}
    assert len(images) == 1
