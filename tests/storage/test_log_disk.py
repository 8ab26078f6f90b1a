"""The log and a disk that fails: every error is a sentence, and nothing is done by halves."""

import os
import shutil
import sqlite3

import pytest

from actors.messages import Append, Deposited, Id
from storage import backup
from storage import log as module
from storage.backup import back_up
from storage.chain import row_hash
from storage.log import INDEX, PRIMED, Log, LogCorrupt, LogError, LogFailed, verify, verify_file
from storage.trades import local
from tests.deals import USDC, busy_desk

DESK = busy_desk()
NO_SPACE, BROKEN = OSError(28, "No space left on device"), OSError(5, "Input/output error")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wal.db"


def deposit(id: str) -> Append:
    return Append(Id(id), (local(id, Deposited(USDC, 1), 0),))


def written(path):
    log = Log.open(path)
    for append in DESK.appends:
        log.append(append)
    log.save_snapshot(log.head.lsn, b'{"a":1}')
    log.close()


def failing(call, name, error):
    """The call, failing for the file of a name."""

    def instead(file, *more, **words):
        path = os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else os.fspath(file)
        if path.endswith(name):
            raise error
        return call(file, *more, **words)

    return instead


@pytest.mark.parametrize(
    ("call", "name", "error", "sentence"),
    [
        ("mkdir", "new", NO_SPACE, "No space left on device; free some space"),
        ("open", ".lock", BROKEN, "Input/output error; free some space .or mend the disk. and start again"),
        ("open", ".head", BROKEN, "Input/output error"),
        ("pwrite", ".head", NO_SPACE, "No space left on device"),
        ("pwrite", "-wal", NO_SPACE, "No space left on device"),
        ("fdatasync", "-wal", BROKEN, "Input/output error"),
        ("posix_fallocate", "-shm", NO_SPACE, "No space left on device"),
        ("fsync", "new", BROKEN, "Input/output error"),
    ],
)
def test_whatever_fails_at_the_first_start_is_a_sentence_and_the_next_start_is_a_start(
    tmp_path, monkeypatch, call, name, error, sentence
):
    path = tmp_path / "new" / "wal.db"
    monkeypatch.setattr(os, call, failing(getattr(os, call), name, error))
    with pytest.raises(LogFailed, match=sentence):
        Log.open(path)
    monkeypatch.undo()
    log = Log.open(path)
    assert log.append(deposit("a")) == 1
    log.close()


@pytest.mark.parametrize("error", [NO_SPACE, None])
def test_an_append_whose_note_can_not_be_written_has_failed_and_is_there_at_the_next_start(
    path, monkeypatch, error
):
    log = Log.open(path)
    half = failing(os.pwrite, ".head", error) if error else lambda *_: 50
    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(LogFailed, match=r"No space left on device; the log could not be written[.]$"):
        log.append(deposit("a"))
    monkeypatch.undo()
    log.close()
    log = Log.open(path)
    assert log.head.lsn == 1
    log.close()


def test_a_folder_where_a_file_is_in_the_way_is_refused(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(LogError, match="the log's folder must be writable"):
        Log.open(tmp_path / "data" / "new" / "wal.db")


def test_every_folder_that_is_made_is_on_disk_before_the_log_is_opened(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(module, "synced", synced.append)
    Log.open(tmp_path / "a" / "b" / "wal.db").close()
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def test_a_wal_is_primed_whole_even_if_it_is_written_in_parts(path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:1_000_000], at))
    log = Log.open(path)
    assert path.with_name("wal.db-wal").stat().st_size == PRIMED
    log.close()


def test_a_wal_that_can_not_be_primed_is_refused(path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(
        os, "pwrite", lambda file, data, at: 0 if len(data) > 1_000 else pwrite(file, data, at)
    )
    with pytest.raises(LogFailed, match="No space left on device; free some space"):
        Log.open(path)


def test_the_shared_memory_has_its_place_on_the_disk_before_it_is_written(path):
    log = Log.open(path)
    shared = path.with_name("wal.db-shm").stat()
    assert (shared.st_size, shared.st_blocks * 512) >= (INDEX, INDEX)
    log.close()


@pytest.mark.parametrize(("primed", "checkpointed"), [(PRIMED, False), (1, True)])
def test_a_hot_wal_is_checkpointed_at_a_start_only_if_it_has_outgrown_what_is_primed(
    path, tmp_path, monkeypatch, primed, checkpointed
):
    log = Log.open(path)
    for number in range(50):
        log.append(deposit(str(number)))
    left = tmp_path / "left" / "wal.db"  # As a death would leave it.
    left.parent.mkdir()
    for name in ("wal.db", "wal.db-wal"):
        shutil.copy(path.with_name(name), left.parent)
    log.close()
    before = left.stat().st_size
    monkeypatch.setattr(module, "PRIMED", primed)
    log = Log.open(left)
    assert (log.head.lsn, left.stat().st_size > before) == (50, checkpointed)
    log.close()


@pytest.mark.parametrize("body", ["NULL", "x'00'"])
def test_a_snapshot_that_is_no_text_any_more_is_refused_by_its_record(path, body):
    """As a flipped bit in its row's header leaves it: the column itself would not let anybody."""
    written(path)
    database = sqlite3.connect(path)
    database.executescript(
        "ALTER TABLE snapshots RENAME TO old; CREATE TABLE snapshots (lsn INTEGER PRIMARY KEY, body, hash);"
        f"INSERT INTO snapshots SELECT lsn, {body}, hash FROM old;"
    )
    database.close()
    for call in (Log.open, verify_file):
        with pytest.raises(LogCorrupt, match=r"the snapshot at record \d+ is not what was written"):
            call(path)


def test_damage_outside_of_any_record_is_named_after_the_last_that_is_good(path):
    written(path)
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE INDEX other ON records (append_id) WHERE lsn <> 3; PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'other')"
        " WHERE name = 'records_by_append'; DELETE FROM sqlite_master WHERE name = 'other';"
    )
    database.close()
    last = len(DESK.records) - 1
    for call in (verify, verify_file):
        with pytest.raises(LogCorrupt, match=f"record {last} is the last that can be read: .*Page 3"):
            call(path)


def test_a_record_that_was_rewritten_with_a_hash_of_its_own_is_found_by_the_next(path):
    written(path)
    database = sqlite3.connect(path)
    database.execute("DROP TRIGGER records_stay")
    *fields, _ = database.execute("SELECT * FROM records WHERE lsn = 4").fetchone()
    fields[6] += 1
    change = (fields[6], row_hash(tuple(fields)))
    database.execute("UPDATE records SET at_ns = ?, hash = ? WHERE lsn = 4", change)
    database.commit()
    database.close()
    with pytest.raises(LogCorrupt, match="record 5 is not what was written"):
        verify(path)


class Unfinished(sqlite3.Connection):
    """As after a disk error: SQLite goes on in the old mode, and says so where nobody has to look."""

    def execute(self, statement, *more):
        return super().execute("SELECT 'wal'" if "= DELETE" in statement else statement, *more)


def test_a_copy_that_could_not_be_made_one_file_is_none(path, tmp_path, monkeypatch):
    written(path)
    connect = sqlite3.connect
    monkeypatch.setattr(
        backup.sqlite3, "connect", lambda *a, **b: connect(*a, **{**b, "factory": Unfinished})
    )
    with pytest.raises(LogError, match="could not be finished; its folder must be writable and have room"):
        back_up(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("content", [b"", None])
def test_a_file_that_was_emptied_or_removed_is_no_new_log(path, content):
    written(path)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LogCorrupt, match=r"record \d+ was acknowledged but the file is empty"):
        Log.open(path)


def test_a_copy_and_its_note_and_then_their_names_are_on_disk(path, tmp_path, monkeypatch):
    written(path)
    done = []
    monkeypatch.setattr(backup, "synced", lambda each: done.append((each.name, each.exists())))
    back_up(path, tmp_path / "copy.db")
    assert done == [("copy.head", True), ("copy.db.part", True), (tmp_path.name, True)]
