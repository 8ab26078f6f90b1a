"""What the pools of evm.pools are, read from the chain before anything is priced by them.

What can not be traded is `Declined`: a sentence with the fix.  What a node does not say is `Unanswered`.
"""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from actors.messages import Asset, Instrument, Units
from chains.evm import bars, tokens
from chains.evm.bars import Event, Market
from chains.evm.calldata import (
    DECIMALS,
    FEE,
    GET_RESERVES,
    LIQUIDITY,
    MOST_DECIMALS,
    SLOT0,
    TOKEN0,
    TOKEN1,
    Method,
    read_uint,
)
from chains.evm.desk import Desk
from chains.evm.feed_fold import Listing
from chains.evm.networks import Network
from chains.evm.node import Ask, Node, Revert
from chains.evm.pools import Pools
from chains.evm.routes import PoolKey, Version
from chains.evm.v3state import read_slot0
from chains.evm.values import ZERO_ADDRESS, Declined
from chains.evm.wire import Block
from chains.pool import FEE_SCALE
from chains.venue import Unanswered

No = Declined | Unanswered


class Pool(Struct, frozen=True):
    address: str
    key: PoolKey


class Token(Struct, frozen=True):
    address: str
    decimals: int
    symbol: str  # To show.


class Found(Struct, frozen=True):
    """What is traded, and the symbols of all tokens."""

    listings: tuple[Listing, ...]
    pools: tuple[Pool, ...]
    symbols: dict[Asset, str]


async def found(node: Node, others: Sequence[Node], network: Network, pools: Sequence[str]) -> Found | No:
    """All of them at one block of this node; `others` are asked to confirm the tokens' decimals."""
    block = await node.head()
    if isinstance(block, Unanswered):
        return block
    every: list[Pool] = []
    for address in pools:
        pool = await _pool(node, network, address, block)
        if not isinstance(pool, Pool):
            return pool
        every.append(pool)
    known: dict[str, Token] = {}
    for address in sorted({side for pool in every for side in (pool.key.token0, pool.key.token1)}):
        token = await _token(node, others, address, block)
        if not isinstance(token, Token):
            return token
        known[address] = token
    listings = listed(network, every, known)
    if isinstance(listings, Declined):
        return listings
    desk = _desk(network)
    symbols = {desk.asset(address): token.symbol for address, token in known.items()}
    coin = {desk.native: network.native} if desk.native in symbols else {}
    return Found(listings, tuple(every), {**symbols, **coin})


async def states(
    node: Node, pools: Sequence[Pool], markets: dict[str, Market], block: Block
) -> dict[str, Event] | No:
    """What each pool says of itself at the end of a block, by address."""
    read = {}
    for pool in pools:
        values = await _values(node, pool, block)
        if isinstance(values, Declined | Unanswered):
            return values
        first, second = values
        if not (first and second):
            return Declined(f"evm.pools: {pool.address} has no liquidity; name another pool of this token")
        shape = bars.v2_state if pool.key.version is Version.V2 else bars.v3_state
        price, quote, token = shape(markets[pool.address], first, second)
        if not price:
            return Declined(f"evm.pools: the price in {pool.address} is too small to be counted")
        read[pool.address] = Event(block.at_ns, (block.number, 0), Units(0), price, quote, token)
    return read


# -- one pool ----------------------------------------------------------------------------------------
async def _pool(node: Node, network: Network, address: str, block: Block) -> Pool | No:
    code = await node.code(address, block.hash)
    if isinstance(code, Unanswered):
        return code
    if not code:
        return Declined(f"evm.pools: {address} is no contract on {network.name}; copy the pool's address")
    sides = [await _asked(node, method, address, block) for method in (TOKEN0, TOKEN1)]
    for side in sides:
        if isinstance(side, Unanswered):
            return side
    if any(isinstance(side, Declined) for side in sides):
        return _no_pool(address)
    token0, token1 = (str(side[0]) for side in sides if isinstance(side, tuple))
    key = await _key(node, network, address, (token0, token1), block)
    return await _of_factory(node, network, Pool(address, key)) if isinstance(key, PoolKey) else key


def _no_pool(address: str) -> Declined:
    return Declined(f"evm.pools: {address} is no Uniswap V2 or V3 pool; copy the pool's address")


async def _key(
    node: Node, network: Network, address: str, sides: tuple[str, str], block: Block
) -> PoolKey | No:
    """The one has reserves, the other a fee."""
    reserves = await _asked(node, GET_RESERVES, address, block)
    if isinstance(reserves, Unanswered):
        return reserves
    if not isinstance(reserves, Declined):
        return PoolKey(Version.V2, *sides, network.v2_fee_pips)
    fee = await _asked(node, FEE, address, block)
    if isinstance(fee, tuple):
        return PoolKey(Version.V3, *sides, int(str(fee[0])))
    return fee if isinstance(fee, Unanswered) else _no_pool(address)


async def _of_factory(node: Node, network: Network, pool: Pool) -> Pool | No:
    """Anybody can deploy what looks like a pool; orders go through those of the factory alone."""
    key = pool.key
    name = f"evm.{key.version}_factory"
    if not (network.v2_factory if key.version is Version.V2 else network.v3_factory):
        return Declined(f"evm.pools: {pool.address} is a {key.version} pool; write {name} and its router too")
    there = Pools(network)
    reason = await there.find(node, [key])
    if reason is not None:
        return reason
    if there.known.get(key) != pool.address:
        return Declined(f"evm.pools: {pool.address} is not of {name}; name one that is, or change that")
    return pool


async def _values(node: Node, pool: Pool, block: Block) -> tuple[int, int] | No:
    """V2: both reserves.  V3: the root of the price (0: never initialised), and the liquidity in range."""
    if pool.key.version is Version.V2:
        reserves = await _asked(node, GET_RESERVES, pool.address, block)
        return reserves if isinstance(reserves, No) else (int(str(reserves[0])), int(str(reserves[1])))
    slot0 = await _answer(node, SLOT0, pool.address, block)
    liquidity = await _answer(node, LIQUIDITY, pool.address, block)
    for answer in (slot0, liquidity):
        if not isinstance(answer, bytes):
            return answer
    assert isinstance(slot0, bytes)
    assert isinstance(liquidity, bytes)
    try:
        return read_slot0(slot0)[0], read_uint(LIQUIDITY, liquidity)
    except ValueError as error:
        return Declined(f"evm.pools: {pool.address}: {error}")


# -- tokens ------------------------------------------------------------------------------------------
async def _token(node: Node, others: Sequence[Node], address: str, block: Block) -> Token | No:
    decimals = await _decimals(node, address, block)
    if not isinstance(decimals, int):
        return decimals
    confirmed = await asyncio.gather(*(_decimals(other, address, block) for other in others))
    for other, said in zip(others, confirmed, strict=True):
        if isinstance(said, int) and said != decimals:
            return Declined(
                f"token {address} has {decimals} decimals by {node.name}, and {said} by {other.name}: "
                f"remove the node that lies from evm.rpc_urls"
            )
    symbol = await tokens.symbol(node, address, block.hash)
    return Token(address, decimals, symbol if isinstance(symbol, str) else f"{address[:8]}…")


async def _decimals(node: Node, token: str, block: Block) -> int | No:
    answer = await _asked(node, DECIMALS, token, block)
    if isinstance(answer, Declined):
        return Declined(
            f"token {token} does not say its decimals, so no amount of it has a meaning: "
            f"take its pool out of evm.pools"
        )
    if isinstance(answer, Unanswered):
        return answer
    decimals = int(str(answer[0]))
    if decimals > MOST_DECIMALS:
        return Declined(f"token {token} has {decimals} decimals; at most {MOST_DECIMALS} are traded")
    return decimals


async def _asked(node: Node, method: Method, contract: str, block: Block) -> tuple[object, ...] | No:
    answer = await _answer(node, method, contract, block)
    if not isinstance(answer, bytes):
        return answer
    try:
        return method.read(answer)
    except ValueError as error:
        return Declined(f"{contract}: {error}")


async def _answer(node: Node, method: Method, contract: str, block: Block) -> bytes | No:
    answer = await node.call(Ask(to=contract, data=method.selector), block.hash)
    return Declined(f"{contract}: {method.name} reverts") if isinstance(answer, Revert) else answer


# -- what they trade.  Pure. -------------------------------------------------------------------------
def listed(
    network: Network, pools: Sequence[Pool], known: dict[str, Token]
) -> tuple[Listing, ...] | Declined:
    """One token each, priced in what is paid with: by its pool, or through the one other token that is known
    of the chain.  These two are the chain's stable, and its wrapped native.
    """
    names = {network.stable: "evm.stable", network.wrapped_native: "evm.wrapped_native"}
    quote = _desk(network).quote_token
    other = next((token for token in names if token != quote), quote)
    direct = {pool.address: _market(network, pool, quote, known) for pool in pools if quote in _sides(pool)}
    coins = [market for market in direct.values() if _is(market, network, other)]
    listings = []
    for pool in pools:
        if market := direct.get(pool.address):
            listings.append(Listing(market.instrument, market))
        elif other not in _sides(pool):
            allowed = " or ".join(f"{name} ({token})" for token, name in names.items())
            return Declined(
                f"evm.pools: {pool.address} trades {' against '.join(_sides(pool))}: one of them must be "
                f"{allowed}"
            )
        elif not coins:
            return Declined(
                f"evm.pools: {pool.address} trades against {other}, whose price in {quote} is needed: "
                f"name a pool of these two as well"
            )
        else:
            listings.append(_through(_market(network, pool, other, known), coins[0]))
    traded = [listing.instrument.token for listing in listings]
    if twice := [token for token in traded if traded.count(token) > 1]:
        return Declined(f"evm.pools: two of them trade {twice[0]}; keep one")
    return tuple(listings)


def _sides(pool: Pool) -> tuple[str, str]:
    return pool.key.token0, pool.key.token1


def _is(market: Market, network: Network, token: str) -> bool:
    return market.instrument.token == _desk(network).asset(token)


def _market(network: Network, pool: Pool, quote: str, known: dict[str, Token]) -> Market:
    token = next(side for side in _sides(pool) if side != quote)
    name, decimals = _desk(network).asset, (known[token].decimals, known[quote].decimals)
    instrument = Instrument(name(token), name(quote), *decimals, pool.key.fee_pips)
    return Market(instrument, pool.address, pool.key.token0 == quote)


def _through(market: Market, coin: Market) -> Listing:
    """The fee is that of both hops."""
    token, native = market.instrument, coin.instrument
    left = (FEE_SCALE - token.fee_pips) * (FEE_SCALE - native.fee_pips) // FEE_SCALE
    shown = Instrument(
        token.token, native.quote, token.token_decimals, native.quote_decimals, FEE_SCALE - left
    )
    return Listing(shown, market, coin)


def _desk(network: Network) -> Desk:
    """It names the assets; whose wallet it is does not matter for that."""
    return Desk(network=network, wallet=ZERO_ADDRESS)
