"""A long log is verified in parts: it says what it would have said if it had been read from end to end."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as some

from actors.messages import Append, Id
from storage import log_file
from storage.chain import Head, chained, head_after, raw_head_after
from storage.log import Log, LogCorrupt, head_of, verify
from tests.deals import busy_desk

DESK = busy_desk()
_TEXTS = ("append_id", "operation_id", "operation", "status", "kind", "body")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "PART", 7)
    log = Log.open(tmp_path / "wal.db")
    for append in DESK.appends:
        log.append(append)
    log.close()
    return log.path


def meddled(path, statement):
    database = sqlite3.connect(path)
    triggers = "DROP TRIGGER records_stay; DROP TRIGGER records_remain; PRAGMA writable_schema = ON;"
    database.executescript(triggers + statement)
    database.close()


def refused(path, long, monkeypatch) -> str:
    monkeypatch.setattr(log_file, "LONG", 0 if long else 10**6)
    with pytest.raises(LogCorrupt) as error:
        verify(path)
    return str(error.value)


def test_a_long_log_has_its_end_whatever_the_parts(path, monkeypatch):
    monkeypatch.setattr(log_file, "LONG", 0)
    for part in (1, 7, head_of(path).lsn - 1, head_of(path).lsn, 10**6):
        monkeypatch.setattr(log_file, "PART", part)
        assert verify(path) == head_of(path)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE records SET {name} = {name} || 'x'" for name in _TEXTS),
        "UPDATE records SET at_ns = at_ns + 1",
        "UPDATE records SET version = 2",
        "UPDATE records SET previous = hash",
        "UPDATE records SET hash = zeroblob(32)",
        "UPDATE records SET lsn = -lsn",
        "DELETE FROM records",
    ],
)
def test_each_column_is_looked_at(path, monkeypatch, statement):
    meddled(path, f"{statement} WHERE lsn = 8")
    sentence = refused(path, True, monkeypatch)
    assert "record 8 is " in sentence
    assert sentence == refused(path, False, monkeypatch)


@pytest.mark.parametrize("lsn", [1, 7, 8, 30])
def test_records_at_the_seams_are_looked_at(path, monkeypatch, lsn):
    meddled(path, f"UPDATE records SET at_ns = at_ns + 1 WHERE lsn = {lsn}")
    assert f"record {lsn} is not what was written" in refused(path, True, monkeypatch)


def test_of_two_records_that_are_wrong_the_first_is_named(path, monkeypatch):
    meddled(path, "UPDATE records SET at_ns = 99 WHERE lsn IN (9, 30)")
    assert "record 9 is not what was written" in refused(path, True, monkeypatch)


def test_a_text_that_became_bytes_is_refused_by_its_record(path, monkeypatch):
    """As by a flipped bit of its type; the table is STRICT, so that it must be lent another to be meddled."""
    loose = "UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ')') WHERE name = 'records';"
    meddled(path, loose)
    meddled_again = sqlite3.connect(path)
    meddled_again.executescript(
        "UPDATE records SET body = CAST(body AS BLOB) WHERE lsn = 9; PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = sql || ' STRICT' WHERE name = 'records';"
    )
    meddled_again.close()
    sentence = refused(path, True, monkeypatch)
    assert "record 9 is not what was written" in sentence
    assert sentence == refused(path, False, monkeypatch)


def test_an_index_that_lost_a_record_is_refused_in_parts_too(path, monkeypatch):
    meddled(
        path,
        "CREATE INDEX other ON records (append_id) WHERE lsn <> 3; UPDATE sqlite_master SET rootpage ="
        " (SELECT rootpage FROM sqlite_master WHERE name = 'other') WHERE name = 'records_by_append';"
        "DELETE FROM sqlite_master WHERE name = 'other';",
    )
    assert "is the last that can be read" in refused(path, True, monkeypatch)


@given(some.lists(some.tuples(some.text(max_size=9), some.integers(-(2**63), 2**63 - 1)), max_size=9))
def test_raw_rows_have_the_same_head(changes):
    rows, _ = chained(Append(Id("a"), tuple(DESK.records[: len(changes)])), Head())
    head = Head()
    for (text, at_ns), row in zip(changes, rows, strict=True):
        made = (*row[:2], text, *row[3:6], at_ns, *row[7:])
        assert raw_head_after(head, [raw(made)]) is None or made == row
        head = head_after("x", head, [row])
        assert raw_head_after(Head(head.lsn - 1, row[9]), [raw(row)]) == head


def raw(row):
    return tuple(each.encode() if isinstance(each, str) else each for each in (*row[1:7], *row[8:]))
