"""The whole bot at once: momentum, scalping and ai with a model that `run.py train` made, under one mix.

Real processes at full speed; one strategist is killed, then everything.  Orders, budgets and money are the
backtest's all the same.
"""

import json
import os
import signal
import subprocess
import sys

import msgspec
import pytest
from msgspec.structs import replace

from storage import log
from storage.books import fold
from storage.config import Ai
from storage.layout import log_path
from strategies import ai_model, backtest
from tests.crash import runs
from tests.strategies.ai_market import market, tape_of
from tests.strategies.replay import fills_of, orders_of
from tests.strategies.test_mix_live import rebalances_in, wait_for
from tests.strategies.test_mix_parity import MIXED

NAMES = ["ai", "momentum", "scalping"]
pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(1_200)]


def trained(folder):
    """On a market of its own, from the command line."""
    paths, out = market(folder, rows=900, seed=1), folder / "model"
    words = ["train", "--out", out, "--horizon", "6", "--top", "0.2", "--folds", "3", "--embargo", "6",
             *(word for path in paths for word in ("--recording", path))]  # fmt: skip
    command = [sys.executable, str(runs.ROOT / "run.py"), *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=runs.ROOT)
    assert ran.returncode == 0, ran.stderr
    return out


def settings_of(model):
    return replace(
        MIXED,
        ai=Ai(enabled=True, model=str(model), edge_multiple=1.0, decay_bars=10_000),
        scalping=replace(MIXED.scalping, enabled=True),
    )


def toml_of(settings) -> str:
    tables = msgspec.to_builtins(settings)
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in tables[name].items())
        for name in ("paper", "limits", "exits", "momentum", "scalping", "ai", "mix")
    )


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "lessons"
    folder.mkdir()
    return trained(folder)


def test_all_three_strategies_under_a_mix_killed_in_the_middle_end_as_the_backtest_does(tmp_path, model):
    settings, data_dir = settings_of(model), tmp_path / "data"
    assert ai_model.refusal(settings, 4) == ""
    paths = market(tmp_path, rows=24 * 24, tokens=4, seed=2)
    (tmp_path / "busy.toml").write_text(toml_of(settings))
    first, words = paths[0], ["--speed", "max"]
    words += [word for path in paths[1:] for word in ("--recording", str(path))]
    run = runs.start(first, data_dir, *words)
    try:
        wait_for(data_dir, 1, 400)
        os.kill(runs.pid_of(data_dir, "strategist:ai"), signal.SIGKILL)
        wait_for(data_dir, 2, 400)
    finally:
        runs.kill_all(run)
    result = backtest.run(tape_of(paths, settings), settings, NAMES)
    assert 2 <= len(rebalances_in(data_dir)) < len(result.rebalances), "it was killed too late"
    assert runs.end_of(runs.start(first, data_dir, *words), 800) == 0, data_dir.with_suffix(
        ".out"
    ).read_text()
    summary = json.loads(data_dir.with_suffix(".json").read_text())
    assert (summary["state"], summary["promises"]["broken"]) == ("stopped", [])
    written = [record for _, record in log.records(log_path(data_dir))]
    assert tuple(rebalances_in(data_dir)) == result.rebalances
    for theirs, ours in zip(orders_of(written), fills_of(result), strict=True):
        # What the end of the recording leaves open, the run sees to its end.
        assert theirs == ours or (ours[6] == "unfinished" and theirs[:6] == ours[:6])
    for name in NAMES:
        assert sum(fill.strategy == name for fill in result.fills) > 10, name
        assert len({now.budgets[name] for now in result.rebalances}) > 1, name
    assert fold(written).mix == result.rebalances[-1]
    assert summary["budgets"] == result.rebalances[-1].budgets
