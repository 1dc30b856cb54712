"""Files that only their owner may read, and that are never seen half written."""

import os
from pathlib import Path

from deploy.local.trouble import explained


def write(path: Path, content: bytes) -> None:
    """Replaces ``path`` with ``content`` at mode 0600; after a crash it holds either the old or the new content."""
    fresh = path.with_name(f"{path.name}.new")
    with explained(path):
        # A file left over by a crash may have other rights; a new one has these from the start.
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
