"""Old records leave the log for an archive: nothing is lost, and the chain has no gap."""

import sqlite3

import pytest
from msgspec.structs import replace

from actors.messages import Append, Id, Refusal
from storage import archive as module
from storage.archive import archive
from storage.books import fold
from storage.log import Head, Log, LogCorrupt, LogError, records, verify, verify_file
from storage.log_file import archives_of
from storage.snapshots import packed, unpacked
from tests.deals import WETH, Desk, busy_desk, propose

DESK = busy_desk()
APPENDS = [Append(Id("deposit"), (DESK.records[0],)), *DESK.appends]
NEVER = 10**18


def opened(path):
    log = Log.open(path)
    for append in APPENDS:
        log.append(append)
    log.save_snapshot(log.head.lsn, packed(DESK.books))
    return log


def everything(path):
    return [record for _, record in records(path)]


@pytest.fixture
def log(tmp_path):
    log = opened(tmp_path / "wal.db")
    yield log
    log.close()


def first_open() -> int:
    """The first record of the oldest operation that is under way."""
    return min(lsn for lsn, record in enumerate(DESK.records, 1) if record.operation_id in DESK.books.live)


def test_archive_and_log_read_as_the_log_did(log):
    moved = archive(log, NEVER)
    assert moved.head.lsn == moved.records == first_open() - 1
    assert everything(log.path) == DESK.records
    assert [lsn for lsn, _ in records(log.path)] == list(range(1, log.head.lsn + 1))
    for path in (moved.path, log.path):
        verify_file(path)
    assert verify(moved.path) == moved.head
    assert verify(log.path) == log.head


def test_a_start_after_it_has_the_same_books_and_goes_on(tmp_path):
    log = opened(tmp_path / "wal.db")
    archive(log, NEVER)
    log.close()
    again = Log.open(log.path)
    lsn, body = again.snapshot()
    assert fold(again.after(lsn), unpacked(body)) == DESK.books
    assert again.append(replace(DESK.appends[-1], id=Id("new"))) == again.head.lsn
    assert again.verify_some(10**6) == again.head.lsn
    again.close()


@pytest.mark.parametrize("before_ns", range(9))
def test_only_records_older_than_the_moment_go(log, before_ns):
    moved = archive(log, before_ns)
    gone = everything(moved.path) if moved else []
    assert all(record.at_ns < before_ns for record in gone)
    assert len(gone) == min(
        next(i for i, record in enumerate(DESK.records) if record.at_ns >= before_ns), first_open() - 1
    )


@pytest.mark.parametrize("lsn", range(1, len(DESK.records) + 1))
def test_nothing_goes_at_or_past_the_newest_snapshot_and_no_append_is_torn(tmp_path, lsn):
    log = opened(tmp_path / "wal.db")
    log.save_snapshot(lsn, packed(fold(DESK.records[:lsn])))
    moved = archive(log, NEVER)
    reached = moved.head.lsn if moved else 0
    assert reached < lsn
    assert reached in {0, *map(log.known, APPENDS)}
    log.close()


def test_without_a_snapshot_nothing_goes(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    log.append(APPENDS[0])
    assert archive(log, NEVER) is None
    assert archives_of(log.path) == []
    log.close()


def test_a_second_archive_goes_on_where_the_first_ended(log):
    first, second = archive(log, 3), archive(log, NEVER)
    assert archive(log, NEVER) is None
    assert archives_of(log.path) == [first.path, second.path]
    assert first.records + second.records == second.head.lsn == log.anchor.lsn
    assert everything(log.path) == DESK.records


def test_an_archived_append_that_is_repeated_is_still_not_written_again(log):
    archive(log, NEVER)
    lsn = log.head.lsn
    old = APPENDS[1]
    assert log.append(old) == 1 + len(old.records)
    assert log.append(replace(old, records=old.records * 2)) is Refusal.ID_TAKEN
    assert log.head.lsn == lsn


def test_what_a_crash_after_the_archive_and_before_the_log_forgets_leaves_is_whole(log, monkeypatch):
    def crash(head):
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "forget", crash)
    with pytest.raises(KeyboardInterrupt):
        archive(log, 3)
    assert everything(log.path) == DESK.records
    monkeypatch.undo()
    archive(log, NEVER)
    assert everything(log.path) == DESK.records


def test_the_log_forgets_nothing_if_the_archive_does_not_reach_the_disk(log, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "synced", broken)
    with pytest.raises(LogError, match="Input/output error"):
        archive(log, NEVER)
    assert log.anchor == Head()
    assert log.read(0) == tuple(DESK.records)


def test_the_archive_and_its_name_are_on_disk_before_the_log_forgets(log, monkeypatch):
    done = []
    monkeypatch.setattr(module, "synced", lambda path: done.append((path.name, path.exists())))
    monkeypatch.setattr(log, "forget", lambda _: done.append("forget"))
    name = archive(log, NEVER).path.name
    assert done == [(f"{name}.part", True), (log.path.parent.name, True), "forget"]


def test_an_archive_that_is_missing_or_another_is_named(log):
    moved = archive(log, NEVER)
    aside = moved.path.with_suffix(".away")
    moved.path.rename(aside)
    with pytest.raises(LogError, match=f"records 1 to {moved.head.lsn} are in an archive"):
        everything(log.path)
    assert verify(log.path) == log.head, "what is left verifies from the anchor on"
    aside.rename(moved.path)
    database = sqlite3.connect(moved.path)
    database.executescript("DROP TRIGGER records_stay; UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 4;")
    database.close()
    with pytest.raises(LogCorrupt, match="record 4 is not what was written"):
        everything(log.path)


def test_archived_records_are_not_read_from_the_log_nor_does_it_start_without_their_snapshot(tmp_path):
    log = opened(tmp_path / "wal.db")
    moved = archive(log, NEVER)
    with pytest.raises(LogError, match=f"records up to {moved.head.lsn} are in the archive"):
        log.read(0)
    log.save_snapshot(moved.head.lsn - 1, b"{}")
    log.close()
    with pytest.raises(LogCorrupt, match="no snapshot stands for them"):
        Log.open(log.path)


def test_an_archive_of_another_log_is_neither_overwritten_nor_read(tmp_path):
    """As of a log that went on, before an older copy of it was restored."""
    other = opened(tmp_path / "other.db")
    moved = archive(other, NEVER)
    other.close()
    stranger = tmp_path / moved.path.name.replace("other", "wal")
    log = Log.open(tmp_path / "wal.db")
    for append in APPENDS:
        log.append(replace(append, id=Id(f"again/{append.id}")))
    log.save_snapshot(log.head.lsn, packed(DESK.books))
    moved.path.rename(stranger)
    before = stranger.read_bytes()
    with pytest.raises(LogError, match="is of another log"):
        archive(log, NEVER)
    assert stranger.read_bytes() == before
    stranger.rename(tmp_path / "aside.db")
    archive(log, NEVER)
    log.close()
    (tmp_path / "aside.db").replace(stranger)
    with pytest.raises(LogError, match=r"another log|not beside it"):
        module.archived(tmp_path / "wal.db", 0, moved.head.lsn)


def test_what_a_reorg_can_still_undo_is_not_archived(tmp_path):
    desk = Desk()
    buy = desk.wish(propose(WETH, 1))
    desk.book(buy.id, 1_000, at_ns=2)
    log = Log.open(tmp_path / "wal.db")
    for append in (APPENDS[0], *desk.appends):
        log.append(append)
    log.save_snapshot(log.head.lsn, packed(desk.books))
    assert archive(log, NEVER).records == 1
    log.close()


def test_a_log_that_is_read_without_its_newest_records_is_not_archived(log, monkeypatch):
    monkeypatch.setattr(module, "end_of", lambda _: Head(log.head.lsn - 1, bytes(32)))
    with pytest.raises(LogError, match="can not be read now"):
        archive(log, NEVER)
    assert everything(log.path) == DESK.records
