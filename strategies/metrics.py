"""What a trading record is worth, from fills, fees and the equity between them.  Pure.

Equity is a series at equal steps.  Ratios are of simple returns a step, annualised with a year of 365 days,
without a risk-free rate; risk figures are positive where something was lost.  A figure that does not exist (a
Sharpe ratio without any variance, a profit factor without a loss) is NaN or infinite, never 0.

Sources: Sharpe (1994); Sortino and Price (1994), against a target of 0; Young (1991) for Calmar; Rockafellar
and Uryasev (2000) for CVaR.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
YEAR_NS = 365 * 86_400 * 10**9
DAY_NS = 86_400 * 10**9


class Trip(Struct, frozen=True, kw_only=True):
    """A position from its buy to its last sell: what it cost, what it brought, all in quote units.

    `fees` are the chain's (gas), of its failed orders too.  `slipped` is what its fills gave less than the
    price at the decision would have: pool fee, impact and the move until the fill, so it may be negative.
    """

    strategy: str
    token: str
    chain: str
    opened_ns: int
    closed_ns: int
    cost: int
    proceeds: int
    fees: int
    slipped: float = 0.0

    @property
    def result(self) -> int:
        return self.proceeds - self.cost - self.fees


class Curve(Struct, frozen=True):
    """Figures of an equity curve."""

    total_return: float  # A share: 0.1 is 10 %.
    cagr: float  # Compound return a year; NaN for less than a day.
    volatility: float  # Standard deviation of returns, a year's.
    sharpe: float
    sortino: float
    calmar: float  # CAGR over the maximum drawdown.
    max_drawdown: float  # Share of the peak before it.
    drawdown_days: float  # The longest time from a peak until it was reached again, or to the end.
    var_95: float  # Of a day's returns: 5 % of the days lost more.
    cvar_95: float  # The mean loss of those days.
    exposure: float  # Mean share of the equity that was in positions; NaN if not known.


class Deals(Struct, frozen=True):
    """Figures of closed positions; amounts are in quote units."""

    count: int
    win_rate: float
    profit_factor: float  # What the winners made over what the losers lost.
    expectancy: float  # Mean result of a trade.
    mean_win: float
    mean_loss: float
    most_wins: int  # In a row.
    most_losses: int
    result: int
    fees: int
    cost_share: float  # Fees and what slipped, of what was made before them; NaN if nothing was.
    turnover: float  # Bought and sold, over the capital, a year.
    mean_hours: float


# -- curves --
def grid_of(moments: Integers, step_ns: int) -> Integers:
    """From the first moment at equal steps to the last one, or to the step after it; in whole numbers.

    numpy.arange divides as floats, and so forgets the last step of a long series.
    """
    first, last = int(moments[0]), int(moments[-1])
    steps: Integers = first + np.arange(-(-(last - first) // step_ns) + 1, dtype=np.int64) * step_ns
    return steps


def returns_of(equity: Floats) -> Floats:
    """Simple returns a step: (n,) becomes (n - 1,)."""
    made: Floats = np.diff(equity) / equity[:-1]
    return made


def daily(equity: Floats, step_ns: int) -> Floats:
    """The first value, then the last of each whole day; the last value of all too."""
    steps = max(1, round(DAY_NS / step_ns))
    places = [0, *range(steps, len(equity), steps)]
    if places[-1] != len(equity) - 1:
        places.append(len(equity) - 1)
    return np.asarray(equity[places], np.float64)


def total_return(equity: Floats) -> float:
    return float(equity[-1] / equity[0] - 1.0)


def cagr(equity: Floats, step_ns: int) -> float:
    """(last / first) ** (1 / years) - 1; -1 if all is lost."""
    years = (len(equity) - 1) * step_ns / YEAR_NS
    if years * YEAR_NS < DAY_NS:
        return math.nan
    growth = float(equity[-1] / equity[0])
    return growth ** (1.0 / years) - 1.0 if growth > 0 else -1.0


def _a_year(step_ns: int) -> float:
    return math.sqrt(YEAR_NS / step_ns)


def volatility(returns: Floats, step_ns: int) -> float:
    """Sample standard deviation (n - 1) times the root of the steps of a year."""
    return float(np.std(returns, ddof=1)) * _a_year(step_ns) if len(returns) > 1 else math.nan


def sharpe(returns: Floats, step_ns: int) -> float:
    """Mean over sample standard deviation of returns, annualised."""
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    mean = float(np.mean(returns)) if len(returns) else 0.0
    # Equal returns differ by what rounding left of them.
    return mean / deviation * _a_year(step_ns) if deviation > 1e-12 * abs(mean) else math.nan


def sortino(returns: Floats, step_ns: int) -> float:
    """Mean over the root of the mean square of negative returns (over all steps), annualised."""
    if not len(returns):
        return math.nan
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    mean = float(np.mean(returns))
    return mean / downside * _a_year(step_ns) if downside > 0 else math.nan


def drawdowns(equity: Floats) -> Floats:
    """Below the highest value so far, as a share of it, at each step."""
    peaks = np.maximum.accumulate(equity)
    below: Floats = 1.0 - equity / peaks
    return below


def longest_drawdown(equity: Floats) -> int:
    """Steps from a peak until its value is reached again, or to the end."""
    peaks = np.maximum.accumulate(equity)
    at_peak = np.append(np.flatnonzero(equity >= peaks), len(equity) - 1)
    return int(np.diff(at_peak).max()) if len(at_peak) > 1 else 0


def value_at_risk(returns: Floats, level: float = 0.95) -> float:
    """The loss that a share of `1 - level` of the returns exceeds; linear between returns."""
    return -float(np.quantile(returns, 1.0 - level)) if len(returns) else math.nan


def expected_shortfall(returns: Floats, level: float = 0.95) -> float:
    """The mean loss of the worst share of `1 - level` of the returns (CVaR); the last counts in part."""
    if not len(returns):
        return math.nan
    count = len(returns) * (1.0 - level)
    weights = np.clip(count - np.arange(len(returns)), 0.0, 1.0)
    return -float(np.dot(np.sort(returns), weights)) / count


def curve_of(equity: Floats, step_ns: int, held: Floats | None = None) -> Curve:
    """Ratios and risk are of daily values; drawdown is of every step.  `held`: value of positions by step."""
    days = daily(equity, step_ns)
    returns = returns_of(days)
    step = max(step_ns, DAY_NS)
    grown, deepest = cagr(equity, step_ns), float(drawdowns(equity).max())
    return Curve(
        total_return=total_return(equity), cagr=grown, volatility=volatility(returns, step),
        sharpe=sharpe(returns, step), sortino=sortino(returns, step),
        calmar=grown / deepest if deepest > 0 else math.nan, max_drawdown=deepest,
        drawdown_days=longest_drawdown(equity) * step_ns / DAY_NS,
        var_95=value_at_risk(returns), cvar_95=expected_shortfall(returns),
        exposure=math.nan if held is None else float(np.mean(held / equity)),
    )  # fmt: skip


# -- trades --
def win_rate(results: Sequence[int]) -> float:
    """Share of the results above 0; a result of 0 is no win."""
    return sum(result > 0 for result in results) / len(results) if results else math.nan


def profit_factor(results: Sequence[int]) -> float:
    """Infinite without a loss, NaN without a trade."""
    made = sum(result for result in results if result > 0)
    lost = -sum(result for result in results if result < 0)
    if lost:
        return made / lost
    return math.inf if made else math.nan


def longest_streak(results: Sequence[int], wins: bool) -> int:
    longest = now = 0
    for result in results:
        now = now + 1 if (result > 0) == wins else 0
        longest = max(longest, now)
    return longest


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def deals_of(trips: Sequence[Trip], capital: int, span_ns: int) -> Deals:
    """In the order in which they were closed."""
    trips = sorted(trips, key=lambda trip: (trip.closed_ns, trip.opened_ns, trip.token))
    results = [trip.result for trip in trips]
    costs = sum(trip.fees + trip.slipped for trip in trips)
    before = sum(results) + costs
    turned = sum(trip.cost + trip.proceeds for trip in trips)
    return Deals(
        count=len(trips), win_rate=win_rate(results), profit_factor=profit_factor(results),
        expectancy=_mean(results), mean_win=_mean([each for each in results if each > 0]),
        mean_loss=_mean([each for each in results if each < 0]),
        most_wins=longest_streak(results, wins=True), most_losses=longest_streak(results, wins=False),
        result=sum(results), fees=sum(trip.fees for trip in trips),
        cost_share=costs / before if before > 0 else math.nan,
        turnover=turned / capital * YEAR_NS / span_ns if span_ns > 0 else math.nan,
        mean_hours=_mean([(trip.closed_ns - trip.opened_ns) / 3.6e12 for trip in trips]),
    )  # fmt: skip


def grouped(trips: Iterable[Trip], by: Callable[[Trip], str], capital: int, span_ns: int) -> dict[str, Deals]:
    """By strategy, token or chain: `by` names the group of a trip."""
    groups: dict[str, list[Trip]] = {}
    for trip in trips:
        groups.setdefault(by(trip), []).append(trip)
    return {name: deals_of(members, capital, span_ns) for name, members in sorted(groups.items())}
