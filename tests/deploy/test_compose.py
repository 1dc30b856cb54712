"""What compose.yaml says, held against the settings and against what it promises; `make containers` runs it."""

import re
from typing import Any

import msgspec
import yaml

from gateway.redirect.strays import CERTIFICATE
from shared.contracts import SERVICES
from shared.settings import FROM_FILE, Settings, variable
from tests.deploy.command import HOME

Thing = dict[str, Any]
SETTINGS = {variable(field.name) for field in msgspec.structs.fields(Settings)}
GATEWAYS = ("gateway-1", "gateway-2")
SERVERS = ("postgres", "nats", "valkey", "caddy")
OURS = (*GATEWAYS, *SERVICES, "migrate")

COMPOSE: Thing = yaml.safe_load((HOME / "deploy/compose.yaml").read_text(encoding="utf-8"))
PARTS: dict[str, Thing] = COMPOSE["services"]


def test_every_process_is_there_and_a_second_gateway() -> None:
    assert PARTS.keys() == {*OURS, *SERVERS}
    assert {name: PARTS[name]["command"] for name in OURS} == {
        **{name: ["run", "gateway"] for name in GATEWAYS},
        **{name: ["run", name] for name in SERVICES},
        "migrate": ["migrate"],
    }


def test_every_variable_is_a_setting() -> None:
    told = {name for part in OURS for name in PARTS[part]["environment"]}
    assert {name.removesuffix(FROM_FILE) for name in told} <= SETTINGS


def test_every_part_has_limits_and_says_how_it_is() -> None:
    for name, part in PARTS.items():
        assert part["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert part["logging"]["options"]["max-size"], name
        assert part["restart"] in ("unless-stopped", "on-failure"), name
        assert ("test" in part["healthcheck"]) == (name != "migrate"), name


def test_nobody_may_more_than_needed() -> None:
    for name, part in PARTS.items():
        assert part["read_only"] is True, name
        assert part["security_opt"] == ["no-new-privileges:true"], name
        # PostgreSQL's image begins as root and hands over to its own user.
        if name != "postgres":
            assert part["cap_drop"] == ["ALL"], name
    assert {name for name, part in PARTS.items() if "outside" in part["networks"]} == {"caddy", "links", "webhooks"}
    assert {name for name, part in PARTS.items() if "ports" in part} == {"caddy"}
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_every_image_is_pinned_and_can_be_chosen() -> None:
    images = {name: re.fullmatch(r"\$\{(\w+):-(.+)\}", part["image"]) for name, part in PARTS.items()}
    for name, image in images.items():
        assert image, name
        assert re.search(r":\d+\.\d+", image[2]), name
        assert f"#{image[1]}={image[2]}\n" in (HOME / "deploy/.env.example").read_text(encoding="utf-8")


def test_each_part_is_given_its_own_secrets_only() -> None:
    given = {name: set(part.get("secrets", ())) for name, part in PARTS.items()}
    assert given == {
        **{name: {"nats", "valkey"} for name in GATEWAYS},
        **{name: {"nats", "secret_key", name} for name in SERVICES},
        "migrate": {"owner", *SERVICES},
        "postgres": {"owner"},
        "nats": {"nats"},
        "valkey": {"valkey"},
        "caddy": set(),
    }
    for part in PARTS.values():
        paths = [value for name, value in part.get("environment", {}).items() if name.endswith(FROM_FILE)]
        assert {path.removeprefix("/run/secrets/") for path in paths} <= set(part.get("secrets", ()))
    assert COMPOSE["secrets"].keys() == set().union(*given.values())


def test_all_data_is_in_volumes() -> None:
    places = {volume.split(":")[0] for part in PARTS.values() for volume in part.get("volumes", ())}
    assert {place for place in places if not place.startswith("./")} == COMPOSE["volumes"].keys()
    # What a gateway leaves behind is shipped by the other.
    assert PARTS["gateway-1"]["volumes"] == PARTS["gateway-2"]["volumes"]


def test_the_database_takes_as_many_connections_as_may_be_opened() -> None:
    [most] = [
        int(found[1]) for word in PARTS["postgres"]["command"] if (found := re.match(r"max_connections=(\d+)", word))
    ]
    pool = Settings.read({variable("nats_url"): "nats://nats:4222"}).database_pool_size
    assert most >= 2 * len(SERVICES) * (pool + 4) + 20


def test_caddy_asks_the_gateways_for_which_hosts_certificates_are_to_be_had_and_nobody_else_may() -> None:
    caddyfile = (HOME / "deploy/caddy/Caddyfile").read_text(encoding="utf-8")
    [asked] = re.findall(r"^\t\task http://127\.0\.0\.1:(\d+)(\S+)$", caddyfile, re.MULTILINE)
    assert asked[1] == CERTIFICATE
    assert f"http://127.0.0.1:{asked[0]} {{\n\tbind 127.0.0.1\n" in caddyfile
    assert f"respond {CERTIFICATE} 404" in caddyfile
    # Both ways lead to both gateways, which know that Caddy speaks for itself where it names nobody.
    assert caddyfile.count(f"reverse_proxy {' '.join(f'{name}:8080' for name in GATEWAYS)}") == 2
    assert "header_up -X-Forwarded-For" in caddyfile
