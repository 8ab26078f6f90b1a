"""A feed's tokens as a devnet's, and a devnet as a configuration."""

from actors.messages import Asset, Instrument, Price
from chains.devnet.devnet import Devnet
from chains.devnet.maker import symbol_of
from chains.devnet.world import ODD, WETH, Listing, Plan, plan
from chains.feeds.feed import Feed

READ_AT_ONCE = 1_000
WETH_DECIMALS = 18
FINAL_DEPTH, BOOKED_DEPTH = 10, 2  # Blocks: a devnet is undone only by who asks for it.


def plan_of(feed: Feed) -> tuple[Plan, int]:
    """A world that begins at the feed's first prices, and when (Unix seconds) that is.

    It reads until every token has had a price.  ValueError, in one sentence, if it can not be a devnet.
    """
    quotes = {(symbol_of(one.quote), one.quote_decimals) for one in feed.instruments}
    if len(quotes) != 1:
        raise ValueError(f"a devnet has one quote token, and {feed.name} has {len(quotes)}: use files of one")
    first, began_at = _first_prices(feed)
    listings = tuple(_listing(one, first[one.token]) for one in feed.instruments)
    return plan(listings, quotes.pop()), began_at


def _first_prices(feed: Feed) -> tuple[dict[Asset, Price], int]:
    wanted, found = {one.token for one in feed.instruments}, dict[Asset, Price]()
    began_ns = after_ns = None
    while ticks := feed.read(after_ns, READ_AT_ONCE):
        began_ns, after_ns = began_ns or ticks[0].at_ns, ticks[-1].at_ns
        for bar in (bar for tick in ticks for bar in tick.bars):
            found.setdefault(bar.token, bar.open)
        if wanted <= found.keys():
            return found, (began_ns - feed.bar_ns) // 10**9
    raise ValueError(f"{feed.name} has no price for each of its tokens: use another recording")


def _listing(instrument: Instrument, price: Price) -> Listing:
    symbol, decimals = symbol_of(instrument.token), instrument.token_decimals
    if symbol == WETH and decimals != WETH_DECIMALS:
        raise ValueError(f"WETH has {WETH_DECIMALS} decimals on a devnet, and {decimals} in the recording")
    return Listing(symbol, decimals, price)


def configuration(net: Devnet) -> str:
    """The [evm] table of config.toml that leads to it."""
    at = net.addresses
    rows = {
        "chain": "devnet", "rpc_urls": [net.url, net.url.replace("127.0.0.1", "localhost")],
        "ws_url": net.ws_url, "chain_id": net.chain_id,
        "native": "ETH", "wrapped_native": at.weth, "stable": at.tokens[at.quote].address,
        "v2_router": at.v2_router, "v2_factory": at.v2_factory,
        "v3_router": at.v3_router, "v3_factory": at.v3_factory, "quoter": at.quoter,
        "stable_decimals": at.tokens[at.quote].decimals, "pools": _deepest(net), "bar_seconds": 60,
        "booked_depth": BOOKED_DEPTH, "final_depth": FINAL_DEPTH, "block_seconds": 1.0,
    }  # fmt: skip
    return "\n".join(["[evm]", *(f"{key} = {_toml(value)}" for key, value in rows.items())])


def _deepest(net: Devnet) -> list[str]:
    """Of each token but the odd one, the first pool with the quote: the same depth is in all of them."""
    at = net.addresses
    pools: dict[str, str] = {}
    for pool in at.pools:
        symbols = {pool.symbol0, pool.symbol1}
        if at.quote in symbols and ODD not in symbols:
            (token,) = symbols - {at.quote}
            pools.setdefault(token, pool.address)
    return list(pools.values())


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
