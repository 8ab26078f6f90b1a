"""A log of every format that was ever released is opened by today's code; a newer one is refused."""

import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from actors.messages import Record
from storage.books import faults, fold
from storage.log import FORMAT, PAGE, Log, LogError, records, verify_file
from storage.snapshots import packed, unpacked

HERE = Path(__file__).parent
KEPT = sorted(path.parent.relative_to(HERE) for path in HERE.glob("format*/*/records.json"))


@pytest.fixture(params=KEPT, ids=str)
def kept(request, tmp_path):
    """A copy of a log that was kept, and the records that were written to it then."""
    folder = shutil.copytree(HERE / request.param, tmp_path / "data")
    written = msgspec.json.decode((folder / "records.json").read_bytes(), type=list[tuple[int, Record]])
    return folder / "wal.db", written


def test_a_log_of_every_format_is_kept_closed_and_killed_and_with_an_archive():
    formats = [f"format{number}" for number in range(1, FORMAT + 1)]
    assert {str(path) for path in KEPT} >= {
        f"{each}/{kind}" for each in formats for kind in ("closed", "killed", "archived")
    }


def test_logs_of_today_s_page_size_and_of_the_first_are_kept():
    sizes = {int.from_bytes((HERE / each / "wal.db").read_bytes()[16:18], "big") for each in KEPT}
    assert sizes >= {4096, PAGE}
    assert list(HERE.glob("format*/*/wal-archive-*.db"))


def test_an_old_log_is_opened_with_every_record_as_it_was_written(kept):
    path, written = kept
    log = Log.open(path)
    verify_file(path)
    assert list(records(path)) == written
    assert log.head.lsn == len(written) > 30
    log.close()


def test_an_old_log_goes_on(kept):
    path, written = kept
    log = Log.open(path)
    books = fold(record for _, record in records(path))
    assert books == fold(record for _, record in written)
    log.save_snapshot(log.head.lsn, packed(books))
    log.close()
    log = Log.open(path)
    assert unpacked(log.snapshot()[1]) == books
    assert faults(books) == []
    log.close()


def test_a_newer_log_is_refused_with_what_to_do_and_left_as_it_is(kept):
    path, _ = kept
    Log.open(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(LogError, match=f"log format {FORMAT + 1} .*open it with the Holdfast that wrote it"):
        Log.open(path)
    with pytest.raises(LogError, match="open it with the Holdfast that wrote it"):
        list(records(path))
    assert path.read_bytes() == before
