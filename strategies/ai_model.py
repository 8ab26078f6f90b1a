"""A trained model: what its card says of it, and when it may not be traded on."""

import math
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from storage import models
from storage.config import Settings
from strategies import ai_features
from strategies.ai_scores import Bin
from strategies.ai_trees import ModelError, forest_of
from strategies.layout import Floats

FORMAT = 1
LEAST_T = 2.0  # Of the IC out of sample.
MOST_HORIZON = 2_000  # Bars.
LEAST_TOKENS = 3  # Fewer can not be ranked.
GATE_FEATURES = (*(f"place_of_{name}" for name in ai_features.NAMES), "place_of_score", "calm")
RANKER_FEATURES = GATE_FEATURES[: len(ai_features.NAMES)]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """A recording that was learned from."""

    name: str
    digest: str
    bars: int


class Fold(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of the walk: learned up to here, tried on what follows."""

    learned: int
    tried: int
    first: str
    last: str
    ic: float | None
    auc: float | None


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """Out of sample, all folds together.  None: there was nothing to measure it on."""

    ic: float | None
    ic_t: float | None  # Of moments that do not overlap.
    auc: float | None
    brier: float | None
    brier_of_base_rate: float | None
    base_rate: float | None
    reliability: tuple[Bin, ...]
    volatility_r2: float | None
    volatility_r2_naive: float | None  # Of "as in the last day".
    folds: tuple[Fold, ...]


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model comes from, what it needs, and what it could do on what it had not seen."""

    format: int
    features: tuple[str, ...]
    features_hash: str
    timeframe_minutes: int
    horizon_bars: int
    top: float  # Only tokens that rank as high as this are looked at by the gate.
    embargo_bars: int
    seed: int
    trials: int
    rounds: tuple[int, int]
    tokens: tuple[str, ...]
    data: tuple[Source, ...]
    data_hash: str
    samples: int
    volatility: tuple[float, float, float, float]  # A constant, and a weight for each span.
    gain: float  # The mean of what was won, in forecast volatilities of the horizon; and of what was lost.
    loss: float
    ic_floor: float
    auc_floor: float
    out_of_sample: Evidence
    libraries: dict[str, str]
    digests: dict[str, str]


class Model(Struct, frozen=True):
    card: Card
    ranker: Floats
    gate: Floats
    calibration: Floats  # How many knots, their scores, and their probabilities.
    digest: str


class Knots(Struct, frozen=True, forbid_unknown_fields=True):
    """The isotonic calibration: raw score of the gate to probability, straight between the knots."""

    score: tuple[float, ...]
    probability: tuple[float, ...]


def digest_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def model_of(files: Mapping[str, str]) -> Model:
    """ModelError unless the files are those that the card was written for."""
    try:
        card = msgspec.json.decode(files["card.json"], type=Card)
        knots = msgspec.json.decode(files["calibration.json"], type=Knots)
    except msgspec.DecodeError as error:
        raise ModelError(f"ai.model is not known to this program ({error}); train a model anew") from error
    if card.format != FORMAT:
        raise ModelError(f"ai.model is of format {card.format}, known is {FORMAT}; train a model anew")
    for name in models.FILES[1:]:
        if card.digests.get(name) != digest_of(files[name]):
            raise ModelError(f"ai.model: {name} is not the file that its card names; fetch the folder again")
    _check_features(card)
    if not (1 <= card.horizon_bars <= MOST_HORIZON and 0.0 <= card.top <= 1.0):
        raise ModelError("ai.model: its card has an impossible horizon or top; train a model anew")
    if (
        not all(map(math.isfinite, (card.gain, card.loss, *card.volatility)))
        or min(card.gain, card.loss) <= 0
    ):
        raise ModelError("ai.model: its card has an impossible gain, loss or volatility; train a model anew")
    return Model(
        card,
        forest_of(files["ranker.txt"], RANKER_FEATURES, "ranker.txt"),
        forest_of(files["gate.txt"], GATE_FEATURES, "gate.txt"),
        _calibration(knots),
        digest_of(files["card.json"]),
    )


def _check_features(card: Card) -> None:
    if card.features != ai_features.NAMES or card.features_hash != ai_features.fingerprint():
        raise ModelError(
            "ai.model was trained on other features than this program computes "
            f"({card.features_hash}, here {ai_features.fingerprint()}); train a model anew"
        )


def _calibration(knots: Knots) -> Floats:
    score, chance = np.array(knots.score), np.array(knots.probability)
    sound = len(score) == len(chance) > 0 and bool(np.isfinite(score).all())
    if not (sound and (np.diff(score) > 0).all() and (np.diff(chance) >= 0).all()):
        raise ModelError("ai.model: its calibration does not rise; train a model anew")
    if chance.min() < 0.0 or chance.max() > 1.0:
        raise ModelError("ai.model: its calibration gives no probabilities; train a model anew")
    return np.concatenate([[float(len(score))], score, chance])


def weakness(card: Card) -> str:
    """What the card itself says against trading on it; nothing, if nothing."""
    found = card.out_of_sample
    for name, value, floor in (("IC", found.ic, card.ic_floor), ("AUC", found.auc, card.auc_floor)):
        if value is None or not value > floor:
            shown = "unknown" if value is None else f"{value:.3f}"
            return f"its {name} out of sample is {shown}, and must be above {floor:g}"
    if found.ic_t is None or not found.ic_t > LEAST_T:
        return f"its IC may be luck (t is {found.ic_t or 0.0:.1f}, and must be above {LEAST_T:g})"
    if found.brier is None or found.brier_of_base_rate is None or not found.brier < found.brier_of_base_rate:
        return "its probabilities are worse than the base rate (Brier score)"
    return ""


def refusal(settings: Settings, tokens: int) -> str:
    """Why the ai strategy may not run with these settings: one sentence, or nothing."""
    if tokens < LEAST_TOKENS:
        return (
            f"ai ranks tokens against each other and needs {LEAST_TOKENS} at least, not {tokens}; add tokens"
        )
    try:
        card = load(settings).card
    except ValueError as error:
        return str(error)
    if card.timeframe_minutes != settings.ai.timeframe_minutes:
        return (
            f"ai.timeframe_minutes = {settings.ai.timeframe_minutes}: the model was trained on bars of "
            f"{card.timeframe_minutes} minutes; write that, or train another"
        )
    if weak := weakness(card):
        return f"ai.model = {settings.ai.model}: {weak}; train a better one, or leave ai off"
    return ""


_KNOWN: dict[str, Model] = {}


def load(settings: Settings) -> Model:
    """The model that the settings name.  ValueError, one sentence, if there is none that can be used."""
    if not settings.ai.model:
        raise ModelError("ai.model names no model; make one with `run.py train`, and write its folder there")
    files = models.read(Path(settings.ai.model))
    key = digest_of("\0".join(files[name] for name in models.FILES))
    found = _KNOWN.get(key)
    if found is None:  # Threads of a sweep may come here together: each has its own `found`.
        found = model_of(files)
        _KNOWN.clear()
        _KNOWN[key] = found
    return found
