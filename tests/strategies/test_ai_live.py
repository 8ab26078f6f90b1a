"""The ai strategy in a real run, with kills, is the backtest; and what a run says about its model."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from pyarrow import parquet

from actors.messages import StateSaved
from storage import log
from storage.config import Exits
from storage.layout import log_path
from strategies import backtest
from strategies.ai_layout import OFF
from strategies.trader import decoded
from tests.crash import runs
from tests.strategies.ai_market import changed, tape_of
from tests.strategies.replay import fills_of, orders_of
from tests.strategies.test_backtest import orders_in

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(400)  # Machine code is made first, if a file of strategies/ has changed.
REAL = [f"cex_5m/{name}USDT-PERP_5m_2025-03.parquet" for name in ("ETH", "LINK", "SOL", "SUI")]


def toml_of(settings) -> str:
    tables = msgspec.to_builtins(settings)
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in tables[name].items())
        for name in ("paper", "limits", "exits", "momentum", "ai")
    )


def part_of(path, folder) -> Path:
    """Its first two weeks."""
    part = folder / path.name
    parquet.write_table(parquet.read_table(path).slice(0, 15 * 288), part)
    return part


@pytest.mark.processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_run_on_real_candles_that_is_killed_in_the_middle_ends_as_the_backtest_does(
    tmp_path, shared_data, ai_settings
):
    """Real processes: the strategist is killed, then everything, and it is started again."""
    paths, data_dir = [part_of(shared_data(name), tmp_path) for name in REAL], tmp_path / "data"
    settings = replace(
        ai_settings, exits=Exits(stop_bps=300), ai=replace(ai_settings.ai, enabled=True, decay_bars=80)
    )
    (tmp_path / "busy.toml").write_text(toml_of(settings))
    first, more = paths[0], ("--recording", *map(str, paths[1:]))
    run = runs.start(first, data_dir, "--speed", "150000", *more)
    try:
        orders_in(data_dir, 4)
        os.kill(runs.pid_of(data_dir, "strategist:ai"), signal.SIGKILL)
        orders_in(data_dir, 8)
    finally:
        runs.kill_all(run)
    assert runs.to_the_end(first, data_dir, "--speed", "max", *more)["state"] == "stopped"
    written = [record for _, record in log.records(log_path(data_dir))]
    result = backtest.run(tape_of(paths, settings), settings, ["ai", "momentum"])
    assert orders_of(written) == fills_of(result)
    assert sum(fill.strategy == "ai" for fill in result.fills) > 10
    # What was learned from a made-up market is worth nothing in this one: it says so, and it is on record.
    assert "ai is off: the" in (data_dir / "logs" / "holdfast.log").read_text()
    saved = [each.body for each in written if isinstance(each.body, StateSaved)]
    last = decoded([body.state for body in saved if body.role == "strategist:ai"][-1])
    assert all(np.frombuffer(state)[OFF] for state in last.states.values())


def run_with(tmp_path, settings, *words):
    config = tmp_path / "config.toml"
    config.write_text(toml_of(settings))
    command = [sys.executable, str(ROOT / "run.py"), *words, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=100)


def test_a_run_with_a_model_that_may_not_trade_does_not_start(tmp_path, ai_settings, model_folder):
    other = changed(model_folder, tmp_path, features_hash="0123456789abcdef")
    settings = replace(ai_settings, ai=replace(ai_settings.ai, enabled=True, model=str(other)))
    ran = run_with(tmp_path, settings, "paper", "--data-dir", str(tmp_path / "data"), "--no-view")
    assert ran.returncode == 2
    assert ran.stderr.startswith("ai.model was trained on other features than this program computes (")
    assert not (tmp_path / "data").exists()


def test_a_run_on_too_few_tokens_ends_with_the_reason(tmp_path, learned_market, ai_settings):
    settings = replace(ai_settings, ai=replace(ai_settings.ai, enabled=True))
    words = ["paper", "--data-dir", str(tmp_path / "data"), "--no-view", "--until-end", "--speed", "max"]
    ran = run_with(tmp_path, settings, *words, "--recording", *map(str, learned_market[:2]))
    assert ran.returncode == 1
    assert "ai may not trade: ai ranks tokens against each other and needs 3 at least, not 2" in ran.stderr


def test_ai_that_is_on_without_a_model_is_refused_with_the_fix(tmp_path, ai_settings):
    settings = replace(ai_settings, ai=replace(ai_settings.ai, enabled=True, model=""))
    ran = run_with(tmp_path, settings, "config", "check")
    assert ran.returncode == 2
    assert (
        'ai.model = "": name the folder of a model (run.py train), or set ai.enabled = false.' in ran.stderr
    )


def test_train_writes_a_model_shows_its_card_and_refuses_the_folder_the_second_time(
    tmp_path, learned_market, ai_settings
):
    words = ["train", "--out", str(tmp_path / "models" / "one"), "--horizon", "6", "--top", "0.2",
             "--folds", "3", "--embargo", "6", "--recording", *map(str, learned_market)]  # fmt: skip
    ran = run_with(tmp_path, ai_settings, *words)
    assert ran.returncode == 0, ran.stderr
    for words_of_card in (
        "rank IC",
        "AUC of the gate",
        "Brier score",
        "Reliability",
        "Fold by fold",
        "Written:",
    ):
        assert words_of_card in ran.stdout
    assert (tmp_path / "models" / "one" / "CARD.md").is_file()
    again = run_with(tmp_path, ai_settings, *words)
    assert again.returncode == 2
    assert "is there already, and models are kept; name another folder" in again.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--recording", "nowhere.csv", "--out", "x"], "nowhere.csv is not there; check the path"),
        (
            ["--recording", "{0}", "{1}", "--out", "x"],
            "a ranker needs 3 tokens at least, these recordings hold 2",
        ),
        (["--recording", "{0}", "{1}", "{2}", "--out", "x", "--timeframe", "15"], "do not fit into 15"),
    ],
)
def test_what_can_not_be_trained_is_one_sentence(tmp_path, learned_market, ai_settings, words, sentence):
    filled = [word.format(*learned_market) for word in words]
    ran = run_with(tmp_path, ai_settings, "train", *filled)
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr
