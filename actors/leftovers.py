"""What routers may still take after orders have ended without their swap: found on chain, and taken back."""

from functools import partial
from typing import Any

from loguru import logger

from actors.dispatcher import Dispatcher
from actors.messages import Asset, Id, Landed, Revoke, RolledBack, Side, Units
from actors.venue_keeper import PORTFOLIO
from chains.venue import Unanswered
from storage.recovery import is_paid, paid_by

RETRY_SECONDS = 600  # After a wish that led to nothing: it was refused, or gas was too dear.
ASK_AGAIN_SECONDS = 60


class Leftovers(Dispatcher):
    """Each asset is asked about once after a start, and whenever an order that pays with it has failed.

    As long as another order pays with it that one replaces what is left, and nothing is asked.
    """

    def opened(self) -> None:
        super().opened()
        self.suspects: dict[Asset, int] = {}  # From which moment on each is to be asked about.
        self.left_over: dict[Asset, int] = {}  # What was found.
        self.tried: set[Asset] = set()  # It was taken back, as far as the chain says.

    def _suspect_all(self) -> None:
        """Whoever was here before us may have left something of anything that is traded."""
        assert self.offer is not None
        instruments = self.offer.instruments
        assets = {each.token for each in instruments} | {each.quote for each in instruments}
        assets |= self.replica.books.positions.keys()
        self.suspects = dict.fromkeys(sorted(assets), 0)

    def _suspect(self, id: Id) -> None:
        """If it has ended without a fill; and once something was taken back, whether that is so."""
        ended = self.replica.books.ended.get(id)
        if ended is None or isinstance(ended.outcome, Landed):
            return
        asset, takes_back = paid_by(ended.order), ended.order.side is Side.REVOKE
        landed = takes_back and isinstance(ended.outcome, RolledBack) and ended.fees > 0
        self.tried = self.tried | {asset} if landed else self.tried - {asset}
        wait = RETRY_SECONDS if takes_back and not landed else 0
        self.suspects[asset] = self._now_ns() + wait * 10**9

    def _look_for_leftovers(self) -> None:
        """One asset at a time, when there is nothing else to do."""
        assert self.venue is not None
        books = self.replica.books
        if self._busy() or self.draining or not books.signs or not self.recent:
            return
        now_ns = self._now_ns()
        due = (asset for asset, from_ns in self.suspects.items() if from_ns <= now_ns)
        asset = next((each for each in due if not is_paid(books, each)), None)
        if asset is not None:
            self._ask(self.venue.leftover(asset), partial(self._found_left, asset))

    def _found_left(self, asset: Asset, amount: int | Unanswered) -> None:
        now_ns = self._now_ns()
        if isinstance(amount, Unanswered):
            self.suspects[asset] = now_ns + ASK_AGAIN_SECONDS * 10**9
            return
        del self.suspects[asset]
        self.left_over.pop(asset, None)
        if not amount:
            return
        self.left_over[asset] = amount
        if asset in self.tried:
            logger.error("a router may take {} of {}, though it was told otherwise", amount, asset)
            return
        logger.warning("a router may still take {} of {}: that is to be taken back", amount, asset)
        self.suspects[asset] = now_ns + RETRY_SECONDS * 10**9
        self.send_to(PORTFOLIO, Revoke(Id(f"revoke:{asset}:{now_ns}"), asset, now_ns, Units(amount)))

    def _now_ns(self) -> int:
        return self.recent[-1].at_ns if self.recent else self.replica.books.last_order_ns

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "left_over": {asset: str(each) for asset, each in self.left_over.items()}}
