"""The features, beside formulas over whole series; and that they depend on nothing but the bars before."""

import math

import numpy as np
import pytest

from chains.chance import below
from strategies import ai_features
from strategies.ai_features import (
    CLOSES,
    COUNT_OF_NAMES,
    END,
    FRESH,
    NAMES,
    READY,
    SPANS_OF_VOLATILITY,
    VALUES,
    WEEK,
    fingerprint,
    observe,
    ranked,
)


def bars(count, seed=1):
    price, made = 50.0, []
    for row in range(count):
        drawn = [below(2_001, seed, row, name) / 1_000 - 1 for name in ("move", "wide")]
        start, price = price, price * (1 + drawn[0] / 50)
        high, low = max(start, price) * (1 + abs(drawn[1]) / 90), min(start, price) * (1 - abs(drawn[1]) / 70)
        made.append((start, high, low, price, float(below(10_000, seed, row, "volume")), 1e6))
    return made


def observed(series):
    state = np.zeros(END)
    for bar in series:
        observe(state, bar)
    return state


def test_every_feature_is_its_formula():
    series = bars(400)
    state = observed(series)
    _, high, low, close, volume, _ = np.array(series).T
    changes = close[1:] / close[:-1] - 1
    spread = {span: math.sqrt((changes[-span:] ** 2).mean()) for span in (6, 24, 168)}
    busy = volume[-24:].mean() / volume[-168:].mean()
    back = {span: close[-1] / close[-1 - span] - 1 for span in (1, 4, 24, 72, 168)}
    top, bottom = high[-48:].max(), low[-48:].min()
    wanted = {
        **{f"return_{span}": change for span, change in back.items()},
        "volatility_24": spread[24],
        "volatility_6_to_168": spread[6] / spread[168],
        "volume_24_to_168": busy,
        "return_24_by_volume": back[24] * busy,
        "return_1_by_volatility": back[1] / spread[24],
        "place_in_48": (close[-1] - bottom) / (top - bottom),
        "range_24": ((high - low) / close)[-24:].mean(),
    }
    found = dict(zip(NAMES, state[VALUES : VALUES + COUNT_OF_NAMES].tolist(), strict=True))
    assert found == pytest.approx(wanted, rel=1e-12)
    assert state[SPANS_OF_VOLATILITY:CLOSES].tolist() == pytest.approx(list(spread.values()), rel=1e-12)


def test_it_is_ready_after_a_week_and_not_before():
    series = bars(WEEK + 1)
    assert observed(series[:-1])[READY] == 0.0
    assert observed(series)[READY] == 1.0


def test_only_the_last_bars_count_and_where_a_ring_begins_changes_no_bit():
    series = bars(700)
    whole = observed(series)
    for first in (0, 1, 77, 500):
        part = observed(series[first:])
        assert part[VALUES:CLOSES].tobytes() == whole[VALUES:CLOSES].tobytes()


def test_a_price_that_stands_still_and_a_week_without_volume_make_no_nan():
    still = [(5.0, 5.0, 5.0, 5.0, 0.0, 1.0)] * 300
    state = observed(still)
    assert state[READY] == 0.0
    state = observed([(*bar[:4], 0.0, 1.0) for bar in bars(300)])
    assert state[READY] == 1.0
    assert np.isfinite(state).all()


def test_a_scale_of_prices_changes_nothing_but_the_last_bits():
    series = bars(300)
    scaled = observed([tuple(figure * 1024.0 for figure in bar) for bar in series])
    assert scaled[VALUES:CLOSES].tobytes() == observed(series)[VALUES:CLOSES].tobytes()


def test_a_rank_is_a_place_among_the_tokens_that_are_fresh_and_ready():
    states = np.array([observed(bars(200, seed)) for seed in (1, 2, 3, 4, 5)])
    states[3, FRESH], states[4, READY] = 0.0, 0.0
    states[:, VALUES] = [3.0, 1.0, 2.0, -9.0, 99.0]
    states[:, VALUES + 1] = [7.0, 7.0, 8.0, 0.0, 0.0]
    ranks = np.full((5, COUNT_OF_NAMES), -1.0)
    assert ranked(states, ranks) == 3
    assert ranks[:, 0].tolist() == [1.0, 0.0, 0.5, -1.0, -1.0]
    assert ranks[:3, 1].tolist() == [0.25, 0.25, 1.0]
    alone = np.array([states[0]])
    assert ranked(alone, ranks[:1]) == 1
    assert ranks[0].tolist() == [0.5] * COUNT_OF_NAMES


def test_the_fingerprint_is_the_same_again_and_another_one_for_other_names_or_formulas(monkeypatch):
    mine = fingerprint()
    assert fingerprint() == mine
    monkeypatch.setattr(ai_features, "NAMES", (*NAMES[:-1], "range_25"))
    assert fingerprint() != mine
    monkeypatch.setattr(ai_features, "NAMES", NAMES)

    def other(state, bar):
        observe(state, bar)
        state[VALUES + 3] *= 1.00001

    monkeypatch.setattr(ai_features, "observe", other)
    assert fingerprint() != mine
