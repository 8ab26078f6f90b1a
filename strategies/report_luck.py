"""How much of a result may be luck, given how often parameters were tried before.  Pure."""

from msgspec import Struct

from strategies.backtest import Result
from strategies.deflated import deflated, luckiest, moments_of
from strategies.metrics import daily, returns_of
from strategies.results import evenly


class Trials(Struct, frozen=True):
    """How often parameters were tried before these were shown."""

    count: int = 1
    spread: float = 0.0  # The variance of their daily Sharpe ratios.
    source: str = ""  # Where that is known from; "": nobody said that there were others.


def certainty(result: Result, trials: Trials) -> float:
    """The deflated Sharpe ratio; NaN where there is no ratio."""
    equity = evenly(result.equity, result.recorded.tape.moments, result.recorded.bar_ns)
    return deflated(
        moments_of(returns_of(daily(equity, result.recorded.bar_ns))), trials.count, trials.spread
    )


def told(trials: Trials) -> str:
    source = f" (from {trials.source})" if trials.source else ", as nobody named a sweep"
    best, some = luckiest(trials.count, trials.spread), "trial" if trials.count == 1 else "trials"
    return (
        f"The deflated Sharpe ratio counts {trials.count} {some}{source}: how "
        f"likely it is that the true ratio is above the {best:.3f} a day that the luckiest of so many "
        f"worthless ones is expected to show (Bailey and López de Prado, 2014).  Below 95 % call it luck."
    )
