"""A key is withdrawn or gets a new secret: when every gateway knows, and that nobody with a good secret notices."""

import asyncio
import random
import statistics
import time
from collections import Counter

from shared import credentials
from shared.contracts.keys import NewKey, Overlap, RevokeKey, RotateKey
from tests.client import Client, until, within
from tests.world import World

PATH = "/api/use/key"
ROUNDS = 15
# A busy machine may stand still in so many of them. Whoever is not told is late in every round, by far more.
LATE = 2


async def status(place: Client, secret: str) -> int:
    return (await place.with_key(secret).get(PATH)).status


async def statuses(places: list[Client], *news: NewKey) -> set[int]:
    return {await status(place, new.secret) for place in places for new in news}


async def refused_after(places: list[Client], *news: NewKey) -> float:
    """Seconds until all of these secrets are refused at all places."""
    began = time.monotonic()
    for place in places:
        for new in news:
            await until(lambda place=place, new=new: status(place, new.secret), lambda seen: seen == 401)  # type: ignore[misc]
    return time.monotonic() - began


async def test_a_secret_without_an_overlap_is_refused_everywhere_within_a_second(
    world: World, places: list[Client]
) -> None:
    took = []
    first = await world.key(places[0].account)
    for _ in range(ROUNDS):
        assert await statuses(places, first) == {200}
        second = await world.bus.ask(RotateKey(id=first.key.id, overlap=Overlap.NONE))
        took.append(await refused_after(places, first))
        assert await statuses(places, second) == {200}
        first = second
    print(f"rotated: median {statistics.median(took) * 1000:.1f} ms, slowest {max(took) * 1000:.1f} ms")
    assert sorted(took)[-1 - LATE] <= 1.0


async def test_a_revoked_key_is_refused_everywhere_within_a_second_with_both_its_secrets(
    world: World, places: list[Client]
) -> None:
    took = []
    for _ in range(ROUNDS):
        first = await world.key(places[0].account)
        second = await world.bus.ask(RotateKey(id=first.key.id))
        assert await statuses(places, first, second) == {200}
        await world.bus.ask(RevokeKey(id=first.key.id))
        took.append(await refused_after(places, first, second))
    print(f"revoked: median {statistics.median(took) * 1000:.1f} ms, slowest {max(took) * 1000:.1f} ms")
    assert sorted(took)[-1 - LATE] <= 1.0


async def test_a_second_rotation_ends_the_oldest_secret_everywhere(world: World, places: list[Client]) -> None:
    async def attempt(_: int) -> float:
        first = await world.key(places[0].account)
        second = await world.bus.ask(RotateKey(id=first.key.id))
        assert await statuses(places, first, second) == {200}
        third = await world.bus.ask(RotateKey(id=first.key.id))
        took = await refused_after(places, first)
        assert await statuses(places, second, third) == {200}
        return took

    await within(1.0, attempt)


async def test_the_end_of_an_overlap_needs_no_message(world: World, places: list[Client]) -> None:
    async def attempt(_: int) -> float:
        first = await world.key(places[0].account)
        second = await world.bus.ask(RotateKey(id=first.key.id))
        owner = await world.connect()
        ends_at = await owner.fetchval(
            "update keys.keys set former_ends_at = now() + interval '2 seconds' where id = $1 returning former_ends_at",
            first.key.id,
        )
        await owner.close()
        # Neither gateway has met this key before, so what they learn now is that it ends.
        learned = await statuses(places, first, second)
        if time.time() >= ends_at.timestamp():
            return float("inf")
        assert learned == {200}
        await until(lambda: statuses(places, first), lambda seen: seen == {401})
        took: float = time.time() - ends_at.timestamp()
        assert took >= 0
        assert await statuses(places, second) == {200}
        return took

    await within(1.0, attempt)


async def test_a_rotation_whose_message_is_lost_works_within_five_seconds(world: World, places: list[Client]) -> None:
    async def attempt(_: int) -> float:
        first = await world.key(places[0].account)
        assert await statuses(places, first) == {200}
        owner = await world.connect()
        # Rotated behind the service's back: nobody tells the gateways.
        await owner.execute(
            """
            update keys.keys set former_digest = digest, former_ends_at = now(), digest = sha256(digest)
            where digest = $1
            """,
            credentials.digest(first.secret),
        )
        await owner.close()
        return await refused_after(places, first)

    await within(5.0, attempt)


class Load:
    """Clients that use whichever secrets are good, without a pause."""

    def __init__(self, places: list[Client], first: NewKey) -> None:
        self.good = [first.secret]
        self.answers: Counter[int] = Counter()
        self._places = places
        self._under_way: Counter[str] = Counter()
        self._over = False

    async def run(self) -> None:
        while not self._over:
            secret = random.choice(self.good)
            self._under_way[secret] += 1
            self.answers[await status(random.choice(self._places), secret)] += 1
            self._under_way[secret] -= 1

    async def go_on(self, answers: int) -> None:
        """Until there are so many in all."""

        async def number() -> int:
            return self.answers.total()

        await until(number, lambda seen: seen > answers)

    async def leave(self, secret: str) -> None:
        """From here on nobody uses it any more."""
        self.good.remove(secret)

        async def under_way() -> int:
            return self._under_way[secret]

        await until(under_way, lambda number: number == 0)

    def end(self) -> None:
        self._over = True


async def test_nobody_with_a_good_secret_is_refused_while_a_busy_key_is_rotated(
    world: World, places: list[Client]
) -> None:
    first = await world.key(places[0].account)
    load = Load(places, first)
    clients = [asyncio.create_task(load.run()) for _ in range(16)]
    for number in range(20):
        await load.go_on(10 * (number + 1))
        if len(load.good) == 2:
            await load.leave(load.good[0])
        rotated = await world.bus.ask(RotateKey(id=first.key.id))
        load.good.append(rotated.secret)
    load.end()
    await asyncio.gather(*clients)
    assert set(load.answers) == {200}, load.answers
    assert load.answers[200] > 200
