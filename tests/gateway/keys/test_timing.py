"""Nobody can tell by the clock whether a refused key was ever good."""

import statistics
import time

from shared import credentials
from shared.contracts.keys import Style
from shared.contracts.modes import Mode
from tests.client import Client
from tests.world import World

TRIES = 80
ROUNDS = 5
MOST_APART_SECONDS = 0.0003


async def revoked_keys(world: World, client: Client, number: int) -> list[str]:
    """Secrets that were good once."""
    secrets = [credentials.mint(Style.EZX, Mode.LIVE) for _ in range(number)]
    new = await world.key(client.account)
    owner = await world.connect()
    await owner.execute(
        """
        insert into keys.keys (id, workspace, user_id, digest, prefix, last_four, name, description, style, mode,
                               scopes, rate_window, created_at, revoked_at)
        select substr(encode(d, 'hex'), 1, 22), workspace, user_id, d, prefix, last_four, name, description, style,
               mode, scopes, rate_window, created_at, now()
        from keys.keys, unnest($2::bytea[]) d where id = $1
        """,
        new.key.id,
        [credentials.digest(secret) for secret in secrets],
    )
    await owner.close()
    return secrets


async def took(client: Client, secret: str) -> float:
    began = time.perf_counter()
    assert (await client.with_key(secret).get("/v1/links")).status == 401
    return time.perf_counter() - began


async def test_an_unknown_and_a_revoked_key_are_refused_equally_fast(world: World, places: list[Client]) -> None:
    client = places[0]
    apart = []
    for _ in range(ROUNDS):
        revoked, first, again = await revoked_keys(world, client, TRIES), [], []
        unknown = [credentials.mint(Style.EZX, Mode.LIVE) for _ in range(TRIES)]
        for pair in zip(revoked, unknown, strict=True):
            # By the first request the gateway has to ask, by the second it knows.
            first.append([await took(client, secret) for secret in pair])
            again.append([await took(client, secret) for secret in pair])
        apart.append(max(abs(statistics.median(r - u for r, u in pairs)) for pairs in (first, again)))
    print("unknown and revoked are", [f"{seconds * 1e6:.0f} µs" for seconds in apart], "apart")
    # A busy machine can pull them apart once; a difference that is there is there every time.
    assert min(apart) <= MOST_APART_SECONDS
