"""The Wal actor and an error of its disk: it dies in the handler, and answers nothing more."""

import sys

import pytest

from tests.crash import checker, harness
from tests.crash.checker import Said
from tests.crash.workload import FAILED

pytestmark = [pytest.mark.processes, pytest.mark.skipif(bool(harness.MISSING), reason=harness.MISSING)]
APPENDS = 10
ACTOR = f"""
import sys
from itertools import islice
from pathlib import Path
from actors.messages import Durable
from actors.wal import Wal
from tests.actors.alone import OUTSIDE, alone
from tests.crash.steps import steps

wal = alone(Wal, Path(sys.argv[1]).parent, "wal", "supervisor")
wal.tell = lambda _, message: print(message.lsn, flush=True) if isinstance(message, Durable) else None
for append in islice(steps(), {APPENDS}):
    wal.receive(append, OUTSIDE)
"""


@pytest.mark.parametrize(("call", "number"), [("fdatasync", 8), ("pwrite64", 60)])
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_of_the_disk_ends_the_wal_actor_and_what_it_has_answered_is_there(
    tmp_path, call, number, error
):
    log, side = tmp_path / "wal.db", tmp_path / "wal.db-wal"
    fail = ["-P", str(side), "-e", f"inject={call}:error={error}:when={number}"]
    command = [sys.executable, "-B", "-c", ACTOR, str(log)]
    child = harness.run(harness.straced(tmp_path / "trace", command, *fail))
    answered = [int(line) for line in child.stdout.split()]
    assert child.returncode == FAILED, child.stderr
    assert 0 < len(answered) < APPENDS
    assert checker.complaint(log, Said(answered[-1])) == ""
