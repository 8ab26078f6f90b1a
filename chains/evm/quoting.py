"""What an exact amount buys now, at one block: by our own arithmetic over every route that has its pools.

The best one is then put to the chain's own contracts.  Where they say something else by a unit, the node lies
or the pools are not Uniswap's, and nothing is signed.
"""

from collections.abc import Iterable

from msgspec import Struct

from actors.messages import BPS, PRICE_SCALE
from chains.evm.calldata import GET_AMOUNTS_OUT, QUOTE_PATH, QUOTE_SINGLE, Call, read_amounts, v3_quote
from chains.evm.desk import Desk
from chains.evm.node import Ask, Node, Revert
from chains.evm.pool_states import PoolStates
from chains.evm.pools import Pools
from chains.evm.routes import PoolKey, Quoted, Route, Unread, Version, best, own_quote, possible, routes
from chains.evm.v3math import TIERS
from chains.evm.wire import Block
from chains.venue import Unanswered

TINY = 1_000  # Parts of an order: one of them hardly moves the price.
ROUNDS = 8  # Of reading further along the pools' ticks, for one order.
USUAL_GAS = 100_000


class Offer(Struct, frozen=True):
    """The best route, and the block that it was quoted at."""

    quoted: Quoted
    amount_in: int
    pools: tuple[str, ...]
    block: Block


class Disagreement(Unanswered, frozen=True):
    """Our own arithmetic and the chain's contracts give two amounts."""


class WouldRevert(Unanswered, frozen=True):
    """A node says so of what was to be signed."""


def ways(desk: Desk, ends: tuple[str, str]) -> tuple[Route, ...]:
    """Direct ones and those through one token, over both versions and all fee tiers."""
    tiers = tuple(TIERS) if desk.network.v3_router else ()
    return routes(*ends, desk.middles, desk.v2_fee_pips, tiers)


async def offered(
    node: Node, desk: Desk, pools: Pools, ends: tuple[str, str], amount_in: int, block: Block
) -> Offer | Unanswered:
    """The best of all routes that have their pools, confirmed."""
    every = ways(desk, ends)
    if (reason := await pools.find(node, pools_of(every))) is not None:
        return reason
    offer = await chosen(node, desk, pools, every, amount_in, block)
    if isinstance(offer, Unanswered):
        return offer
    return await unconfirmed(node, desk, offer) or offer


def pools_of(every: tuple[Route, ...]) -> list[PoolKey]:
    return [key for route in every for key in route.pools]


async def chosen(
    node: Node, desk: Desk, pools: Pools, every: tuple[Route, ...], amount_in: int, block: Block
) -> Offer | Unanswered:
    """The best of these, of which the pools that are there are known.  It is still to be confirmed."""
    there, states = possible(every, pools.known), PoolStates(node, pools, block)
    if (reason := await states.begin(there)) is not None:
        return reason
    gas_price = _price_of_gas(desk, every[0].path[-1], states, block)
    first = await _best(states, there, amount_in, gas_price)
    if isinstance(first, Unanswered):
        return first
    if (reason := _too_shallow(desk, first, states, amount_in)) is not None:
        return reason
    return Offer(first, amount_in, tuple(pools.known[key] for key in first.route.pools), block)


async def _best(
    states: PoolStates, there: Iterable[Route], amount_in: int, gas_price: int
) -> Quoted | Unanswered:
    """Ticks are read on as long as a route that needs them may still be the best."""
    for _ in range(ROUNDS):
        found = [own_quote(route, amount_in, states.known) for route in there]
        first = best(found, gas_price)
        enough = first.amount_out if isinstance(first, Quoted) else 0
        open_ones = [each for each in found if isinstance(each, Unread) and each.most > enough]
        if not open_ones:
            return first
        if (reason := await states.go_on(open_ones)) is not None:
            return reason
    return first


def _too_shallow(desk: Desk, chosen: Quoted, states: PoolStates, amount_in: int) -> Unanswered | None:
    """Slippage is measured from the quote, so a quote that is itself far from the price must be noticed."""
    if amount_in < TINY:
        return None
    tiny = own_quote(chosen.route, amount_in // TINY, states.known)
    if not isinstance(tiny, Quoted):
        return tiny
    fair = tiny.amount_out * TINY
    impact = max(0, fair - chosen.amount_out) * BPS // max(1, fair)
    if impact <= desk.max_impact_bps:
        return None
    return Unanswered(
        f"the order would move the price by {impact} bps, and evm.max_impact_bps is {desk.max_impact_bps}"
    )


def _price_of_gas(desk: Desk, token_out: str, states: PoolStates, block: Block) -> int:
    """Of a unit of gas in the token that is bought, times PRICE_SCALE; 0 where no pool here tells it."""
    wrapped, spent = desk.network.wrapped_native, (block.base_fee or 0) * USUAL_GAS
    if not spent or token_out == wrapped:
        return spent * PRICE_SCALE // USUAL_GAS
    direct = (route for route in ways(desk, (wrapped, token_out)) if len(route.fees) == 1)
    found = [own_quote(route, spent, states.known) for route in direct]
    bought = max((each.amount_out for each in found if isinstance(each, Quoted)), default=0)
    return bought * PRICE_SCALE // USUAL_GAS


# -- what the chain's contracts say ------------------------------------------------------------------
async def unconfirmed(node: Node, desk: Desk, offer: Offer) -> Unanswered | None:
    """Why nothing may be signed on this quote; None: the contracts give the same, to the unit."""
    call = _asked_of(desk, offer)
    answer = await node.call(Ask(to=call.to, data=call.data), offer.block.number)
    who = "the router" if offer.quoted.route.version is Version.V2 else "the quoter"
    if isinstance(answer, Revert):
        return Unanswered(f"{who}: {answer.reason}")
    if isinstance(answer, Unanswered):
        return answer
    try:
        theirs = _told(offer, answer)
    except ValueError as error:
        return Unanswered(f"{who}: {error}")
    if theirs == offer.quoted.amount_out:
        return None
    return Disagreement(
        f"{node.name}: for {offer.amount_in} {who} gives {theirs}, and our own arithmetic "
        f"{offer.quoted.amount_out} ({', '.join(offer.pools)} at block {offer.block.number}): the node "
        f"contradicts itself, or these pools do not count as Uniswap's do (see evm.v2_fee_pips); "
        f"nothing is signed on that"
    )


def _asked_of(desk: Desk, offer: Offer) -> Call:
    route = offer.quoted.route
    if route.version is Version.V2:
        return GET_AMOUNTS_OUT.on(desk.network.v2_router, offer.amount_in, route.path)
    return v3_quote(desk.network.quoter, route.path, route.fees, offer.amount_in)


def _told(offer: Offer, answer: bytes) -> int:
    path = offer.quoted.route.path
    if offer.quoted.route.version is Version.V2:
        return read_amounts(path, answer)[-1]
    amount, *_ = (QUOTE_SINGLE if len(path) == 2 else QUOTE_PATH).read(answer)
    assert isinstance(amount, int)
    return amount
