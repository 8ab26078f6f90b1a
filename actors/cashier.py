"""Outcomes are booked; one that has cost more than the books have free waits, and so does its wallet."""

from functools import partial
from typing import Any

from loguru import logger
from msgspec import Struct
from msgspec.structs import replace

from actors.leftovers import Leftovers
from actors.messages import KEY, Id, Refusal, Tick
from chains.venue import Unanswered, used_by_another
from storage.books import Outcome
from storage.shortage import Purse, asks_for_more, covered, only_these, short
from storage.trades import settlement

# Others have taken what was free, or a copy of it, in other words, has come first: the next look knows more.
CROSSED = frozenset({Refusal.NOT_ENOUGH_FUNDS, Refusal.ID_TAKEN})


class Short(Struct, frozen=True):
    """It has happened, and can not be booked yet."""

    outcome: Outcome
    final: bool
    sentence: str


class Cashier(Leftovers):
    """Nothing of this outlives the process: each look at the chain finds it anew."""

    def opened(self) -> None:
        super().opened()
        self.short: dict[Id, Short] = {}  # As of the last look.
        self.alarmed: dict[Id, str] = {}
        self.surprises: set[Id] = set()  # Appends that take what may be gone.

    def _settle(self, outcome: Outcome, at_ns: int, final: bool = True) -> None:
        """T3.  Of several at a time each is of another token, so none changes what the others are made of."""
        append = settlement(self.replica.books, outcome, at_ns)
        if lacking := short(self.replica.books, append):
            self._wait(outcome, final, lacking)
            return
        logger.info("{}: {}", outcome.order, type(outcome).__name__)
        if asks_for_more(append):
            self.surprises.add(append.id)
        self._book(append, outcome.order)

    def _wait(self, outcome: Outcome, final: bool, lacking: int) -> None:
        id = outcome.order
        asset = self.replica.books.live[id].order.fee_asset
        sentence = (
            f"the chain has taken {lacking} base units of {asset} more for {id} than is free in the books: "
            f"nothing new is signed before another order gives back as much, or what has come is final"
        )
        if id not in self.alarmed:
            logger.warning("{}", sentence)
        self.short[id] = Short(outcome, final, self.alarmed.get(id, sentence))

    def _alarm(self, id: Id, lacking: int) -> None:
        books = self.replica.books
        asset = books.live[id].order.fee_asset
        sentence = (
            f"{books.wallet or 'the wallet'} needs {lacking} more base units of {asset}: send gas.  The "
            f"chain has taken more for {id} than is free in the books; nothing new is signed until then"
        )
        if self.alarmed.get(id) != sentence:
            logger.critical("{}", sentence)
        self.alarmed[id] = sentence
        self.short[id] = replace(self.short[id], sentence=sentence)

    def _waiting(self) -> dict[Id, Short]:
        live = self.replica.books.live
        return {id: each for id, each in self.short.items() if id in live}

    def _look_for_gas(self, tick: Tick) -> None:
        """Once nothing else can pay for it: what has the wallet, where all that it has done is final?"""
        assert self.venue is not None
        books, waiting = self.replica.books, self._waiting()
        if not waiting or self._busy() or not only_these(books, waiting):
            return
        if all(each.final for each in waiting.values()):
            asset = books.live[next(iter(waiting))].order.fee_asset
            self._ask(self.venue.purse(asset), partial(self._found_gas, tick))

    def _found_gas(self, tick: Tick, purse: Purse | Unanswered) -> None:
        """Of each of them all is known, so whatever else the wallet has must have come."""
        books, waiting = self.replica.books, self._waiting()
        if isinstance(purse, Unanswered) or purse.nonce < books.nonce or not only_these(books, waiting):
            return
        first = next(iter(waiting.values()))
        if purse.nonce > books.nonce:
            sentence = used_by_another(books.wallet, purse.nonce, books.nonce)
            self._halt(books.live[first.outcome.order], KEY, sentence, tick)
            return
        found = covered(books, [each.outcome for each in waiting.values()], purse, tick.at_ns)
        if found.lacking:
            self._alarm(first.outcome.order, found.lacking)
            return
        logger.warning("gas has come, and {} is booked", first.outcome.order)
        self.surprises.add(found.append.id)
        self._book(found.append, first.outcome.order)

    def _refused(self, append_id: Id, reason: Refusal) -> None:
        surprised = append_id in self.surprises and append_id in self.booking
        if not (surprised and reason in CROSSED and self.answered(append_id)):
            super()._refused(append_id, reason)
            return
        logger.warning("{} is not booked yet: {}", append_id, reason)
        self.surprises.discard(append_id)
        del self.booking[append_id]
        self._next()

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            "short_of_gas": {id: each.sentence for id, each in self._waiting().items()},
        }
