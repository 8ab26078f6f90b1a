"""The log: what was acknowledged is there, unchanged, or the log says that it is not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from actors.messages import Append, Deposited, Id, Refusal
from storage.chain import hash_of, row_hash
from storage.log import PRIMED, Log, LogBusy, LogCorrupt, LogError, head_of, records, verify, verify_file
from storage.trades import local
from tests.deals import USDC, busy_desk

ROOT = Path(__file__).parents[2]
DESK = busy_desk()
EVERYTHING = [record for append in DESK.appends for record in append.records]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wal.db"


def written(path, appends=DESK.appends, snapshot=True):
    log = Log.open(path)
    for append in appends:
        assert not isinstance(log.append(append), Refusal)
    if snapshot:
        log.save_snapshot(log.head.lsn, b'{"a":1}')
    return log


def read(path):
    verify_file(path)
    found = [record for _, record in records(path)]
    assert verify(path) == head_of(path)
    return found


def deposit(id: str, amount: int) -> Append:
    return Append(Id(id), (local(id, Deposited(USDC, amount), 0),))


def test_what_is_written_is_read_back_in_order_with_consecutive_lsns(path):
    log = written(path)
    assert log.read(0) == tuple(EVERYTHING)
    assert log.read(3, 2) == tuple(EVERYTHING[3:5])
    log.close()
    assert [lsn for lsn, _ in records(path)] == list(range(1, len(EVERYTHING) + 1))
    assert read(path) == EVERYTHING


def test_an_append_that_is_repeated_is_written_once_even_after_a_restart(path):
    log = written(path, DESK.appends[:2])
    lsn = log.head.lsn
    assert log.append(DESK.appends[1]) == lsn
    log.close()
    log = Log.open(path)
    assert log.append(DESK.appends[0]) == len(DESK.appends[0].records)
    assert log.head.lsn == lsn
    log.close()


def test_the_same_id_with_other_content_is_refused_and_writes_nothing(path):
    log = written(path, [deposit("a", 1)])
    assert log.append(deposit("a", 2)) is Refusal.ID_TAKEN
    assert log.append(replace(deposit("a", 1), records=deposit("a", 1).records * 2)) is Refusal.ID_TAKEN
    assert log.known(deposit("b", 2)) is None
    assert log.head.lsn == 1
    log.close()


def test_an_amount_of_any_size_comes_back_as_it_was(path):
    amounts = [0, 1, 2**53 + 1, 2**63, 2**64, 10**40]
    written(path, [deposit(str(amount), amount) for amount in amounts]).close()
    assert [record.body.amount for record in read(path)] == amounts


def test_a_second_writer_is_refused_until_the_first_has_closed(path):
    log = written(path)
    with pytest.raises(LogBusy, match="another process writes this log; stop it first"):
        Log.open(path)
    log.close()
    Log.open(path).close()


HOLDER = """
import sys; sys.path[:0] = [{root!r}]
from pathlib import Path
from storage.log import Log
log = Log.open(Path({path!r}))
print("open", flush=True)
sys.stdin.read()
"""


def test_another_processs_lock_ends_with_that_process(path):
    code = HOLDER.format(root=str(ROOT), path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(LogBusy):
            Log.open(path)
        other.kill()
        other.wait(10)
        Log.open(path).close()


def test_records_can_be_read_while_they_are_written(path):
    log = written(path, DESK.appends[:2])
    assert read(path) == EVERYTHING[: log.head.lsn]
    assert head_of(path) == log.head
    log.close()


def test_records_can_neither_be_changed_nor_removed(path):
    written(path).close()
    database = sqlite3.connect(path)
    for statement in ("UPDATE records SET at_ns = 0", "DELETE FROM records"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(statement)
    database.close()


def meddled(path, *statements, at=None):
    """As by somebody who knows SQLite, and takes the triggers away first."""
    log = written(path, snapshot=False)
    log.save_snapshot(at or log.head.lsn, b'{"a":1}')
    log.close()
    database = sqlite3.connect(path)
    for statement in ("DROP TRIGGER records_stay", "DROP TRIGGER records_remain", *statements):
        database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE records SET body = replace(body, '1', '2') WHERE lsn = 4",
            "record 4 is not what was written",
        ),
        ("UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 4", "record 4 is not what was written"),
        ("UPDATE records SET status = 'failed' WHERE lsn = 2", "record 2 is not what was written"),
        ("DELETE FROM records WHERE lsn = 4", "record 4 is missing"),
        ("DELETE FROM records WHERE lsn = 1", "record 1 is missing"),
        ("UPDATE records SET previous = zeroblob(32) WHERE lsn = 4", "record 4 is not what was written"),
        ("DELETE FROM records WHERE lsn > 5", "was acknowledged but is not there"),
    ],
)
def test_a_log_that_was_meddled_with_is_refused_with_the_place(path, statement, sentence):
    meddled(path, statement)
    for call in (read, verify):
        with pytest.raises(LogCorrupt, match=sentence):
            call(path)


def test_a_lost_tail_is_refused_at_the_next_open_and_the_log_is_not_locked_afterwards(path):
    meddled(path, "DELETE FROM records WHERE lsn > 5")
    for _ in range(2):
        with pytest.raises(LogCorrupt, match=r"acknowledged but is not there \(the log ends at 5\)"):
            Log.open(path)


def test_a_log_without_its_head_file_or_with_a_torn_one_is_read_all_the_same(path):
    written(path).close()
    head = path.with_suffix(".head")
    head.write_bytes(head.read_bytes()[:30])
    Log.open(path).close()
    head.unlink()
    Log.open(path).close()
    assert read(path) == EVERYTHING


def test_a_newer_format_is_refused_with_what_to_do(path):
    written(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    for call in (Log.open, read):
        with pytest.raises(
            LogCorrupt, match="log format 2 is not 1; open it with the Holdfast that wrote it"
        ):
            call(path)


def test_a_missing_log_and_a_file_that_is_none_are_refused(path):
    with pytest.raises(LogError, match="there is no log; start a run first"):
        list(records(path))
    path.write_bytes(b"hello" * 1_000)
    with pytest.raises(LogCorrupt, match="not a database; restore the last backup"):
        Log.open(path)


@pytest.mark.parametrize("folder", ["a#b", "a?b", "a%41b"])
def test_a_log_is_read_from_a_folder_of_any_name(tmp_path, folder):
    (tmp_path / folder).mkdir()
    written(tmp_path / folder / "wal.db").close()
    assert read(tmp_path / folder / "wal.db") == EVERYTHING


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LogError, match="the log's folder must be writable"):
        Log.open(tmp_path / "wal.db")
    tmp_path.chmod(0o700)


def test_a_lock_file_that_can_not_be_opened_is_refused(path):
    path.with_suffix(".lock").mkdir()
    with pytest.raises(LogError, match="the log's folder must be writable"):
        Log.open(path)


def test_only_the_newest_snapshot_is_kept_and_a_changed_one_is_refused(path):
    log = written(path, snapshot=False)
    assert log.snapshot() is None
    log.save_snapshot(3, b"{}")
    log.save_snapshot(5, b'{"b":2}')
    assert log.snapshot() == (5, b'{"b":2}')
    log.close()
    database = sqlite3.connect(path)
    database.execute("UPDATE snapshots SET body = '{}'")
    database.commit()
    database.close()
    with pytest.raises(LogCorrupt, match="the snapshot at record 5 is not what was written"):
        verify_file(path)


@pytest.mark.parametrize("lsn", [5, 6, len(EVERYTHING)])
def test_a_start_names_what_is_not_as_written_from_the_newest_snapshot_on(path, lsn):
    meddled(path, f"UPDATE records SET at_ns = at_ns + 1 WHERE lsn = {lsn}", at=5)
    with pytest.raises(LogCorrupt, match=f"record {lsn} is not what was written"):
        Log.open(path)


def test_a_start_does_not_read_what_the_snapshot_stands_for_but_whoever_reads_it_is_told(path):
    meddled(path, "UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 4", at=5)
    log = Log.open(path)
    assert list(log.after(5)) == EVERYTHING[5:]
    assert log.verify_some(3) == 3
    for call in (log.verify_some, lambda: log.read(0), lambda: log.read(3)):
        with pytest.raises(LogCorrupt, match="record 4 is not what was written"):
            call()
    log.close()


def test_verifying_some_comes_to_the_end_and_begins_anew(path):
    log = written(path)
    whole = [log.verify_some(10) for _ in range(len(EVERYTHING) // 10 + 1)]
    assert whole == [*range(10, len(EVERYTHING), 10), len(EVERYTHING)]
    assert log.verify_some(10) == 10
    log.close()


@pytest.mark.parametrize("lsn", [3, 5])
def test_a_record_that_the_index_does_not_know_is_found_so_that_none_is_written_twice(path, lsn):
    """The index leads to another page from then on, as after a flip in it."""
    meddled(
        path,
        f"CREATE INDEX other ON records (append_id) WHERE lsn <> {lsn}",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'other')"
        " WHERE name = 'records_by_append'",
        "DELETE FROM sqlite_master WHERE name = 'other'",
        at=4,
    )
    with pytest.raises(LogCorrupt, match=f"record {lsn} is missing in the index"):
        opened_and_verified(path)


def opened_and_verified(path):
    log = Log.open(path)
    try:
        log.verify_some()
    finally:
        log.close()


def test_records_that_can_not_be_reached_are_missing_rather_than_skipped(path):
    log = written(path)
    database = sqlite3.connect(path)
    database.executescript("DROP TRIGGER records_remain; DELETE FROM records WHERE lsn > 5")
    database.close()
    for call in (lambda: log.read(0), log.verify_some):
        with pytest.raises(LogCorrupt, match="record 6 is missing"):
            call()
    log.close()


def test_appends_overwrite_the_primed_file_and_leave_the_checkpoint_to_the_snapshot(path):
    log = written(path, snapshot=False)
    side = path.with_name("wal.db-wal")
    assert side.stat().st_size == PRIMED
    size = path.stat().st_size
    for number in range(500):
        log.append(deposit(f"more{number}", 1))
    assert (side.stat().st_size, path.stat().st_size) == (PRIMED, size)
    for number in range(4):
        log.save_snapshot(log.head.lsn, bytes(300).hex().encode() * 1_000)
        log.append(deposit(f"last{number}", 1))
    assert side.stat().st_size == PRIMED
    assert path.stat().st_size > size
    log.close()


@given(
    some.tuples(
        some.integers(0, 2**63 - 1), *[some.text()] * 5, some.integers(-(2**63), 2**63 - 1),
        some.integers(0, 2**31), some.text(), some.binary(min_size=32, max_size=32),
    )
)  # fmt: skip
def test_the_spelled_out_hash_of_a_row_is_the_plain_one(fields):
    assert row_hash(fields) == hash_of(*fields)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A log as a killed process leaves it: a checkpointed file, and a -wal that holds the newest records."""
    folder = tmp_path_factory.mktemp("alive")
    written(folder / "wal.db", DESK.appends[:8]).close()
    log = written(folder / "wal.db", DESK.appends[8:])
    left = tmp_path_factory.mktemp("crashed")
    for name in ("wal.db", "wal.db-wal", "wal.head"):
        shutil.copy(folder / name, left / name)
    log.close()
    return left


def test_a_killed_writers_log_holds_everything(crashed, tmp_path):
    shutil.copytree(crashed, tmp_path / "x")
    Log.open(tmp_path / "x" / "wal.db").close()
    assert read(tmp_path / "x" / "wal.db") == EVERYTHING


@pytest.mark.parametrize(("name", "count"), [("wal.db", 200), ("wal.db-wal", 180), ("wal.head", 20)])
def test_a_flipped_bit_is_harmless_or_the_log_is_refused(crashed, tmp_path, name, count):
    chance, refused = Random(f"flips of {name}"), 0
    for number in range(count):
        folder = tmp_path / str(number)
        shutil.copytree(crashed, folder)
        data = bytearray((folder / name).read_bytes())
        place = chance.randrange(len(data.rstrip(b"\0")) * 8)  # What primes the -wal is read by nobody.
        data[place // 8] ^= 1 << place % 8
        (folder / name).write_bytes(data)
        try:
            Log.open(folder / "wal.db").close()
            assert read(folder / "wal.db") == EVERYTHING, f"bit {place} of {name} was believed"
        except LogError:
            refused += 1
        shutil.rmtree(folder)
    assert refused > 0 or name == "wal.head"
