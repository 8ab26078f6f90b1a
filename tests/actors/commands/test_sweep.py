"""`run.py sweep`, `walk-forward` and `report` from the outside: the same answer, whatever cuts them off."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actors.commands.refused import CannotRunError
from actors.commands.sweep_files import Kept, fingerprints
from strategies.sweep import Row
from tests.actors.commands.test_backtest import CONFIG, fill_holes
from tests.strategies.test_backtest import market

ROOT = Path(__file__).parent.parent.parent.parent
OVER = ["--over", "momentum.entry_bars=5..24:1", "momentum.trail_atr=1..5:0.5", "exits.stop_bps=0,40,60"]


def command(*words) -> list[str]:
    return [sys.executable, str(ROOT / "run.py"), *map(str, words)]


def run(*words) -> subprocess.CompletedProcess:
    return subprocess.run(command(*words), capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "config.toml").write_text(CONFIG)
    paths = market(folder, 1, 4_000, 2)
    for path in paths:
        rows = path.read_text().splitlines()
        path.write_text("\n".join([rows[0], *fill_holes(rows[1:])]))
    return folder, [*(word for path in paths for word in ("--recording", path))]


def sweep(files, keep, *words) -> list:
    folder, recordings = files
    return ["sweep", *recordings, "--config", folder / "config.toml", "--keep", keep, *words]


def answer(out: str) -> list[str]:
    """All but how much of it was there already."""
    return [line for line in out.splitlines() if "were there already" not in line]


def kill_when(path: Path, lines: int, process: subprocess.Popen) -> int:
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return path.read_bytes().count(b"\n")


BAYES = ["--over", "momentum.entry_bars=5..60", "momentum.trail_atr=1..6", "--search", "bayes"]


@pytest.mark.parametrize(
    "words", [[*OVER, "--workers", "2"], [*BAYES, "--trials", "120"]], ids=["grid", "bayes"]
)
def test_killed_and_started_again_it_ends_with_the_same_answer(files, tmp_path, words):
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    undisturbed = run(*sweep(files, whole, *words))
    assert undisturbed.returncode == 0, undisturbed.stderr
    process = subprocess.Popen(command(*sweep(files, cut, *words)), cwd=ROOT, stdout=subprocess.DEVNULL)
    done = kill_when(cut, 30, process)
    total = len(set(whole.read_text().splitlines()))
    assert 30 <= done < total
    with cut.open("ab") as file:
        file.write(b'{"key":"torn')
    resumed = run(*sweep(files, cut, *words))
    assert answer(resumed.stdout) == answer(undisturbed.stdout)
    assert int(re.search(r"(\d+) were there already", resumed.stdout)[1]) >= done
    assert sorted(cut.read_text().splitlines()) == sorted(whole.read_text().splitlines())


def test_the_number_of_threads_and_of_sets_before_it_changes_nothing(files, tmp_path):
    words = ["--over", "momentum.entry_bars=5,9,14", "--by", "total_return"]
    one = run(*sweep(files, tmp_path / "1.jsonl", *words, "--workers", 1))
    four = run(*sweep(files, tmp_path / "4.jsonl", *words, "--workers", 4))
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "4.jsonl").read_bytes()
    assert one.stdout.replace("1.jsonl", "") == four.stdout.replace("4.jsonl", "")
    again = run(*sweep(files, tmp_path / "1.jsonl", *words))
    assert "3 were there already, of 3" in again.stdout
    assert "Deflated Sharpe ratio of the best of 3 trials" in again.stdout


def test_other_data_or_settings_are_not_answered_from_the_file(files, tmp_path):
    keep, words = tmp_path / "s.jsonl", ["--over", "momentum.entry_bars=5,9"]
    run(*sweep(files, keep, *words))
    changed = Path(files[1][1])
    text = changed.read_text()
    try:
        changed.write_text(text.replace(text.splitlines()[5], text.splitlines()[5] + "1"))
        assert "0 were there already, of 2" in run(*sweep(files, keep, *words)).stdout
    finally:
        changed.write_text(text)
    assert "0 were there already, of 4" in run(*sweep(files, keep, *words, "--strategy", "momentum")).stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--over", "momentum.entry=5"], "there is no such setting"),
        (["--over", "momentum.entry_bars=5", "--by", "luck"], "write one of sharpe, sortino"),
        (["--over", "momentum.trail_atr=1..5"], "a grid needs a step"),
        (["--over", "scalping.vwap_bars=9,20", "--strategy", "momentum"], "scalping does not take part"),
        (["--over", "momentum.exit_bars=50,60"], "momentum.exit_bars = 50: at most entry_bars (6)"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(files, tmp_path, words, sentence):
    ran = run(*sweep(files, tmp_path / "s.jsonl", *words))
    assert ran.returncode == 2
    assert sentence in ran.stderr


def test_a_line_that_is_no_result_is_named_and_a_torn_last_one_is_cut_off(tmp_path):
    path = tmp_path / "s.jsonl"
    with Kept(path) as kept:
        kept.add(Row("a", "on", {"x": 1}))
        kept.add(Row("b", "on", {"x": 2}, refused="no"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with Kept(path) as kept:
        assert list(kept.rows) == ["a"]
        kept.add(Row("b", "on", {"x": 2}, refused="no"))
    assert path.read_bytes() == whole
    path.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(CannotRunError, match="line 1 is no result of a sweep"):
        Kept(path)
    with pytest.raises(CannotRunError, match="name another with --keep"):
        Kept(tmp_path)


def test_walking_forward_is_a_table_and_two_files_and_the_same_again(files, tmp_path):
    folder, recordings = files
    words = ["walk-forward", *recordings, "--config", folder / "config.toml", "--keep", tmp_path / "w.jsonl",
             "--out", tmp_path, "--inside", "1", "--outside", "0.5", "--embargo", "0.1",
             "--over", "momentum.entry_bars=5,9,14", "--by", "total_return"]  # fmt: skip
    first = run(*words)
    assert first.returncode == 0, first.stderr
    for word in ("outside, chained", "buy and hold", "Deflated Sharpe ratio outside, for 3 sets a window"):
        assert word in first.stdout
    (path,) = tmp_path.glob("*-walk-forward.json")
    written = path.read_bytes()
    told = json.loads(written)
    assert len(told["windows"]) == 3
    assert len((tmp_path / "w.jsonl").read_text().splitlines()) == 9
    grown = 1.0
    for each in told["windows"]:
        grown *= 1.0 + each["outside"]["total_return"]
    assert told["curve"]["total_return"] == pytest.approx(grown - 1.0)
    assert len(path.with_suffix(".csv").read_text().splitlines()) == 4
    assert run(*words).stdout == first.stdout
    assert path.read_bytes() == written
    refused = run(*words, "--inside", "30")
    assert (refused.returncode, "does not fit into the" in refused.stderr) == (2, True)


def test_a_report_knows_how_many_trials_there_were_or_refuses(files, tmp_path):
    folder, recordings = files
    keep = tmp_path / "s.jsonl"
    run(*sweep(files, keep, "--over", "momentum.entry_bars=5,6,9,14"))
    words = ["report", *recordings, "--config", folder / "config.toml", "--out", tmp_path]
    ran = run(*words, "--sweep", keep)
    assert ran.returncode == 0, ran.stderr
    assert "Deflated Sharpe ratio, 4 trials" in ran.stdout
    (path,) = tmp_path.glob("*.html")
    text = path.read_text()
    assert "4 trials (from s.jsonl)" in text
    for name, digest in fingerprints(recordings[1::2]).items():
        assert name in text
        assert digest in text
    beside = {each.name.removeprefix(path.stem) for each in tmp_path.glob(f"{path.stem}*")}
    assert beside == {".html", ".json", "-orders.csv", "-equity.csv"}
    other = run(*words, "--sweep", keep, "--strategy", "momentum")
    assert other.returncode == 2
    assert "none of its sets are these parameters on these recordings" in other.stderr
    assert "no file of a sweep" in run(*words, "--sweep", folder / "config.toml").stderr
