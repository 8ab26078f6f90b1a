"""Every figure against a second, naive way to compute it, and against examples worked by hand."""

import json
import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from chains.feeds.recordings import open_recordings
from storage.config import Settings
from strategies import metrics
from strategies.metrics import DAY_NS, YEAR_NS, Trip

QUICK = settings(max_examples=150, deadline=None)
STEPS = some.integers(-2_000, 2_500).map(lambda step: step / 10_000)
CURVES = some.lists(STEPS, min_size=3, max_size=60).map(lambda steps: curve(steps))  # noqa: PLW0108


def curve(steps) -> np.ndarray:
    return 1_000.0 * np.cumprod([1.0, *(1.0 + step for step in steps)])


# -- the same figures once more, without numpy --
def test_the_last_step_of_a_long_series_is_not_forgotten():
    step = 300 * 10**9
    first = 1_672_531_500 * 10**9
    for steps in (1, 104_831, 10**6):
        grid = metrics.grid_of(np.array([first, first + steps * step]), step)
        assert (int(grid[0]), int(grid[-1]), len(grid)) == (first, first + steps * step, steps + 1)
    late = metrics.grid_of(np.array([first, first + 3 * step // 2]), step)
    assert late.tolist() == [first, first + step, first + 2 * step]


def naive_returns(equity):
    return [after / before - 1 for before, after in pairwise(equity)]


def naive_sharpe(returns, a_year):
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    return mean / deviation * math.sqrt(a_year) if deviation > 1e-12 * abs(mean) else math.nan


def naive_sortino(returns, a_year):
    below = [min(0.0, each) ** 2 for each in returns]
    downside = math.sqrt(math.fsum(below) / len(below))
    return statistics.fmean(returns) / downside * math.sqrt(a_year) if downside else math.nan


def naive_drawdown(equity):
    return max(1 - equity[j] / equity[i] for i in range(len(equity)) for j in range(i, len(equity)))


def naive_longest(equity):
    """From each peak, how long until it is reached again."""
    longest, peak = 0, 0
    for now in range(1, len(equity)):
        if equity[now] >= equity[peak]:
            longest, peak = max(longest, now - peak), now
    return max(longest, len(equity) - 1 - peak)


def naive_quantile(values, share):
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


def naive_shortfall(returns):
    """Each return twenty times: the worst 5 % are then whole returns."""
    copies = sorted(each for each in returns for _ in range(20))
    return -statistics.fmean(copies[: len(returns)])


def check_curve(equity, step_ns) -> None:
    returns = metrics.returns_of(equity)
    plain = naive_returns(equity.tolist())
    a_year = YEAR_NS / step_ns
    years = len(plain) / a_year
    pairs = [
        (metrics.sharpe(returns, step_ns), naive_sharpe(plain, a_year)),
        (metrics.sortino(returns, step_ns), naive_sortino(plain, a_year)),
        (metrics.volatility(returns, step_ns), statistics.stdev(plain) * math.sqrt(a_year)),
        (float(metrics.drawdowns(equity).max()), naive_drawdown(equity.tolist())),
        (metrics.longest_drawdown(equity), naive_longest(equity.tolist())),
        (metrics.value_at_risk(returns), -naive_quantile(plain, 0.05)),
        (metrics.total_return(equity), math.prod(1 + each for each in plain) - 1),
    ]
    if years * 365 >= 1:
        pairs.append((metrics.cagr(equity, step_ns), (equity[-1] / equity[0]) ** (1 / years) - 1))
    pairs.append((metrics.expected_shortfall(returns), naive_shortfall(plain)))
    for number, (ours, theirs) in enumerate(pairs):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9, nan_ok=True), number


@QUICK
@given(CURVES.filter(lambda equity: len(set(np.diff(equity) / equity[:-1])) > 1))
def test_figures_of_random_curves_are_those_of_the_second_way(equity):
    check_curve(equity, DAY_NS)


def test_figures_of_real_prices_are_those_of_the_second_way(shared_data):
    name = "cex_1m/ETHUSDT-PERP_1m_2025-05.parquet"
    feed = open_recordings([shared_data(name)], Settings().paper, Settings().recording)
    closes = np.array([float(tick.bars[0].close) for tick in feed.read(None, 60_000)])
    check_curve(closes[::1_440], DAY_NS)
    check_curve(closes[::60], 3_600 * 10**9)


def test_an_independent_library_agrees_on_random_and_real_curves():
    theirs = pytest.importorskip("empyrical", reason="empyrical-reloaded belongs to the bench packages")
    for seed in range(20):
        steps = np.random.PCG64(seed).random_raw(400).astype(np.float64) / 2**64 * 0.06 - 0.029
        equity = curve(steps)
        ours = metrics.curve_of(equity, DAY_NS)
        returns = metrics.returns_of(equity)
        assert ours.sharpe == pytest.approx(theirs.sharpe_ratio(returns, annualization=365), rel=1e-9)
        assert ours.sortino == pytest.approx(theirs.sortino_ratio(returns, annualization=365), rel=1e-9)
        assert ours.cagr == pytest.approx(theirs.cagr(returns, annualization=365), rel=1e-9)
        assert -ours.max_drawdown == pytest.approx(theirs.max_drawdown(returns), rel=1e-9)
        assert ours.calmar == pytest.approx(theirs.calmar_ratio(returns, annualization=365), rel=1e-9)
        assert -ours.var_95 == pytest.approx(theirs.value_at_risk(returns), rel=1e-9)


def test_a_curve_worked_by_hand():
    """100, 110, 99, 99, 121: up 10 %, down 10 %, still, up 22.2 %; one peak, two days below it."""
    equity = np.array([100.0, 110.0, 99.0, 99.0, 121.0])
    figures = metrics.curve_of(equity, DAY_NS, held=np.array([0.0, 55.0, 0.0, 99.0, 121.0]))
    assert figures.total_return == pytest.approx(0.21)
    assert figures.cagr == pytest.approx(1.21 ** (365 / 4) - 1)
    assert figures.max_drawdown == pytest.approx(0.1)
    assert figures.drawdown_days == 3.0  # Until the fourth day's close.
    assert figures.calmar == pytest.approx(figures.cagr / 0.1)
    assert figures.exposure == pytest.approx((0.5 + 1 + 1) / 5)


def test_ratios_are_of_days_and_drawdown_is_of_every_bar():
    hours = np.concatenate([np.linspace(100, 110, 25), np.linspace(109, 120, 24)])
    hours[30] = 55.0  # Within the second day, and made good.
    figures = metrics.curve_of(hours, 3_600 * 10**9)
    assert figures.max_drawdown == pytest.approx(1 - 55 / hours[:30].max())
    assert figures.volatility == pytest.approx(np.std([0.1, 120 / 110 - 1], ddof=1) * math.sqrt(365))


def test_what_does_not_exist_is_not_0():
    flat = metrics.curve_of(np.full(10, 5.0), DAY_NS)
    assert math.isnan(flat.sharpe)
    assert math.isnan(flat.sortino)
    assert math.isnan(flat.calmar)
    assert (flat.max_drawdown, flat.drawdown_days, flat.cagr) == (0.0, 1.0, 0.0)
    assert math.isnan(metrics.cagr(np.array([1.0, 2.0]), 60 * 10**9))
    none = metrics.deals_of([], 100, YEAR_NS)
    assert none.count == 0
    assert all(map(math.isnan, (none.win_rate, none.profit_factor, none.expectancy, none.cost_share)))
    assert metrics.profit_factor([5]) == math.inf


def trip(result: int, at: int = 0, strategy="s", token="paper:T", fees: int = 0, slipped=0.0) -> Trip:
    return Trip(
        strategy=strategy, token=token, chain=token.split(":")[0], opened_ns=at, closed_ns=at + 3_600 * 10**9,
        cost=100, proceeds=100 + result + fees, fees=fees, slipped=slipped,
    )  # fmt: skip


def test_trades_worked_by_hand():
    trips = [trip(result, at, fees=1, slipped=3.0) for at, result in enumerate([30, 10, -5, -5, 0, 20])]
    deals = metrics.deals_of(trips, 1_000, YEAR_NS // 2)
    assert (deals.count, deals.win_rate, deals.profit_factor) == (6, 0.5, 6.0)
    assert (deals.expectancy, deals.mean_win, deals.mean_loss) == (50 / 6, 20.0, -5.0)
    assert (deals.most_wins, deals.most_losses) == (2, 3)  # A result of 0 is no win.
    assert (deals.result, deals.fees) == (50, 6)
    assert deals.cost_share == pytest.approx(24 / 74)
    assert deals.turnover == pytest.approx((600 + 656) / 1_000 * 2)
    assert deals.mean_hours == 1.0


@QUICK
@given(some.lists(some.integers(-50, 50), max_size=40))
def test_trades_of_any_results_are_those_of_the_second_way(results):
    deals = metrics.deals_of([trip(result, at) for at, result in enumerate(results)], 100, YEAR_NS)
    words = "".join("w" if result > 0 else "l" for result in results)
    assert deals.most_wins == max(map(len, words.split("l")), default=0)
    assert deals.most_losses == max(map(len, words.split("w")), default=0)
    assert deals.result == sum(results)
    lost = sum(-result for result in results if result < 0)
    if lost:
        assert deals.profit_factor == pytest.approx(sum(r for r in results if r > 0) / lost)


def test_groups_are_by_strategy_token_and_chain():
    trips = [
        trip(5, strategy="a"),
        trip(-2, strategy="b", token="evm:T"),
        trip(3, strategy="a", token="evm:T"),
    ]
    by = {name: metrics.grouped(trips, lambda each, name=name: getattr(each, name), 100, YEAR_NS)
          for name in ("strategy", "token", "chain")}  # fmt: skip
    assert {name: deals.result for name, deals in by["strategy"].items()} == {"a": 8, "b": -2}
    assert {name: deals.result for name, deals in by["chain"].items()} == {"evm": 1, "paper": 5}
    assert json.dumps(list(by["token"])) == '["evm:T", "paper:T"]'
