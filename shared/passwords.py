"""Passwords at rest: Argon2id, made in a bounded executor so that the service goes on answering."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from shared.faults import Code, Fault

LONGEST = 128
THREADS = 2  # each needs a core and 19 MiB while it works
PLACES = 64  # hashes under way or waiting in one process; about a second's work for two slow cores

T = TypeVar("T")

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def check(password: str, *, shortest: int) -> str:
    """The password itself; INVALID when it is shorter than ``shortest`` or longer than 128 characters."""
    if not shortest <= len(password) <= LONGEST:
        raise Fault(Code.INVALID, f"A password has {shortest} to {LONGEST} characters", field="password")
    return password


async def hash_of(password: str) -> str:
    """The encoded Argon2id hash (19 MiB, 2 passes), its salt and parameters included."""
    return await _hashing.run(lambda: _hasher.hash(password))


async def matches(password: str, password_hash: str) -> bool:
    """Is it the password that ``password_hash`` was made of? UNAVAILABLE when too many are being tried at once."""
    if len(password) > LONGEST:
        return False
    return await _hashing.run(lambda: _verify(password, password_hash))


def _verify(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


class _Hashing:
    """A few threads and a short queue: a flood of guesses is refused, and keeps no other question waiting."""

    def __init__(self, threads: int, places: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        self._free = places

    async def run(self, work: Callable[[], T]) -> T:
        if self._free == 0:
            raise Fault(Code.UNAVAILABLE, "Too many passwords are being checked right now", retry_after=1)
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._free += 1


_hashing = _Hashing(THREADS, PLACES)
