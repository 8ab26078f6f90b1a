"""The log's owner: what a start reads, who is told what, and in which order."""

import sqlite3

import pytest

import actors.wal as module
from actors.messages import (
    WALLET,
    Address,
    Append,
    Committed,
    Deposited,
    Durable,
    Fatal,
    Id,
    InArchives,
    Ready,
    Refusal,
    Refused,
    Role,
    SaveState,
    Snapshot,
    Subscribe,
)
from actors.wal import VERIFIED_AT_ONCE, Wal
from storage import logs
from storage.archive import archive
from storage.books import fold
from storage.layout import log_path
from storage.log import Log, LogFailed
from storage.log_file import archives_of
from storage.replica import Replica, restored
from storage.snapshots import packed
from storage.trades import halting, lifting, local, opening
from tests.actors.alone import OUTSIDE, alone
from tests.deals import USDC, busy_desk, order

DESK = busy_desk()
APPENDS = (Append(Id("deposit"), (DESK.records[0],)), *DESK.appends)
LAST, SAVED = len(DESK.records), 20
NEW = Append(Id("new"), (local("new", Deposited(USDC, 1), 9),))


@pytest.fixture(autouse=True)
def no_log_files(monkeypatch):
    monkeypatch.setattr(logs, "start", lambda *_, **__: None)


def written(folder, saved=SAVED):
    log = Log.open(log_path(folder))
    for append in APPENDS:
        log.append(append)
    if saved:
        log.save_snapshot(saved, packed(fold(DESK.records[:saved])))
    return log


@pytest.fixture
def folder(tmp_path):
    written(tmp_path).close()
    return tmp_path


def wal_in(folder):
    return alone(Wal, folder, "wal", "supervisor")


@pytest.fixture
def wal(folder):
    wal = wal_in(folder)
    yield wal
    wal.on_exit()


def execute(folder, script):
    database = sqlite3.connect(log_path(folder))
    database.executescript(script)
    database.close()


def damaged(folder, lsn):
    execute(folder, f"DROP TRIGGER records_stay; UPDATE records SET at_ns = at_ns + 1 WHERE lsn = {lsn}")


def fatal(said):
    return [message.sentence for _, message in said if isinstance(message, Fatal)]


# -- start ------------------------------------------------------------------------------------------------
def test_the_books_of_a_start_are_the_fold_of_all_records_and_only_the_newest_are_read(folder, monkeypatch):
    read = []
    real = Log.read
    monkeypatch.setattr(Log, "read", lambda log, after, *most: read.append(after) or real(log, after, *most))
    wal = wal_in(folder)
    assert wal.books == fold(DESK.records)
    assert wal.told == [("supervisor", Ready(Role("wal"), LAST))]
    assert read[0] == SAVED
    wal.on_exit()


def test_a_snapshot_of_another_layout_is_not_read_but_every_record_is_and_a_new_one_is_due(
    folder, monkeypatch
):
    log = Log.open(log_path(folder))
    log.save_snapshot(SAVED, packed(fold(())).replace(b'"layout":"', b'"layout":"x'))
    log.close()
    wal = wal_in(folder)
    assert wal.books == fold(DESK.records)
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", LAST - SAVED + 1)
    wal.wakes()
    assert wal.log.snapshot() == (LAST, packed(DESK.books))
    wal.on_exit()


def test_a_snapshot_from_before_there_were_layouts_is_not_read_either(folder):
    log = Log.open(log_path(folder))
    log.save_snapshot(SAVED, b'{"ledger":{}}')
    log.close()
    wal = wal_in(folder)
    assert wal.books == fold(DESK.records)
    wal.on_exit()


def test_with_a_snapshot_of_another_layout_a_start_reads_the_archives_too(tmp_path):
    log = written(tmp_path)
    archive(log, 10**18)
    log.save_snapshot(SAVED, b'{"layout":"old","books":{}}')
    log.close()
    wal = wal_in(tmp_path)
    assert wal.books == fold(DESK.records)
    wal.on_exit()
    (kept,) = archives_of(log_path(tmp_path))
    kept.unlink()
    wal = wal_in(tmp_path)
    (sentence,) = fatal(wal.told)
    assert "in an archive that is not beside it; put it back" in sentence
    assert "made by another version of Holdfast: start that one instead" in sentence
    assert wal.stopped


def test_a_log_that_a_start_refuses_is_free_again(folder):
    damaged(folder, LAST)
    wal = wal_in(folder)
    assert f"record {LAST} is not what was written" in fatal(wal.told)[0]
    assert wal.hears(NEW) == []
    wal_in(folder)


# -- while it is idle -------------------------------------------------------------------------------------
def test_a_record_before_the_snapshot_that_was_changed_ends_the_run_while_the_log_is_idle(folder):
    damaged(folder, 3)
    wal = wal_in(folder)
    assert fatal(wal.told) == []
    (sentence,) = fatal(wal.wakes())
    assert "record 3 is not what was written; restore the last backup" in sentence
    assert wal.stopped
    assert wal.hears(NEW) == []


def test_only_some_records_are_verified_at_a_time_and_all_of_them_after_a_while(wal, monkeypatch):
    looked = []
    real = Log.verify_some
    monkeypatch.setattr(module, "VERIFIED_AT_ONCE", 10)
    monkeypatch.setattr(Log, "verify_some", lambda log, most: looked.append((most, real(log, most))))
    for _ in range(4):
        wal.wakes()
    assert looked[:2] == [(10, 10), (10, 20)]
    assert (10, LAST) in looked
    assert VERIFIED_AT_ONCE <= 1_000


def test_nothing_is_verified_while_the_log_is_written(wal, monkeypatch):
    looked = []
    monkeypatch.setattr(Log, "verify_some", lambda _, most: looked.append(most))
    wal.hears(NEW)
    wal.wakes()
    assert looked == []
    wal.wakes()
    assert len(looked) == 1


def test_a_snapshot_that_a_killed_process_owed_is_made_by_its_successor(folder, monkeypatch):
    """At once: one that folds for long may be asked to go, and its own successor would fold it all again."""
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", LAST - SAVED)
    wal = wal_in(folder)
    assert wal.log.snapshot() == (LAST, packed(DESK.books))
    wal.on_exit()


# -- appends ----------------------------------------------------------------------------------------------
def test_everybody_is_told_and_the_asker_is_answered_before_a_snapshot_that_is_due_is_written(
    wal, monkeypatch
):
    monkeypatch.setattr(module, "SNAPSHOT_EVERY", 1)
    wal.hears(Subscribe(Role("portfolio"), LAST, every=True))
    events = []
    monkeypatch.setattr(Log, "save_snapshot", lambda _, lsn, _body: events.append(f"saved {lsn}"))
    monkeypatch.setattr(wal, "tell", lambda _, message: events.append(type(message).__name__))
    wal.receive(NEW, OUTSIDE)
    assert events == ["Committed", "Durable", f"saved {LAST + 1}"]


def test_a_disk_that_fails_ends_the_process_whatever_was_written(wal, monkeypatch):
    def broken(*_):
        raise LogFailed("no")

    left = []
    monkeypatch.setattr(module.os, "_exit", left.append)
    monkeypatch.setattr(Log, "save_snapshot", broken)
    wal.hears(SaveState())
    monkeypatch.setattr(Log, "append", broken)
    assert wal.hears(NEW) == []
    assert left == [70, 70]


def test_a_repeated_append_whose_records_were_changed_since_ends_the_run(folder):
    wal = wal_in(folder)
    damaged(folder, 3)
    (sentence,) = fatal(wal.hears(DESK.appends[0]))
    assert "record 3 is not what was written" in sentence


# -- subscribers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("known", [0, 1, SAVED, LAST - 1])
def test_a_newcomer_is_told_the_books_and_then_the_news(wal, known):
    told = wal.hears(Subscribe(Role("portfolio"), known))
    (_, snapshot), (_, last) = told
    assert restored(Replica(), snapshot) == Replica(DESK.books, LAST)
    assert last == Committed(LAST, LAST, ())
    assert ("outside", Committed(LAST, LAST + 1, NEW.records)) in wal.hears(NEW)


def test_a_newcomer_that_knows_all_is_told_nothing_twice(wal):
    assert wal.hears(Subscribe(Role("portfolio"), LAST)) == [("outside", Committed(LAST, LAST, ()))]


def test_the_books_that_a_newcomer_is_told_are_those_of_this_moment(wal):
    wal.hears(Subscribe(Role("portfolio"), 0))
    wal.hears(NEW)
    snapshot = wal.hears(Subscribe(Role("market"), 0))[0][1]
    assert restored(Replica(), snapshot) == Replica(fold((*DESK.records, *NEW.records)), LAST + 1)


def test_to_whom_each_record_matters_all_are_told_a_batch_at_a_time(wal, monkeypatch):
    real = Log.read
    monkeypatch.setattr(Log, "read", lambda log, after: real(log, after, 12))
    ask, heard = Subscribe(Role("recorder"), 0, every=True), []
    while True:
        ((_, batch),) = wal.hears(ask)
        heard += batch.records
        assert len(batch.records) <= 12
        if not batch.replay:
            break
        assert wal.hears(Append(Id(f"n{len(heard)}"), NEW.records)) == [
            ("outside", Durable(Id(f"n{len(heard)}"), wal.log.head.lsn))
        ], "news before the history is over would be a gap"
        ask = Subscribe(Role("recorder"), batch.through, every=True)
    assert heard[:LAST] == DESK.records
    assert len(heard) == wal.log.head.lsn > LAST
    assert len(wal.hears(NEW)) == 2


def test_what_has_left_the_log_is_read_in_the_archives(tmp_path):
    log = written(tmp_path)
    gone = archive(log, 10**18).head.lsn
    log.close()
    wal = wal_in(tmp_path)
    assert wal.hears(Subscribe(Role("recorder"), gone - 1, every=True)) == [("outside", InArchives(gone))]
    ((_, batch),) = wal.hears(Subscribe(Role("recorder"), gone, every=True))
    assert list(batch.records) == DESK.records[gone:]
    told = wal.hears(Subscribe(Role("portfolio"), 0))
    assert restored(Replica(), told[0][1]).books == DESK.books
    wal.on_exit()


def test_who_is_ahead_of_the_log_is_told_where_it_ends(wal):
    assert wal.hears(Subscribe(Role("recorder"), LAST + 9, every=True)) == [
        ("outside", Committed(LAST, LAST, ()))
    ]


def test_the_state_of_an_empty_log_can_be_saved(tmp_path):
    wal = wal_in(tmp_path)
    wal.hears(SaveState())
    wal.on_exit()
    again = wal_in(tmp_path)
    assert again.books == fold(())
    assert isinstance(again.hears(Subscribe(Role("portfolio"), 0))[0][1], Committed | Snapshot)
    again.on_exit()


def test_the_last_word_of_the_dead_is_not_written_after_their_successor_has_read_the_log(wal):
    """Else the successor would have decided on books that are not what it was told."""
    dead, heir = Address("dead"), Address("heir")
    wal.receive(Subscribe(Role("portfolio"), 0, epoch=1), dead)
    wal.receive(Subscribe(Role("portfolio"), 0, epoch=2), heir)
    wal.receive(Subscribe(Role("portfolio"), 0, epoch=1), dead)
    before = wal.log.head.lsn
    wal.receive(NEW, dead)
    assert wal.log.head.lsn == before
    wal.receive(NEW, heir)
    assert wal.log.head.lsn == before + 1


def test_a_copy_of_what_a_halt_has_refused_is_not_written_once_the_halt_is_lifted(tmp_path):
    """Its asker has told others that it was refused; a new decision, under the same id, is another append."""
    wal = wal_in(tmp_path)
    wal.receive(NEW, OUTSIDE)
    wal.receive(halting(Id("halt"), WALLET, "a rumour", 1), OUTSIDE)
    early, later = (opening(order(amount=1, max_fee=0, at_ns=at_ns)) for at_ns in (1, 2))
    assert wal.hears(early) == [(OUTSIDE.text, Refused(early.id, Refusal.HALTED))]
    wal.receive(lifting(Id("lift"), WALLET, "it was one", 2), OUTSIDE)
    assert wal.hears(early) == [(OUTSIDE.text, Refused(early.id, Refusal.HALTED))]
    assert [type(message) for _, message in wal.hears(later)] == [Durable]
    wal.on_exit()
