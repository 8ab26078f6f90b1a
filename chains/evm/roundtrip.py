"""The whole trade on the node's own machine before a byte is signed: buy, and sell again what was bought.

The node runs approve, buy, approve and sell one after another, and balances between them; nothing is sent.
What the sale pays must stand in its bytes before the purchase has run: so ask twice, at the same block, the
second time with what the first one bought.  The tax is what the pools gave and the wallet did not get, and
what the wallet paid and the pools did not get.  Price impact does not show: the sale moves the price back.
The native coin needs no approval; what a wallet has of it is told by a few bytes of code that only the
simulation knows.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from actors.messages import BPS, Units
from chains.evm import wire
from chains.evm.approval import Token, token_kind
from chains.evm.calldata import APPROVE, BALANCE_OF, Call, Swap, read_uint
from chains.evm.routes import Route, Version, swap_call
from chains.evm.values import WORD, Declined
from chains.venue import Unanswered

FAR = (1 << 63) - 1  # A deadline that is not reached.
# An address where nothing is, and there this code: CALLER BALANCE, as the one word that is returned.
TELLER = "0x0000000000000000000000000000000000005eC1"
OVERRIDES = {TELLER: {"code": "0x333160005260206000f3"}}


class Trip(Struct, frozen=True, kw_only=True):
    route: Route  # Of the purchase; the sale goes back along it.
    pools: tuple[str, ...]  # Their addresses.
    routers: Mapping[Version, str]
    wallet: str
    amount_in: Units
    taxed: bool = False  # Take the V2 functions for tokens that keep a part of a transfer.
    pays_native: bool = False  # In the purchase; the sale gets it then.
    gets_native: bool = False


class Limits(Struct, frozen=True):
    max_tax_bps: int  # Of either way; 0 refuses every token with a tax.
    max_loss_bps: int  # Of the whole trip: taxes and the pools' fees.


class Passed(Struct, frozen=True):
    amount_out: Units  # Bought, as it arrived.
    loss_bps: int
    buy_tax_bps: int
    sell_tax_bps: int


Answers = Sequence[wire.Call]  # One for each call.


def calls(trip: Trip, bought: int | None = None) -> tuple[Call, ...]:
    """What the wallet calls, one after the other in one block; without `bought`, the purchase alone.

    A sale of what the wallet has is such a purchase of the quote, with the route the other way.
    """
    return tuple(_named(trip, bought).values())


def _named(trip: Trip, bought: int | None) -> dict[str, Call]:
    """The calls by name, in their order."""
    quote, token = trip.route.path[0], trip.route.path[-1]
    has_quote, has_token = _held(trip, quote, trip.pays_native), _held(trip, token, trip.gets_native)
    approvals = {} if trip.pays_native else _approvals(trip, quote, "the quote", trip.amount_in)
    buying = {
        "quote before": has_quote, "token before": has_token, **_edges(trip, "before"), **approvals,
        "buy": _buy(trip), "token after": has_token, **_edges(trip, "between"),
    }  # fmt: skip
    if bought is None:
        return buying
    approvals = {} if trip.gets_native else _approvals(trip, token, "the token", bought)
    return {
        **buying, **approvals, "sell": _sell(trip, bought), "quote after": has_quote, **_edges(trip, "after"),
    }  # fmt: skip


def bought_of(trip: Trip, answers: Answers) -> Units | Declined | Unanswered:
    """What the purchase alone brings, from the answers to the first calls."""
    try:
        results = _results(trip, answers, None)
        if refusal := _refusal(trip, results):
            return refusal
        bought = _arrived(trip, results)
    except ValueError as error:
        return _odd(error)
    return bought if bought > 0 else Declined("the purchase brings nothing")


def judged(trip: Trip, answers: Answers, bought: Units, limits: Limits) -> Passed | Declined | Unanswered:
    """The whole trip, from the answers to the second calls."""
    try:
        results = _results(trip, answers, bought)
        if refusal := _refusal(trip, results):
            return refusal
        return _within(_measured(trip, results, bought), limits)
    except ValueError as error:
        return _odd(error)


def _odd(error: ValueError) -> Unanswered:
    return Unanswered(f"the simulation does not tell: {error}")


def _measured(trip: Trip, results: Mapping[str, wire.Call], bought: Units) -> Passed:
    if (arrived := _arrived(trip, results)) != bought:
        raise ValueError(f"the purchase gave {bought}, then {arrived}: ask both times at the same block")
    bought_for, gave = _moved(results, "first", "before", "between"), _gave(results)
    sold, proceeds = _moved(results, "last", "between", "after"), _moved(results, "first", "after", "between")
    back = _read(results, "quote after") - _read(results, "quote before") + trip.amount_in
    back = min(back, proceeds) if trip.pays_native else back
    if bought > gave or not 0 <= back <= proceeds or proceeds == 0:
        raise ValueError(f"the pools gave {gave} and {proceeds}, the wallet got {bought} and {back}")
    buy_tax = max(_share(trip.amount_in - bought_for, trip.amount_in), _share(gave - bought, gave))
    sell_tax = max(_share(bought - sold, bought), _share(proceeds - back, proceeds))
    loss = _share(trip.amount_in - back, trip.amount_in)
    return Passed(bought, loss, max(0, buy_tax), max(0, sell_tax))


def _within(found: Passed, limits: Limits) -> Passed | Declined:
    for name, bps, limit in (
        ("the tax of buying", found.buy_tax_bps, limits.max_tax_bps),
        ("the tax of selling", found.sell_tax_bps, limits.max_tax_bps),
        ("the loss of buying and selling at once", found.loss_bps, limits.max_loss_bps),
    ):
        if bps > limit:
            return Declined(f"{name} is {bps} bps, over the limit of {limit} bps")
    return found


# -- the calls ---------------------------------------------------------------------------------------
def _held(trip: Trip, token: str, native: bool) -> Call:
    return Call(TELLER, b"") if native else BALANCE_OF.on(token, trip.wallet)


def _approvals(trip: Trip, token: str, name: str, amount: int) -> dict[str, Call]:
    """To zero first: some tokens refuse anything else while an allowance is left."""
    router = _router(trip)
    return {
        f"approving {name} at 0": APPROVE.on(token, router, 0),
        f"approving {name}": APPROVE.on(token, router, amount),
    }


def _edges(trip: Trip, when: str) -> dict[str, Call]:
    """What the first pool has of the quote, and the last one of the token."""
    return {
        f"first {when}": BALANCE_OF.on(trip.route.path[0], trip.pools[0]),
        f"last {when}": BALANCE_OF.on(trip.route.path[-1], trip.pools[-1]),
    }


def _router(trip: Trip) -> str:
    return trip.routers[trip.route.version]


def _buy(trip: Trip) -> Call:
    return _swap(trip, trip.route, trip.amount_in, (trip.pays_native, trip.gets_native))


def _sell(trip: Trip, amount: int) -> Call:
    return _swap(trip, trip.route.backwards, amount, (trip.gets_native, trip.pays_native))


def _swap(trip: Trip, route: Route, amount: int, native: tuple[bool, bool]) -> Call:
    """For any amount out: what is asked here is how much it is."""
    pays, gets = native
    one_way = Swap(
        path=route.path, amount_in=amount, min_amount_out=1, recipient=trip.wallet, deadline=FAR,
        pays_native=pays, gets_native=gets,
    )  # fmt: skip
    return swap_call(route, trip.routers, one_way, trip.taxed)


# -- the answers -------------------------------------------------------------------------------------
def _results(trip: Trip, answers: Answers, bought: int | None) -> dict[str, wire.Call]:
    """Each call's answer, by the call's name."""
    names = _named(trip, bought)
    if len(answers) != len(names):
        raise ValueError(f"it answers {len(answers)} calls of {len(names)}")
    return dict(zip(names, answers, strict=True))


def _refusal(trip: Trip, results: Mapping[str, wire.Call]) -> Declined | None:
    """The first call that shows that the token can not be traded.  A wallet without money shows nothing."""
    if (held := _read(results, "quote before")) < trip.amount_in:
        raise ValueError(f"the wallet holds {held} of the {trip.amount_in} to pay")
    for name, result in results.items():
        if name.endswith("at 0"):
            continue  # Whether that did anything shows in the approval after it.
        if not result.succeeded:
            what = {"buy": "the purchase is blocked", "sell": "the sale is blocked"}
            return Declined(f"{what.get(name, f'{name} failed')}: {result.error or 'it reverts'}")
        if name.startswith("approving") and token_kind(result.output) is not Token.ACCEPTS:
            return Declined(f"{name}: it answers 0x{result.output[:WORD].hex()} instead of true")
    return None


def _read(results: Mapping[str, wire.Call], name: str) -> int:
    return read_uint(BALANCE_OF, results[name].output)


def _arrived(trip: Trip, results: Mapping[str, wire.Call]) -> Units:
    """Of the native coin not what others have left in the router, which pays it out too: it may be gone."""
    arrived = _read(results, "token after") - _read(results, "token before")
    return Units(min(arrived, _gave(results)) if trip.gets_native else arrived)


def _gave(results: Mapping[str, wire.Call]) -> int:
    """Of the token, by the last pool of the purchase."""
    return _moved(results, "last", "between", "before")


def _moved(results: Mapping[str, wire.Call], pool: str, less: str, more: str) -> int:
    """By how much a pool had more at one moment than at another."""
    return _read(results, f"{pool} {more}") - _read(results, f"{pool} {less}")


def _share(part: int, whole: int) -> int:
    """In basis points, rounded up: against the token."""
    return -(-part * BPS // whole)
