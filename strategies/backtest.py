"""Recordings, strategies and settings in; orders, fills and the money after them out.

The same wishes, limits, fills and money as a run of the bot on the same recording in which nothing goes wrong
(no reverts, timeouts, drops or silence of the venue): tests play both and compare every order and amount.  A
fill is at the open of the bar after the decision, in the pool of that bar: its fee, the impact of its size
on the reserves (x * y = k; of a V3 pool the virtual reserves of the range), gas, and a revert, for its gas,
where the price has moved further than the slippage allowed.  A swap of ours does not move the recorded pool.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace

from actors.messages import PRICE_SCALE, Asset, Instrument, Rebalanced, Side
from chains.feeds.tables import RecordingError
from storage.config import Settings, complaints
from strategies import ai_model, steps
from strategies.desks import check_capital, desk_of
from strategies.kernel.loop import play
from strategies.kernel.tables import (
    ORDER,
    OUTCOMES,
    REASONS,
    REFUSALS,
    Desk,
    Floats,
    Table,
    Tape,
)
from strategies.kernel.wide import number_of
from strategies.limits import MINUTE_NS
from strategies.mix import budget_bps
from strategies.mix_shadow import Play, schedule
from strategies.recorded import Recorded, check_volume

ORDERS = 4_096  # Kept at first; if there are more, it is played again.
Rebalances = Sequence[tuple[int, Rebalanced]]


class Fill(Struct, frozen=True, kw_only=True):
    """One order and what became of it; amounts in base units, 0 where nothing came of it."""

    number: int
    at_ns: int
    strategy: str
    token: Asset
    side: Side
    reason: str
    amount_in: int
    outcome: str
    done_ns: int
    amount_out: int
    fee: int
    cost: int  # Of what was sold.
    entry: int  # The number of the buy that opened the position.
    expected: float  # The other amount at the close of the bar at which it was decided, without any cost.


class Result(Struct, frozen=True):
    """What it came to; `equity` is after each moment, in quote units, positions at their last close."""

    recorded: Recorded
    settings: Settings
    strategies: tuple[str, ...]
    fills: tuple[Fill, ...]
    equity: Floats
    account: dict[str, int]
    refused: dict[str, dict[str, int]]
    trades: int
    rebalances: tuple[Rebalanced, ...] = ()


def run(recorded: Recorded, settings: Settings, strategies: Sequence[str], play: Play = play) -> Result:
    """`play`: another loop than that of the strategies there are.

    ValueError or RecordingError, one sentence with the fix, for what makes no sense.
    """
    check(recorded, settings, strategies)
    return played(recorded, settings, strategies, play)


def played(recorded: Recorded, settings: Settings, strategies: Sequence[str], play: Play = play) -> Result:
    """Without looking at what goes in."""
    rebalances = schedule(recorded, settings, strategies, play)
    desk = desk_after(recorded, settings, strategies, play, rebalances=rebalances)
    return _result(recorded, settings, strategies, desk, rebalances)


def desk_after(
    recorded: Recorded,
    settings: Settings,
    strategies: Sequence[str],
    play: Play = play,
    before: Tape | None = None,
    rebalances: Rebalances | None = None,
    most: int = ORDERS,
) -> Desk:
    """What the kernel leaves behind, for those who need no more than that; `most` 0: without the orders.

    `before`: a tape that ends where the recording begins, which the strategies see, and buy nothing; the
    shadows of a mix trade in it, so it begins with budgets of what is known by then.
    """
    begun: Rebalanced | None = None
    if rebalances is None:
        begun, rebalances = _budgets(recorded, settings, strategies, play, before)
    while True:
        desk = desk_of(recorded, settings, strategies, len(recorded.tape.moments), most)
        if before is not None:
            _watch(before, desk, play)
        _play(recorded.tape, desk, settings, strategies, rebalances, play, begun)
        if most == 0 or desk.books[0].opened <= most:
            return desk
        most = int(desk.books[0].opened)


def _budgets(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], play: Play, before: Tape | None
) -> tuple[Rebalanced | None, Rebalances]:
    """The budgets with which the recording begins, and those that come later."""
    if before is None or not settings.mix.enabled:
        return None, schedule(recorded, settings, strategies, play)
    both = replace(recorded, tape=joined(before, recorded.tape))
    first, whole = len(before.moments), schedule(both, settings, strategies, play)
    seen = [now for moment, now in whole if moment < first]
    later = [(moment - first, now) for moment, now in whole if moment >= first]
    return (seen[-1] if seen else None), later


def joined(before: Tape, after: Tape) -> Tape:
    firsts = np.concatenate([before.firsts[:-1], after.firsts + before.firsts[-1]])
    bars = np.concatenate([before.bars, after.bars]).view(np.recarray)
    return Tape(np.concatenate([before.moments, after.moments]), firsts, bars)


def _play(
    tape: Tape,
    desk: Desk,
    settings: Settings,
    strategies: Sequence[str],
    rebalances: Rebalances,
    play: Play,
    begun: Rebalanced | None,
) -> None:
    """From one rebalancing to the next; once, where there is none."""
    firsts = [0, *(moment for moment, _ in rebalances)]
    ceiling_bps = settings.limits.strategy_budget_bps
    states = [begun, *(each for _, each in rebalances)]
    for first, after, now in zip(firsts, [*firsts[1:], len(tape.moments)], states, strict=True):
        for number, name in enumerate(strategies):
            mine = desk.minds.strategy == number
            desk.minds.budget_bps[mine] = budget_bps(now, settings.mix, ceiling_bps, strategies, name)
        part = Tape(tape.moments[first:after], tape.firsts[first : after + 1], tape.bars)
        play(part, desk._replace(equity=desk.equity[first:after]))


def _watch(before: Tape, desk: Desk, play: Play) -> None:
    """With no position allowed, every wish to buy is refused, and each strategy is told so."""
    book = desk.books[0]
    most, book.most_positions = int(book.most_positions), 0
    play(before, desk._replace(equity=np.zeros(0)))
    book.most_positions = most
    desk.refused[:] = 0


def check(recorded: Recorded, settings: Settings, strategies: Sequence[str]) -> None:
    check_settings(settings, strategies)
    watched = settings.mix.shadows if settings.mix.enabled else ()
    for name in sorted({*strategies, *watched}):
        if name == "ai" and (refused := ai_model.refusal(settings, len(recorded.instruments))):
            raise ValueError(refused)
        frame_ns = steps.timeframe_minutes(name, settings) * MINUTE_NS
        if recorded.bar_ns > frame_ns or frame_ns % recorded.bar_ns:
            raise RecordingError(
                f"bars of {recorded.bar_ns / MINUTE_NS:g} minutes do not fit into {name}'s of "
                f"{frame_ns // MINUTE_NS}; set {name}.timeframe_minutes to a multiple of them"
            )
        if name in {"scalping", "ai"}:
            check_volume(recorded, name)
        _check_history(recorded, settings, name, frame_ns)


def check_settings(settings: Settings, strategies: Sequence[str]) -> None:
    """Settings that were not read from a file are held to the same bounds."""
    convert(to_builtins(settings), Settings)
    for key, value, fix in complaints(settings):
        raise ValueError(f"{key} = {value}: {fix}.")
    if not strategies or len(set(strategies)) < len(strategies):
        raise ValueError("name at least one strategy, and none of them twice.")
    for name in strategies:
        if name not in steps.MODULES:
            raise ValueError(f"there is no strategy {name}; write one of {', '.join(steps.MODULES)}.")
    check_capital(settings)


def _check_history(recorded: Recorded, settings: Settings, name: str, frame_ns: int) -> None:
    tape, rules = recorded.tape, steps.MODULES[name]
    span = int(tape.moments[-1] - tape.moments[0]) // frame_ns
    for instrument in recorded.instruments:
        needed = rules.bars_before_the_first_wish(rules.params_of(settings, instrument)) + 2
        if span < needed:
            raise RecordingError(
                f"{name} needs {needed:,} bars of {frame_ns // MINUTE_NS} minutes before it can trade, and "
                f"there are {span:,}; use a longer recording, or shorten its spans"
            )


# -- what comes out --
def _result(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], desk: Desk, rebalances: Rebalances
) -> Result:
    book = desk.books[0]
    names = ("free", "reserved", "cost", "fees", "realised", "deposits")
    refused = {
        name: {str(reason): int(count) for reason, count in zip(REFUSALS, row, strict=True) if count}
        for name, row in zip(strategies, desk.refused, strict=True)
    }
    return Result(
        recorded, settings, tuple(strategies), tuple(_fills(recorded, strategies, desk)), desk.equity,
        {name: int(book[name]) for name in names}, refused, int(book.closed),
        tuple(each for _, each in rebalances),
    )  # fmt: skip


def _fills(recorded: Recorded, strategies: Sequence[str], desk: Desk) -> Iterator[Fill]:
    for number, row in enumerate(desk.orders[: desk.books[0].opened].tolist()):
        order = dict(zip(ORDER.names or (), row, strict=True))
        reason, side = REASONS[order["reason"]], (Side.BUY, Side.SELL)[order["side"]]
        amount_in, token = number_of(order["amount_in"]), recorded.instruments[order["token"]]
        yield Fill(
            number=number, at_ns=order["at_ns"], strategy=strategies[order["strategy"]],
            token=token.token, side=side, reason=reason.value if reason else "entry", amount_in=amount_in,
            outcome=OUTCOMES[order["outcome"]], done_ns=order["done_ns"],
            amount_out=number_of(order["amount_out"]), fee=order["fee"], cost=order["cost"],
            entry=order["entry"],
            expected=_expected(recorded.tape.bars, order["bar"], token, side, amount_in),
        )  # fmt: skip


def _expected(bars: Table, bar: int, instrument: Instrument, side: Side, amount_in: int) -> float:
    """NaN where the token had no bar when it was decided."""
    if bar < 0:
        return float("nan")
    unit, price = 10.0**instrument.token_decimals * PRICE_SCALE, float(bars[bar].close)
    return amount_in * unit / price if side is Side.BUY else amount_in * price / unit


# -- looking ahead --
def looks_ahead(
    recorded: Recorded, settings: Settings, strategies: Sequence[str], cuts: int = 8, play: Play = play
) -> str:
    """Whether what was decided depends on what came after it: a sentence, or nothing.

    The same rules on a tape that ends with the moment of a decision must decide the same up to there.
    """
    whole = played(recorded, settings, strategies, play)
    for fill in whole.fills[:: max(1, -(-len(whole.fills) // cuts))]:
        moments = int(np.searchsorted(recorded.tape.moments, fill.at_ns, side="right"))
        part = played(cut_off(recorded, moments), settings, strategies, play)
        if different := _first_difference(part.fills, whole.fills, fill.at_ns):
            return different
    return ""


def _first_difference(part: Sequence[Fill], whole: Sequence[Fill], last_ns: int) -> str:
    ours, theirs = ([_decision(fill) for fill in fills if fill.at_ns <= last_ns] for fills in (part, whole))
    for mine, other in zip_longest(ours, theirs):
        if mine != other:
            moment = np.datetime64((mine or other)[0], "ns").astype("datetime64[s]")
            return f"what is decided at {moment} depends on what comes after it: the strategy looks ahead"
    return ""


def _decision(fill: Fill) -> tuple[int, str, str, str, str, int]:
    return fill.at_ns, fill.strategy, fill.token, fill.side, fill.reason, fill.amount_in


def cut_off(recorded: Recorded, moments: int) -> Recorded:
    """The first so many moments of a tape."""
    tape = recorded.tape
    cut = Tape(tape.moments[:moments], tape.firsts[: moments + 1], tape.bars[: tape.firsts[moments]])
    return replace(recorded, tape=cut)
