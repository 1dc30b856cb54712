"""PostgreSQL refuses to run as root; for root there is a system user that it runs as instead."""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from deploy.local.child import Owner
from deploy.local.trouble import Trouble

NAME = "embedded_postgres"
_FALLBACK = "nobody"
_USERADD_SECONDS = 30.0
_TRAVERSE = stat.S_IXOTH
_READ = stat.S_IROTH


def ensure() -> Owner | None:
    """The user for PostgreSQL, made when it is missing; None when this process is not root and needs no other."""
    if os.geteuid() != 0:
        return None
    entry = _entry(NAME) or _made() or _entry(_FALLBACK)
    if entry is None:
        raise Trouble(f"PostgreSQL does not run as root, and there is no user for it: add one named {NAME}")
    return Owner(entry.pw_uid, entry.pw_gid)


def let_through(path: Path) -> None:
    """Lets every user pass through the directories above ``path``; nobody gets to see what is in them."""
    for directory in path.parents:
        mode = directory.stat().st_mode
        if not mode & _TRAVERSE:
            directory.chmod(stat.S_IMODE(mode) | _TRAVERSE)


def let_read(directory: Path) -> None:
    """Lets every user read and run what is in a package that was installed for root alone."""
    for path in (directory, *directory.rglob("*")):
        mode = path.lstat().st_mode
        wanted = _READ | (_TRAVERSE if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0)
        if not stat.S_ISLNK(mode) and mode & wanted != wanted:
            path.chmod(stat.S_IMODE(mode) | wanted)


def give(path: Path, owner: Owner) -> None:
    """Makes ``path`` and all in it the property of ``owner``."""
    for each in (path, *path.rglob("*")):
        os.chown(each, owner.uid, owner.gid, follow_symlinks=False)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd | None:
    if (useradd := shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")) is None:
        return None
    argv = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    # It may fail on a read-only system, or because another start was quicker; either shows in the list of users.
    subprocess.run(argv, capture_output=True, check=False, timeout=_USERADD_SECONDS)
    return _entry(NAME)
