"""What runs, written down for the operator's command, for tests, and for the next start after a crash."""

from enum import StrEnum

import msgspec
import psutil

from deploy.local import private_file
from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble, explained

# The clock's corrections move the times that a system reports; a number is used again much later than this.
_SAME_SECONDS = 2.0


class Phase(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"


class Process(msgspec.Struct, kw_only=True):
    name: str
    pid: int | None
    create_time: float
    state: Phase
    address: str | None
    metrics: str | None = None


class Servers(msgspec.Struct, kw_only=True):
    """URLs with their passwords, empty while unknown."""

    database_url: str = ""  # the owner's
    nats_url: str = ""
    nats_monitor_url: str = ""
    redis_url: str = ""
    service_database_urls: dict[str, str] = {}
    embedded: list[str] = []


class State(msgspec.Struct, kw_only=True):
    pid: int
    create_time: float
    url: str
    ready: bool = False
    processes: list[Process] = []
    servers: Servers = msgspec.field(default_factory=Servers)


def write(data: DataDir, state: State) -> None:
    private_file.write(data.state, msgspec.json.format(msgspec.json.encode(state)))


def read(data: DataDir) -> State | None:
    """None when there never was a stack; raises `Trouble` when the file cannot be read."""
    with explained(data.state):
        if not data.state.exists():
            return None
        content = data.state.read_bytes()
    try:
        return msgspec.json.decode(content, type=State)
    except msgspec.DecodeError as error:
        raise Trouble(f"{data.state} cannot be read: {error}") from error


def read_running(data: DataDir) -> State:
    """The state of the stack that runs there; raises `Trouble` when none does."""
    state = read(data)
    if state is None or find(state.pid, state.create_time) is None:
        raise Trouble(f"No stack runs on {data.root}: start one with `waypost up`, or name its place with --data DIR")
    return state


def find(pid: int | None, create_time: float) -> psutil.Process | None:
    """The live process that had this number at that time; None when it is gone, whoever has its number now."""
    if not pid:
        return None
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - create_time) > _SAME_SECONDS:
            return None
    except psutil.NoSuchProcess:
        return None
    return process
