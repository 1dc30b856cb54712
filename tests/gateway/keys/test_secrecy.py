"""After it was shown, a secret is nowhere."""

from shared.contracts.keys import Overlap, RevokeKey, RotateKey
from tests.client import Client
from tests.gateway.stores import everything, leaks
from tests.services.keys.told import outbox_empty
from tests.world import World


async def test_no_secret_of_a_key_is_kept_anywhere_however_it_was_used(world: World, places: list[Client]) -> None:
    first = await world.key(places[0].account, allowlist=("127.0.0.0/8",))
    elsewhere = await world.key(places[0].account, allowlist=("192.0.2.0/24",))
    second = await world.bus.ask(RotateKey(id=first.key.id))
    third = await world.bus.ask(RotateKey(id=first.key.id, overlap=Overlap.NONE))
    for place in places:
        for secret in (first.secret, second.secret, third.secret, elsewhere.secret, third.secret[:-1]):
            await place.with_key(secret).get("/api/use/key")
            await place.with_key(None).get("/v1/links", headers={"X-API-Key": secret})
            await place.with_key(secret).post("/api/use/links", data=b"{")
    await world.bus.ask(RevokeKey(id=first.key.id))
    await outbox_empty(world, "keys")
    stores = await everything(world, world.folder / "journal")
    # The search finds what is there to be found.
    assert {name for name, _ in leaks(stores, first.key.id)} >= {"nats", "postgres"}
    assert all(store.content for store in stores if store.name in ("valkey", "logs"))
    assert leaks(stores, *(new.secret for new in (first, second, third, elsewhere)), third.secret[:-1]) == []
