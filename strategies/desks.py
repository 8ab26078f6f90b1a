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
    tokens, chains = np.zeros(len(recorded.instruments), TOKEN), _chains(recorded)
    for token, instrument in zip(tokens, recorded.instruments, strict=True):
        unit = 10**instrument.token_decimals * PRICE_SCALE
        token["fee"], token["scale"], token["unit"] = instrument.fee_pips, float(unit), wide(unit)
        token["chain"] = chains.index(instrument.token.partition(":")[0])
    for name in ("owner", "bar", "left_ns", "freed_ns"):
        tokens[name] = -1
    minds, params, states = minds_of(recorded, settings, strategies)
    return Desk(
        book_of(settings, recorded.bar_ns), tokens.view(np.recarray), table(ORDER, orders),
        minds, params, states,
        np.zeros((len(strategies), len(REFUSALS)), np.int64), np.zeros(moments), np.zeros(len(minds)),
        np.zeros((len(minds), steps.SCRATCH)),
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
    minds, params, states = np.zeros(len(named), MIND), [], []
    for mind, (_, strategy, number, name, instrument) in zip(minds, sorted(named), strict=True):
        mind["strategy"], mind["token"], mind["kind"] = strategy, number, steps.KINDS[name]
        mind["budget_bps"] = settings.limits.strategy_budget_bps
        mind["frame_ns"] = steps.timeframe_minutes(name, settings) * MINUTE_NS
        params.append(steps.MODULES[name].params_of(settings, instrument))
        states.append(steps.MODULES[name].new_state(params[-1]))
    return minds.view(np.recarray), _padded(params), _padded(states)


def _padded(rows: list[Floats]) -> Floats:
    padded = np.zeros((len(rows), max(map(len, rows))))
    for to, row in zip(padded, rows, strict=True):
        to[: len(row)] = row
    return padded


def check_capital(settings: Settings) -> None:
    """ValueError, with the fix, for more than compiled code can count."""
    if to_units(settings.paper.capital, settings.paper.quote_decimals) >= MOST_CAPITAL:
        raise ValueError(f"paper.capital = {settings.paper.capital}: too large; lower it, or quote_decimals.")


def book_of(settings: Settings, bar_ns: int) -> Table:
    """All fields at once: one by one they take as long as a short recording is played in."""
    limits, exits, paper = settings.limits, settings.exits, settings.paper
    decimals = paper.quote_decimals
    capital, gas = to_units(paper.capital, decimals), to_units(paper.gas, decimals)
    named = {
        "free": capital, "deposits": capital, "day": -1,
        "position_bps": limits.position_bps, "total_bps": limits.total_exposure_bps,
        "chain_bps": limits.chain_exposure_bps, "most_positions": limits.max_positions,
        "min_order": to_units(limits.min_order, decimals),
        "daily_loss_bps": limits.daily_loss_bps, "loss_streak": limits.loss_streak,
        "pause_ns": limits.loss_streak_pause_minutes * MINUTE_NS,
        "cooldown_ns": limits.cooldown_minutes * MINUTE_NS,
        "slippage_bps": limits.slippage_bps, "deadline_ns": limits.deadline_seconds * SECOND_NS,
        "gas": gas, "max_fee": MOST_FEES * gas,
        "latency_ns": paper.latency_seconds * SECOND_NS, "valid_ns": valid_seconds(paper, bar_ns) * SECOND_NS,
        "stop_bps": exits.stop_bps, "trailing_bps": exits.trailing_bps,
        "take_bps": exits.take_profit_bps, "take_portion_bps": exits.take_profit_portion_bps,
        "hold_ns": exits.max_hold_minutes * MINUTE_NS,
    }  # fmt: skip
    assert named.keys() <= set(BOOK.names or ())
    book = table(BOOK, 1)
    book[0] = tuple(named.get(name, 0) for name in BOOK.names or ())
    return book
