"""`run.py backtest` from the outside: a table, files beside it, and a sentence where it can not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from actors.commands.backtest import number, percent
from tests.strategies.test_backtest import market

ROOT = Path(__file__).parent.parent.parent.parent
CONFIG = """
[momentum]
timeframe_minutes = 2
entry_bars = 6
exit_bars = 4
[scalping]
enabled = true
timeframe_minutes = 1
vwap_bars = 20
entry_deviations = 1.0
edge_multiple = 1.0
[exits]
stop_bps = 60
"""


def backtest(*words) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "run.py"), "backtest", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    return market(tmp_path, 1, 1_500, 2)


def hold_together(paths) -> list:
    return [word for path in paths for word in ("--recording", path)]


def test_a_portfolio_of_all_strategies_is_a_table_and_three_files(files, tmp_path):
    # The holes of these recordings are part of what is tested elsewhere; here they would be refused.
    for path in files:
        rows = path.read_text().splitlines()
        path.write_text("\n".join([rows[0], *(fill_holes(rows[1:]))]))
    out = tmp_path / "out"
    words = [*hold_together(files), "--config", tmp_path / "config.toml", "--out", out]
    ran = backtest(*words)
    assert ran.returncode == 0, ran.stderr
    for word in ("Sharpe", "max drawdown", "profit factor", "momentum", "scalping", "paper:AX", "paper:BX"):
        assert word in ran.stdout
    written = sorted(path.name for path in out.iterdir())
    name = f"{files[0].stem}+1-momentum-scalping"
    assert written == [f"{name}-equity.csv", f"{name}-orders.csv", f"{name}.json"]
    figures = json.loads((out / f"{name}.json").read_text())["figures"]
    assert figures["all"]["count"] > 5
    assert figures["groups"]["strategy"].keys() == {"momentum", "scalping"}
    again = {path.name: path.read_bytes() for path in out.iterdir()}
    assert backtest(*words).stdout == ran.stdout
    assert {path.name: path.read_bytes() for path in out.iterdir()} == again


def fill_holes(rows) -> list[str]:
    filled, at = [], int(rows[0].split(",")[0])
    for row in rows:
        cells = row.split(",", 1)
        while at <= int(cells[0]):
            filled.append(f"{at},{cells[1]}")
            at += 60
    return filled


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--strategy", "luck"], "there is no strategy luck; write one of momentum, scalping, ai."),
        (["--strategy", "momentum", "--strategy", "momentum"], "none of them twice."),
        ([], "lacks 1"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_and_leaves_no_file(files, tmp_path, words, sentence):
    out = tmp_path / "out"
    ran = backtest("--recording", files[0], "--config", tmp_path / "config.toml", "--out", out, *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert sentence in ran.stderr
    assert not out.exists()


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    ran = backtest("--recording", tmp_path / "none.csv")
    assert ran.returncode == 2
    assert "is not there; check the path" in ran.stderr


def test_a_figure_that_does_not_exist_is_a_dash():
    assert (percent(float("nan")), percent(float("inf")), percent(0.1234)) == ("-", "-", "12.34%")
    assert (number(float("nan")), number(-1.005)) == ("-", "-1.00")
