"""What a devnet holds: which tokens and pools are wanted, and where they have come to be.  Pure."""

from enum import StrEnum

from msgspec import Struct

from actors.messages import PRICE_SCALE, Price
from chains.devnet.wallets import TRADER, Wallet

WETH = "WETH"
ODD = "ODD"
QUOTE = "USDC"
FEE_TIERS = (100, 500, 3_000, 10_000)  # Pips, of V3.
V2_FEE_PIPS = 3_000


class Kind(StrEnum):
    V2 = "v2"
    V3 = "v3"


class Listing(Struct, frozen=True):
    """A token that is to be."""

    symbol: str
    decimals: int
    price: Price  # Quote base units for one whole token, times PRICE_SCALE.


class PoolPlan(Struct, frozen=True):
    kind: Kind
    one: str
    other: str
    fee_pips: int = V2_FEE_PIPS


class Plan(Struct, frozen=True):
    """The tokens and the pools; each side of a pool is worth `depth` at first."""

    quote: Listing
    listings: tuple[Listing, ...]
    pools: tuple[PoolPlan, ...]
    depth: int = 2_000_000  # Whole quote tokens.
    trader_quote: int = 1_000_000  # Whole quote tokens that the trader starts with.


class Token(Struct, frozen=True):
    address: str
    decimals: int


class Pool(Struct, frozen=True):
    address: str
    kind: Kind
    token0: str  # Addresses, in the order of the pool.
    token1: str
    symbol0: str
    symbol1: str
    fee_pips: int


class Addresses(Struct, frozen=True):
    weth: str
    v2_factory: str
    v2_router: str
    v3_factory: str
    v3_positions: str
    v3_router: str  # SwapRouter02.
    quoter: str  # QuoterV2.
    quote: str  # The symbol of the token that prices are in.
    tokens: dict[str, Token]  # By symbol; WETH among them.
    pools: tuple[Pool, ...]
    trader: Wallet = TRADER

    def pool(self, kind: Kind, one: str, other: str, fee_pips: int = V2_FEE_PIPS) -> Pool:
        """Of two symbols in any order; KeyError if there is none."""
        for pool in self.pools:
            if {pool.symbol0, pool.symbol1} == {one, other} and (pool.kind, pool.fee_pips) == (
                kind,
                fee_pips,
            ):
                return pool
        raise KeyError(f"no {kind} pool of {one} and {other} at {fee_pips} pips")


def whole(amount: int, decimals: int) -> Price:
    """`amount` whole quote tokens of so many decimals for one whole token."""
    return Price(amount * 10**decimals * PRICE_SCALE)


def plan(listings: tuple[Listing, ...] = (), quote: tuple[str, int] = (QUOTE, 6)) -> Plan:
    """Every token against the quote in V2 and V3, and against WETH where that is how one gets there.

    WETH, and a token for each number of decimals, are listed if nothing else is asked for.
    """
    symbol, decimals = quote
    listed = listings or _usual(decimals)
    if WETH not in {listing.symbol for listing in listed}:
        listed = (Listing(WETH, 18, whole(3_000, decimals)), *listed)
    return Plan(Listing(symbol, decimals, whole(1, decimals)), listed, tuple(_pools(symbol, listed)))


def _usual(decimals: int) -> tuple[Listing, ...]:
    return (
        Listing(WETH, 18, whole(3_000, decimals)),
        Listing("WBTC", 8, whole(60_000, decimals)),
        Listing("LINK", 18, whole(15, decimals)),
        Listing("EURC", 6, Price(whole(108, decimals) // 100)),
        Listing(ODD, 18, whole(2, decimals)),
    )


def _pools(quote: str, listed: tuple[Listing, ...]) -> list[PoolPlan]:
    found = [PoolPlan(Kind.V2, listing.symbol, quote) for listing in listed]
    found += [PoolPlan(Kind.V3, listing.symbol, quote, 3_000) for listing in listed if listing.symbol != ODD]
    found += [PoolPlan(Kind.V3, WETH, quote, fee) for fee in FEE_TIERS if fee != 3_000]
    others = [listing.symbol for listing in listed if listing.symbol not in {WETH, ODD}]
    if others:  # The way to the first of them leads through WETH as well, in both.
        found += [PoolPlan(Kind.V2, others[0], WETH), PoolPlan(Kind.V3, others[0], WETH, 500)]
    return found
