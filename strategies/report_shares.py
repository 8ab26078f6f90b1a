"""What each strategy did to the money, and what a backtest's swaps cost.  Pure; amounts in quote units."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

from actors.messages import PRICE_SCALE, Side
from strategies.backtest import Fill, Result
from strategies.metrics import Floats, Trip
from strategies.results import closes_of


class Share(Struct, frozen=True):
    """What a strategy did to the capital."""

    realised: int  # Sales less what was sold had cost, and less gas, of orders that came to nothing too.
    open: float  # Positions at their last close, less what they cost.

    @property
    def whole(self) -> float:
        return self.realised + self.open


class Costs(Struct, frozen=True):
    """Of closed positions."""

    before: float  # What was made before them.
    slipped: float  # Fees of pools, impact, and the move until the fill.
    gas: int
    swapped: int

    @property
    def left(self) -> float:
        return self.before - self.slipped - self.gas


def costs_of(trips: list[Trip]) -> Costs:
    slipped, gas = sum(trip.slipped for trip in trips), sum(trip.fees for trip in trips)
    made = sum(trip.proceeds - trip.cost for trip in trips)
    return Costs(made + slipped, slipped, gas, sum(trip.cost + trip.proceeds for trip in trips))


def shares(result: Result) -> dict[str, Share]:
    """By strategy; together they are what the equity has grown by."""
    return {name: _share(result, name) for name in result.strategies}


def _share(result: Result, strategy: str) -> Share:
    fills = [fill for fill in result.fills if fill.strategy == strategy]
    sold = sum(fill.amount_out - fill.cost for fill in landed(fills) if fill.side is Side.SELL)
    realised = sold - sum(fill.fee for fill in fills)
    return Share(realised, float(grown(result, strategy)[-1]) - realised)


def landed(fills: list[Fill]) -> Iterator[Fill]:
    return (fill for fill in fills if fill.outcome == "landed")


def grown(result: Result, strategy: str) -> Floats:
    """What a strategy has added to the capital by each moment, its positions at their last close."""
    moments = result.recorded.tape.moments
    cash = np.zeros(len(moments))
    held = {each.token: np.zeros(len(moments)) for each in result.recorded.instruments}
    for fill in result.fills:
        if fill.strategy != strategy or not fill.done_ns:
            continue
        place = int(np.searchsorted(moments, fill.done_ns))
        cash[place] -= fill.fee
        if fill.outcome == "landed":
            bought = fill.side is Side.BUY
            cash[place] += -fill.amount_in if bought else fill.amount_out
            held[fill.token][place] += fill.amount_out if bought else -fill.amount_in
    total = np.cumsum(cash)
    for each, closes in zip(result.recorded.instruments, closes_of(result), strict=True):
        if held[each.token].any():
            scale = PRICE_SCALE * 10.0**each.token_decimals
            total += np.cumsum(held[each.token]) * (closes / scale)
    return total
