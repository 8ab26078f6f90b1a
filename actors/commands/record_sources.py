"""Where `run.py record` has its ticks from: the simulated market, public prices, or the pools of a chain."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from loguru import logger

from actors.commands.refused import CannotRunError
from actors.messages import Instrument, Tick
from chains.feeds.feed import Feed
from storage.config import Run, Settings

RETRY_SECONDS = 10.0
LONGEST_WAIT = 600.0
SECOND_NS = 10**9
BATCH = 500
Clock = Callable[[], int]


class Source(Protocol):
    """`begin` says what it is about; then `ticks`, in the order of time, the past first where it is known."""

    name: str
    bar_ns: int

    async def begin(self) -> tuple[Instrument, ...]: ...

    def ticks(self, after_ns: int) -> AsyncGenerator[Tick, None]: ...

    async def close(self) -> None: ...


def source_of(settings: Settings, run: Run, clock: Clock) -> Source:
    """CannotRunError or ValueError, one sentence each, for what can not be recorded."""
    # Each loads what the others have no use for.
    match run.feed:
        case "simulated":
            from chains.feeds.choice import open_feed  # noqa: PLC0415

            return Simulated(open_feed(settings, run))
        case "live":
            return Public(settings, clock)
        case "chain":
            return Pools(settings, run.seed)
        case "recording" | "auto":
            raise CannotRunError(f"--feed {run.feed}: write live, chain or simulated.")


class Simulated:
    def __init__(self, feed: Feed) -> None:
        self._feed, self.name, self.bar_ns = feed, feed.name, feed.bar_ns

    async def begin(self) -> tuple[Instrument, ...]:
        return self._feed.instruments

    async def ticks(self, after_ns: int) -> AsyncGenerator[Tick, None]:
        while read := self._feed.read(after_ns, BATCH):
            for tick in read:
                yield tick
            after_ns = read[-1].at_ns
            await asyncio.sleep(0)  # Whoever wants to stop must come to a word.

    async def close(self) -> None:
        """There is nothing to close."""


class Public:
    """GeckoTerminal: up to a thousand minutes of the past, and then what it says every few seconds."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        from chains.feeds.geckoterminal import GeckoTerminal  # noqa: PLC0415  An HTTP client.

        self._live, self._clock = settings.live, clock
        self._server = GeckoTerminal(settings.live, settings.paper)
        self.name = "live prices of GeckoTerminal"
        self.bar_ns = settings.live.poll_seconds * SECOND_NS

    async def begin(self) -> tuple[Instrument, ...]:
        from chains.feeds.geckoterminal import FeedTrouble  # noqa: PLC0415  As above.

        while isinstance(found := await self._server.introduce(self._clock()), FeedTrouble):
            await self._wait(found.sentence, found.retry_at_ns)
        return found

    async def ticks(self, after_ns: int) -> AsyncGenerator[Tick, None]:  # noqa: ARG002  It gives all that it knows.
        from chains.feeds.geckoterminal import FeedTrouble  # noqa: PLC0415  As above.

        while isinstance(past := await self._server.history(self._clock()), FeedTrouble):
            await self._wait(past.sentence, past.retry_at_ns)
        for tick in past:
            yield tick
        while True:
            await asyncio.sleep(self._live.poll_seconds)
            polled = await self._server.poll(self._clock())
            if isinstance(polled, FeedTrouble):
                await self._wait(polled.sentence, polled.retry_at_ns)
            else:
                for trouble in polled.troubles:
                    logger.warning("{}", trouble.sentence)
                yield Tick(polled.at_ns, polled.bars)

    async def close(self) -> None:
        await self._server.close()

    async def _wait(self, sentence: str, retry_at_ns: int) -> None:
        logger.warning("{}", sentence)
        wait = max(RETRY_SECONDS, (retry_at_ns - self._clock()) / SECOND_NS)
        await asyncio.sleep(min(wait, LONGEST_WAIT))


class Pools:
    """Uniswap pools of a chain, block by block."""

    def __init__(self, settings: Settings, seed: int) -> None:
        from chains.evm.feed import ChainFeed  # noqa: PLC0415  It knows how to speak to nodes.

        self._feed = ChainFeed(settings.evm, seed)
        self.name = f"pools on {settings.evm.chain}"
        self.bar_ns = settings.evm.bar_seconds * SECOND_NS

    async def begin(self) -> tuple[Instrument, ...]:
        from chains.evm.values import Declined  # noqa: PLC0415  As above.
        from chains.venue import Unanswered  # noqa: PLC0415

        while isinstance(found := await self._feed.introduce(), Unanswered):
            logger.warning("{}", found.sentence)
            await asyncio.sleep(RETRY_SECONDS)
        if isinstance(found, Declined):
            raise CannotRunError(found.sentence)
        self.name = self._feed.name
        return found

    async def ticks(self, after_ns: int) -> AsyncGenerator[Tick, None]:  # noqa: ARG002  From now on.
        from chains.evm.feed import News  # noqa: PLC0415  As above.

        while True:
            news = await self._feed.news()
            if not isinstance(news, News):
                logger.warning("{}", news.sentence)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if news.silence:
                logger.warning("{}", news.silence)
            for tick in news.ticks:
                yield tick

    async def close(self) -> None:
        await self._feed.close()
