"""What a backtest begins with: the money and its limits, the tokens, and minds that know nothing yet."""

from collections.abc import Sequence

import numpy as np

from actors.messages import BPS, PRICE_SCALE
from chains.paper.fate import valid_seconds
from storage.amounts import to_units
from storage.config import Settings
from strategies import steps
from strategies.kernel.tables import BOOK, MIND, ORDER, REFUSALS, TOKEN, Desk, Floats, Table, table
from strategies.kernel.wide import wide
from strategies.limits import MINUTE_NS, MOST_FEES, SECOND_NS
from strategies.recorded import Recorded

MOST_CAPITAL = 2**63 // BPS


def desk_of(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], moments: int, orders: int
) -> Desk:
    """Before the first tick.  `moments` 0: no equity is kept; `orders`: so many are kept, all are counted."""
    tokens = table(TOKEN, len(recorded.instruments))
    for token, instrument in zip(tokens, recorded.instruments, strict=True):
        unit = 10**instrument.token_decimals * PRICE_SCALE
        token.fee, token.scale, token.unit[:] = instrument.fee_pips, float(unit), wide(unit)
        token.chain = _chains(recorded).index(instrument.token.partition(":")[0])
    tokens.owner = tokens.bar = tokens.left_ns = tokens.freed_ns = -1
    minds, params, states = minds_of(recorded, settings, strategies)
    return Desk(
        book_of(settings, recorded.bar_ns), tokens, table(ORDER, orders), minds, params, states,
        np.zeros((len(strategies), len(REFUSALS)), np.int64), np.zeros(moments),
        np.zeros(len(minds)),
    )  # fmt: skip


def _chains(recorded: Recorded) -> list[str]:
    return sorted({each.token.partition(":")[0] for each in recorded.instruments})


def minds_of(
    recorded: Recorded, settings: Settings, strategies: Sequence[str]
) -> tuple[Table, Floats, Floats]:
    """Minds that know nothing yet, their parameters and their states; in the order of the ids of wishes."""
    named = [
        (f"{name}:{instrument.token}:", strategy, number, name, instrument)
        for strategy, name in enumerate(strategies)
        for number, instrument in enumerate(recorded.instruments)
    ]
    minds, params, states = table(MIND, len(named)), [], []
    for mind, (_, strategy, number, name, instrument) in zip(minds, sorted(named), strict=True):
        mind.strategy, mind.token, mind.kind = strategy, number, steps.KINDS[name]
        mind.budget_bps = settings.limits.strategy_budget_bps
        mind.frame_ns = steps.timeframe_minutes(name, settings) * MINUTE_NS
        params.append(steps.MODULES[name].params_of(settings, instrument))
        states.append(steps.MODULES[name].new_state(params[-1]))
    return minds, _padded(params), _padded(states)


def _padded(rows: list[Floats]) -> Floats:
    longest = max(map(len, rows))
    return np.array([np.pad(row, (0, longest - len(row))) for row in rows])


def check_capital(settings: Settings) -> None:
    """ValueError, with the fix, for more than compiled code can count."""
    if to_units(settings.paper.capital, settings.paper.quote_decimals) >= MOST_CAPITAL:
        raise ValueError(f"paper.capital = {settings.paper.capital}: too large; lower it, or quote_decimals.")


def book_of(settings: Settings, bar_ns: int) -> Table:
    limits, exits, paper, decimals = (
        settings.limits,
        settings.exits,
        settings.paper,
        settings.paper.quote_decimals,
    )
    book = table(BOOK, 1)
    book.free = book.deposits = to_units(paper.capital, decimals)
    book.day = -1
    book.position_bps, book.total_bps = limits.position_bps, limits.total_exposure_bps
    book.chain_bps = limits.chain_exposure_bps
    book.most_positions, book.min_order = limits.max_positions, to_units(limits.min_order, decimals)
    book.daily_loss_bps, book.loss_streak = limits.daily_loss_bps, limits.loss_streak
    book.pause_ns = limits.loss_streak_pause_minutes * MINUTE_NS
    book.cooldown_ns, book.slippage_bps = limits.cooldown_minutes * MINUTE_NS, limits.slippage_bps
    book.deadline_ns, book.gas = limits.deadline_seconds * SECOND_NS, to_units(paper.gas, decimals)
    book.max_fee, book.latency_ns = MOST_FEES * book.gas, paper.latency_seconds * SECOND_NS
    book.valid_ns = valid_seconds(paper, bar_ns) * SECOND_NS
    book.stop_bps, book.trailing_bps = exits.stop_bps, exits.trailing_bps
    book.take_bps, book.take_portion_bps = exits.take_profit_bps, exits.take_profit_portion_bps
    book.hold_ns = exits.max_hold_minutes * MINUTE_NS
    return book
