"""Copies and archives of the log as an operator makes them: typed, in processes of their own."""

import json
import shutil
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from actors.commands import wal_keep
from actors.commands.folders import owned
from actors.commands.refused import CannotRunError
from actors.messages import Append, Deposited, Id
from storage.layout import backup_path, log_path
from storage.log import Log, head_of, records, verify
from storage.log_file import archives_of
from storage.snapshots import packed
from storage.trades import local
from tests.deals import USDC, busy_desk

RUN = str(Path(__file__).parents[3] / "run.py")
DESK = busy_desk()
APPENDS = (Append(Id("deposit"), (DESK.records[0],)), *DESK.appends)
CONFIG = """
[simulated]
bars = {bars}
[momentum]
timeframe_minutes = 1
entry_bars = 5
exit_bars = 3
atr_bars = 5
[limits]
cooldown_minutes = 0
loss_streak = 1000
daily_loss_bps = 10000
"""


def typed(folder, *words, code=0):
    command = [sys.executable, RUN, *map(str, words), "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def log(tmp_path):
    log = Log.open(log_path(tmp_path))
    for append in APPENDS:
        log.append(append)
    yield log
    log.close()


@pytest.fixture
def folder(tmp_path):
    log = Log.open(log_path(tmp_path))
    for append in APPENDS:
        log.append(append)
    log.close()
    return tmp_path


def other_layout(folder):
    log = Log.open(log_path(folder))
    log.save_snapshot(log.head.lsn, b'{"layout":"old","books":{}}')
    log.close()


# -- backup -----------------------------------------------------------------------------------------------
def test_a_copy_that_is_made_while_a_process_writes_is_whole_and_its_head_is_told(log, tmp_path):
    said = []
    asking = threading.Thread(
        target=lambda: said.append(typed(tmp_path, "wal", "backup", "--to", tmp_path / "copy.db"))
    )
    first = log.head.lsn
    asking.start()
    for number in count():
        log.append(Append(Id(str(number)), (local(str(number), Deposited(USDC, 1), 0),) * 2))
        if not asking.is_alive():
            break
    asking.join()
    head = verify(tmp_path / "copy.db")
    assert f"{head.lsn:,} records, verified; head {head.hash.hex()}, noted in copy.head" in said[0]
    assert first < head.lsn < log.head.lsn, "it was not copied while it was written"
    assert list(records(tmp_path / "copy.db")) == list(records(log.path))[: head.lsn]


def test_a_copy_that_was_put_back_as_the_command_says_is_the_log_that_was_copied(log, tmp_path):
    said = typed(tmp_path, "wal", "backup")
    copy = backup_path(tmp_path, log.head.lsn)
    assert f"copy {copy.name} to wal.db and {copy.stem}.head to wal.head" in said
    anew = tmp_path / "anew"
    anew.mkdir()
    shutil.copy(copy, anew / "wal.db")
    shutil.copy(copy.with_suffix(".head"), anew / "wal.head")
    assert f"head {log.head.hash.hex()}" in typed(anew, "wal", "verify")
    again = Log.open(log_path(anew))
    assert again.head == log.head
    again.close()


def test_a_copy_names_the_archives_that_belong_to_it(folder):
    wal_keep.cleanup(folder, "0m")
    (archived,) = archives_of(log_path(folder))
    assert f"{archived.name} holds older records" in typed(folder, "wal", "backup")


def test_no_file_is_overwritten_by_a_copy(log, tmp_path):
    assert "this file exists; name another" in typed(
        tmp_path, "wal", "backup", "--to", tmp_path / "wal.head", code=1
    )
    nowhere = tmp_path / "no" / "copy.db"
    assert "its folder must be writable" in typed(tmp_path, "wal", "backup", "--to", nowhere, code=1)
    assert "there is no log" in typed(tmp_path / "empty", "wal", "backup", code=1)
    assert not (tmp_path / "empty").exists()


# -- cleanup ----------------------------------------------------------------------------------------------
def test_after_a_cleanup_every_command_reads_log_and_archive_as_one(folder):
    asked = (
        ("wal", "show", "--json"), ("wal", "show", "--operation", DESK.appends[0].records[0].operation_id),
        ("wal", "export"), ("wal", "export", "--format", "csv"), ("wal", "verify"), ("wal", "rebuild"),
        ("recover", "--dry-run"),
    )  # fmt: skip
    before = [typed(folder, *words) for words in asked]
    said = typed(folder, "wal", "cleanup", "--older-than", "0m")
    (archived,) = archives_of(log_path(folder))
    assert f"{archived}: " in said
    assert "goes on after record" in said
    assert [typed(folder, *words) for words in asked] == before
    other_layout(folder)
    assert typed(folder, *asked[-1]) == before[-1], "a start with other books reads the archive"
    log = Log.open(log_path(folder))
    log.save_snapshot(log.head.lsn, packed(DESK.books))
    log.close()
    archived.rename(folder / "away.db")
    for words in asked[:-1]:
        assert "in an archive that is not beside it; put it back" in typed(folder, *words, code=1)
    assert typed(folder, *asked[-1]) == before[-1], "a start does not need it"


def test_only_what_is_older_goes_and_what_is_open_stays(folder, capsys):
    assert wal_keep.cleanup(folder, "1d") == 0
    assert "nothing was moved: no record before those of an open operation is older than 1d" in " ".join(
        capsys.readouterr().out.split()
    )
    assert wal_keep.cleanup(folder, "0m") == 0
    again = Log.open(log_path(folder))
    left = {record.operation_id for record in again.after(again.anchor.lsn)}
    again.close()
    assert left >= set(DESK.books.live)
    assert DESK.appends[0].records[0].operation_id not in left


def test_a_cleanup_is_refused_while_a_run_goes_on_and_says_what_to_do(log, tmp_path):
    with owned(tmp_path):
        said = typed(tmp_path, "wal", "cleanup", "--older-than", "30d", code=2)
    assert "belongs to a running instance" in said
    assert "stop it with `run.py stop" in said
    assert archives_of(log_path(tmp_path)) == []


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1.5h", "30 d", "30y", ""])
def test_an_age_that_is_none_is_refused_with_examples(log, tmp_path, text):
    with pytest.raises(CannotRunError, match="30d, 12h or 90m"):
        wal_keep.cleanup(tmp_path, text)


def test_an_age_is_days_hours_or_minutes():
    assert [wal_keep.span_ns(text) for text in ("30d", "12h", "90m")] == [
        2_592_000 * 10**9, 43_200 * 10**9, 5_400 * 10**9,
    ]  # fmt: skip


def test_a_folder_without_a_log_is_not_cleaned_and_not_made(tmp_path):
    assert "there is no log" in typed(tmp_path / "no", "wal", "cleanup", "--older-than", "1d", code=1)
    assert not (tmp_path / "no").exists()


# -- a run before, a run after ----------------------------------------------------------------------------
def traded(tmp_path, bars):
    """Until the end of so many minutes of the simulated market; what it came to."""
    config, summary = tmp_path / "my.toml", tmp_path / f"{bars}.json"
    config.write_text(CONFIG.format(bars=bars))
    typed(
        tmp_path / "data", "--feed", "simulated", "--speed", "max", "--until-end", "--no-view",
        "--config", config, "--summary", summary,
    )  # fmt: skip
    return json.loads(summary.read_text())


@pytest.mark.long
@pytest.mark.processes
def test_a_restart_after_a_cleanup_trades_on_and_the_audit_finds_every_promise_kept(tmp_path):
    first = traded(tmp_path, 800)
    assert first["fills"] > 5
    typed(tmp_path / "data", "wal", "cleanup", "--older-than", "1h")
    (archived,) = archives_of(log_path(tmp_path / "data"))
    assert head_of(archived).lsn > 10
    second = traded(tmp_path, 1_600)
    assert second["fills"] > first["fills"]
    assert second["promises"]["broken"] == []
    assert "every promise is kept" in typed(tmp_path / "data", "wal", "verify")
    typed(tmp_path / "data", "wal", "cleanup", "--older-than", "1h")
    assert len(archives_of(log_path(tmp_path / "data"))) == 2
    shutil.copy(tmp_path / "data" / "projection.db", tmp_path / "before.db")
    assert second["projection_sha256"] in typed(tmp_path / "data", "wal", "rebuild")
