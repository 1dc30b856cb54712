"""Over https, a message goes to whoever can prove to be the host that the address names, and to nobody else."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.names import naming
from tests.services.webhooks.authority import Authority
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.desk import Desk
from tests.services.webhooks.receiver import Receiver, ok, receiving
from tests.shared.waiting import until

HOST, OTHER = "hooks.example", "other.example"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Copies of the service that are started from now on trust no other."""
    authority = Authority(tmp_path, "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return authority


@contextlib.asynccontextmanager
async def named(copies: Copies) -> AsyncIterator[None]:
    async with naming() as names:
        for host in (HOST, OTHER):
            names.says(host, ["127.0.0.1"])
        async with copies(1, webhook_dns_servers=names.server):
            yield


async def test_the_host_of_the_address_is_asked_for_by_name_and_has_to_prove_it(
    copies: Copies, desk: Desk, trusted: Authority
) -> None:
    asked: list[str | None] = []
    context = trusted.context(HOST)
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with receiving(ok, tls=context) as receiver, named(copies):
        endpoint = await desk.register(f"https://{HOST}:{receiver.port}/hook")
        await desk.deliver(endpoint.id)
        (received,) = await receiver.until(1)
        assert asked == [HOST]
        assert received.headers["host"] == f"{HOST}:{receiver.port}"
        await until(lambda: desk.settled(endpoint.id))
        assert await desk.states(endpoint.id) == {"delivered": 1}
        # The same server under a name that its certificate does not hold.
        assert await error_of(desk, receiver, OTHER) == "No trustworthy TLS connection"
        assert asked == [HOST, OTHER]
        assert len(receiver.received) == 1


@pytest.mark.parametrize("why", ["its authority is not trusted", "its time is over"])
async def test_nothing_is_sent_to_a_host_whose_certificate_is_not_good(
    copies: Copies, desk: Desk, trusted: Authority, tmp_path: Path, why: str
) -> None:
    contexts: dict[str, ssl.SSLContext] = {
        "its authority is not trusted": Authority(tmp_path, "unknown").context(HOST),
        "its time is over": trusted.context(HOST, timedelta(days=-1)),
    }
    async with receiving(ok, tls=contexts[why]) as receiver, named(copies):
        assert await error_of(desk, receiver, HOST) == "No trustworthy TLS connection"
        assert receiver.received == []


async def error_of(desk: Desk, receiver: Receiver, host: str) -> str:
    """Of the first attempt."""
    endpoint = await desk.register(f"https://{host}:{receiver.port}/hook")
    (message,) = await desk.deliver(endpoint.id)
    await until(lambda: desk.attempts(message))
    attempt, *_ = await desk.attempts(message)
    error: str = attempt["error"]
    return error
