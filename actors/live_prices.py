"""Live prices beside the Market's mailbox: find the pools, warm up on their history, then poll for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

from loguru import logger

from actors.base import Actor, Crashed, Done
from actors.messages import Asset, Tick
from chains.feeds.geckoterminal import FeedTrouble, GeckoTerminal, Polled
from chains.feeds.live import LiveFeed
from storage.config import Settings

RETRY_SECONDS = 10.0
SECOND_NS = 10**9


class LivePrices:
    """One request chain at a time; `news` is called with the end of each step."""

    def __init__(self, actor: Actor, settings: Settings) -> None:
        self._actor, self._settings = actor, settings
        self._server = GeckoTerminal(settings.live, settings.paper)
        self.feed: LiveFeed | None = None
        self.refusal = ""  # They can always come back.
        self.symbols: dict[Asset, str] = {}  # Their names hold them.
        self.warm_until_ns = 0  # History ends here: it is to be remembered, not acted on.
        self.sentence = "live prices: asking GeckoTerminal what the pools trade"
        self._last_ns: dict[Asset, int] = {}

    def begin(self) -> None:
        self._actor.beside(self._server.introduce(self._actor.now_ns()), "introduce")

    def news(self, message: Done | Crashed) -> None:
        value: Any = message.value if isinstance(message, Done) else FeedTrouble(message.error_text)
        if isinstance(value, FeedTrouble):
            self._trouble(message.tag, value)
        elif message.tag == "introduce":
            seconds = self._settings.live.poll_seconds
            tokens = ", ".join(instrument.token for instrument in value)
            name = f"live prices of GeckoTerminal, {tokens}, every {seconds} s"
            self.feed = LiveFeed(value, seconds, name)
            self._actor.beside(self._server.history(self._actor.now_ns()), "history")
        elif message.tag == "history":
            self._warm_up(value)
            self._poll_later()
        else:
            self._add(value)
            self._poll_later()

    def stale(self) -> list[Asset]:
        """Tokens whose price has not been refreshed for too long: unknown, not unchanged."""
        if self.feed is None:
            return []
        oldest = self._actor.now_ns() - self._settings.live.stale_seconds * SECOND_NS
        return [each.token for each in self.feed.instruments if self._last_ns.get(each.token, 0) < oldest]

    def _trouble(self, tag: str, trouble: FeedTrouble) -> None:
        self.sentence = trouble.sentence
        logger.warning("live prices: {}", trouble.sentence)
        again: dict[str, Callable[[int], Any]] = {
            "introduce": self._server.introduce,
            "history": self._server.history,
            "poll": self._server.poll,
        }
        wait = max(RETRY_SECONDS, (trouble.retry_at_ns - self._actor.now_ns()) / SECOND_NS)
        self._actor.beside(self._after(min(wait, 600.0), again[tag]), tag)

    def _warm_up(self, ticks: tuple[Tick, ...]) -> None:
        assert self.feed is not None
        for tick in ticks:
            if self.feed.add(tick):
                self.warm_until_ns = tick.at_ns
        self.warm_until_ns = self.warm_until_ns or self._actor.now_ns()  # Of what nobody has traded yet too.

    def _add(self, polled: Polled) -> None:
        assert self.feed is not None
        for trouble in polled.troubles:
            logger.warning("live prices: {}", trouble.sentence)
        if self.feed.add(Tick(polled.at_ns, polled.bars)):
            self._last_ns.update({bar.token: polled.at_ns for bar in polled.bars})

    def _poll_later(self) -> None:
        wait = float(self._settings.live.poll_seconds)
        self._actor.beside(self._after(wait, self._server.poll), "poll")

    async def _after(self, seconds: float, ask: Callable[[int], Any]) -> Any:
        await asyncio.sleep(seconds)
        return await ask(self._actor.now_ns())
