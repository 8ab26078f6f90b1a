"""The deflated Sharpe ratio is that of its paper."""

import math

import numpy as np
import pytest

from strategies.deflated import Moments, deflated, luckiest, moments_of, probability, spread_of


def test_the_paper_s_example_comes_out_as_printed():
    # 100 trials, five years of days; ratios of a year 2.5, with a variance of 1/2: pages 101 and 102.
    found = Moments(steps=1_250, sharpe=2.5 / math.sqrt(250), skew=-3.0, kurtosis=10.0)
    assert luckiest(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated(found, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_are_more_luck():
    found = Moments(steps=300, sharpe=0.1)
    sure = [deflated(found, trials, 0.002) for trials in (1, 2, 10, 100, 10_000)]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] == probability(found, 0.0) > 0.95 > sure[-1]


def test_the_luckiest_of_worthless_trials_is_as_high_as_drawn_ones_are():
    drawn = np.random.default_rng(7).normal(0.0, 0.05, (4_000, 50)).max(axis=1)
    assert luckiest(50, 0.05**2) == pytest.approx(drawn.mean(), rel=0.02)


def test_returns_without_variance_have_no_ratio_and_no_certainty():
    for returns in (np.zeros(10), np.full(10, 0.01), np.zeros(0)):
        assert moments_of(returns).sharpe is None
        assert math.isnan(deflated(moments_of(returns), 5, 0.1))


def test_moments_are_those_of_the_textbook():
    found = moments_of(np.array([1.0, 2.0, 3.0, 10.0]))
    assert found.sharpe == pytest.approx(4.0 / np.std([1, 2, 3, 10], ddof=1))
    assert found.skew == pytest.approx(1.0181, abs=1e-3)
    assert found.kurtosis == pytest.approx(2.2304, abs=1e-3)


def test_trials_that_did_nothing_count():
    assert spread_of([0.3, None]) == pytest.approx(0.045)
    assert spread_of([0.3]) == 0.0
