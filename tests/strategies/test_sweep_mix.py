"""Settings of the mix and of ai are varied as any other, and what can not be is refused with the reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from strategies import backtest, results
from strategies.mix_shadow import schedule
from strategies.sweep import axis_of, check_effect, field_of, grid, key_of, row_of, with_values
from strategies.walk_forward import Days, outside_of, stretch_of, windows
from tests.strategies.ai_market import market, tape_of
from tests.strategies.test_ai_live import toml_of
from tests.strategies.test_backtest import recorded_of
from tests.strategies.test_mix_parity import MIXED, hours

ROOT = Path(__file__).parents[2]
NAMES = ["momentum", "scalping"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return field_of(recorded_of(hours(tmp_path_factory.mktemp("hours"), 1, 40, 3), MIXED), MIXED, NAMES, "d")


def test_sets_of_the_mix_score_as_the_backtest_with_these_settings(whole):
    sets = grid([axis_of("mix.enabled=false,true"), axis_of("mix.cap_bps=5000,3000"),
                 axis_of("mix.momentum_bps=3000")])  # fmt: skip
    found = []
    for each in sets:
        score = row_of(whole, "k", each).score
        result = backtest.run(whole.recorded, with_values(MIXED, each), NAMES)
        figures = results.figures_of(result)
        assert score.total_return == figures.curve.total_return
        assert bool(figures.rebalances) == each["mix.enabled"]
        found.append(score.total_return)
    assert found[0] == found[1] not in found[2:]
    assert len({key_of(whole, each) for each in sets}) == 4


def test_what_a_watched_strategy_does_is_part_of_what_a_set_is_the_answer_to(whole):
    watching = replace(MIXED, mix=replace(MIXED.mix, shadows=("scalping",)))
    field = replace(whole, settings=watching, strategies=("momentum",))
    assert key_of(field, {}) != key_of(field, {"scalping.rest_bars": 9})
    alone = replace(whole, strategies=("momentum",))
    assert key_of(alone, {}) == key_of(alone, {"scalping.rest_bars": 9})


@pytest.mark.parametrize(
    ("key", "enabled", "sentence"),
    [
        ("mix.floor_bps=500", False, "there is no mix; set mix.enabled = true, or vary that as well"),
        ("ai.kelly=0.5", True, "ai does not take part; name it with --strategy"),
    ],
)
def test_an_axis_that_changes_nothing_is_refused(key, enabled, sentence):
    settings = replace(MIXED, mix=replace(MIXED.mix, enabled=enabled))
    with pytest.raises(ValueError, match=sentence):
        check_effect([axis_of(key)], settings, NAMES)
    check_effect([axis_of(key)], replace(settings, mix=replace(MIXED.mix, shadows=("ai",))), NAMES)
    if not enabled:
        check_effect([axis_of(key), axis_of("mix.enabled=false,true")], settings, NAMES)


def test_a_mix_has_lived_through_the_inside_before_it_is_played_outside(whole):
    """The outside is a few days; its budgets begin as those of whoever began with the inside."""
    window = windows(whole.recorded, Days(20, 10, 1))[0]
    field = outside_of(whole, window)
    begun, later = backtest._budgets(field.recorded, MIXED, NAMES, backtest.play, field.before)
    both = replace(field.recorded, tape=backtest.joined(field.before, field.recorded.tape))
    known = [now for _, now in schedule(both, MIXED, NAMES)]
    cut = field.recorded.tape.moments[0]
    assert [now.at_ns for now in known if now.at_ns < cut][-1] == begun.at_ns
    assert [begun, *(now for _, now in later)] == known[len(known) - len(later) - 1 :]
    assert begun.budgets != {name: MIXED.mix.start()[name] for name in NAMES}
    for moment, now in later:
        assert field.recorded.tape.moments[moment] == now.at_ns
    rows = [row_of(field, str(cap), {"mix.cap_bps": cap}) for cap in (5_000,)]
    stretch = stretch_of(whole, window, rows, "total_return")
    cold = backtest.run(field.recorded, MIXED, NAMES)
    assert stretch.outside.total_return != cold.equity[-1] / cold.equity[0] - 1.0


def run(config, *words):
    command = [sys.executable, str(ROOT / "run.py"), *map(str, words), "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=110)


def test_a_sweep_and_a_walk_over_ai_and_the_mix_play_a_trained_model(tmp_path, learned_market, ai_settings):
    config = tmp_path / "config.toml"
    settings = replace(ai_settings, ai=replace(ai_settings.ai, enabled=True))
    config.write_text(toml_of(settings) + "[mix]\nenabled = true\n")
    words = [*(word for path in learned_market for word in ("--recording", path)),
             "--over", "ai.edge_multiple=1,5", "mix.cap_bps=5000,5001", "--by", "total_return"]  # fmt: skip
    swept = run(config, "sweep", *words, "--keep", tmp_path / "s.jsonl")
    assert swept.returncode == 0, swept.stderr
    assert "mix.cap_bps = 5001: lower it to limits.strategy_budget_bps" in swept.stdout
    scores = (tmp_path / "s.jsonl").read_text().splitlines()
    assert len({line.partition('"score":')[2] for line in scores if '"score":{' in line}) == 2
    walked = run(config, "walk-forward", *words, "--inside", "20", "--outside", "8", "--keep",
                 tmp_path / "w.jsonl", "--out", tmp_path)  # fmt: skip
    assert walked.returncode == 0, walked.stderr
    (path,) = tmp_path.glob("*-walk-forward.json")
    (window, *_) = json.loads(path.read_text())["windows"]
    assert window["chosen"]["parameters"].keys() == {"ai.edge_multiple", "mix.cap_bps"}
    refused = run(config, "sweep", *words[:-2], "ai.model=x", "--keep", tmp_path / "s.jsonl")
    assert refused.returncode == 2
    assert refused.stderr.startswith("--over ai.model: a model is trained, and not varied")


def test_sets_of_ai_score_as_the_backtest_with_these_settings(learned_market, ai_settings):
    field = field_of(tape_of(learned_market, ai_settings), ai_settings, ["ai"], "d")
    found = set()
    for each in grid([axis_of("ai.edge_multiple=1,5"), axis_of("ai.kelly=0.1,1")]):
        score = row_of(field, "k", each).score
        result = backtest.run(field.recorded, with_values(ai_settings, each), ["ai"])
        assert score.trades == result.trades
        found.add(score.total_return)
    assert len(found) == 4


def test_whoever_tries_a_model_on_what_it_was_trained_on_is_told_so(tmp_path, learned_market, ai_settings):
    config = tmp_path / "config.toml"
    config.write_text(toml_of(replace(ai_settings, ai=replace(ai_settings.ai, enabled=True))))
    told = "The model of ai was trained on AX-USDC.csv, BX-USDC.csv"
    for command, same in (("backtest", True), ("report", True), ("backtest", False)):
        paths = learned_market if same else market(tmp_path, rows=400, seed=9)
        ran = run(config, command, *(word for path in paths for word in ("--recording", path)),
                  "--out", tmp_path / command)  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert (told in ran.stdout) == same
    (page,) = (tmp_path / "report").glob("*.html")
    assert told in page.read_text()
    assert "gate.txt" in page.read_text()
