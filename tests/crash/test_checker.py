"""The checker of the crash harnesses sees what it is there to see."""

import pytest

from actors.messages import Append, Deposited, Id
from storage.log import Log
from storage.trades import local
from tests.crash import checker
from tests.crash.checker import Said
from tests.crash.steps import steps
from tests.deals import USDC

FOREIGN = Append(Id("foreign"), (local("foreign", Deposited(USDC, 1), 0),))


def written(path, appends):
    log = Log.open(path)
    for append in appends:
        log.append(append)
    log.close()
    return log.head


@pytest.fixture
def appends():
    told = steps()
    return [next(told) for _ in range(4)]


def test_a_log_that_holds_what_was_said_is_good_and_so_is_one_append_more(tmp_path, appends):
    head = written(tmp_path / "wal.db", appends)
    assert checker.complaint(tmp_path / "wal.db", Said(head.lsn, head.hash.hex())) == ""
    before = head.lsn - len(appends[-1].records)
    assert checker.complaint(tmp_path / "wal.db", Said(before, "00" * 32)) == ""


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        (Said(8), "record 8 was acknowledged and the log ends at 7"),
        (Said(7, "00" * 32), "record 7 was acknowledged with another hash"),
        (Said(1), "only one append was under way after 1, and the log ends at 7"),
    ],
)
def test_a_log_that_is_not_what_was_said_is_complained_of(tmp_path, appends, last, complaint):
    assert written(tmp_path / "wal.db", appends).lsn == 7
    assert checker.complaint(tmp_path / "wal.db", last) == complaint


def test_a_part_of_an_append_and_a_record_of_others_are_complained_of(tmp_path, appends):
    half = Append(appends[1].id, appends[1].records[:1])
    written(tmp_path / "half" / "wal.db", [appends[0], half])
    assert "in the middle of an append" in checker.complaint(tmp_path / "half" / "wal.db", Said(1))
    written(tmp_path / "other" / "wal.db", [FOREIGN])
    assert checker.complaint(tmp_path / "other" / "wal.db", Said()) == "a record is not what was written"


def test_a_snapshot_that_is_not_the_fold_is_complained_of(tmp_path, appends):
    written(tmp_path / "wal.db", appends)
    log = Log.open(tmp_path / "wal.db")
    log.save_snapshot(6, b"{}")
    log.close()
    complaint = checker.complaint(tmp_path / "wal.db", Said(6))
    assert complaint == "the snapshot at 6 is not the fold of the records"


def test_only_whole_lines_from_before_a_moment_count():
    output = "open 0 - 1\nack 1 aa 5\nack 3 bb 9\nack 4 cc"
    assert checker.said(output) == Said(3, "bb", acks=2)
    assert checker.said(output, before_ns=9) == Said(1, "aa", acks=1)
    assert checker.said("", earlier=Said(3, "bb")) == Said(3, "bb")
