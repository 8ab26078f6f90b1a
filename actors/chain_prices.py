"""A chain's prices beside the Market's mailbox: read the pools, warm up on their past, follow them."""

import asyncio
from collections.abc import Callable
from typing import Any

from loguru import logger

from actors.base import Actor, Crashed, Done
from actors.messages import Asset, Tick
from chains.evm.feed import ChainFeed, News
from chains.evm.values import Declined
from chains.feeds.live import RING, LiveFeed
from chains.venue import Unanswered
from storage.config import Settings, bad_amounts
from storage.strict_toml import refusal

RETRY_SECONDS = 5.0
SECOND_NS, MINUTE_NS = 10**9, 60 * 10**9


class ChainPrices:
    """One request chain at a time; `news` is called with the end of each step."""

    def __init__(self, actor: Actor, settings: Settings, seed: int) -> None:
        self._actor, self._settings = actor, settings
        self._server = ChainFeed(settings.evm, seed)
        self.feed: LiveFeed | None = None
        self.warm_until_ns = 0  # History ends here: it is to be remembered, not acted on.
        self.sentence = f"pools on {settings.evm.chain}: asking what they trade"
        self.refusal = ""  # No waiting helps: what the operator has to mend.
        self._silence = "nothing has been heard of the pools yet"

    def begin(self) -> None:
        self._ask("introduce")

    def news(self, message: Done | Crashed) -> None:
        value: Any = message.value if isinstance(message, Done) else Unanswered(message.error_text)
        match value:
            case Declined(sentence) if message.tag == "introduce":
                self.refusal = sentence
            case Declined(sentence) | Unanswered(sentence):  # A pool that was emptied may be filled again.
                self._trouble(message.tag, sentence)
            case News(ticks, silence):
                self._told(silence)
                self._add(ticks)
                self._ask("news")
            case _ if message.tag == "introduce":
                self._introduced(value)
            case _:
                self._warm_up(value)

    @property
    def symbols(self) -> dict[Asset, str]:
        return self._server.symbols

    def stale(self) -> list[Asset]:
        """All tokens while the chain is silent: unknown, not unchanged.  A quiet pool is no silent chain."""
        if self.feed is None or not self._silence:
            return []
        return [instrument.token for instrument in self.feed.instruments]

    def _introduced(self, instruments: Any) -> None:
        settings = self._settings
        decimals = instruments[0].quote_decimals
        if complaint := next(bad_amounts(settings, decimals), None):
            self.refusal = str(refusal(f"the chain's quote asset has {decimals} decimals", *complaint))
            return
        self.feed = LiveFeed(instruments, settings.evm.bar_seconds, self._server.name)
        self._ask("history")

    def _warm_up(self, ticks: tuple[Tick, ...]) -> None:
        self._told("")
        self._add(ticks)
        self.warm_until_ns = self._server.told_ns
        self._ask("news")

    def _add(self, ticks: tuple[Tick, ...]) -> None:
        assert self.feed is not None
        for tick in ticks:
            self.feed.add(tick)

    def _trouble(self, tag: str, sentence: str) -> None:
        self._told(sentence)
        self._actor.beside(self._after(RETRY_SECONDS, self._questions()[tag]), tag)

    def _told(self, silence: str) -> None:
        if silence:
            self.sentence = silence
            logger.warning("pools on {}: {}", self._settings.evm.chain, silence)
        elif self._silence:
            logger.info("pools on {}: heard of", self._settings.evm.chain)
        self._silence = silence

    def _ask(self, tag: str) -> None:
        self._actor.beside(self._questions()[tag](), tag)

    def _questions(self) -> dict[str, Callable[[], Any]]:
        return {
            "introduce": self._server.introduce,
            "history": lambda: self._server.history(self._needed_ns()),
            "news": self._server.news,
        }

    def _needed_ns(self) -> int:
        """What the strategy looks back on, as far as it is kept."""
        momentum = self._settings.momentum
        bars = max(momentum.entry_bars, momentum.exit_bars, momentum.atr_bars) + 1
        kept = RING * self._settings.evm.bar_seconds * SECOND_NS
        return min(bars * momentum.timeframe_minutes * MINUTE_NS, kept)

    async def _after(self, seconds: float, ask: Callable[[], Any]) -> Any:
        await asyncio.sleep(seconds)
        return await ask()
