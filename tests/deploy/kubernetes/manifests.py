"""What `kubectl kustomize` makes of an overlay, and questions that several tests have about it."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

HOME = Path(__file__).resolve().parents[3]
OVERLAYS = ("single", "production")
Thing = dict[str, Any]  # a resource, or a part of one, as YAML has it
COMPONENT = "app.kubernetes.io/component"
# For every module of tests beside this one.
FOR_EACH_OVERLAY = [
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl, which renders them, is not installed"),
    pytest.mark.parametrize("overlay", OVERLAYS),
]
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


@cache
def rendered(overlay: str) -> tuple[Thing, ...]:
    folder = HOME / "deploy/kubernetes/overlays" / overlay
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Thing]:
    return [thing for thing in rendered(overlay) if thing["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Thing:
    [found] = [thing for thing in of_kind(overlay, kind) if thing["metadata"]["name"] == name]
    return found


def pod_of(workload: Thing) -> Thing:
    job: Thing = workload["spec"].get("jobTemplate", workload)
    pod: Thing = job["spec"]["template"]
    return pod


def containers(overlay: str) -> Iterator[tuple[str, Thing]]:
    """Every container with the name of its workload, those that run before the others included."""
    for workload in of_kind(overlay, *WORKLOADS):
        spec = pod_of(workload)["spec"]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            yield workload["metadata"]["name"], container


def selects(selector: Thing, labels: dict[str, str]) -> bool:
    """As the API server decides it, for the operators that are in use."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for wanted in selector.get("matchExpressions", ()):
        assert wanted["operator"] == "In"
        if labels.get(wanted["key"]) not in wanted["values"]:
            return False
    return True


def scaled(overlay: str, workload: Thing) -> tuple[int, int]:
    """The least and the greatest number of copies."""
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (workload["kind"], workload["metadata"]["name"]):
            return scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]
    fixed = workload["spec"].get("replicas", 1)
    return fixed, fixed


def ours(overlay: str) -> list[Thing]:
    """The workloads that run our image."""
    return [each for each in of_kind(overlay, *WORKLOADS) if each["metadata"]["name"].startswith("waypost-")]


def environment(container: Thing) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container.get("env", ())}


def shared_settings(overlay: str) -> dict[str, str]:
    [found] = [
        each for each in of_kind(overlay, "ConfigMap") if each["metadata"]["name"].startswith("waypost-settings-")
    ]
    told: dict[str, str] = found["data"]
    return told
