"""What can be wrong around a run: damaged files, full and read-only disks, through run.py itself."""

import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands.folders import run_dir

pytestmark = pytest.mark.processes
RUN = str(Path(__file__).parent.parent / "run.py")
NAME = "WETH-USDC_1m.csv"
HEADER = "timestamp,open,high,low,close,volume"
ROWS = [f"{1658188800 + 60 * n},1500,1501,1499,1500,10" for n in range(300)]


def table(*rows):
    return "\n".join([HEADER, *rows]) + "\n"


def run(folder, *words):
    command = [sys.executable, RUN, *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def trade(folder, *words):
    words = (
        "--recording",
        NAME,
        "--speed",
        "max",
        "--until-end",
        "--no-view",
        "--summary",
        "out.json",
        *words,
    )
    return run(folder, *words)


def sentence(done):
    """The one line of a command that did not do what it was asked to."""
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.strip()


def contents(folder):
    """Every file but the logs that people read, with what is in it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "logs")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def nothing_runs(data_dir):
    return not (data_dir / "lock").exists() and not run_dir(data_dir).exists()


# -- recordings ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "is not there"),
        (table(), "holds no rows"),
        (table(*ROWS[:9]) + "1658189340,1500,15", "row 10"),
        (table(ROWS[1], ROWS[0]), "row 2"),
        (table(ROWS[0], ROWS[0]), "row 2"),
        (table(ROWS[0].replace("1501", "nan"), ROWS[1]), "nan"),
        (table(ROWS[0].replace("1499", "-1499"), ROWS[1]), "-1499"),
        (table(ROWS[0].replace("1501", "inf"), ROWS[1]), "inf"),
    ],
)
def test_a_recording_that_can_not_be_is_refused_before_anything_is_written(tmp_path, text, complaint):
    if text is not None:
        (tmp_path / NAME).write_text(text)
    before = contents(tmp_path)
    done = trade(tmp_path)
    assert complaint in sentence(done)
    assert NAME in done.stderr
    assert done.returncode == 2
    assert contents(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == set(before)


def test_a_packed_recording_that_was_cut_short_is_refused(tmp_path):
    whole = gzip.compress(table(*ROWS).encode())
    (tmp_path / "WETH-USDC_1m.csv.gz").write_bytes(whole[: len(whole) // 2])
    done = run(tmp_path, "--recording", "WETH-USDC_1m.csv.gz", "--speed", "max", "--until-end")
    assert "WETH-USDC_1m.csv.gz" in sentence(done)
    assert [path.name for path in tmp_path.iterdir()] == ["WETH-USDC_1m.csv.gz"]


# -- the log ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that has come to its end."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / NAME).write_text(table(*ROWS))
    done = trade(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    (folder / "out.json").unlink()
    with sqlite3.connect(folder / "data/wal.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return folder


def flip(path, inside):
    """One bit of the middle of these bytes."""
    data = bytearray(path.read_bytes())
    data[data.index(inside) + len(inside) // 2] ^= 1
    path.write_bytes(data)


def tear(path):
    path.write_bytes(path.read_bytes()[:5000])


def empty(path):
    path.write_bytes(b"")


def overwrite(path):
    path.write_bytes(b"not a database at all" * 400)


@pytest.mark.parametrize(
    "harm",
    [lambda path: flip(path, b"paper:USDC"), lambda path: flip(path, b"Deposited"), tear, empty, overwrite],
)
def test_a_log_that_is_not_what_was_written_is_never_traded_on(copy, harm):
    harm(copy / "data/wal.db")
    before = contents(copy)
    assert "wal.db" in sentence(run(copy, "wal", "verify"))
    assert "wal.db" in sentence(trade(copy))
    after = contents(copy)
    assert "out.json" not in after
    assert before["data/wal.db"] == after["data/wal.db"]
    assert after["data/venue.db"] == before["data/venue.db"]
    assert nothing_runs(copy / "data")


@pytest.mark.parametrize("harm", [Path.unlink, empty])
def test_a_venue_that_is_gone_is_not_taken_for_one_that_knows_of_no_trade(copy, harm):
    harm(copy / "data/venue.db")
    before = contents(copy)
    said = sentence(trade(copy))
    assert "data/venue.db is not there, and the log has trades that only it can tell the end of" in said
    after = contents(copy)
    assert before["data/wal.db"] == after["data/wal.db"]
    assert after.get("data/venue.db", b"") == b""
    assert nothing_runs(copy / "data")


def test_a_log_in_order_goes_on(copy):
    done = trade(copy)
    assert done.returncode == 0, done.stderr
    assert json.loads((copy / "out.json").read_text())["promises"]["broken"] == []


# -- disks --------------------------------------------------------------------------------------------
@pytest.fixture
def disk(tmp_path):
    """A small disk of the test's own, if this user may have one."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        words = ["mount", "-t", "tmpfs", "-o", options, "holdfast-test", str(folder)]
        if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount the disk that this test fills or locks")
        mounted.append(folder)
        return folder

    mounted = []
    (tmp_path / NAME).write_text(table(*ROWS))
    yield mount
    for each in mounted:
        subprocess.run(["umount", str(each)], check=True)


def test_a_disk_that_can_not_be_written_is_refused(tmp_path, disk):
    folder = disk("size=128m")
    (folder / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for data_dir in ("disk/data", "disk/new"):
        said = sentence(trade(tmp_path, "--data-dir", data_dir))
        assert said.startswith(data_dir)
        assert "name a folder on a disk that can be written with --data-dir" in said
    assert not (tmp_path / "out.json").exists()
    assert nothing_runs(folder / "data")


def test_a_disk_with_hardly_any_room_is_refused_at_the_start(tmp_path, disk):
    folder = disk("size=2m")
    said = sentence(trade(tmp_path, "--data-dir", "disk/data"))
    assert "has only 2 MB left: free at least 64 MB" in said
    assert list(folder.iterdir()) == []


def test_a_disk_that_is_full_ends_a_run_and_loses_nothing(tmp_path, disk):
    folder = disk("size=80m")
    live = subprocess.Popen(
        [sys.executable, RUN, "--feed=simulated", "--speed=100000", "--data-dir=disk/data", "--no-view"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        fill(folder)
        _, said = live.communicate(timeout=60)
    finally:
        live.kill()
    assert live.returncode in {1, 3}
    assert len(said.splitlines()) == 1, said
    assert said.startswith("The disk of disk/data has only 0 MB left: free at least 64 MB")
    assert nothing_runs(folder / "data")
    (folder / "filler").unlink()
    assert "every promise is kept" in run(tmp_path, "wal", "verify", "--data-dir", "disk/data").stdout


def fill(folder):
    """All of it, once the run has begun to write."""
    end = time.monotonic() + 20
    while not (folder / "data/wal.head").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            while True:
                try:
                    file.write(bytes(512))
                except OSError:
                    return
