"""Which models may trade: those that the card vouches for, of these features, and worth something."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from actors.messages import Instrument
from storage import models
from storage.config import Settings
from strategies import ai, ai_features, backtest
from strategies.ai_layout import GATE, RANKER
from strategies.ai_model import load, model_of, refusal, weakness
from strategies.ai_trees import ModelError
from strategies.trader import Trader
from tests.strategies.ai_market import changed, settings_with, tape_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(400)  # Machine code is made first, if a file of strategies/ has changed.
NAMES = ["ai"]


def out_of_sample(folder, **fields):
    return {**json.loads((folder / "card.json").read_text())["out_of_sample"], **fields}


OTHER_FEATURES = {
    "another hash": {"features_hash": "0123456789abcdef"},
    "other names": {"features": ["return_1"]},
    "another order": {"features": list(reversed(ai_features.NAMES))},
}


@pytest.mark.parametrize("fields", OTHER_FEATURES.values(), ids=OTHER_FEATURES)
def test_a_model_of_other_features_is_refused(model_folder, tmp_path, fields):
    other = settings_with(changed(model_folder, tmp_path, **fields))
    assert refusal(other, 6).startswith("ai.model was trained on other features than this program computes (")
    with pytest.raises(ModelError, match="train a model anew"):
        ai.params_of(other, Instrument("t", "q", 18, 6, 500))


def test_a_feature_that_is_computed_otherwise_is_refused_although_it_has_the_same_name(
    model_folder, monkeypatch
):
    honest, files = ai_features.observe, models.read(model_folder)
    model_of(files)

    def planted(state, bar):
        honest(state, bar)
        state[ai_features.VALUES + 7] += 1e-3

    monkeypatch.setattr(ai_features, "observe", planted)
    with pytest.raises(ModelError, match="was trained on other features than this program computes"):
        model_of(files)


def test_trees_of_other_features_are_refused_although_the_card_vouches_for_them(model_folder, tmp_path):
    ranker = (model_folder / "ranker.txt").read_text().replace("place_of_return_1 ", "place_of_luck ", 1)
    other = settings_with(changed(model_folder, tmp_path, {"ranker.txt": ranker}))
    assert "ranker.txt was trained on other features (different: place_of_luck, place_of_" in refusal(
        other, 6
    )


def tampered(folder, tmp_path):
    other = changed(folder, tmp_path)
    with (other / "gate.txt").open("a") as file:
        file.write("\n")
    return other


WRONG = {
    "no folder": (lambda _, tmp: tmp / "nowhere", "no such file or directory); set ai.model to a folder"),
    "no name": (lambda *_: "", "ai.model names no model; make one with `run.py train`"),
    "a file was changed": (tampered, "gate.txt is not the file that its card"),
    "another format": (lambda folder, tmp: changed(folder, tmp, format=2), "is of format 2, known is 1"),
    "a card that says more": (lambda folder, tmp: changed(folder, tmp, luck=1), "is not known to this"),
    "a calibration that falls": (
        lambda folder, tmp: changed(folder, tmp, {"calibration.json": '{"score":[0,1],"probability":[1,0]}'}),
        "its calibration does not rise",
    ),
    "no calibration": (
        lambda folder, tmp: changed(folder, tmp, {"calibration.json": '{"score":[],"probability":[]}'}),
        "its calibration does not rise",
    ),
    "no probability": (
        lambda folder, tmp: changed(folder, tmp, {"calibration.json": '{"score":[0],"probability":[2]}'}),
        "gives no probabilities",
    ),
    "a gain of nothing": (lambda folder, tmp: changed(folder, tmp, gain=0.0), "an impossible gain"),
    "no horizon": (lambda folder, tmp: changed(folder, tmp, horizon_bars=0), "an impossible horizon"),
    "other bars": (
        lambda folder, tmp: changed(folder, tmp, timeframe_minutes=15),
        "ai.timeframe_minutes = 60: the model was trained on bars of 15 minutes",
    ),
    "no IC": (
        lambda folder, tmp: changed(folder, tmp, out_of_sample=out_of_sample(folder, ic=-0.01)),
        "its IC out of sample is -0.010, and must be above 0",
    ),
    "no AUC": (
        lambda folder, tmp: changed(folder, tmp, out_of_sample=out_of_sample(folder, auc=None)),
        "its AUC out of sample is unknown, and must be above 0.5",
    ),
    "luck": (
        lambda folder, tmp: changed(folder, tmp, out_of_sample=out_of_sample(folder, ic_t=1.1)),
        "its IC may be luck (t is 1.1, and must be above 2)",
    ),
    "bad probabilities": (
        lambda folder, tmp: changed(folder, tmp, out_of_sample=out_of_sample(folder, brier=0.3)),
        "its probabilities are worse than the base rate",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "sentence"), WRONG.values(), ids=WRONG)
def test_a_model_that_may_not_trade_is_refused_before_anything_is_decided(
    model_folder, learned_market, tmp_path, made, sentence
):
    other = settings_with(made(model_folder, tmp_path))
    assert sentence in refusal(other, 6)
    assert "\n" not in refusal(other, 6)
    assert sentence in Trader("ai", other).refusal(6)
    with pytest.raises(ValueError, match=r"train|ai\.model") as refused:
        backtest.run(tape_of(learned_market, other), other, NAMES)
    assert sentence in str(refused.value)


def test_two_tokens_are_refused(learned_market, ai_settings):
    sentence = "ai ranks tokens against each other and needs 3 at least, not 2; add tokens"
    assert refusal(ai_settings, 2) == sentence
    with pytest.raises(ValueError, match=sentence):
        backtest.run(tape_of(learned_market[:2], ai_settings), ai_settings, NAMES)
    assert Trader("momentum", ai_settings).refusal(1) == ""


def test_a_good_model_is_not_refused(ai_settings):
    assert refusal(ai_settings, 6) == ""
    assert weakness(load(ai_settings).card) == ""
    assert not Settings().ai.enabled


def test_the_parameters_hold_the_forests_where_they_say(ai_settings):
    params, model = ai.params_of(ai_settings, Instrument("t", "q", 18, 6, 500)), load(ai_settings)
    first = int(params[RANKER])
    assert params[first : int(params[GATE])].tobytes() == model.ranker.tobytes()
    assert params[int(params[GATE]) :].tobytes() == np.concatenate([model.gate, model.calibration]).tobytes()


def test_whoever_trades_does_not_load_lightgbm(ai_settings):
    code = (
        "import sys; from strategies import steps; from strategies.trader import Trader; "
        "import actors.strategist; import actors.commands.train; "
        "print([name for name in ('lightgbm', 'sklearn') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
