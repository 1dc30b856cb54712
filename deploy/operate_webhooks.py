"""Listening to webhooks on this machine, to see what is sent and how it is verified."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble
from deploy.operate import bus_of
from deploy.webhook_receiver import Arrival, Receiver, key_of
from shared.bus import Bus
from shared.contracts import accounts, webhooks
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from shared.settings import variable

ALLOWED = f"{variable('webhook_allow_cidrs')}=127.0.0.0/8,::1/128"
_DESCRIPTION = "waypost webhook listen"
_PAGE = 100
_CONNECT_SECONDS = 2.0


class WantedListener(msgspec.Struct, frozen=True, kw_only=True):
    port: int  # 0: any free one
    secret: str | None = None  # of a webhook that is there already
    username: str | None = None  # for whose workspace one is made, and removed at the end
    mode: Mode = Mode.LIVE
    events: tuple[str, ...] = (webhooks.EVERYTHING,)


async def listen(
    data: DataDir, wanted: WantedListener, show: Callable[[Arrival], None], say: Callable[[str], None]
) -> None:
    """Until Ctrl-C or SIGTERM. ``show`` is given what arrives, ``say`` what happens besides."""
    stopped = _stopped()
    receiver = Receiver(show)
    if wanted.secret is not None:
        receiver.key = key_of(wanted.secret)
        if receiver.key is None:
            raise Trouble("This is no secret of a webhook: it is whsec_ and Base64. Is all of it there?")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(receiver.serving(wanted.port))
        if wanted.username is not None:
            made = await stack.enter_async_context(_webhook(data, wanted, wanted.username, url, say))
            receiver.key = key_of(made.secret)
            say(f"listening at {url} as the webhook wh_{made.endpoint.id}; Ctrl-C removes it")
        else:
            say(f"listening at {url}; Ctrl-C ends it")
            say(f"a stack sends to this machine only if it was started so: {ALLOWED} waypost up")
            if receiver.key is None:
                say("without --secret, nothing can be verified")
        await stopped.wait()


@asynccontextmanager
async def _webhook(
    data: DataDir, wanted: WantedListener, username: str, url: str, say: Callable[[str], None]
) -> AsyncIterator[webhooks.NewEndpoint]:
    """One that is there as long as somebody listens."""
    async with bus_of(data) as bus:
        account = await bus.ask(accounts.FindUser(username=username))
        workspace = account.workspace.id
        for left in await _left_behind(bus, workspace, wanted.mode, url):
            await _remove(bus, webhooks.DeleteEndpoint(workspace=workspace, mode=wanted.mode, id=left))
            say(f"removed the webhook wh_{left} of a listener that was killed")
        try:
            made = await bus.ask(
                webhooks.CreateEndpoint(
                    workspace=workspace, mode=wanted.mode, url=url, topics=wanted.events, description=_DESCRIPTION
                )
            )
        except Fault as fault:
            if fault.code is not Code.IMPOSSIBLE:
                raise
            raise Trouble(
                f"{fault.message}. A stack sends to this machine only if it was started so: {ALLOWED} waypost up"
            ) from None
        try:
            yield made
        finally:
            await _remove(bus, webhooks.DeleteEndpoint(workspace=workspace, mode=wanted.mode, id=made.endpoint.id))


async def _left_behind(bus: Bus, workspace: str, mode: Mode, ours: str) -> list[str]:
    """The webhooks of listeners that could not remove them: nobody is there any more. Only we are at ``ours``."""
    page = await bus.ask(webhooks.ListEndpoints(workspace=workspace, mode=mode, limit=_PAGE))
    made = [endpoint for endpoint in page.endpoints if endpoint.description == _DESCRIPTION]
    return [endpoint.id for endpoint in made if endpoint.url == ours or not await _answers(endpoint.url)]


async def _answers(url: str) -> bool:
    where = urlsplit(url)
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(where.hostname, where.port)
    except ConnectionRefusedError:
        return False
    except OSError:  # TimeoutError included: somebody is there, who has much to do
        return True
    writer.close()
    return True


async def _remove(bus: Bus, question: webhooks.DeleteEndpoint) -> None:
    try:
        await bus.ask(question)
    except Fault as fault:
        # Somebody else may have removed it.
        if fault.code is not Code.NOT_FOUND:
            raise Trouble(f"The webhook wh_{question.id} is still there: {fault.message}") from None


def _stopped() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
