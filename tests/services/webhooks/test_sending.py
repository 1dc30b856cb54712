import asyncio

from shared.contracts.webhooks import Header
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.desk import Desk
from tests.services.webhooks.receiver import receiving
from tests.shared.waiting import until


async def test_what_is_due_arrives_once_with_the_headers_of_its_endpoint(copies: Copies, desk: Desk) -> None:
    async with receiving() as receiver, copies():
        endpoint = await desk.register(receiver.url, Header(name="X-Token", value="open sesame"))
        committed = await desk.deliver(endpoint.id, 100)
        await receiver.until(100)
        await until(lambda: desk.settled(endpoint.id))
        await asyncio.sleep(0.5)
    assert sorted(receiver.ids) == sorted(committed)
    assert {received.headers["x-token"] for received in receiver.received} == {"open sesame"}
    assert {received.headers["content-type"] for received in receiver.received} == {"application/json"}
    assert receiver.most_under_way <= 4
    assert await desk.states(endpoint.id) == {"delivered": 100}
    assert (await desk.standing(endpoint.id))["waiting"] == 0
