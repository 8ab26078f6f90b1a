"""Positions watches what is held, and says when it must go: stop, take profit, trailing stop, time."""

from typing import Any, assert_never

import msgspec
from loguru import logger
from msgspec.structs import replace

from actors.base import Address, ChildExited, Poisoned
from actors.member import MARKET, WAL
from actors.messages import (
    AlreadyClosing,
    Append,
    Approved,
    Asset,
    Bar,
    Close,
    CloseReason,
    Committed,
    Drain,
    Drained,
    Durable,
    Follow,
    Handled,
    Id,
    Offered,
    Price,
    Refused,
    SaveState,
    Side,
    StateSaved,
    Ticks,
)
from actors.wisher import PORTFOLIO, Wisher
from chains.pool import value_of
from storage.holdings import freed_since
from storage.trades import local
from strategies.exits import Watch, after_bar, watch_of

SAVE_EVERY = 5_000  # Ticks; a recording can be read again from there.
SAVE_LIVE_EVERY = 30  # Live prices can not.
_watches = msgspec.json.Decoder(dict[Asset, Watch])


class Positions(Wisher):
    """Stops at the first tick at which something must be sold, and goes on when that is decided."""

    def opened(self) -> None:
        super().opened()
        self.instruments: dict[Asset, Any] = {}
        self.watches: dict[Asset, Watch] = {}
        self.prices: dict[Asset, Price] = {}
        self.asked_by: dict[Id, Address] = {}  # Closes that somebody else asked for through us.
        self.stash: Ticks | None = None
        self.seen_ns = 0
        self.since_save = 0
        self.follows = self.closing = False
        self.closes: dict[Asset, Id] = {}  # The last wishes of a stop that sells what is held.

    def begun(self) -> None:
        self._follow()
        self._close_all()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._watch_what_is_held()
        self._close_all()
        self._go_on()

    def hear(
        self,
        message: (
            Offered | Ticks | Approved | Refused | AlreadyClosing | Close | Durable | Drain | SaveState
            | ChildExited | Poisoned
        ),
        sender: Address,
    ) -> None:  # fmt: skip
        match message:
            case Offered(instruments, _):
                self.instruments = {instrument.token: instrument for instrument in instruments}
                if self.follows:
                    self._ask_for_ticks()
                self._follow()
            case Ticks():
                self.stash = message
                self._go_on()
            case Approved() | Refused() | AlreadyClosing():
                self._decided(message, sender)
            case Close():
                self._relay(message, sender)
            case Durable(id, _):
                self.answered(id)
            case Drain(close):
                self.closing |= close
                self._close_all()
                self.tell(sender, Drained(self.role))
            case SaveState():
                self._save()
            case ChildExited() | Poisoned():
                logger.debug("positions hears of {}", message)
            case _:
                assert_never(message)

    # -- start ------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        if not self.complete or not self.instruments or self.follows:
            return
        self.follows = True
        saved = self.replica.books.saved.get(self.role)
        self.watches = _watches.decode(saved.state) if saved else {}
        self._watch_what_is_held()
        self._ask_for_ticks()

    def _ask_for_ticks(self) -> None:
        """From the tick at which we wait for a decision, or from what our watches have seen."""
        if self.wishes:
            self.send_to(MARKET, Follow(self.role, self.seen_ns, self.wishes_at(self.seen_ns)))
            return
        seen = [watch.last_tick_ns for watch in self.watches.values()]
        self.send_to(MARKET, Follow(self.role, min(seen) if seen else None))

    def _watch_what_is_held(self) -> None:
        """One watch for each position in the books; its high is remembered, its size is the books'."""
        if not self.instruments:
            return
        held = {}
        for token, position in self.replica.books.positions.items():
            watch = self.watches.get(token)
            if watch is None or watch.position != position.id:
                decimals = self.instruments[token].token_decimals
                watch = watch_of(
                    token, position.id, position.paid, position.bought, decimals, position.opened_at_ns
                )
            held[token] = replace(watch, quantity=position.quantity, taken_profit=position.took_profit)
        self.watches = held

    # -- ticks ------------------------------------------------------------------------------------------
    def _go_on(self) -> None:
        if self.follows and self.stash is not None and self.stash.lsn <= self.replica.lsn:
            ticks, self.stash = self.stash, None
            self.passed(ticks.ticks[0].at_ns)
            self._take_ticks(ticks)

    def _take_ticks(self, message: Ticks) -> None:
        # What we wait for may lie past these ticks: a position opened since has yet to be watched there.
        through = min([message.ticks[-1].at_ns, *(wish.at_ns for wish in self.wishes.values())])
        for tick in message.ticks:
            if tick.at_ns > through:
                break
            bars = {bar.token: bar for bar in tick.bars}
            self.prices.update({token: bar.close for token, bar in bars.items()})
            wishes = self._after_tick(bars, tick.at_ns)
            if wishes and tick.at_ns >= message.act_from_ns:
                for wish in wishes:
                    self.wish(wish)
                through = tick.at_ns
                break
        self.seen_ns = through  # Ticks that were read ahead are read again, if something happens.
        self._close_all()
        self.since_save += len(message.ticks)
        every = SAVE_LIVE_EVERY if self.run.feed in {"live", "chain"} and self.watches else SAVE_EVERY
        if self.since_save >= every and not self.wishes:
            self._save()
        self.send_to(MARKET, Handled(self.role, through, self.wishes_at(through), self.replica.lsn))

    def _after_tick(self, bars: dict[Asset, Bar], at_ns: int) -> list[Close]:
        wishes = []
        for token, watch in sorted(self.watches.items()):
            if token not in bars:
                continue
            after, reason, portion = after_bar(watch, bars[token], at_ns, self.settings.exits)
            # Profit is taken when the sell has landed, which is for the books to say.
            self.watches[token] = replace(after, taken_profit=watch.taken_profit)
            if reason is not None and not self._claimed(token, at_ns):
                id = Id(f"{watch.position}/{reason.value}/{at_ns}")
                wishes.append(Close(id, token, at_ns, reason, portion, position=watch.position))
        return wishes

    def _claimed(self, token: Asset, at_ns: int) -> bool:
        """What is being sold is not sold again; an order that ends at a tick still has the token at it."""
        books = self.replica.books
        return token in books.claims or freed_since(books, token, at_ns)

    def _decided(self, answer: Approved | Refused | AlreadyClosing, sender: Address) -> None:
        self.heard(answer, sender)
        if asker := self.asked_by.pop(answer.id, None):
            self.tell(asker, answer)

    # -- closes from elsewhere --------------------------------------------------------------------------
    def _relay(self, wish: Close, sender: Address) -> None:
        """All closes go the same way; the second hears of the first."""
        holder = self._seller(wish.token)
        if holder is not None and holder != wish.id:
            self.tell(sender, AlreadyClosing(wish.id, holder))
            return
        self.asked_by[wish.id] = sender
        self.ask(wish.id, PORTFOLIO, wish)

    def _seller(self, token: Asset) -> Id | None:
        books = self.replica.books
        holder = books.claims.get(token)
        order = None if holder is None else books.order(holder)
        return holder if order and order.side is Side.SELL else None

    def _close_all(self) -> None:
        """Again after each record and tick: what has landed since, was refused, or failed, goes too.

        Once a tick: a sale that fails costs gas.
        """
        if not (self.closing and self.complete):
            return
        books = self.replica.books
        at_ns = self.seen_ns or books.last_order_ns
        for token, position in books.positions.items():
            id = Id(f"{position.id}/{CloseReason.SHUTDOWN.value}/{at_ns}/{self.replica.lsn}")
            last = self.closes.get(token)
            waits = last and (self.asking(last) or freed_since(books, token, at_ns))
            if token not in books.claims and id != last and not waits:
                self.closes[token] = id
                self.ask(id, PORTFOLIO, Close(id, token, at_ns, CloseReason.SHUTDOWN, position=position.id))

    def _save(self) -> None:
        self.since_save = 0
        state = StateSaved(self.role, self.seen_ns, msgspec.json.encode(self.watches).decode())
        id = Id(f"{self.role}/saved/{self.seen_ns}/{self.replica.lsn}")
        self.ask(id, WAL, Append(id, (local(id, state, self.seen_ns),)))

    def facts(self) -> dict[str, Any]:
        held = self.replica.books.positions
        return {"lsn": self.replica.lsn, "open": [self._shown(token) for token in held]}

    def _shown(self, token: Asset) -> dict[str, Any]:
        """Also before there is a market; nobody knows what it is worth then."""
        position, watch = self.replica.books.positions[token], self.watches.get(token)
        price, value = self.prices.get(token), None
        if price is not None and token in self.instruments:
            value = value_of(position.quantity, price, self.instruments[token])
        return {
            "token": token,
            "quantity": position.quantity,
            "cost": position.cost,
            "entry_price": watch and watch.entry_price,
            "last_price": price,
            "unrealised": None if value is None else value - position.cost,
        }
