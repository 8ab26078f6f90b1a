"""Other backtest engines on the bars and the crossing of tests/bench/backtest.py; none of them is ours."""

import time
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from typing import NamedTuple

import numpy as np

from actors.messages import PRICE_SCALE
from strategies.recorded import Recorded
from tests.bench.parts.crossing import FAST, SLOW

FEE_PIPS = 1_000
Ours = Callable[[], float]  # CPU seconds of ours, the best of a few.
WHOLE = PRICE_SCALE * 1e6  # Prices as others have them: whole dollars.


def best(call: Callable[..., object], prepare: Callable[[], object] | None = None, times: int = 15) -> float:
    """CPU seconds of the best of several calls, after one to warm up."""
    return min(once(call, prepare) for _ in range(times + 1))


def once(call: Callable[..., object], prepare: Callable[[], object] | None = None) -> float:
    made = () if prepare is None else (prepare(),)
    begun = time.process_time()
    call(*made)
    return time.process_time() - begun


class Turns(NamedTuple):
    """CPU seconds of the best of theirs and of ours, which take turns: the machine is as fast for both."""

    theirs: float
    ours: float


def turns(
    ours: Ours, call: Callable[..., object], prepare: Callable[[], object] | None = None, times: int = 15
) -> Turns:
    pairs = [(once(call, prepare), ours()) for _ in range(times + 1)]
    return Turns(min(theirs for theirs, _ in pairs), min(own for _, own in pairs))


def averages(close: np.ndarray, span: int) -> np.ndarray:
    out = np.empty_like(close)
    value = out[0] = close[0]
    for place in range(1, len(close)):
        value += 2.0 / (span + 1) * (close[place] - value)
        out[place] = value
    return out


def signals(close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    above = averages(close, FAST) > averages(close, SLOW)
    above[: SLOW - 1] = False
    before = np.concatenate([[False], above[:-1]])
    return above & ~before, ~above & before


def _check(name: str, orders: int) -> None:
    """Who does nothing is fast."""
    if orders < 500:
        raise RuntimeError(f"{name} made {orders} orders: it was not measured at what the others do")


def frame_of(recorded: Recorded):
    import pandas as pd  # noqa: PLC0415

    bars = recorded.tape.bars
    columns = {name: bars[name] / WHOLE for name in ("open", "high", "low", "close")}
    return pd.DataFrame(columns, index=pd.to_datetime(recorded.tape.moments, utc=True))


def vectorbt_kernel(recorded: Recorded, ours: Ours) -> Turns:
    """simulate_from_signals_nb, its arrays ready."""
    from vectorbt.portfolio import nb  # noqa: PLC0415
    from vectorbt.portfolio.enums import Direction  # noqa: PLC0415

    close = np.ascontiguousarray(recorded.tape.bars.close)[:, None] / WHOLE
    entries, exits = (each[:, None] for each in signals(close[:, 0]))

    groups = np.array([1])
    order = nb.build_call_seq(close.shape, groups)

    def call() -> np.ndarray:
        return nb.simulate_from_signals_nb(
            close.shape, groups, np.array([10_000.0]), order, entries=entries, exits=exits,
            direction=np.array([[Direction.LongOnly]]), price=close, close=close,
            fees=np.array([[FEE_PIPS / 1e6]]), use_stops=False,
        )[0]  # fmt: skip

    _check("vectorbt", len(call()))
    return turns(ours, call)


def backtesting_py(recorded: Recorded, ours: Ours) -> Turns:
    """A run, which makes its averages and looks for their crossing as its manual does."""
    from backtesting import Backtest, Strategy  # noqa: PLC0415
    from backtesting.lib import crossover  # noqa: PLC0415

    frame = frame_of(recorded).rename(columns=str.title)

    class Cross(Strategy):
        def init(self) -> None:
            self.fast = self.I(averages, self.data.Close, FAST)
            self.slow = self.I(averages, self.data.Close, SLOW)

        def next(self) -> None:
            if len(self.data) >= SLOW and crossover(self.fast, self.slow):
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()

    engine = Backtest(frame, Cross, cash=1_000_000, commission=FEE_PIPS / 1e6)
    with redirect_stderr(StringIO()):  # Its progress bar.
        _check("backtesting.py", 2 * len(engine.run()["_trades"]))
        return turns(ours, engine.run, times=2)


def nautilus(recorded: Recorded, ours: Ours) -> Turns:
    """A run, its data loaded; its own averages."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # noqa: PLC0415
    from nautilus_trader.config import LoggingConfig  # noqa: PLC0415
    from nautilus_trader.indicators import ExponentialMovingAverage  # noqa: PLC0415
    from nautilus_trader.model.currencies import ETH, USDT  # noqa: PLC0415
    from nautilus_trader.model.data import BarType  # noqa: PLC0415
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide  # noqa: PLC0415
    from nautilus_trader.model.objects import Money  # noqa: PLC0415
    from nautilus_trader.persistence.wranglers import BarDataWrangler  # noqa: PLC0415
    from nautilus_trader.test_kit.providers import TestInstrumentProvider  # noqa: PLC0415
    from nautilus_trader.trading.strategy import Strategy  # noqa: PLC0415

    instrument = TestInstrumentProvider.ethusdt_binance()
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    bars = BarDataWrangler(kind, instrument).process(frame_of(recorded))

    class Cross(Strategy):
        def on_start(self) -> None:
            self.held, self.size = False, instrument.make_qty(10)
            self.fast, self.slow = ExponentialMovingAverage(FAST), ExponentialMovingAverage(SLOW)
            for average in (self.fast, self.slow):
                self.register_indicator_for_bars(kind, average)
            self.subscribe_bars(kind)

        def on_bar(self, _: object) -> None:
            above = self.fast.value > self.slow.value
            if self.slow.initialized and above != self.held:
                self.held = above
                side = OrderSide.BUY if above else OrderSide.SELL
                self.submit_order(self.order_factory.market(instrument.id, side, self.size))

    def engine() -> BacktestEngine:
        made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        funds = [Money(1_000_000, USDT), Money(0, ETH)]
        made.add_venue(instrument.id.venue, OmsType.NETTING, AccountType.CASH, funds)
        made.add_instrument(instrument)
        made.add_data(bars)
        made.add_strategy(Cross())
        return made

    def run(made: BacktestEngine) -> None:
        made.run()
        _check("nautilus_trader", len(made.cache.orders_closed()))
        made.dispose()

    return turns(ours, run, engine, times=2)


# Rows of the table: the name, the package, and its turns with ours.
PEERS: tuple[tuple[str, str, Callable[[Recorded, Ours], Turns]], ...] = (
    ("vectorbt kernel", "vectorbt", vectorbt_kernel),
    ("backtesting.py", "backtesting", backtesting_py),
    ("nautilus_trader", "nautilus_trader", nautilus),
)
