"""Passwords at rest: Argon2id, made in a bounded executor so that the service goes on answering."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from shared.faults import Code, Fault

LONGEST = 128
THREADS = 2  # each needs a core and 19 MiB while it works
PLACES = 64  # hashes under way or waiting in one process: a second or two of work

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="argon2")


class Place:
    """The right to hash, see `place`."""

    async def hash_of(self, password: str) -> str:
        """The encoded Argon2id hash (19 MiB, 2 passes), its salt and parameters included."""
        return await asyncio.get_running_loop().run_in_executor(_executor, _hasher.hash, password)

    async def matches(self, password: str, password_hash: str) -> bool:
        """Is it the password that ``password_hash`` was made of?"""
        if len(password) > LONGEST:
            return False
        return await asyncio.get_running_loop().run_in_executor(_executor, _verify, password, password_hash)


_free = [Place() for _ in range(PLACES)]


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """UNAVAILABLE at once when all places are taken: a flood of guesses must not keep other questions waiting.

    Whoever has to look up something for the hash takes the place first, so that a refused guess costs nothing.
    """
    if not _free:
        raise Fault(Code.UNAVAILABLE, "Too many passwords are being checked right now", retry_after=1)
    taken = _free.pop()
    try:
        yield taken
    finally:
        _free.append(taken)


def check(password: str, *, shortest: int) -> str:
    """The password itself; INVALID when it is shorter than ``shortest`` or longer than 128 characters."""
    if not shortest <= len(password) <= LONGEST:
        raise Fault(Code.INVALID, f"A password has {shortest} to {LONGEST} characters", field="password")
    return password


async def hash_of(password: str) -> str:
    """The encoded hash, when nothing else has to be done in the same place."""
    with place() as here:
        return await here.hash_of(password)


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
