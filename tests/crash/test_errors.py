"""A disk that fails, is full, may only be read, or is wanted by two: `errors.py` in short, and more."""

import subprocess
from contextlib import contextmanager

import pytest

from actors.messages import Append, Deposited, Id
from storage.books import fold
from storage.log import Log, records
from storage.trades import local
from tests.crash import checker, errors, harness
from tests.crash.nursery import traced
from tests.crash.workload import FAILED
from tests.deals import USDC

pytestmark = pytest.mark.processes
DAY_NS = 86_400 * 10**9


@pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)
def test_an_error_at_any_file_call_ends_the_process_and_loses_nothing():
    tally, ends = errors.search(most=60, seed=1)
    assert tally.bad == []
    assert any(status == FAILED for status, _ in ends)


@pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)
def test_a_folder_that_can_not_be_synced_ends_the_process(tmp_path):
    log = tmp_path / "data" / "wal.db"
    log.parent.mkdir()
    fail = ["-P", str(log.parent), "-e", "inject=fsync,fdatasync:error=EIO:when=1+"]
    child = traced(tmp_path / "trace", [str(log), "--appends", "2"], *fail)
    assert (child.returncode, child.stdout) == (FAILED, "")
    assert "Input/output error; free some space (or mend the disk)" in child.stderr


@contextmanager
def small_disk(place):
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5200k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk of our own needs root: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_ends_the_process_with_a_sentence_and_space_is_all_it_needs(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        (disk / "ballast").write_bytes(bytes(400_000))
        log = disk / "data" / "wal.db"
        child = harness.run(harness.workload(log))
        last = checker.said(child.stdout)
        assert (child.returncode, last.acks > 10) == (FAILED, True)
        assert "full" in child.stderr
        assert child.stderr.count("\n") == 1
        (disk / "ballast").unlink()
        assert checker.complaint(log, last) == ""


def test_a_disk_that_may_only_be_read_refuses_with_a_sentence(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        log = disk / "data" / "wal.db"
        last = checker.said(harness.run(harness.workload(log, "--appends", "5", "--abandon")).stdout)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        child = harness.run(harness.workload(log))
        assert (child.returncode, child.stdout) == (FAILED, "")
        assert child.stderr == f"{log}: Read-only file system; the log's folder must be writable.\n"
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert checker.complaint(log, last) == ""


def test_a_second_instance_is_refused_and_the_first_does_not_notice(tmp_path):
    log = tmp_path / "wal.db"
    with subprocess.Popen(harness.workload(log), cwd=harness.ROOT, stdout=-1, text=True) as first:
        output = first.stdout.readline()
        second = harness.run(harness.workload(log))
        output += first.stdout.readline()
        assert first.poll() is None
        first.kill()
        output += first.stdout.read()
    assert (second.returncode, second.stdout) == (FAILED, "")
    assert "another process writes this log; stop it first" in second.stderr
    assert checker.complaint(log, checker.said(output)) == ""


def test_a_clock_that_jumps_changes_no_order(tmp_path):
    moments = [0, 400 * DAY_NS, 399 * DAY_NS, 1, 0, 2**62, 5]
    log = Log.open(tmp_path / "wal.db")
    for number, at_ns in enumerate(moments):
        log.append(Append(Id(str(number)), (local(str(number), Deposited(USDC, number + 1), at_ns),)))
    log.close()
    found = list(records(tmp_path / "wal.db"))
    assert [record.at_ns for _, record in found] == moments
    assert [lsn for lsn, _ in found] == list(range(1, len(moments) + 1))
    assert fold(record for _, record in found).ledger.account(USDC).free == 28
    again = Log.open(tmp_path / "wal.db")
    assert again.head == log.head
    again.close()
