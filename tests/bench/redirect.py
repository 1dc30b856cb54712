"""Redirects of remembered links, against a bare constant route."""

import random

from shared.ids import base62
from shared.ids import new as new_id
from tests.bench import bare, lab, pace, wrk
from tests.bench.figures import Figure
from tests.bench.lab import Lab
from tests.bench.wrk import Load, Server, Turn

SLUGS = 100_000
AGENTS = 10_000
_NAMES = ("Waypost", "bare route")


async def one() -> list[Figure]:
    async with (
        lab.lab("redirect") as room,
        room.gateway() as gateway,
        room.serving("tests.bench.bare", "PORT") as other,
    ):
        await _without_counting(room)
        (slug,) = await _insert_links(room, 1)
        return await _compare(room, gateway, Load(f"/{slug}"), other, Load(bare.PATH), target=1.1)


async def zipf() -> list[Figure]:
    async with (
        lab.lab("redirect-zipf") as room,
        room.gateway() as gateway,
        room.serving("tests.bench.bare", "PORT") as other,
    ):
        await _without_counting(room)
        slugs = await _insert_links(room, SLUGS)
        room.folder.joinpath("slugs.txt").write_text("\n".join(slugs))
        room.folder.joinpath("agents.txt").write_text("\n".join(map(agent, range(AGENTS))))
        folder = str(room.folder)
        room.say(f"every one of {SLUGS:,} links is asked for once")
        crew = pace.Crew(gateway.url, wrk.CONNECTIONS)
        await crew.rush([pace.get(f"/{slug}") for slug in slugs], status=302)
        ours = Load("/", "zipf.lua", (folder,))
        seconds = room.world.settings().redirect_fresh_seconds
        room.say(f"for {seconds:.0f} s the gateway asks for all of them again, as it will from now on")
        await wrk.run(gateway, ours, seconds)
        return await _compare(room, gateway, ours, other, Load("/", "zipf.lua", (folder, bare.PATH)), target=0.8)


async def _compare(
    room: Lab, gateway: Server, ours: Load, other: Server, theirs: Load, *, target: float
) -> list[Figure]:
    async def turn() -> Turn:
        return await wrk.run(gateway, ours, lab.TURN_SECONDS)

    async def bare_turn() -> Turn:
        return await wrk.run(other, theirs, lab.TURN_SECONDS)

    return await room.alternate(turn, bare_turn, names=_NAMES, target=target)


async def _without_counting(room: Lab) -> None:
    """The clicks reach the stream, and stay there: what becomes of them later is another row's matter."""
    await room.world.services["analytics"].stop()


async def _insert_links(room: Lab, count: int) -> list[str]:
    """By COPY as the owner, because a hundred thousand requests would take minutes. The short codes are returned."""
    account = await room.world.account()
    slugs = [base62(number, 7) for number in random.sample(range(62**7), count)]
    rows: list[tuple[object, ...]] = [
        (
            new_id(),
            account.workspace.id,
            "live",
            "",
            slug,
            f"https://example.com/{slug}",
            True,
            0,
            [],
            "{}",
            True,
            False,
        )
        for slug in slugs
    ]
    columns = (
        "id workspace mode domain slug destination_url active position tags metadata show_on_profile forward_query"
    )
    owner = await room.world.connect()
    try:
        # What the table's triggers write is found where the service would find it.
        await owner.execute("set search_path to links")
        await owner.copy_records_to_table("links", columns=columns.split(), records=rows)
    finally:
        await owner.close()
    return slugs


def agent(number: int) -> str:
    return (
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{number}.0) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{100 + number % 50}.0.{number}.0 Safari/537.36"
    )
