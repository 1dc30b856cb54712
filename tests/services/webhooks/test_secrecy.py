"""What signs and what goes along in headers is found nowhere."""

from shared import ids
from shared.contracts.links import LinkCreated
from shared.contracts.modes import Mode
from shared.contracts.webhooks import CreateEndpoint, Header, RotateSecret, SendTest
from tests.receiver import Receiver
from tests.services.keys.test_secrecy import every_row
from tests.services.keys.told import outbox_empty, stream
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.mailbox import tell, until_taken_in
from tests.services.webhooks.test_intake import link
from tests.world import World


async def test_secrets_and_values_of_headers_are_kept_nowhere(world: World, receiver: Receiver, copies: Copies) -> None:
    workspace, told = ids.new(), f"open-sesame-{ids.new()}"
    header = Header(name="X-Shop", value=told)
    ask = CreateEndpoint(
        workspace=workspace, mode=Mode.LIVE, url=receiver.url, topics=("*",), headers=(header,), description="findable"
    )
    async with copies(log_level="debug") as (process,):
        made = await world.bus.ask(ask)
        rotated = await world.bus.ask(RotateSecret(workspace=workspace, mode=Mode.LIVE, id=made.endpoint.id))
        await tell(world, LinkCreated(link=link(workspace)))
        await world.bus.ask(SendTest(workspace=workspace, mode=Mode.LIVE, id=made.endpoint.id))
        received = await receiver.until("webhook.test")
        await until_taken_in(world)
    assert {each.headers["x-shop"] for each in received} == {told}
    await outbox_empty(world, "webhooks")
    tables, events = await every_row(world), b"".join(await stream(world, "events.>")).decode("latin-1")
    logs = "".join(log.read_text() for log in world.folder.glob("*.log"))
    # The search finds what is there to be found, so it would find the secrets as well.
    assert "findable" in tables
    assert process.name in logs
    for place in (tables, events, logs):
        for secret in (told, made.secret, rotated.secret, *(each.secret[6:] for each in (made, rotated))):
            assert secret not in place
            assert secret.encode().hex() not in place
