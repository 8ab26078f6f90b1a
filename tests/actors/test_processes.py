"""The folder of a system, its lock, and dying with one's parent."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from actors import processes
from actors.base import System
from tests.actors.admin import running

ROOT = Path(__file__).parents[2]


def test_a_folder_that_others_can_open_is_refused(run_dir):
    run_dir.chmod(0o750)
    with pytest.raises(PermissionError, match="0700"):
        System.start(run_dir)


def test_a_link_instead_of_a_folder_is_refused(run_dir):
    (run_dir / "real").mkdir(mode=0o700)
    (run_dir / "link").symlink_to("real")
    with pytest.raises(PermissionError, match="must be a folder"):
        System.start(run_dir / "link")


def test_a_folder_with_a_name_too_long_for_a_socket_is_refused(run_dir):
    with pytest.raises(ValueError, match="too long for a Unix socket"):
        System.start(run_dir / ("x" * 80))


def test_a_short_folder_can_be_had_whatever_the_data_folder_is_called():
    folder = Path(processes.short_run_dir("test"))
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


def test_the_folder_is_made_and_belongs_to_us_alone(run_dir):
    system = System.start(run_dir / "new")
    assert (run_dir / "new").stat().st_mode & 0o777 == 0o700
    system.shutdown()


def test_a_process_whose_parent_died_before_it_could_ask_does_not_live_on():
    code = (
        f"import sys, os; sys.path[:0] = [{str(ROOT)!r}]\nfrom actors import processes\n"
        "processes.die_with(os.getppid() + 1)\nprint('lives')"
    )
    orphan = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=20)
    assert orphan.returncode == -signal.SIGKILL
    assert orphan.stdout == b""


def test_the_admin_is_whoever_holds_the_lock_and_has_signed_it(run_dir):
    assert processes.admin_pid(str(run_dir)) is None
    lock = processes.take_lock(str(run_dir))
    assert processes.admin_pid(str(run_dir)) is None, "nobody, for it is not up yet"
    os.close(lock)
    with running(run_dir) as admin:
        assert processes.admin_pid(str(run_dir)) == admin.pid
        with pytest.raises(RuntimeError, match="already runs in"):
            processes.take_lock(str(run_dir))
    assert processes.admin_pid(str(run_dir)) is None
    os.close(processes.take_lock(str(run_dir)))


def test_what_an_admin_of_before_wrote_is_nobody_s_name(run_dir):
    (run_dir / processes.LOCK).write_text(str(os.getppid()))
    lock = processes.take_lock(str(run_dir))
    assert processes.admin_pid(str(run_dir)) is None
    os.close(lock)


def test_a_look_for_the_admin_is_in_nobody_s_way(run_dir):
    (run_dir / processes.LOCK).touch()
    looking = threading.Event()

    def look():
        while not looking.is_set():
            processes.admin_pid(str(run_dir))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(2000):
            os.close(processes.take_lock(str(run_dir)))
    finally:
        looking.set()
        thread.join()


def test_a_sweep_takes_the_sockets_of_the_dead_alone(run_dir):
    living, dead = processes.listen(str(run_dir / "living")), processes.listen(str(run_dir / "dead"))
    (run_dir / "file").touch()
    dead.close()
    processes.sweep_if_over(str(run_dir))
    assert sorted(path.name for path in run_dir.iterdir()) == [processes.LOCK, "file", "living"]
    living.close()


def test_no_name_is_given_twice():
    names = {processes.new_name() for _ in range(10_000)}
    assert len(names) == 10_000
    assert max(map(len, names)) <= processes.LONGEST_NAME


def test_a_run_folder_that_is_gone_is_swept_already(tmp_path):
    processes.sweep(str(tmp_path / "gone"))
