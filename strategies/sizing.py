"""How much to buy or sell: whole base units, rounded down, never more than the tightest limit leaves."""

from msgspec import Struct

from actors.messages import BPS, Refusal, Units
from storage.config import Limits


class Books(Struct, frozen=True, kw_only=True):
    """What the decision needs to know, in units of the quote; orders under way count as used, at cost."""

    deposits: Units  # What limits are shares of.
    free: Units  # Without what is kept back for fees.
    used_by_strategy: Units
    used_on_chain: Units
    used_in_all: Units


def buy_amount(target_bps: int, books: Books, limits: Limits, min_order: int) -> Units | Refusal:
    """The target's share of the strategy's budget, cut to what is allowed; else the limit that forbids it.

    The refusal names the tightest limit, in the order of `Refusal` where several are equally tight.
    """
    if target_bps <= 0:
        return Refusal.AMOUNT_NOT_POSITIVE
    rooms = _rooms(target_bps, books, limits)
    refusal, amount = min(rooms, key=lambda room: room[1])
    if amount < max(1, min_order):
        return refusal
    return Units(amount)


def sell_amount(quantity: int, portion_bps: int) -> Units:
    """A portion of what is held; the whole, to the last unit, for BPS."""
    assert 0 <= portion_bps <= BPS, f"a portion of {portion_bps} basis points"
    return Units(quantity * portion_bps // BPS)


def _rooms(target_bps: int, books: Books, limits: Limits) -> tuple[tuple[Refusal, int], ...]:
    """How much each limit leaves, and what its refusal is called, in the order of precedence."""
    budget = _share(books.deposits, limits.strategy_budget_bps)
    wanted = min(_share(budget, target_bps), _share(books.deposits, limits.position_bps))
    chain = _share(books.deposits, limits.chain_exposure_bps) - books.used_on_chain
    total = _share(books.deposits, limits.total_exposure_bps) - books.used_in_all
    return (
        (Refusal.CHAIN_EXPOSURE, chain),
        (Refusal.TOTAL_EXPOSURE, total),
        (Refusal.STRATEGY_BUDGET, budget - books.used_by_strategy),
        (Refusal.AMOUNT_TOO_SMALL, wanted),
        (Refusal.NOT_ENOUGH_FUNDS, books.free),
    )


def _share(amount: int, bps: int) -> int:
    return amount * bps // BPS
