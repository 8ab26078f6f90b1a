"""The records of a backtest: the recorded market, the portfolio, its tokens, its orders, the strategies.

They hold what storage/holdings.py holds of a run without faults.  Amounts of the quote are int64; amounts and
prices of tokens are wide (strategies/kernel/wide.py), two int64 each.  Fields are named, in compiled code and
in Python alike.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from actors.messages import CloseReason, Refusal
from strategies.compiled import part
from strategies.kernel.wide import Wide

Table = Any  # A recarray: numpy types its fields no further.
Row = Any
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WHOLE, REAL, WIDE = "i8", "f8", ("i8", (2,))


def dtype(**kinds: str) -> np.dtype[np.void]:
    """Fields of a kind, named in one string."""
    kind = {"whole": (WHOLE,), "real": (REAL,), "wide": WIDE}
    return np.dtype([(name, *kind[each]) for each, names in kinds.items() for name in names.split()])


# One bar of one token.  A `reserve_token` of 0: the pool is as deep as `reserve_quote` at the close.
BAR = dtype(
    whole="token volume reserve_quote",
    real="open high low close",
    wide="exact_open exact_close reserve_token",
)
# The settings, in base units and nanoseconds; the money; and what the limits remember.
BOOK = dtype(
    whole="position_bps total_bps chain_bps most_positions min_order daily_loss_bps loss_streak "
    "pause_ns cooldown_ns slippage_bps deadline_ns max_fee gas latency_ns valid_ns "
    "stop_bps take_bps take_portion_bps trailing_bps hold_ns "
    "free reserved cost fees realised deposits "
    "day day_result losses last_loss_ns opened signed live holdings closed"
)
# A token: its pool, its last bar, its position (`owner` is a strategy, -1 for none), its watch, its order.
TOKEN = dtype(
    whole="fee chain bar owner paid gain charged took_profit since_ns left_ns freed_ns entry exit "
    "state side buyer asked_ns sent_ns reason closes sequence nonce reservation",
    real="scale price",
    wide="unit quantity highest stop_at take_at arm_at fell_at amount least",
)
# An order, in the sequence in which they were approved; `entry` is that of the buy, `bar` of the decision.
ORDER = dtype(
    whole="at_ns token strategy side reason outcome done_ns fee cost entry bar", wide="amount_in amount_out"
)
# A strategy's mind of one token: the bar that is growing, and what it wishes for.
MIND = dtype(
    whole="strategy token kind frame_ns frame_end_ns end_ns volume buy_bps sell budget_bps",
    real="open high low close reserve",
)

NO_ORDER, UNSIGNED, SENT = range(3)
BUY, SELL = range(2)
OUTCOMES = ("unfinished", "landed", "reverted", "dead", "rolled back")
UNFINISHED, LANDED, REVERTED, DEAD, ROLLED_BACK = range(5)
REASONS: tuple[CloseReason | None, ...] = (None, *CloseReason)
ENTRY, STOP, TAKE_PROFIT, TRAILING, TIME, SIGNAL = range(6)
REFUSALS = tuple(Refusal)


class Tape(NamedTuple):
    """M moments, N bars; bars stand in the order of the ticks, and within a tick in that of the files."""

    moments: Integers  # (M,) nanoseconds since 1970, rising.
    firsts: Integers  # (M + 1,) the bars of moment m are firsts[m] to firsts[m + 1].
    bars: Table  # (N,) of BAR.


class Desk(NamedTuple):
    """One backtest: T tokens, P minds (strategies times tokens) in the order of the ids of their wishes."""

    books: Table  # (1,) of BOOK.
    tokens: Table  # (T,) of TOKEN.
    orders: Table  # (most,) of ORDER: as many as fit; `opened` counts all.
    minds: Table  # (P,) of MIND.
    params: Floats  # (P, longest)
    states: Floats  # (P, longest)
    refused: Integers  # (S, reasons)
    equity: Floats  # (M,), or none: after each moment, in quote units, positions at their last close.
    targets: Floats  # (P,) To choose in.
    scratch: Floats  # (P, widest) To choose on.


def table(kind: np.dtype[np.void], length: int) -> Table:
    return np.zeros(length, kind).view(np.recarray)


# Like those with which compiled code is called.
LIKE_TAPE = Tape(np.zeros(1, np.int64), np.zeros(1, np.int64), table(BAR, 1))
LIKE_DESK = Desk(
    table(BOOK, 1), table(TOKEN, 1), table(ORDER, 1), table(MIND, 1), np.zeros((1, 1)), np.zeros((1, 1)),
    np.zeros((1, 1), np.int64), np.zeros(1), np.zeros(1), np.zeros((1, 1)),
)  # fmt: skip


@part
def pair(field: Integers) -> Wide:
    return field[0], field[1]


@part
def put(field: Integers, number: Wide) -> None:
    field[0], field[1] = number[0], number[1]
