"""The resources of operators, as far as they are used here: an unknown field is refused, as their servers refuse it."""

from typing import Literal

import msgspec


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    pass


class Metadata(Strict):
    name: str
    namespace: str
    labels: dict[str, str] = {}


class Named(Strict):
    name: str


class Size(Strict):
    size: str


class InitDb(Strict):
    database: str
    owner: str
    secret: Named
    data_checksums: bool
    encoding: str
    locale_provider: Literal["builtin", "libc", "icu"]
    builtin_locale: str
    locale_collate: str
    locale_c_type: str = msgspec.field(name="localeCType")


class Bootstrap(Strict):
    initdb: InitDb


class Role(Strict):
    name: str
    ensure: Literal["present", "absent"]
    login: bool
    createrole: bool
    password_secret: Named


class ServiceTemplate(Strict):
    metadata: Named


class AdditionalService(Strict):
    selector_type: Literal["rw", "r", "ro"]
    service_template: ServiceTemplate


class Services(Strict):
    disabled_default_services: list[Literal["rw", "r", "ro"]]
    additional: list[AdditionalService]


class Managed(Strict):
    roles: list[Role]
    services: Services


class Synchronous(Strict):
    method: Literal["any", "first"]
    number: int
    data_durability: Literal["required", "preferred"]


class Postgresql(Strict):
    synchronous: Synchronous
    parameters: dict[str, str]


class Labels(Strict):
    labels: dict[str, str]


class Affinity(Strict):
    enable_pod_anti_affinity: bool
    topology_key: str
    pod_anti_affinity_type: Literal["required", "preferred"]


class Resources(Strict):
    requests: dict[str, str]
    limits: dict[str, str]


class ClusterSpec(Strict):
    instances: int
    image_name: str
    primary_update_strategy: Literal["supervised", "unsupervised"]
    storage: Size
    wal_storage: Size
    inherited_metadata: Labels
    bootstrap: Bootstrap
    managed: Managed
    postgresql: Postgresql
    affinity: Affinity
    resources: Resources


class Cluster(Strict):
    """Of CloudNativePG."""

    api_version: Literal["postgresql.cnpg.io/v1"]
    kind: Literal["Cluster"]
    metadata: Metadata
    spec: ClusterSpec


class StoreRef(Strict):
    kind: Literal["ClusterSecretStore", "SecretStore"]
    name: str


class Template(Strict):
    type: str
    data: dict[str, str]


class Target(Strict):
    name: str
    creation_policy: Literal["Owner", "Orphan", "Merge", "None"]
    template: Template | None = None


class RemoteRef(Strict):
    key: str
    property: str | None = None


class Datum(Strict):
    secret_key: str
    remote_ref: RemoteRef


class Extract(Strict):
    extract: RemoteRef


class ExternalSecretSpec(Strict):
    refresh_interval: str
    secret_store_ref: StoreRef
    target: Target
    data: list[Datum] = []
    data_from: list[Extract] = []


class ExternalSecret(Strict):
    """Of External Secrets."""

    api_version: Literal["external-secrets.io/v1"]
    kind: Literal["ExternalSecret"]
    metadata: Metadata
    spec: ExternalSecretSpec


SHAPES: dict[str, type[Strict]] = {"Cluster": Cluster, "ExternalSecret": ExternalSecret}
