"""What the schedules of one world trade under, and at which prices: the same for all of them."""

import functools
import random
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from storage.config import Exits, Limits, Momentum, Paper, Settings
from tests.simulation.chains import compared
from tests.simulation.outside import Prices, drawn
from tests.simulation.sizes import Size

FIRST_RISES = 3  # Enough for the channel of two bars to be left upwards.
SETTINGS = Settings(
    paper=Paper(gas="0.02", capital="10000"),
    momentum=Momentum(timeframe_minutes=1, entry_bars=2, exit_bars=2, atr_bars=2, target_volatility=0),
    exits=Exits(stop_bps=300, take_profit_bps=300, trailing_bps=200),
    limits=Limits(
        cooldown_minutes=0, loss_streak=1_000, daily_loss_bps=10_000, slippage_bps=9_000, deadline_seconds=60
    ),
)


@functools.lru_cache(maxsize=64)
def settings_of(outside: int, size: Size) -> Any:
    if compared(outside):
        return to_builtins(SETTINGS)
    seconds = size.deadlines[int(drawn("deadline", outside) * len(size.deadlines))]
    return to_builtins(replace(SETTINGS, limits=replace(SETTINGS.limits, deadline_seconds=seconds)))


@functools.lru_cache(maxsize=64)
def prices_of(outside: int, size: Size) -> Prices:
    """On chains some markets are live, and go on until what was bought is final and sold again."""
    chance = random.Random(f"prices {outside}")
    tokens, bars = chance.choice(size.tokens), chance.choice(size.bars)
    rises = size.rises[int(drawn("rises", outside) * len(size.rises))]
    falls = size.falls[int(drawn("falls", outside) * len(size.falls))]
    if falls:
        rises, bars = rises or FIRST_RISES, (rises or FIRST_RISES) + falls + 1
    if compared(outside) or drawn("live", outside) > size.live_share:
        return Prices(outside, tokens, bars, rises=rises, falls=falls)
    return Prices(outside, min(tokens, 2), size.live_bars, ahead=1, rises=rises, falls=falls)
