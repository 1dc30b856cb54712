from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

import pytest

from gateway.limits import Limiter, connect
from shared.settings import Settings
from tests.gateway.limits.server import Server

# Long enough that a busy machine cannot turn an exact decision into a local one.
PATIENT = 10.0

Make = Callable[..., Limiter]


class Addressed(Protocol):
    @property
    def url(self) -> str: ...


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that stop it."""
    server = Server(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Limiter]]:
    """Makes limiters, each with connections of its own, and closes them."""
    made: list[Limiter] = []

    def make_one(server: Addressed, **changes: float) -> Limiter:
        values = {"nats_url": "nats://unused", "redis_url": server.url, **changes}
        settings = Settings(**values)  # type: ignore[arg-type]
        made.append(Limiter(connect(settings), settings))
        return made[-1]

    yield make_one
    for limiter in made:
        await limiter.close()


@pytest.fixture
async def limiter(shared_server: Server, make: Make) -> Limiter:
    return make(shared_server, limit_budget_seconds=PATIENT, limit_connection_timeout_seconds=PATIENT)
