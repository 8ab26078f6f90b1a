"""The tables of config.toml that say how strategies trade, and what makes no sense in them."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from actors.messages import BPS
from storage.config_kinds import Bars, Bps, Complaint, NotNegative, Positive


class Momentum(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What has risen goes on rising: a breakout (Donchian), or the return over two spans (TSMOM)."""

    form: Literal["donchian", "tsmom"] = "donchian"
    timeframe_minutes: Positive = 60
    entry_bars: Bars = 48
    exit_bars: Bars = 24
    atr_bars: Bars = 24
    trail_atr: Annotated[float, Meta(gt=0)] = 5.0
    long_bars: Bars = 168  # Of tsmom: both spans must have risen, this one ...
    short_bars: Bars = 72  # ... and this one.
    look_bars: Bars = 24  # It looks every so many bars.
    target_volatility: Annotated[float, Meta(ge=0)] = 0.6  # A year's; 0: always full size.


class Scalping(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Buy far below the average price of the volume, if the way back pays for both swaps several times."""

    enabled: bool = False
    timeframe_minutes: Positive = 5
    vwap_bars: Bars = 288
    entry_deviations: Annotated[float, Meta(gt=0)] = 4.0
    exit_deviations: Annotated[float, Meta(ge=0)] = 0.0
    edge_multiple: Annotated[float, Meta(ge=1)] = 4.0  # Of the cost of a round trip.
    slippage_bps: Bps = 5  # Expected, a side: what the price moves until the swap lands.
    stop_bps: Bps = 800
    max_hold_bars: Bars = 288
    rest_bars: NotNegative = 12  # After a sale; five times as many after a stop.


class Ai(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A trained model ranks tokens, and a calibrated gate looks whether that pays for the swaps."""

    enabled: bool = False
    model: str = ""  # The folder that `run.py train` made.
    timeframe_minutes: Positive = 60
    edge_multiple: Annotated[float, Meta(ge=1)] = 1.5  # Of the cost of a round trip.
    slippage_bps: Bps = 5  # Expected, a side: what the price moves until the swap lands.
    kelly: Annotated[float, Meta(gt=0, le=1)] = 0.25  # The share of Kelly's bet that is taken.
    most_bps: Bps = 2_000  # Of the strategy's budget, in one token.
    target_volatility: Annotated[float, Meta(ge=0)] = 0.6  # A year's; 0: not looked at.
    decay_bars: Bars = 720  # It is judged by the forecasts of about so many bars.


class Mix(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What each strategy may use, by what it would have earned: shares of the deposits; the rest is cash."""

    enabled: bool = False
    momentum_bps: Bps = 5_000  # At first, of those that are switched on; nobody inherits another's.
    scalping_bps: Bps = 2_500
    ai_bps: Bps = 2_500
    shadows: tuple[Literal["momentum", "scalping", "ai"], ...] = ()  # Watched, though they are off.
    floor_bps: Bps = 500
    cap_bps: Bps = 5_000
    band_bps: Bps = 200  # Budgets that would all change by less stay as they are.
    daily_volatility_bps: Annotated[int, Meta(gt=0, le=BPS)] = 150  # Wilder ones get less.
    look_back_days: Annotated[int, Meta(ge=7, le=1_000)] = 60  # Of volatility.
    decay: Annotated[float, Meta(gt=0, le=1)] = 0.99  # A day.
    horizon_days: Annotated[int, Meta(ge=7, le=10_000)] = 180  # Of the learning rate.

    def start(self) -> dict[str, int]:
        """What each strategy may use at first, in basis points."""
        return {"momentum": self.momentum_bps, "scalping": self.scalping_bps, "ai": self.ai_bps}


def bad_strategies(momentum: Momentum, ai: Ai) -> Iterator[Complaint]:
    yield from _bad_momentum(momentum)
    yield from _bad_ai(ai)


def bad_mix(mix: Mix, model: str, ceiling_bps: int, least_bps: int) -> Iterator[Complaint]:
    """`model`: ai.model; `ceiling_bps`: limits.strategy_budget_bps.

    `least_bps`: limits.min_order as a share of the capital.
    """
    if not mix.enabled:
        return
    if "ai" in mix.shadows and not model.strip():
        yield "mix.shadows", mix.shadows, "name the model of ai in ai.model (run.py train), or leave ai out"
    experts = len(mix.start()) + 1
    if mix.floor_bps * experts > BPS:
        fix = f"at most {BPS // experts}: {experts - 1} strategies and cash have one each"
        yield "mix.floor_bps", mix.floor_bps, fix
    if mix.floor_bps < least_bps:
        yield (
            "mix.floor_bps",
            mix.floor_bps,
            f"raise it to {least_bps}: limits.min_order does not fit into it",
        )
    if mix.cap_bps < mix.floor_bps:
        yield "mix.cap_bps", mix.cap_bps, f"raise it to mix.floor_bps ({mix.floor_bps}) at least"
    if mix.cap_bps > ceiling_bps:
        fix = f"lower it to limits.strategy_budget_bps ({ceiling_bps}), above which nobody gets"
        yield "mix.cap_bps", mix.cap_bps, fix
    for name, share in mix.start().items():
        if not mix.floor_bps <= share <= mix.cap_bps:
            fix = f"from mix.floor_bps ({mix.floor_bps}) to mix.cap_bps ({mix.cap_bps})"
            yield f"mix.{name}_bps", share, fix
    if sum(mix.start().values()) > BPS:
        yield "mix.momentum_bps", mix.momentum_bps, "with scalping_bps and ai_bps it is more than all (10000)"


def _bad_momentum(momentum: Momentum) -> Iterator[Complaint]:
    if momentum.exit_bars > momentum.entry_bars:
        fix = f"at most entry_bars ({momentum.entry_bars}), or it would leave before it enters"
        yield "momentum.exit_bars", momentum.exit_bars, fix
    if momentum.short_bars > momentum.long_bars:
        fix = f"at most long_bars ({momentum.long_bars}): it is the shorter span of the two"
        yield "momentum.short_bars", momentum.short_bars, fix


def _bad_ai(ai: Ai) -> Iterator[Complaint]:
    if ai.enabled and not ai.model.strip():
        yield "ai.model", ai.model, "name the folder of a model (run.py train), or set ai.enabled = false"
    if not ai.most_bps:
        yield "ai.most_bps", 0, "this buys nothing; raise it, or set ai.enabled = false"
