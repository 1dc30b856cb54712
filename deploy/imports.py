"""`waypost links import`: a file of links goes into a workspace, piece by piece.

What has been taken in is written down after each piece, and a piece that is sent again is done once. So the same
command, given again after a crash on either side, goes on where the first one ended.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import msgspec

from deploy.local import private_file
from deploy.local.trouble import Trouble, explained
from shared import ids
from shared.bus import Bus
from shared.contracts.accounts import FindUser
from shared.contracts.bulk import OnConflict, Result
from shared.contracts.links import ImportLinks, Outcome
from shared.contracts.modes import Mode
from shared.encoding import encode
from shared.faults import Code, Fault
from shared.linkfiles import Entry, Problem, UnreadableFile, open_file
from shared.once import Once

PIECE = 100  # lines that go at once
PIECE_SECONDS = 10.0  # for one of them
PATIENCE_SECONDS = 60.0  # with a service that is away
RETRY_SECONDS = 1.0
ERRORS_SHOWN = 100  # in the answer; all of them are on standard error
_PASSING = (Code.UNAVAILABLE, Code.TIMEOUT, Code.BUSY)


class WantedImport(msgspec.Struct, frozen=True, kw_only=True):
    file: Path
    username: str
    mode: Mode
    format: str
    on_conflict: OnConflict
    dry_run: bool


class Progress(msgspec.Struct, kw_only=True):
    """How far an import has come; kept in a file until it is complete."""

    run: str
    line: int = 0  # the last one that is settled
    created: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[Problem] = []


class Import:
    def __init__(self, bus: Bus, wanted: WantedImport, folder: Path, say: Callable[[str], None]) -> None:
        self._bus = bus
        self._wanted = wanted
        self._folder = folder
        self._say = say

    async def run(self) -> dict[str, object]:
        """The answer of the command; raises `Trouble` when the file or a service will not do."""
        wanted = self._wanted
        account = await self._bus.ask(FindUser(username=wanted.username))
        with explained(wanted.file), wanted.file.open("rb") as file:
            kept = self._folder / f"{self._fingerprint(file)}.json"
            progress = self._begin(kept)
            try:
                reading = open_file(file, wanted.format)
            except UnreadableFile as error:
                raise Trouble(f"{wanted.file}: {error}") from None
            for piece in _pieces(iter(reading), progress.line):
                await self._take_in(account.workspace.id, piece, progress)
                if not wanted.dry_run:
                    private_file.write(kept, msgspec.json.encode(progress))
                self._say(f"line {progress.line}: {progress.created} links, {progress.failed} errors")
        kept.unlink(missing_ok=True)
        return {
            "format": reading.format,
            "dryRun": wanted.dry_run,
            "created": progress.created,
            "skipped": progress.skipped,
            "failed": progress.failed,
            "errors": progress.errors,
        }

    def _fingerprint(self, file: BufferedReader) -> str:
        """Of the file and of everything else that the import depends on."""
        digest = hashlib.file_digest(file, "sha256")
        file.seek(0)
        wanted = self._wanted
        digest.update(encode((wanted.username, wanted.mode, wanted.format, wanted.on_conflict)))
        return digest.hexdigest()

    def _begin(self, kept: Path) -> Progress:
        if self._wanted.dry_run:
            return Progress(run=ids.new())
        with explained(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not kept.exists():
                # Written before the first piece is sent: whoever sends it again must find the same name for it.
                progress = Progress(run=ids.new())
                private_file.write(kept, msgspec.json.encode(progress))
                return progress
            progress = msgspec.json.decode(kept.read_bytes(), type=Progress)
        self._say(f"An earlier import of this file was interrupted; it goes on after line {progress.line}")
        return progress

    async def _take_in(self, workspace: str, piece: list[Entry | Problem], progress: Progress) -> None:
        entries = [each for each in piece if isinstance(each, Entry)]
        outcomes = await self._send(workspace, entries, progress) if entries else ()
        became = {entry.line: outcome for entry, outcome in zip(entries, outcomes, strict=True)}
        for each in piece:
            outcome = became.get(each.line)
            if isinstance(each, Problem):
                self._refuse(each, progress)
            elif outcome is not None and outcome.refusal is not None:
                self._refuse(Problem(line=each.line, message=outcome.refusal.message), progress)
            elif outcome is not None:
                progress.created += outcome.result is Result.CREATED
                progress.skipped += outcome.result is Result.SKIPPED
        progress.line = piece[-1].line

    async def _send(self, workspace: str, entries: list[Entry], progress: Progress) -> tuple[Outcome, ...]:
        wanted = self._wanted
        question = ImportLinks(
            workspace=workspace,
            mode=wanted.mode,
            links=tuple(entry.link for entry in entries),
            on_conflict=wanted.on_conflict,
            dry_run=wanted.dry_run,
        )
        once = Once(
            workspace=workspace,
            mode=wanted.mode,
            key=f"import-{progress.run}-{entries[0].line}",
            fingerprint=hashlib.sha256(encode(question)).digest(),
            asked_at=datetime.now(UTC),
        )
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if wanted.dry_run:
                    return (await self._bus.ask(question, timeout=PIECE_SECONDS)).items
                return (await self._bus.ask_once(question, once, timeout=PIECE_SECONDS)).answer.items
            except Fault as fault:
                if fault.code not in _PASSING:
                    raise
                if time.monotonic() > until:
                    raise Trouble(
                        f"{fault.message}. Up to line {progress.line} everything is in place; "
                        "the same command goes on from there"
                    ) from fault
            await asyncio.sleep(RETRY_SECONDS)

    def _refuse(self, problem: Problem, progress: Progress) -> None:
        progress.failed += 1
        if len(progress.errors) < ERRORS_SHOWN:
            progress.errors.append(problem)
        self._say(f"line {problem.line}: {problem.message}")


def _pieces(found: Iterator[Entry | Problem], after: int) -> Iterator[list[Entry | Problem]]:
    piece = []
    for each in found:
        if each.line <= after:
            continue
        piece.append(each)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece
