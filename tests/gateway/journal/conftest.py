from collections.abc import AsyncIterator, Iterator

import pytest

from shared.bus import Bus
from tests.gateway.journal.stream import Stream


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    stream = Stream(tmp_path_factory.mktemp("clicks"))
    stream.start()
    yield stream
    stream.stop()


@pytest.fixture
async def stream(server: Stream) -> Stream:
    """The click stream, empty."""
    await server.make()
    return server


@pytest.fixture
async def bus(stream: Stream) -> AsyncIterator[Bus]:
    async with stream.bus() as bus:
        yield bus
