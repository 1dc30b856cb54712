"""The manifests as they are sent to a cluster: valid, frugal with rights, in step with the settings and each other."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import kubernetes_validate
import kubernetes_validate.utils
import msgspec
import pytest

from deploy.local import binaries
from shared.contracts import SERVICES
from shared.settings import FROM_FILE, Settings, variable
from tests.deploy.kubernetes.manifests import (
    FOR_EACH_OVERLAY,
    WORKLOADS,
    containers,
    environment,
    named,
    of_kind,
    ours,
    pod_of,
    rendered,
    scaled,
    selects,
    shared_settings,
)
from tests.deploy.kubernetes.shapes import SHAPES

pytestmark = FOR_EACH_OVERLAY
# The first of Kubernetes that knows everything in use, and the last that the schemas are there for.
RELEASES = ("1.32", kubernetes_validate.latest_version())
SETTINGS = {variable(field.name) for field in msgspec.structs.fields(Settings)}
# Beside the settings: what the driver of PostgreSQL reads.
OTHERS = {"PGSSLMODE"}
# What a service copy opens beside its pool: the listener of its outbox, and a person with psql.
FURTHER_CONNECTIONS = 4
KEPT_FOR_OTHERS = 20


_schema = cache(kubernetes_validate.utils.schema_contents)


@pytest.mark.parametrize("release", RELEASES)
def test_every_resource_is_valid_to_the_last_field(overlay: str, release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise megabytes of schemas would be read anew for every resource.
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", _schema)
    for thing in rendered(overlay):
        if shape := SHAPES.get(thing["kind"]):
            msgspec.convert(thing, shape)
        else:
            kubernetes_validate.validate(thing, release, strict=True)


def test_everything_is_in_the_namespace_that_enforces_the_strictest_standard(overlay: str) -> None:
    [namespace] = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [thing for thing in rendered(overlay) if thing is not namespace]
    assert {thing["metadata"]["namespace"] for thing in others} == {namespace["metadata"]["name"]}


def test_nothing_is_there_twice(overlay: str) -> None:
    names = [(thing["kind"], thing["metadata"]["name"]) for thing in rendered(overlay)]
    assert len(names) == len(set(names))


def test_every_process_has_its_workload(overlay: str) -> None:
    started = {each["metadata"]["name"]: pod_of(each)["spec"]["containers"][0]["args"] for each in ours(overlay)}
    assert started == {
        "waypost-gateway": ["run", "gateway"],
        "waypost-migrate": ["migrate"],
        **{f"waypost-{service}": ["run", service] for service in SERVICES},
    }


def test_every_image_is_pinned(overlay: str) -> None:
    images = {container["image"] for _, container in containers(overlay)}
    images |= {each["spec"]["imageName"] for each in of_kind(overlay, "Cluster")}
    loose = [image for image in images if not re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9/-]+:\d+\.\d+[\w.-]*", image)]
    assert not loose


def test_whatever_runs_on_is_probed(overlay: str) -> None:
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        for container in pod_of(workload)["spec"]["containers"]:
            ports = {each["name"] for each in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                asked = container[probe].get("httpGet") or container[probe].get("tcpSocket") or {}
                assert asked.get("port", next(iter(ports))) in ports, (workload["metadata"]["name"], probe)
    for workload in ours(overlay):
        container = pod_of(workload)["spec"]["containers"][0]
        if workload["kind"] != "Job":
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_drained_node_takes_one_copy_at_a_time(overlay: str) -> None:
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        if scaled(overlay, workload)[1] == 1:
            continue
        labels = pod_of(workload)["metadata"]["labels"]
        budgets = [
            each for each in of_kind(overlay, "PodDisruptionBudget") if selects(each["spec"]["selector"], labels)
        ]
        assert [each["spec"]["maxUnavailable"] for each in budgets] == [1], workload["metadata"]["name"]


def test_every_process_is_scaled(overlay: str) -> None:
    for workload in ours(overlay):
        if workload["kind"] != "Job":
            least, most = scaled(overlay, workload)
            assert 1 <= least < most, workload["metadata"]["name"]
            # The number of copies has one master.
            assert "replicas" not in workload["spec"]


def test_services_find_their_own_pods_only(overlay: str) -> None:
    pods = {each["metadata"]["name"]: pod_of(each)["metadata"]["labels"] for each in of_kind(overlay, *WORKLOADS)}
    for service in of_kind(overlay, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        found = [name for name, labels in pods.items() if selects(selector, labels)]
        assert found == [service["metadata"]["name"].removesuffix("-pods")]
    for workload in of_kind(overlay, *WORKLOADS):
        if selector := workload["spec"].get("selector"):
            assert [name for name, labels in pods.items() if selects(selector, labels)] == [
                workload["metadata"]["name"]
            ]


def test_every_variable_is_a_setting(overlay: str) -> None:
    told = set(shared_settings(overlay))
    for workload in ours(overlay):
        told |= environment(pod_of(workload)["spec"]["containers"][0]).keys()
    assert {name.removesuffix(FROM_FILE) for name in told} <= SETTINGS | OTHERS


def test_the_settings_are_read_as_they_are_meant(overlay: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("k" * 32)
    for workload in ours(overlay):
        container = pod_of(workload)["spec"]["containers"][0]
        told = {**shared_settings(overlay), **environment(container)}
        files = {name: str(tmp_path / "secret") for name in told if name.endswith(FROM_FILE)}
        settings = Settings.read({**told, **files})
        service = workload["metadata"]["name"].removeprefix("waypost-")
        if service in SERVICES:
            assert settings.database_url == f"postgresql://waypost_{service}:{'k' * 32}@postgres:5432/waypost"
            assert settings.secret_key
        if service == "gateway":
            _, most = scaled(overlay, workload)
            assert settings.gateway_workers == most
            assert settings.redis_url == f"redis://:{'k' * 32}@valkey:6379/0"
            assert not settings.database_url
        assert settings.stream_replicas == {"single": 1, "production": 3}[overlay]


def test_a_process_has_time_to_finish_what_it_has_begun(overlay: str) -> None:
    settings = Settings.read({variable("nats_url"): "nats://nats:4222"})
    for workload in ours(overlay):
        spec = pod_of(workload)["spec"]
        pause = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = pause + settings.stop_timeout_seconds + settings.journal_drain_seconds
        assert spec.get("terminationGracePeriodSeconds", 30) >= needed, workload["metadata"]["name"]


def test_the_database_takes_as_many_connections_as_may_be_opened(overlay: str) -> None:
    settings = Settings.read({variable("nats_url"): "nats://nats:4222"})
    each = settings.database_pool_size + FURTHER_CONNECTIONS
    opened = sum(scaled(overlay, workload)[1] * each for workload in ours(overlay) if workload["kind"] == "Deployment")
    if overlay == "production":
        [cluster] = of_kind(overlay, "Cluster")
        most = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    else:
        args = pod_of(named(overlay, "StatefulSet", "postgres"))["spec"]["containers"][0]["args"]
        most = int(re.search(r"max_connections=(\d+)", " ".join(args))[1])  # type: ignore[index]
    assert most >= opened + KEPT_FOR_OTHERS


def test_every_gateway_has_a_disk_for_its_journal(overlay: str) -> None:
    gateway = named(overlay, "StatefulSet", "waypost-gateway")
    [claim] = gateway["spec"]["volumeClaimTemplates"]
    [container] = pod_of(gateway)["spec"]["containers"]
    [mount] = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == claim["metadata"]["name"]]
    assert environment(container)["WAYPOST_JOURNAL_DIR"].startswith(f"{mount}/")
    size = claim["spec"]["resources"]["requests"]["storage"]
    cap = Settings.read({variable("nats_url"): "nats://nats:4222"}).journal_cap_bytes
    assert int(size.removesuffix("Gi")) << 30 >= 2 * cap


def test_the_nats_server_takes_its_file_and_syncs_what_it_acknowledges(overlay: str, tmp_path: Path) -> None:
    [told] = [each["data"] for each in of_kind(overlay, "ConfigMap") if each["metadata"]["name"].startswith("nats-")]
    container = pod_of(named(overlay, "StatefulSet", "nats"))["spec"]["containers"][0]
    # A password that looks like a number must be one that the server can read.
    environ = {
        name: value.replace("$(PASSWORD)", "12e4" * 8) for name, value in environment(container).items() if value
    }
    file = tmp_path / "nats.conf"
    file.write_text(told["nats.conf"])
    server = str(binaries.find_nats().path)
    checked = subprocess.run(
        [server, "-t", "-c", str(file)],
        env={**os.environ, "POD_NAME": "nats-0", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "sync_interval: always" in told["nats.conf"]
    settings = Settings.read({variable("nats_url"): "nats://nats:4222"})
    sizes = {name: int(size) for name, size in re.findall(r"(max_\w+_store): (\d+)", told["nats.conf"])}
    assert sizes["max_memory_store"] >= settings.live_stream_bytes
    assert sizes["max_file_store"] >= 2 * (settings.clicks_stream_bytes + settings.passing_stream_bytes)


def test_streams_have_as_many_copies_as_there_are_servers(overlay: str) -> None:
    servers = named(overlay, "StatefulSet", "nats")["spec"]["replicas"]
    assert int(shared_settings(overlay).get("WAYPOST_STREAM_REPLICAS", "1")) == servers
    [conf] = [
        each["data"]["nats.conf"]
        for each in of_kind(overlay, "ConfigMap")
        if each["metadata"]["name"].startswith("nats-")
    ]
    assert conf.count("$NATS_ROUTE_") == (servers if servers > 1 else 0)
