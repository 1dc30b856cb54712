"""One stack per data directory, and only where there is room."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.local import private_file, secret_store
from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble
from shared.contracts import SERVICES
from shared.settings import SHORTEST_SECRET_KEY

HOLD = """
import sys, time
from pathlib import Path
from deploy.local.data_dir import DataDir
with DataDir(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def hold(data: DataDir) -> "subprocess.Popen[str]":
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(data.root)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_stack_on_the_same_directory_is_refused_and_told_who_is_there(data: DataDir) -> None:
    with hold(data) as holder:
        with pytest.raises(Trouble, match=f"process {holder.pid}"), data.locked():
            pass
        holder.terminate()


def test_a_killed_holder_leaves_the_lock_free(data: DataDir) -> None:
    with hold(data) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with data.locked():
        assert data.lock.read_text() == f"{os.getpid()}\n"


def test_a_full_disk_is_refused_before_anything_starts(data: DataDir) -> None:
    with pytest.raises(Trouble, match="free some space"):
        data.check_space(2**62)


def test_a_place_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match=str(tmp_path / "file")):
        DataDir(tmp_path / "file" / "stack").prepare(0)


def test_secrets_stay_the_same_and_only_their_owner_reads_them(data: DataDir) -> None:
    first = secret_store.load(data)
    assert secret_store.load(data) == first
    assert set(first.role_passwords) == set(SERVICES)
    assert data.secrets.stat().st_mode & 0o777 == 0o600


def test_a_stack_from_before_there_was_a_secret_key_gets_one_and_keeps_the_rest(data: DataDir) -> None:
    former = secret_store.load(data)
    secret_store.save(data, msgspec.structs.replace(former, secret_key=""))
    grown = secret_store.load(data)
    assert len(grown.secret_key) >= SHORTEST_SECRET_KEY
    assert msgspec.structs.replace(grown, secret_key="") == msgspec.structs.replace(former, secret_key="")
    assert secret_store.load(data) == grown


def test_a_private_file_is_replaced_whole_whatever_an_earlier_crash_has_left(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.with_name("state.json.new").write_text("half")
    private_file.write(path, b"first")
    private_file.write(path, b"second")
    assert path.read_bytes() == b"second"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
