"""What GeckoTerminal's answers hold: the parts that we use, checked, and turned into whole units.

Numbers come as strings of up to 70 digits, and any of them may be null.  What is missing or odd gives a
ValueError with a sentence, never a figure: unknown is not zero.
"""

import re

from msgspec import DecodeError, Struct, ValidationError, json

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Units
from chains.amounts import scaled
from chains.feeds.names import DOLLARS
from chains.pool import FEE_SCALE, reserves_at, reserves_of_depth

MINUTE_NS = 60 * 10**9
USUAL_FEE_PIPS = 3_000  # Where a pool's fee is not told: that of Uniswap V2, rather too much than too little.
_SYMBOL = re.compile(r"[A-Za-z0-9.$]{1,16}")


class Attributes(Struct, frozen=True):
    """Of a pool.  Two equal answers some minutes apart say that nobody refreshed it."""

    base_token_price_usd: str | None = None
    base_token_price_quote_token: str | None = None
    quote_token_price_base_token: str | None = None
    reserve_in_usd: str | None = None
    pool_fee_percentage: str | None = None
    volume_usd: dict[str, str | None] = {}
    transactions: dict[str, dict[str, int | None]] = {}


class Reference(Struct, frozen=True):
    id: str


class Relation(Struct, frozen=True):
    data: Reference


class Relationships(Struct, frozen=True):
    base_token: Relation
    quote_token: Relation


class PoolData(Struct, frozen=True):
    attributes: Attributes
    relationships: Relationships


class TokenAttributes(Struct, frozen=True):
    symbol: str | None = None
    decimals: int | None = None


class Included(Struct, frozen=True):
    id: str
    attributes: TokenAttributes


class PoolReply(Struct, frozen=True):
    data: PoolData
    included: list[Included] = []


class CandleAttributes(Struct, frozen=True):
    ohlcv_list: list[tuple[int, float, float, float, float, float]]  # Newest first, volume in USD.


class CandleData(Struct, frozen=True):
    attributes: CandleAttributes


class CandleReply(Struct, frozen=True):
    data: CandleData


class Listing(Struct, frozen=True):
    """A pool that we follow: which side is the token, and whether the other one is a dollar."""

    network: str
    address: str
    instrument: Instrument
    token_is_base: bool
    against_dollars: bool


class Figures(Struct, frozen=True):
    """A pool at one moment, in units of the paper quote."""

    price: Price
    reserve_quote: Units
    reserve_token: Units
    volume: Units  # Of the last five minutes.


def pool_reply(body: bytes) -> PoolReply:
    try:
        return json.decode(body, type=PoolReply)
    except (DecodeError, ValidationError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no pool: {error}") from error


def listing_of(reply: PoolReply, network: str, address: str, quote: Asset, quote_decimals: int) -> Listing:
    """Token and pool of an answer that includes its tokens."""
    tokens = {included.id: included.attributes for included in reply.included}
    relations = reply.data.relationships
    base, other = (tokens.get(side.data.id) for side in (relations.base_token, relations.quote_token))
    if base is None or other is None:
        raise ValueError("its tokens are not described")
    token_is_base = base.symbol not in DOLLARS
    token = base if token_is_base else other
    if token.symbol is None or token.decimals is None or not 0 <= token.decimals <= 36:
        raise ValueError("symbol or decimals of its token are unknown")
    symbol = token.symbol if _SYMBOL.fullmatch(token.symbol) else address
    fee = reply.data.attributes.pool_fee_percentage
    fee_pips = USUAL_FEE_PIPS if fee is None else scaled(fee, 4)
    if not 0 <= fee_pips < FEE_SCALE:
        raise ValueError(f"its fee of {fee} % can not be")
    asset = Asset(f"paper:{symbol}-{network}")
    instrument = Instrument(asset, quote, token.decimals, quote_decimals, fee_pips)
    against_dollars = (other if token_is_base else base).symbol in DOLLARS
    return Listing(network, address, instrument, token_is_base, against_dollars)


def figures_of(attributes: Attributes, listing: Listing) -> Figures:
    """Price and reserves: half of the reserve counts as quote, at the price of the pool."""
    decimals = listing.instrument.quote_decimals
    price = scaled(_known(_price_text(attributes, listing), "price"), decimals + len(str(PRICE_SCALE)) - 1)
    depth = scaled(_known(attributes.reserve_in_usd, "reserve"), decimals) // 2
    if price <= 0 or depth <= 0:
        raise ValueError("its price or its reserve is not above zero")
    reserves = reserves_of_depth(depth, price, listing.instrument.token_decimals)
    volume = scaled(attributes.volume_usd.get("m5") or "0", decimals)
    return Figures(Price(price), *reserves, Units(max(0, volume)))


def _price_text(attributes: Attributes, listing: Listing) -> str | None:
    if not listing.against_dollars:
        return attributes.base_token_price_usd
    if listing.token_is_base:
        return attributes.base_token_price_quote_token
    return attributes.quote_token_price_base_token


def _known(text: str | None, what: str) -> str:
    if text is None:
        raise ValueError(f"its {what} is unknown")
    return text


def minute_bars(body: bytes, listing: Listing, now: Figures, now_ns: int) -> list[tuple[int, Bar]]:
    """The minutes that are over, oldest first, with the moment at which each ended.

    What the pool held then is not told; it is taken to be what it holds now, at the price of then.
    """
    try:
        rows = json.decode(body, type=CandleReply).data.attributes.ohlcv_list
    except (DecodeError, ValidationError, UnicodeDecodeError) as error:
        raise ValueError(f"these are no candles: {error}") from error
    instrument, scale = listing.instrument, 10.0**listing.instrument.quote_decimals
    bars: list[tuple[int, Bar]] = []
    for start, *prices, volume in sorted(rows):
        end_ns = start * 10**9 + MINUTE_NS
        open, high, low, close = (Price(int(price * scale * PRICE_SCALE)) for price in prices)
        if end_ns > now_ns or (bars and end_ns <= bars[-1][0]):
            continue
        if not (0 < low <= high and open > 0 and close > 0 and volume >= 0):
            raise ValueError(f"its minute {start} is impossible: {prices}")
        reserves = reserves_at(close, now.reserve_quote, now.reserve_token, instrument.token_decimals)
        traded = Units(int(volume * scale))
        bars.append((end_ns, Bar(instrument.token, open, high, low, close, traded, *reserves)))
    return bars
