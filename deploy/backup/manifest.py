"""What a backup consists of, and what it says of itself."""

from datetime import datetime
from pathlib import Path

import msgspec

from deploy.local.trouble import Trouble, explained


class Table(msgspec.Struct, frozen=True):
    """Two tables with the same rows have the same figures, in whatever order the rows lie."""

    rows: int
    checksum: str  # decimal: the sum of a 64-bit hash of each row


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    made_at: datetime  # of the snapshot: what was committed by then is in the backup, and nothing else
    server: str  # PostgreSQL's version
    tables: dict[str, Table]  # by schema and name

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def differences(self, found: dict[str, Table]) -> list[str]:
        """In words, table by table; empty when ``found`` is the same."""
        words = [f"{name} is not there" for name in sorted(self.tables.keys() - found.keys())]
        words += [f"{name} should not be there" for name in sorted(found.keys() - self.tables.keys())]
        for name in sorted(self.tables.keys() & found.keys()):
            wanted, got = self.tables[name], found[name]
            if wanted.rows != got.rows:
                words.append(f"{name} has {got.rows} rows instead of {wanted.rows}")
            elif wanted.checksum != got.checksum:
                words.append(f"{name} has other content")
        return words


class Backup:
    """A directory, for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.dump = self.folder / "database.dump"
        self._manifest = self.folder / "manifest.json"

    def read(self) -> Manifest:
        with explained(self.folder):
            if not (self._manifest.is_file() and self.dump.is_file()):
                raise Trouble(f"{self.folder} is no backup: it has no manifest.json or no database.dump")
            content = self._manifest.read_bytes()
        try:
            return msgspec.json.decode(content, type=Manifest)
        except msgspec.DecodeError as error:
            raise Trouble(f"{self._manifest} cannot be read ({error})") from error

    def write(self, manifest: Manifest) -> None:
        self._manifest.write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        self._manifest.chmod(0o600)
