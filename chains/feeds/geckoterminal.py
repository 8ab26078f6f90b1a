"""Live prices from GeckoTerminal's public API (no key, about 30 requests a minute).

Asks for each pool in turn.  Whatever goes wrong - no network, a silent or overloaded server, a page of HTML,
half an answer, a price that nobody refreshes - becomes a `FeedTrouble` with a sentence: never an exception,
and never a bar.  Time comes with each call, so that a poll is the same in a test.
"""

import asyncio
from urllib.parse import quote as escaped

import aiohttp
from msgspec import Struct

from actors.messages import Asset, Bar, Instrument, Price, Tick, Units
from chains.feeds.gecko_bodies import (
    Attributes,
    Figures,
    Listing,
    figures_of,
    listing_of,
    minute_bars,
    pool_reply,
)
from chains.feeds.pacing import new_pacing, relieved, taken, troubled
from storage.config import Live, Paper

LARGEST_BODY = 2_000_000  # Bytes; a pool is 4 kB, a thousand candles are 80.
HISTORY_MINUTES = 1_000  # The most that one request gives.
VOLUME_SECONDS = 300  # A poll's volume is its share of the last five minutes.
SECOND_NS = 10**9


class FeedTrouble(Struct, frozen=True):
    """No prices, for this reason; asking before `retry_at_ns` is no use."""

    sentence: str
    retry_at_ns: int = 0


class Polled(Struct, frozen=True):
    """Bars of the pools that answered, and a reason for each of those that did not."""

    at_ns: int
    bars: tuple[Bar, ...]
    troubles: tuple[FeedTrouble, ...] = ()


class Seen(Struct, frozen=True):
    """What a pool's last answer was, and since when it has been the same."""

    attributes: Attributes
    changed_at_ns: int
    price: Price
    at_ns: int


class GeckoTerminal:
    """ValueError with a sentence if live.pools can not be understood."""

    def __init__(self, live: Live, paper: Paper) -> None:
        self._live = live
        self._pools = [_network_and_address(pool) for pool in live.pools]
        self._quote, self._decimals = Asset(f"paper:{paper.quote}"), paper.quote_decimals
        self._pacing = new_pacing(live.requests_per_minute, live.poll_seconds * SECOND_NS)
        self._listings: list[Listing] = []
        self._figures: dict[Asset, Figures] = {}
        self._seen: dict[Asset, Seen] = {}
        self._session: aiohttp.ClientSession | None = None

    async def reachable(self) -> bool:
        """Whether the server gives a sensible answer within `live.connect_seconds`."""
        try:
            async with asyncio.timeout(self._live.connect_seconds):
                async with self._open().get(f"{self._live.url}/networks") as response:
                    return response.status == 200 and (await _body(response)).lstrip().startswith(b"{")
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False

    async def introduce(self, now_ns: int) -> tuple[Instrument, ...] | FeedTrouble:
        """Find out what each of `live.pools` trades.  All of them must be known before anything is traded."""
        listings = []
        for network, address in self._pools:
            body = await self._get(_pool_path(network, address), now_ns)
            if isinstance(body, FeedTrouble):
                return body
            try:
                reply = pool_reply(body)
                listing = listing_of(reply, network, address, self._quote, self._decimals)
                self._figures[listing.instrument.token] = figures_of(reply.data.attributes, listing)
            except ValueError as error:
                return FeedTrouble(f"GeckoTerminal's answer for pool {network}/{address} is no use: {error}")
            listings.append(listing)
        tokens = [listing.instrument.token for listing in listings]
        if len(set(tokens)) < len(tokens):
            return FeedTrouble("two of live.pools trade the same token on the same network; keep one of them")
        self._listings = listings
        return tuple(listing.instrument for listing in listings)

    async def history(self, now_ns: int) -> tuple[Tick, ...] | FeedTrouble:
        """The last minutes of all pools, to warm up on; `introduce` comes first."""
        assert self._listings, "history() before introduce()"
        bars: dict[int, list[Bar]] = {}
        for listing in self._listings:
            body = await self._get(_history_path(listing), now_ns)
            if isinstance(body, FeedTrouble):
                return body
            try:
                minutes = minute_bars(body, listing, self._figures[listing.instrument.token], now_ns)
            except ValueError as error:
                return FeedTrouble(f"GeckoTerminal's history of {listing.address} is no use: {error}")
            for end_ns, bar in minutes:
                bars.setdefault(end_ns, []).append(bar)
        return tuple(Tick(at_ns, tuple(bars[at_ns])) for at_ns in sorted(bars))

    async def poll(self, now_ns: int) -> Polled | FeedTrouble:
        """The prices of this moment; `introduce` comes first.  FeedTrouble if no pool gives a bar."""
        assert self._listings, "poll() before introduce()"
        answers = [await self._poll_one(listing, now_ns) for listing in self._listings]
        bars = tuple(answer for answer in answers if isinstance(answer, Bar))
        troubles = tuple(answer for answer in answers if isinstance(answer, FeedTrouble))
        return Polled(now_ns, bars, troubles) if bars else troubles[0]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- one pool --
    async def _poll_one(self, listing: Listing, now_ns: int) -> Bar | FeedTrouble:
        body = await self._get(_pool_path(listing.network, listing.address), now_ns)
        if isinstance(body, FeedTrouble):
            return body
        try:
            attributes = pool_reply(body).data.attributes
            figures = figures_of(attributes, listing)
        except ValueError as error:
            return FeedTrouble(f"GeckoTerminal's answer for pool {listing.address} is no use: {error}")
        return self._bar(listing, attributes, figures, now_ns)

    def _bar(
        self, listing: Listing, attributes: Attributes, figures: Figures, now_ns: int
    ) -> Bar | FeedTrouble:
        token, stale_ns = listing.instrument.token, self._live.stale_seconds * SECOND_NS
        seen = self._seen.get(token)
        same = seen is not None and seen.attributes == attributes
        changed_at_ns = seen.changed_at_ns if seen is not None and same else now_ns
        # From the price before, unless that is too long ago to be next to this one.
        joined = seen is not None and now_ns - seen.at_ns <= stale_ns
        open = seen.price if seen is not None and joined else figures.price
        self._seen[token] = Seen(attributes, changed_at_ns, figures.price, now_ns)
        self._figures[token] = figures
        if now_ns - changed_at_ns > stale_ns:
            seconds = (now_ns - changed_at_ns) // SECOND_NS
            return FeedTrouble(f"{token}: GeckoTerminal has not refreshed its price for {seconds} s")
        high, low = max(open, figures.price), min(open, figures.price)
        volume = Units(figures.volume * self._live.poll_seconds // VOLUME_SECONDS)
        reserves = (figures.reserve_quote, figures.reserve_token)
        return Bar(token, open, high, low, figures.price, volume, *reserves)

    # -- the server --
    async def _get(self, path: str, now_ns: int) -> bytes | FeedTrouble:
        self._pacing, wait_until_ns = taken(self._pacing, now_ns)
        if wait_until_ns:
            seconds = -(-(wait_until_ns - now_ns) // SECOND_NS)
            return FeedTrouble(f"GeckoTerminal may be asked again in {seconds} s", wait_until_ns)
        try:
            async with self._open().get(self._live.url + path) as response:
                return await self._answer(response, now_ns)
        except TimeoutError:
            return self._trouble(
                f"GeckoTerminal did not answer within {self._live.connect_seconds} s", now_ns
            )
        except (aiohttp.ClientError, OSError) as error:
            return self._trouble(f"GeckoTerminal can not be reached: {error}", now_ns)
        except ValueError as error:
            return self._trouble(f"GeckoTerminal's answer is no use: {error}", now_ns)

    async def _answer(self, response: aiohttp.ClientResponse, now_ns: int) -> bytes | FeedTrouble:
        if response.status == 200:
            body = await _body(response)
            self._pacing = relieved(self._pacing)
            return body
        if response.status == 404:
            return FeedTrouble(f"GeckoTerminal does not know {response.url.path}; check live.pools")
        seconds = _retry_after(response.headers.get("Retry-After"))
        return self._trouble(f"GeckoTerminal answered with status {response.status}", now_ns, seconds)

    def _trouble(self, sentence: str, now_ns: int, retry_after: int | None = None) -> FeedTrouble:
        self._pacing = troubled(self._pacing, now_ns, retry_after)
        return FeedTrouble(sentence, self._pacing.closed_until_ns)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            seconds = self._live.connect_seconds
            timeout = aiohttp.ClientTimeout(total=3 * seconds, connect=seconds, sock_read=seconds)
            self._session = aiohttp.ClientSession(timeout=timeout, headers={"Accept": "application/json"})
        return self._session


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise ValueError(f"it is larger than {LARGEST_BODY:,} bytes")
    return bytes(body)


def _retry_after(header: str | None) -> int | None:
    """Seconds; the other form, a date, would need a clock, and our own pause does as well."""
    return int(header) if header and header.strip().isdecimal() and len(header) < 10 else None


def _network_and_address(pool: str) -> tuple[str, str]:
    network, slash, address = pool.partition("/")
    if not (network and slash and address) or "/" in address:
        raise ValueError(f'live.pools: "{pool}" is not network/address, such as eth/0x88e6…5640')
    return escaped(network, safe=""), escaped(address, safe="")


def _pool_path(network: str, address: str) -> str:
    return f"/networks/{network}/pools/{address}?include=base_token,quote_token"


def _history_path(listing: Listing) -> str:
    """Prices in the unit that `poll` reports: the pool's own where it trades against a dollar."""
    token = "base" if listing.token_is_base else "quote"
    currency = "token" if listing.against_dollars else "usd"
    pool = f"/networks/{listing.network}/pools/{listing.address}"
    options = f"aggregate=1&limit={HISTORY_MINUTES}&currency={currency}&token={token}"
    return f"{pool}/ohlcv/minute?{options}"
