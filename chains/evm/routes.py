"""Ways from one token to another over Uniswap V2 and V3: all of them, our own quotes, and the best one.

A route goes directly or through one token in the middle, and stays within one version.
"""

from collections.abc import Container, Iterable, Mapping
from enum import StrEnum
from itertools import pairwise, product

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import PRICE_SCALE
from chains.evm import v3math
from chains.evm.calldata import Call, Swap, v2_swap, v3_swap
from chains.evm.values import checked
from chains.pool import amount_out
from chains.venue import Unanswered

_TICK_GAS = 25_000  # About, as all gas here: it only ranks routes.
V2_FEE_PIPS = 3_000  # Uniswap's own; forks have others (PancakeSwap 2500).


class Version(StrEnum):
    V2 = "v2"
    V3 = "v3"


_GAS = {Version.V2: 90_000, Version.V3: 110_000}  # Of a hop.


class PoolKey(Struct, frozen=True, order=True):
    """What a factory finds a pool by; token0 is the one with the lower address."""

    version: Version
    token0: str
    token1: str
    fee_pips: int


class Route(Struct, frozen=True):
    version: Version
    path: tuple[str, ...]
    fees: tuple[int, ...]  # Millionths, one for each hop.

    @property
    def pools(self) -> tuple[PoolKey, ...]:
        hops = zip(pairwise(self.path), self.fees, strict=True)
        return tuple(pool_key(self.version, *tokens, fee) for tokens, fee in hops)

    @property
    def backwards(self) -> "Route":
        return Route(self.version, self.path[::-1], self.fees[::-1])


class Quoted(Struct, frozen=True):
    route: Route
    amount_out: int
    gas: int


class Unread(Unanswered, frozen=True):
    """A pool's ticks were not read as far as a swap along the route comes; it gives no more than `most`."""

    key: PoolKey
    tick: int
    most: int


class Reserves(Struct, frozen=True):
    """Of a V2 pair."""

    reserve0: int
    reserve1: int


State = Reserves | v3math.Pool | Unanswered


def zero_for_one(token_in: str, token_out: str) -> bool:
    """Whether the token that is paid in is the pool's token0: contracts sort them by their number."""
    return int(token_in, 16) < int(token_out, 16)


def pool_key(version: Version, token_in: str, token_out: str, fee_pips: int) -> PoolKey:
    tokens = (token_in, token_out) if zero_for_one(token_in, token_out) else (token_out, token_in)
    return PoolKey(version, *tokens, fee_pips)


def routes(
    token_in: str,
    token_out: str,
    middles: Iterable[str],
    v2_fee_pips: int | None = V2_FEE_PIPS,
    tiers: Iterable[int] = tuple(v3math.TIERS),
) -> tuple[Route, ...]:
    """All routes, whether or not their pools exist.  No V2: its fee is None; no V3: no tiers."""
    ends = checked(token_in, "token_in"), checked(token_out, "token_out")
    if token_in == token_out:
        raise ValueError(f"token_in and token_out are both {token_in}: there is nothing to swap")
    through = [checked(middle, "middles") for middle in dict.fromkeys(middles) if middle not in ends]
    paths = [ends, *((token_in, middle, token_out) for middle in through)]
    v2 = [] if v2_fee_pips is None else [v2_fee_pips]
    versions = (Version.V2, v2), (Version.V3, list(tiers))
    return tuple(
        Route(version, path, fees)
        for path in paths
        for version, choice in versions
        for fees in product(choice, repeat=len(path) - 1)
    )


def directions(every: Iterable[Route]) -> dict[PoolKey, bool]:
    """The pools of routes between the same ends, each with the one way in which all of them go through it:
    whether its token0 is paid in.
    """
    hops = (hop for route in every for hop in zip(route.pools, pairwise(route.path), strict=True))
    return {key: zero_for_one(*tokens) for key, tokens in hops}


def possible(all_routes: Iterable[Route], existing: Container[PoolKey]) -> tuple[Route, ...]:
    """Those whose pools are all there."""
    return tuple(route for route in all_routes if all(pool in existing for pool in route.pools))


def best(quotes: Iterable[Quoted | Unanswered], price_of_gas: int = 0) -> Quoted | Unanswered:
    """The one that gives most, its gas paid; among equals that of fewer hops, lower fees, V2 first.

    `price_of_gas`: units of the token that is bought for one unit of gas, times PRICE_SCALE.  Where that is
    unknown it is 0: then the amount alone decides.  Who did not answer does not take part.
    """
    found = list(quotes)
    filled = [quote for quote in found if isinstance(quote, Quoted) and quote.amount_out > 0]
    if not filled:
        reasons = {quote.sentence for quote in found if isinstance(quote, Unanswered)}
        return Unanswered("no route has a quote" + "".join(f"; {reason}" for reason in sorted(reasons)[:3]))
    return min(filled, key=lambda quote: _rank(quote, price_of_gas))


def _rank(
    quote: Quoted, price_of_gas: int
) -> tuple[int, int, int, Version, tuple[str, ...], tuple[int, ...]]:
    net = quote.amount_out * PRICE_SCALE - quote.gas * price_of_gas
    route = quote.route
    return -net, len(route.fees), sum(route.fees), route.version, route.path, route.fees


def own_quote(route: Route, amount_in: int, states: Mapping[PoolKey, State]) -> Quoted | Unanswered:
    """What the route gives by our own arithmetic, from states of one block, to the unit."""
    amount, gas, unread = amount_in, 0, None
    for (token_in, token_out), key in zip(pairwise(route.path), route.pools, strict=True):
        given = _hop(states.get(key), amount, zero_for_one(token_in, token_out), key.fee_pips)
        match given:
            case v3math.Unread():
                unread = unread or Unread(given.sentence, key, given.tick, 0)
                amount = given.most
            case Unanswered():
                return given
            case _:
                amount, crossed = given
                gas += _GAS[route.version] + crossed * _TICK_GAS
    return Quoted(route, amount, gas) if unread is None else replace(unread, most=amount)


def _hop(state: State | None, amount: int, down: bool, fee_pips: int) -> tuple[int, int] | Unanswered:
    """What it gives, and the ticks that it crosses."""
    match state:
        case _ if amount == 0:
            return Unanswered("the amount is too small: a hop gives nothing")
        case None:
            return Unanswered("a pool of the route was not read")
        case Unanswered():
            return state
        case Reserves(reserve0, reserve1) if reserve0 == 0 or reserve1 == 0:
            return Unanswered("a pool of the route is empty")
        case Reserves(reserve0, reserve1):
            reserves = (reserve0, reserve1) if down else (reserve1, reserve0)
            return amount_out(amount, *reserves, fee_pips), 0
        case v3math.Pool():
            swapped = v3math.quote(state, amount, down)
            if not isinstance(swapped, v3math.Swapped):
                return swapped
            if swapped.amount_in < amount:
                return Unanswered(f"a pool of the route runs dry after {swapped.amount_in} of {amount}")
            return swapped.amount_out, swapped.crossed


def swap_call(route: Route, routers: Mapping[Version, str], swap: Swap, taxed: bool = False) -> Call:
    """The transaction.  V3 pools do not take tokens that keep a part of a transfer: that is a ValueError."""
    if swap.path != route.path:
        raise ValueError(f"the swap goes along {swap.path}, its route along {route.path}")
    if route.version is Version.V2:
        return v2_swap(routers[Version.V2], swap, taxed)
    if taxed:
        raise ValueError("a V3 pool does not take a token that keeps a part of its transfers: use a V2 route")
    return v3_swap(routers[Version.V3], swap, route.fees)
