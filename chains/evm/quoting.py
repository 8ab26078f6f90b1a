"""What an exact amount buys now: every route that has its pools is asked at one block, the best one wins."""

import asyncio

from msgspec import Struct

from actors.messages import BPS
from chains.evm.calldata import GET_RESERVES, QUOTE_PATH, QUOTE_SINGLE, v3_quote
from chains.evm.desk import Desk
from chains.evm.node import Ask, Node, Revert
from chains.evm.pools import Pools
from chains.evm.routes import PoolKey, Quoted, Reserves, Route, Version, best, own_quote, possible, routes
from chains.evm.v3math import TIERS
from chains.evm.wire import Block
from chains.venue import Unanswered

V2_HOP_GAS = 90_000
TINY = 1_000  # Parts of an order: one of them hardly moves the price.


class Offer(Struct, frozen=True):
    """The best route, and the block that it was quoted at."""

    quoted: Quoted
    pools: tuple[str, ...]
    block: Block


class Asked(Struct, frozen=True):
    """What a route gives for the order, and for a small part of it."""

    whole: Quoted
    tiny: Quoted | Unanswered


def ways(desk: Desk, ends: tuple[str, str]) -> tuple[Route, ...]:
    """Direct ones and those through one token, over both versions and all fee tiers."""
    tiers = tuple(TIERS) if desk.network.v3_router else ()
    return routes(*ends, desk.middles, desk.v2_fee_pips, tiers)


async def offered(
    node: Node, desk: Desk, pools: Pools, ends: tuple[str, str], amount_in: int, block: Block
) -> Offer | Unanswered:
    """The best of all routes that have their pools."""
    every = ways(desk, ends)
    if (reason := await pools.find(node, pools_of(every))) is not None:
        return reason
    return await chosen(node, desk, pools, every, amount_in, block)


def pools_of(every: tuple[Route, ...]) -> list[PoolKey]:
    return [key for route in every for key in route.pools]


async def chosen(
    node: Node, desk: Desk, pools: Pools, every: tuple[Route, ...], amount_in: int, block: Block
) -> Offer | Unanswered:
    """The best of these, of which the pools that are there are known."""
    there = possible(every, pools.known)
    found = await _all(node, desk, pools, there, (amount_in, max(1, amount_in // TINY)), block)
    first = best([each.whole if isinstance(each, Asked) else each for each in found])
    if isinstance(first, Unanswered):
        return first
    tiny = next(each.tiny for each in found if isinstance(each, Asked) and each.whole is first)
    if (reason := _too_shallow(desk, first, tiny, amount_in)) is not None:
        return reason
    return Offer(first, tuple(pools.known[key] for key in first.route.pools), block)


def _too_shallow(desk: Desk, chosen: Quoted, tiny: Quoted | Unanswered, amount_in: int) -> Unanswered | None:
    """Slippage is measured from the quote, so a quote that is itself far from the price must be noticed."""
    if isinstance(tiny, Unanswered):
        return tiny
    fair = tiny.amount_out * TINY if amount_in >= TINY else chosen.amount_out
    impact = max(0, fair - chosen.amount_out) * BPS // max(1, fair)
    if impact <= desk.max_impact_bps:
        return None
    return Unanswered(
        f"the order would move the price by {impact} bps, and evm.max_impact_bps is {desk.max_impact_bps}"
    )


async def _all(
    node: Node, desk: Desk, pools: Pools, there: tuple[Route, ...], amounts: tuple[int, int], block: Block
) -> list[Asked | Unanswered]:
    """In one round: each pair's reserves once, and both amounts of each V3 route."""
    pairs = {key for route in there if route.version is Version.V2 for key in route.pools}
    v3 = [route for route in there if route.version is Version.V3]
    keys = sorted(pairs)
    reserves, quotes = await asyncio.gather(
        asyncio.gather(*(_reserves(node, pools.known[key], block) for key in keys)),
        asyncio.gather(*(_asked(node, desk, each, amount, block) for each in v3 for amount in amounts)),
    )
    known = dict(zip(keys, reserves, strict=True))
    own = [_both(*(_own(route, amount, known) for amount in amounts)) for route in there if route not in v3]
    return own + [_both(*quotes[at : at + 2]) for at in range(0, len(quotes), 2)]


def _both(whole: Quoted | Unanswered, tiny: Quoted | Unanswered) -> Asked | Unanswered:
    return Asked(whole, tiny) if isinstance(whole, Quoted) else whole


def _own(route: Route, amount_in: int, known: dict[PoolKey, Reserves | Unanswered]) -> Quoted | Unanswered:
    states: dict[PoolKey, Reserves] = {}
    for key in route.pools:
        state = known[key]
        if isinstance(state, Unanswered):
            return state
        states[key] = state
    amount = own_quote(route, amount_in, states)
    return amount if isinstance(amount, Unanswered) else Quoted(route, amount, V2_HOP_GAS * len(route.fees))


async def _reserves(node: Node, pair: str, block: Block) -> Reserves | Unanswered:
    answer = await node.call(Ask(to=pair, data=GET_RESERVES.selector), block.number)
    try:
        if isinstance(answer, bytes):
            first, second, _ = GET_RESERVES.read(answer)
            assert isinstance(first, int)
            assert isinstance(second, int)
            return Reserves(first, second)
    except ValueError as error:
        return Unanswered(f"{pair}: {error}")
    return Unanswered(f"{pair}: {answer.reason}") if isinstance(answer, Revert) else answer


async def _asked(node: Node, desk: Desk, route: Route, amount_in: int, block: Block) -> Quoted | Unanswered:
    """QuoterV2 runs the swap itself: exact, whatever ranges it crosses."""
    call = v3_quote(desk.network.quoter, route.path, route.fees, amount_in)
    method = QUOTE_SINGLE if len(route.path) == 2 else QUOTE_PATH
    answer = await node.call(Ask(to=call.to, data=call.data), block.number)
    try:
        if isinstance(answer, bytes):
            amount, *_, gas = method.read(answer)
            assert isinstance(amount, int)
            assert isinstance(gas, int)
            return Quoted(route, amount, gas)
    except ValueError as error:
        return Unanswered(f"the quoter: {error}")
    return Unanswered(f"the quoter: {answer.reason}") if isinstance(answer, Revert) else answer
