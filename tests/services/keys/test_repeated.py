"""A request for a key may be repeated like any other, and yet the secret in its answer is nowhere to be read."""

import pytest

from shared.contracts.keys import CreateKey
from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from shared.faults import Fault
from tests.once import once
from tests.services.keys.test_secrecy import every_row, leaks
from tests.shared.waiting import until
from tests.world import World


async def test_a_repeated_request_for_a_key_shows_the_same_secret_which_is_kept_sealed(world: World) -> None:
    account = await world.account()
    question = CreateKey(workspace=account.workspace.id, user=account.user.id)
    mine = once("abc", workspace=account.workspace.id)
    first, again = [await world.bus.ask_once(question, mine) for _ in range(2)]
    assert first.answer == again.answer
    assert again.first_asked == mine.asked_at

    link = CreateLink(workspace=account.workspace.id, mode=Mode.LIVE, destination_url="https://example.com/found")
    await world.bus.ask_once(link, mine)
    tables = await every_row(world)
    # The search finds an answer that is kept as it is, so it would find the secret as well.
    assert link.destination_url.encode().hex() in tables
    assert first.answer.key.id in tables
    assert not leaks(first.answer, tables)
    # Neither can anything be guessed from the hash of a request, which may hold a password.
    assert mine.fingerprint.hex() not in tables


async def test_a_sealed_answer_belongs_to_its_request(world: World) -> None:
    account = await world.account()
    question = CreateKey(workspace=account.workspace.id, user=account.user.id)
    mine, other = once("abc", workspace=account.workspace.id), once("abd", workspace=account.workspace.id)
    for each in (mine, other):
        await world.bus.ask_once(question, each)
    owner = await world.connect()
    await owner.execute(
        "update keys.idempotency set reply = (select reply from keys.idempotency where workspace = $1 and key = 'abc') "
        "where workspace = $1 and key = 'abd'",
        account.workspace.id,
    )
    await owner.close()
    with pytest.raises(Fault, match="Something went wrong here"):
        await world.bus.ask_once(question, other)


async def test_a_service_does_not_start_without_a_key_to_seal_secrets(world: World) -> None:
    process = world.service("keys", copy=3, secret_key="")
    await process.start()
    await until(lambda: process.ended)
    assert await process.stop() == 1
    assert "WAYPOST_SECRET_KEY: the keys service cannot do without it" in process.said
