"""What the operator can put right, said in one sentence."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path


class Trouble(Exception):
    """The text says what is wrong and what to do about it. Shown as it is, without a traceback."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what the file system refuses under ``path`` into a `Trouble`."""
    try:
        yield
    except OSError as error:
        raise Trouble(explain(error, path)) from error


def explain(error: OSError, path: Path) -> str:
    if isinstance(error, ConnectionError | socket.gaierror):
        return f"No server answers where the settings say that one is: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {path} is full: free some space, or choose another place with --data DIR"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.filename or path} may not be written by this user: choose another place with --data DIR"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return (
            f"{error.filename or path} is no directory, nor can one be made there: choose another place with --data DIR"
        )
    return f"{error.filename or path}: {error.strerror or error}"
