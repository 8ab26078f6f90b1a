"""Figures of forecasts, beside the definitions that they abbreviate."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from strategies.ai import calibrated
from strategies.ai_scores import (
    auc,
    brier,
    isotonic,
    places,
    rank_correlation,
    reliability,
    t_statistic,
)

NUMBERS = st.lists(st.integers(-5, 5), min_size=3, max_size=25)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.randoms(use_true_random=False))
def test_the_rank_correlation_is_spearman_s(numbers, random):
    one = np.array(numbers, float)
    other = np.array([random.randint(-5, 5) for _ in numbers], float)
    found = rank_correlation(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.randoms(use_true_random=False))
def test_the_auc_is_the_share_of_pairs_in_the_right_order(numbers, random):
    forecasts = np.array(numbers, float)
    won = np.array([random.randint(0, 1) for _ in numbers])
    pairs = list(itertools.product(forecasts[won == 1], forecasts[won == 0]))
    if not pairs:
        assert np.isnan(auc(forecasts, won))
    else:
        right = sum(1.0 if up > down else 0.5 if up == down else 0.0 for up, down in pairs)
        assert auc(forecasts, won) == pytest.approx(right / len(pairs), abs=1e-12)


def test_places_go_from_0_to_1_and_equal_values_share_one():
    assert places(np.array([3.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.5]
    assert places(np.array([1.0, 1.0, 5.0])).tolist() == [0.25, 0.25, 1.0]
    assert places(np.array([7.0])).tolist() == [0.0]


def test_the_brier_score_of_always_saying_a_half_is_a_quarter():
    assert brier(np.full(4, 0.5), np.array([0, 1, 1, 0])) == 0.25
    assert brier(np.array([1.0, 0.0]), np.array([1, 0])) == 0.0


def test_the_reliability_has_bins_of_equal_size_by_forecast():
    forecasts, outcomes = np.array([0.9, 0.1, 0.8, 0.2]), np.array([1, 0, 0, 0])
    low, high = reliability(forecasts, outcomes, 2)
    assert (low.count, low.forecast, low.observed) == (2, pytest.approx(0.15), 0.0)
    assert (high.count, high.forecast, high.observed) == (2, pytest.approx(0.85), 0.5)


def test_the_t_statistic_is_the_mean_over_its_standard_error():
    values = np.array([1.0, 2.0, 4.0])
    assert t_statistic(values) == pytest.approx(stats.ttest_1samp(values, 0.0).statistic)
    assert np.isnan(t_statistic(np.array([1.0])))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=2, max_size=40))
def test_the_isotonic_calibration_is_the_one_of_least_squares(pairs):
    scores = np.array([pair[0] for pair in pairs], float)
    outcomes = np.array([pair[1] for pair in pairs])
    knots, chances = isotonic(scores, outcomes)
    assert (np.diff(knots) > 0).all()
    assert (np.diff(chances) >= 0).all()
    table = np.concatenate([[float(len(knots))], knots, chances])
    mine = np.array([calibrated(table, 0, score) for score in np.unique(scores)])
    weights = np.array([(scores == score).sum() for score in np.unique(scores)], float)
    means = np.array([outcomes[scores == score].mean() for score in np.unique(scores)])
    wanted = optimize.isotonic_regression(means, weights=weights).x
    assert mine == pytest.approx(wanted, abs=1e-12)


def test_a_calibration_by_classes_tells_no_more_of_them_apart():
    scores, outcomes = np.arange(100.0), (np.arange(100) % 7 > np.arange(100) // 20).astype(int)[::-1]
    _, chances = isotonic(scores, outcomes, 25)
    assert 1 < len(set(chances.tolist())) <= 4


def test_a_score_beyond_the_knots_has_the_chance_of_the_last_one_and_between_two_it_is_straight():
    table = np.array([3.0, -1.0, 0.0, 4.0, 0.25, 0.5, 0.75])
    wanted = {-9.0: 0.25, -1.0: 0.25, -0.5: 0.375, 0.0: 0.5, 2.0: 0.625, 4.0: 0.75, 9.0: 0.75}
    assert {score: calibrated(table, 0, score) for score in wanted} == wanted
    assert calibrated(np.array([1.0, 2.0, 0.3]), 0, 5.0) == 0.3
