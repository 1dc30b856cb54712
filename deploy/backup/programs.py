"""pg_dump and pg_restore: those that come with the embedded PostgreSQL, else those of this machine."""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from deploy.local import binaries
from deploy.local.trouble import Trouble

_LAST_LINES = 5


async def run(program: str, url: str, *words: str) -> None:
    """Runs it on the database of ``url``; raises `Trouble` with its last words when it fails."""
    password = urlsplit(url).password
    # The password stands where `ps` does not show it.
    secret = {"PGPASSWORD": unquote(password)} if password else {}
    await _run(program, (f"--dbname={_without_password(url)}", *words), secret)


async def run_alone(program: str, *words: str) -> None:
    """The same for what needs no database."""
    await _run(program, words, {})


async def _run(program: str, words: Sequence[str], secret: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        _find(program),
        *words,
        env={**os.environ, "LC_ALL": "C", **secret},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = " / ".join(said.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
        raise Trouble(f"{program} has failed: {last or f'exit status {process.returncode}'}")


def _find(program: str) -> str:
    try:
        return str(binaries.find_postgres().path.with_name(program))
    except Trouble:
        found = shutil.which(program)
        if found is None:
            raise Trouble(
                f"{program} is not here: install the client programs of PostgreSQL, at least of the server's version"
            ) from None
        return found


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, host = parts.netloc.rpartition("@")[::2]
    login = f"{user.partition(':')[0]}@" if user else ""
    return urlunsplit(parts._replace(netloc=login + host))
