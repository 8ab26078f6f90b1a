"""A data folder is owned by one process, or by none, and a refusal leaves nothing behind."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors.commands import folders
from actors.commands.folders import owned, run_dir, running_dir
from actors.commands.refused import CannotRunError
from tests.actors.admin import running

ROOT = Path(__file__).parents[3]
OWNER = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from actors.commands.folders import owned
with owned(Path(sys.argv[1])):
    print("owned", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def owner():
    """Start a process that owns a folder for so many seconds."""
    started = []

    def start(folder, seconds):
        command = [sys.executable, "-c", OWNER, str(folder), str(seconds)]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "owned\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(folders, "WAIT_SECONDS", 0.2)


def test_a_second_owner_is_refused_and_told_who_the_first_is_and_what_to_do(tmp_path, impatient, owner):
    first = owner(tmp_path, 30)
    with (
        pytest.raises(CannotRunError, match=rf"\(process {first.pid}\): stop it with `run.py stop"),
        owned(tmp_path),
    ):
        pass


def test_a_new_owner_waits_for_one_that_is_about_to_go(tmp_path, owner):
    first, began = owner(tmp_path, 0.5), time.monotonic()
    with owned(tmp_path):
        assert time.monotonic() - began > 0.2
    assert first.wait(5) == 0


def test_a_killed_owner_is_no_owner(tmp_path, impatient, owner):
    first = owner(tmp_path, 30)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / "lock").exists()
    with owned(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    calls = []

    def slow_flock(descriptor, flags):
        if not calls:  # The predecessor removes its file between our open and our lock.
            (tmp_path / "lock").unlink()
        calls.append(descriptor)
        return fcntl.flock(descriptor, flags)

    monkeypatch.setattr(folders, "fcntl", SimpleNamespace(**{**vars(fcntl), "flock": slow_flock}))
    with owned(tmp_path):
        assert len(calls) == 2
        assert (tmp_path / "lock").read_text().startswith(f"{os.getpid()} ")


@pytest.fixture
def admin(tmp_path):
    sockets = run_dir(tmp_path)
    sockets.mkdir(mode=0o700)
    with running(sockets) as process:
        yield process
    (sockets / "admin.lock").unlink()
    sockets.rmdir()


def test_a_system_whose_launcher_is_dead_is_waited_for_and_then_refused(tmp_path, admin, impatient):
    with (
        pytest.raises(CannotRunError, match=rf"belongs to a running instance \(process {admin.pid}\)"),
        owned(tmp_path),
    ):
        pass


def test_whoever_wants_to_speak_to_a_run_finds_its_sockets(tmp_path, admin):
    (tmp_path / "lock").write_text(f"{admin.pid} {run_dir(tmp_path)}\n")
    assert running_dir(tmp_path) == run_dir(tmp_path)


def test_a_folder_that_nobody_used_is_gone_again_and_one_that_was_stays(tmp_path):
    with owned(tmp_path / "unused"):
        pass
    with owned(tmp_path / "used") as used:
        (used / "wal.db").touch()
    with pytest.raises(ZeroDivisionError), owned(tmp_path / "failed"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["used"]
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["wal.db"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "data").touch()
    with (
        pytest.raises(CannotRunError, match=r"data is a file: name a folder with --data-dir"),
        owned(tmp_path / "data"),
    ):
        pass
    with (
        pytest.raises(CannotRunError, match="a part of the path is a file"),
        owned(tmp_path / "data" / "deeper"),
    ):
        pass


def test_a_disk_without_room_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "LEAST_FREE", 2**60)
    with (
        pytest.raises(CannotRunError, match=r"has only \d+ MB left: free at least"),
        owned(tmp_path / "data"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, where this machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_refused_in_a_sentence(small_disk):
    (small_disk / "filler").write_bytes(bytes(60_000))
    with pytest.raises(CannotRunError, match="free"), owned(small_disk / "data"):
        pass
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_read_only_disk_is_refused_in_a_sentence(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for folder in (small_disk, small_disk / "data"):
        with (
            pytest.raises(CannotRunError, match=r"\(read-only file system\): name a folder on a disk"),
            owned(folder),
        ):
            pass


def test_the_sockets_of_two_data_folders_never_meet_and_their_paths_are_short(tmp_path):
    deep = tmp_path / ("deep" * 30)
    one, other = run_dir(tmp_path), run_dir(deep)
    assert one != other
    assert max(len(str(one)), len(str(other))) < 80
    assert run_dir(tmp_path / "x" / "..") == one


def test_without_a_run_there_is_nothing_to_speak_to(tmp_path):
    with pytest.raises(CannotRunError, match="Nothing runs on"):
        running_dir(tmp_path)
    (tmp_path / "lock").write_text(f"1 {tmp_path}\n")
    with pytest.raises(CannotRunError, match="Nothing runs on"):
        running_dir(tmp_path)


def test_an_owner_that_is_about_to_sign_is_waited_for_and_never_taken_for_process_zero(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "WAIT_SECONDS", 0.2)
    lock = os.open(tmp_path / folders.LOCK, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(CannotRunError, match="process unknown"):
        folders.owner(tmp_path)
    threading.Timer(0.05, os.pwrite, (lock, b"4711 /somewhere\n", 0)).start()
    assert folders.owner(tmp_path) == 4711
    os.close(lock)
