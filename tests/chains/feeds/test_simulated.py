"""The built-in market: a pure function of its seed, and something like a market."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chains.feeds.simulated import BLOCK, START_NS, SimulatedFeed
from chains.feeds.simulated import Path as SimulatedPath
from chains.pool import price_of
from storage.config import Paper, Simulated

ROOT = Path(__file__).resolve().parents[3]
MINUTE = 60 * 10**9


def feed(seed: int = 1, **changes) -> SimulatedFeed:
    return SimulatedFeed(Simulated(**changes), Paper(), seed, "2000000", 500)


def test_reading_may_start_anywhere_and_gives_the_same_bars():
    whole = feed().read(None, 3 * BLOCK)
    for index in (0, 1, BLOCK - 2, BLOCK - 1, BLOCK, 2 * BLOCK + 17):
        assert feed().read(whole[index].at_ns, 3) == whole[index + 1 : index + 4]


def test_reading_back_and_forth_changes_nothing():
    shared = feed()
    for index in (5_000, 10, 2_100, 10, 5_000):
        after_ns = START_NS + index * MINUTE
        assert shared.read(after_ns, 2) == feed().read(after_ns, 2)


def test_another_process_sees_the_same_market():
    code = (
        "from chains.feeds.simulated import *\n"
        "feed = SimulatedFeed(Simulated(), Paper(), 1, '2000000', 500)\n"
        "print(feed.read(None, 1500)[-1].bars[3].close)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(out.stdout) == feed().read(None, 1500)[-1].bars[3].close


def test_bars_follow_each_other_without_gaps():
    ticks = feed(seed=3).read(None, 2 * BLOCK + 5)
    for before, after in pairwise(ticks):
        assert after.at_ns - before.at_ns == MINUTE
        for old, new in zip(before.bars, after.bars, strict=True):
            assert new.open == old.close, after.at_ns


@pytest.mark.parametrize("seed", range(5))
def test_prices_are_possible_and_the_pool_stands_at_the_close(seed):
    for tick in feed(seed).read(None, 20_000)[::7]:
        for bar in tick.bars:
            assert 0 < bar.low <= min(bar.open, bar.close)
            assert max(bar.open, bar.close) <= bar.high
            assert bar.volume > 0
            assert price_of(bar.reserve_quote, bar.reserve_token, 18) == pytest.approx(bar.close, rel=1e-6)


def test_other_seeds_and_other_tokens_have_other_markets():
    returns = [np.diff(np.log(closes(feed(seed), 0, 3_000))) for seed in (1, 2)]
    returns.append(np.diff(np.log(closes(feed(1), 1, 3_000))))
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(returns[one], returns[two])[0, 1]) < 0.1


def test_volatility_comes_in_clusters_and_direction_does_not_repeat():
    returns = np.diff(np.log(closes(feed(4), 0, 60_000)))
    size = np.abs(returns)
    assert np.corrcoef(size[:-1], size[1:])[0, 1] > 0.15
    assert abs(np.corrcoef(returns[:-1], returns[1:])[0, 1]) < 0.03
    kurtosis = ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2
    assert kurtosis > 4  # A bell has 3.


def test_a_big_move_is_followed_by_big_moves_within_one_regime_too():
    path = SimulatedPath(4, "ALFA", 60)
    repeats = []
    for number in range(60):
        size = np.abs(np.diff(np.log(path.block(number).prices[3])))
        repeats.append(np.corrcoef(size[:-1], size[1:])[0, 1])
    assert np.mean(repeats) > 0.08


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_after_three_years_of_minutes_there_still_is_a_market(seed):
    """Without the pull to the first price, one of these ends at 50 times its first price."""
    path = SimulatedPath(seed, "X", 60)
    starts = [path.block(number).prices[0, 0] / path.first for number in range(1_500)]
    assert min(starts) > 0.4
    assert max(starts) < 2.5


def test_an_endless_market_never_ends_and_a_short_one_does():
    endless, short = feed(), feed(bars=10)
    assert endless.total is None
    assert not endless.ended(START_NS + 10**6 * MINUTE)
    ticks = short.read(None, 100)
    assert len(ticks) == short.total == 10
    assert [short.position(tick.at_ns) for tick in ticks] == list(range(1, 11))
    assert short.ended(ticks[-1].at_ns)
    assert not short.ended(ticks[-2].at_ns)
    assert short.read(ticks[-1].at_ns, 5) == ()


def closes(market: SimulatedFeed, token: int, count: int) -> np.ndarray:
    return np.array([float(tick.bars[token].close) for tick in market.read(None, count)])
