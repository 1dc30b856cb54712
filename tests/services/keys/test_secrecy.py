from shared.contracts import SERVICES
from shared.contracts.keys import NewKey, RevokeKey, Style
from shared.contracts.modes import Mode
from tests.services.keys.told import outbox_empty, stream
from tests.world import World


async def test_a_keys_plaintext_is_kept_nowhere(world: World) -> None:
    account = await world.account()
    chatty = world.service("keys", copy=2, log_level="debug")
    await chatty.start_serving()
    made = [await world.key(account, style=style, mode=mode) for style in Style for mode in Mode for _ in range(2)]
    await world.bus.ask(RevokeKey(id=made[0].key.id))
    await outbox_empty(world, "keys")
    assert await chatty.stop() == 0

    tables, events = await every_row(world), b"".join(await stream(world, "events.>"))
    logs = "".join(log.read_text() for log in world.folder.glob("*.log"))
    for new in made:
        # The search finds what is there to be found, so it would find the secret as well.
        assert new.key.id in tables
        assert new.key.id.encode() in events
        assert not leaks(new, tables)
        assert not leaks(new, events.decode("latin-1"))
        assert not leaks(new, logs)
    assert chatty.said in logs


def leaks(new: NewKey, text: str) -> bool:
    """Is the secret there, plainly or as the hexadecimal text of a binary column?"""
    return new.secret in text or new.secret.encode().hex() in text


async def every_row(world: World) -> str:
    owner = await world.connect()
    names = await owner.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = any($1)", SERVICES
    )
    rows = [row["text"] for name in names for row in await owner.fetch(f"select t::text as text from {name['name']} t")]
    await owner.close()
    return "\n".join(rows)
