"""SIGKILL at file calls of a log's life, and of its recovery: the short version of `kills.py`."""

import pytest

from tests.crash import harness, kills

pytestmark = [pytest.mark.processes, pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)]


def test_a_death_at_any_file_call_loses_nothing_that_was_acknowledged():
    tally = kills.sweep(most=25, seed=1)
    assert tally.tried == 25
    assert tally.bad == []


def test_a_log_that_acknowledges_before_it_writes_is_found_out():
    assert kills.sweep(most=8, seed=1, control="EARLY").bad


def test_the_points_are_of_every_call_that_changes_a_file_and_of_a_recovery_and_of_archiving(tmp_path):
    found = [point for part in kills.parts(tmp_path) for point in kills.points(part, tmp_path, None)]
    assert {point.part.name for point in found} == {
        "first start",
        "recovery",
        "archiving",
        "second archiving",
    }
    calls, files = ({getattr(point, what) for point in found} for what in ("call", "file"))
    assert {"openat", "pwrite64", "fdatasync", "ftruncate", "unlink", "fsync", "rename"} <= calls
    assert {"wal.db", "wal.db-wal", "wal.head", "its folder", "wal-archive-000000000046.db.part"} <= files
    assert {"wal-archive-000000000046.db", "copy-000051.db"} <= files, "they are renamed to their names"
