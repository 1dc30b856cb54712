"""What nobody may do in the cluster, and what each may reach and read."""

from shared.contracts import SERVICES
from shared.settings import FROM_FILE
from tests.deploy.kubernetes.manifests import (
    COMPONENT,
    FOR_EACH_OVERLAY,
    WORKLOADS,
    containers,
    environment,
    named,
    of_kind,
    ours,
    pod_of,
    selects,
    shared_settings,
)

pytestmark = FOR_EACH_OVERLAY


def test_nobody_is_root_or_may_become_it(overlay: str) -> None:
    for workload in of_kind(overlay, *WORKLOADS):
        security = pod_of(workload)["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for name, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_nobody_holds_a_token_of_the_api_server(overlay: str) -> None:
    accounts = {each["metadata"]["name"]: each for each in of_kind(overlay, "ServiceAccount")}
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())
    for workload in of_kind(overlay, *WORKLOADS):
        spec = pod_of(workload)["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] in accounts


def test_every_container_has_its_limits(overlay: str) -> None:
    for name, container in containers(overlay):
        for bound in ("requests", "limits"):
            assert container["resources"][bound].keys() == {"cpu", "memory"}, name
    for workload in of_kind(overlay, *WORKLOADS):
        for volume in pod_of(workload)["spec"].get("volumes", ()):
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""}), workload["metadata"]["name"]


def test_nobody_speaks_with_anybody_unless_it_is_allowed(overlay: str) -> None:
    nobody = named(overlay, "NetworkPolicy", "nobody")["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policies = [each["spec"] for each in of_kind(overlay, "NetworkPolicy") if each["spec"]["podSelector"]]
    for workload in of_kind(overlay, *WORKLOADS):
        labels = pod_of(workload)["metadata"]["labels"]
        assert any(selects(policy["podSelector"], labels) for policy in policies), workload["metadata"]["name"]
    # A peer that is left out means everybody; the API server's address is known to the cluster alone.
    open_ones = [
        each["metadata"]["name"]
        for each in of_kind(overlay, "NetworkPolicy")
        for side in ("ingress", "egress")
        for rule in each["spec"].get(side, ())
        if not (rule.get("from") or rule.get("to")) or not rule.get("ports")
    ]
    assert open_ones == {"single": [], "production": ["postgres-cluster"]}[overlay]


def reaches(overlay: str, asker: str, component: str, port: int) -> bool:
    """May a pod of ours open connections to this port, as both ends see it?"""
    labels = {COMPONENT: asker, "app.kubernetes.io/name": "waypost", "app.kubernetes.io/part-of": "waypost"}
    target = {COMPONENT: component}

    def allowed(side: str, peers: str, here: dict[str, str], there: dict[str, str]) -> bool:
        return any(
            selects(peer["podSelector"], there)
            for each in of_kind(overlay, "NetworkPolicy")
            if selects(each["spec"]["podSelector"], here)
            for rule in each["spec"].get(side, ())
            if port in [given["port"] for given in rule["ports"]]
            for peer in rule.get(peers, ())
            if "podSelector" in peer and "namespaceSelector" not in peer
        )

    return allowed("egress", "to", labels, target) and allowed("ingress", "from", target, labels)


def test_each_process_reaches_what_it_needs_and_nothing_else(overlay: str) -> None:
    servers = {"nats": 4222, "postgres": 5432, "valkey": 6379}
    needed = {
        "gateway": {"nats", "valkey"},
        "migrate": {"postgres"},
        "valkey-cluster": {"valkey"} if overlay == "production" else set(),
        **{service: {"nats", "postgres"} for service in SERVICES},
    }
    for asker, wanted in needed.items():
        reached = {name for name, port in servers.items() if reaches(overlay, asker, name, port)}
        assert reached == wanted, asker


def test_each_process_is_given_its_own_secrets_only(overlay: str) -> None:
    given = {}
    for workload in ours(overlay):
        [volume] = [each for each in pod_of(workload)["spec"]["volumes"] if "secret" in each]
        items = {each["path"]: each["key"] for each in volume["secret"]["items"]}
        given[workload["metadata"]["name"].removeprefix("waypost-")] = items
        [mount] = [
            each["mountPath"]
            for each in pod_of(workload)["spec"]["containers"][0]["volumeMounts"]
            if each["name"] == volume["name"]
        ]
        told = environment(pod_of(workload)["spec"]["containers"][0])
        for name, path in told.items():
            if name.endswith(FROM_FILE):
                assert path.removeprefix(f"{mount}/") in items
    assert given == {
        "gateway": {"nats": "nats", "valkey": "valkey"},
        "migrate": {"owner": "owner", **{service: service for service in SERVICES}},
        **{service: {"database": service, "nats": "nats", "secret_key": "secret_key"} for service in SERVICES},
    }


def test_visitors_come_in_by_the_gateway_alone(overlay: str) -> None:
    [ingress] = of_kind(overlay, "Ingress")
    [rule] = ingress["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert path["backend"]["service"]["name"] == "waypost-gateway"
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    assert shared_settings(overlay)["WAYPOST_PUBLIC_URL"] == f"https://{rule['host']}"
    assert {each["spec"].get("type", "ClusterIP") for each in of_kind(overlay, "Service")} == {"ClusterIP"}
