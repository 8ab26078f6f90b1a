"""A copy of a log that is written meanwhile: whole, of one moment, and its end is known."""

import sqlite3
from itertools import count
from threading import Event, Thread

import pytest

from actors.messages import Append, Deposited, Id
from storage import backup
from storage.backup import back_up
from storage.log import Head, Log, LogCorrupt, LogError, head_of, records, verify
from storage.trades import local
from tests.deals import USDC, busy_desk

DESK = busy_desk()


@pytest.fixture
def log(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    for append in DESK.appends:
        log.append(append)
    yield log
    log.close()


def test_a_copy_has_every_record_and_says_where_the_chain_ended(log, tmp_path):
    copy = tmp_path / "copy.db"
    assert back_up(log.path, copy) == log.head
    assert list(records(copy)) == list(records(log.path))
    assert {path.name for path in tmp_path.iterdir()} >= {"copy.db", "copy.head"}
    assert not list(tmp_path.glob("copy.db?*"))


def test_a_copy_of_a_log_that_is_written_meanwhile_is_of_one_moment(log, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "PAGES", 1)
    done, heads = Event(), []

    def copy_on():
        for number in count():
            heads.append((number, back_up(log.path, tmp_path / f"copy{number}.db")))
            if len(heads) == 5:
                done.set()
                return

    copying = Thread(target=copy_on)
    copying.start()
    for number in count():
        log.append(Append(Id(str(number)), (local(str(number), Deposited(USDC, 1), 0),) * 2))
        if done.is_set():
            break
    copying.join()
    everything = list(records(log.path))
    for number, head in heads:
        assert list(records(tmp_path / f"copy{number}.db")) == everything[: head.lsn]
        assert (head.lsn - len(DESK.records) + 1) % 2 == 0, "half of an append was copied"


def test_a_copy_is_a_log_that_goes_on(log, tmp_path):
    back_up(log.path, tmp_path / "copy.db")
    copy = Log.open(tmp_path / "copy.db")
    assert copy.append(DESK.appends[0]) == len(DESK.appends[0].records)
    copy.close()
    assert head_of(tmp_path / "copy.db") == log.head


def test_a_copy_that_has_lost_its_end_since_is_refused_by_its_note(log, tmp_path):
    copy = tmp_path / "copy.db"
    back_up(log.path, copy)
    database = sqlite3.connect(copy)
    database.executescript("DROP TRIGGER records_remain; DELETE FROM records WHERE lsn > 5;")
    database.close()
    with pytest.raises(LogCorrupt, match="was acknowledged but is not there"):
        verify(copy)


def test_a_broken_log_is_not_copied_and_leaves_no_copy(log, tmp_path):
    database = sqlite3.connect(log.path)
    database.executescript("DROP TRIGGER records_stay; UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 4;")
    database.close()
    with pytest.raises(LogCorrupt, match="record 4 is not what was written"):
        back_up(log.path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_no_file_is_overwritten_and_what_an_interrupted_copy_left_is_in_nobodys_way(log, tmp_path):
    (tmp_path / "copy.db.part").write_bytes(b"half")
    back_up(log.path, tmp_path / "copy.db")
    with pytest.raises(LogError, match="this file exists; name another"):
        back_up(log.path, tmp_path / "copy.db")


def test_a_folder_that_is_not_there_is_refused(log, tmp_path):
    with pytest.raises(LogError, match="its folder must be writable"):
        back_up(log.path, tmp_path / "none" / "copy.db")


@pytest.mark.parametrize("name", ["copy.head", "wal.copy", "copy"])
def test_a_copy_whose_note_could_be_another_file_s_is_refused(log, tmp_path, name):
    note = (tmp_path / "wal.head").read_bytes()
    with pytest.raises(LogError, match=r"ends with \.db"):
        back_up(log.path, tmp_path / name)
    assert (tmp_path / "wal.head").read_bytes() == note


@pytest.mark.parametrize("left", [b"", b"half a no"])
def test_a_copy_whose_maker_died_after_its_note_is_made_anew(log, tmp_path, left):
    (tmp_path / "copy.db.part").write_bytes(b"half a copy")
    (tmp_path / "copy.head").write_bytes(left)
    head = back_up(tmp_path / "wal.db", tmp_path / "copy.db")
    assert verify(tmp_path / "copy.db") == head
    assert backup.noted_head(tmp_path / "copy.db") == head


def test_a_note_that_is_there_is_not_written_over(log, tmp_path):
    (tmp_path / "copy.head").write_text("of another copy")
    with pytest.raises(LogError, match=r"copy\.head: this file exists"):
        back_up(log.path, tmp_path / "copy.db")
    assert (tmp_path / "copy.head").read_text() == "of another copy"


def test_a_log_that_is_read_without_its_newest_records_is_not_copied(log, tmp_path, monkeypatch):
    """As SQLite does when it can not open the -wal file: it says nothing."""
    monkeypatch.setattr(backup, "noted_head", lambda _: Head(log.head.lsn + 1))
    with pytest.raises(LogError, match="can not be read now"):
        back_up(log.path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
