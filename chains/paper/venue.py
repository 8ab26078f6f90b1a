"""The paper venue: it plays the outside world as a chain would, on the prices of a feed.

Its clock is the market's: only `advance` moves it, tick by tick, and nothing depends on how often somebody
asks.  It knows nothing of the bot's log and survives the bot's death at any moment, so what it says is
evidence.  A swap lands at the first tick after its latency, at the OPEN of that tick's bar: the decision was
made on the bar before.  A swap of ours does not move the recorded pool for others.

As on a chain, a nonce is used once; a transaction that runs out of time, or whose nonce was used by another,
or that the wallet can not pay the fee of, never lands.  Unlike on a chain a missing nonce holds up nobody.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from actors.messages import BPS, Asset, Bar, Instrument, Order, Side, Tick, Units
from chains.amounts import quote_of, to_units
from chains.paper.book import Book, Transaction
from chains.paper.fate import SECOND, SILENT_BARS, Fate, fate_of, lands_at, silent, valid_seconds
from chains.paper.transaction import Swap, decode, encode, tx_id
from chains.pool import amount_out, in_and_out, price_impact_bps, reserves_at
from chains.resolution import seen
from chains.venue import Attempt, Draft, Met, Missing, Quote, Receipt, Seen, Taken, Unanswered, Waiting, torn
from storage.books import Books, LiveOrder
from storage.config import Paper
from storage.evidence import Wallet
from storage.holdings import holdings
from storage.recovery import Case, under_way
from storage.shortage import Purse

CHANNEL = "paper"


def has_record(path: Path) -> bool:
    """Whether a venue ever was here.  One that is made anew knows nothing: its silence is no evidence."""
    return path.exists() and path.stat().st_size > 0


class PaperVenue:
    """`bar_ns` is the feed's: the unit in which things are late."""

    def __init__(
        self, path: Path, paper: Paper, seed: int, instruments: Sequence[Instrument], bar_ns: int
    ) -> None:
        self._paper, self._seed, self._bar_ns = paper, seed, bar_ns
        self._instruments = {instrument.token: instrument for instrument in instruments}
        self._quote, decimals = quote_of(instruments, paper)
        self._gas = to_units(paper.gas, decimals, "paper.gas")
        self._book = Book(path)
        self._fund(to_units(paper.capital, decimals, "paper.capital"))
        self._head_ns = self._saved_head_ns = self._book.value("head_ns") or 0
        self._pending = len(self._book.pending())

    at_hand, shares_allowances, parallel = True, False, False
    disputed = 0

    # -- what the executor asks --
    async def meet(self, books: Books) -> Met:
        difference = self.strange(books)
        return Met(self._head_ns, self.balances(), torn(difference) if difference else "")

    async def prepare(self, live: LiveOrder, nonce: int, tick: Tick) -> Draft | Unanswered:
        order = live.order
        quote = self.quote(order.side, order.token, order.amount_in, tick)
        return quote if isinstance(quote, Unanswered) else Draft(self.build(order, quote, nonce, tick.at_ns))

    async def look(self, case: Case, wallet: Wallet, at_ns: int) -> Seen:
        """The evidence on an order; one without bytes is not known here."""
        attempts = case.live.attempts
        answer = self.status(attempts[-1].tx_id, at_ns) if attempts else Unanswered("no bytes exist")
        return seen(case, answer, wallet, at_ns)

    async def broadcast(self, raw: str, at_ns: int, channel: str = CHANNEL) -> Taken | Unanswered:  # noqa: ARG002
        return self.send(raw, at_ns)

    async def leftover(self, asset: Asset) -> int | Unanswered:  # noqa: ARG002
        return 0  # Nobody asks to be allowed anything.

    async def purse(self, asset: Asset) -> Purse | Unanswered:
        raise AssertionError(f"{asset}: a paper transaction costs what was said before, and no more")

    async def revocation(self, live: LiveOrder, nonce: int) -> Draft | Unanswered | None:  # noqa: ARG002
        """Play money is allowed to nobody."""
        return None

    async def replacement(self, live: LiveOrder, cancel: bool, at_ns: int) -> Draft | Unanswered:  # noqa: ARG002
        raise AssertionError(f"{live.order.id}: a paper transaction ends by itself, nothing replaces it")

    # -- what it is made of --
    def quote(self, side: Side, token: Asset, amount_in: int, tick: Tick) -> Quote | Unanswered:
        """What a swap would give at the close of this tick's bar."""
        bar = _bar_of(tick, token)
        if bar is None or token not in self._instruments:
            return Unanswered(f"{token} has no price at this moment")
        reserve_in, reserve_out = in_and_out(side, bar.reserve_quote, bar.reserve_token)
        fee_pips = self._instruments[token].fee_pips
        amount = amount_out(amount_in, reserve_in, reserve_out, fee_pips)
        return Quote(amount, price_impact_bps(amount_in, reserve_in, fee_pips), tick.at_ns)

    def build(self, order: Order, quote: Quote, nonce: int, now_ns: int) -> Attempt:
        """The bytes of an order; the same arguments give the same bytes."""
        minimum = Units(quote.amount_out * (BPS - order.slippage_bps) // BPS)
        valid_until_ns = now_ns + valid_seconds(self._paper, self._bar_ns) * SECOND
        raw = encode(
            Swap(
                order=order.id, nonce=nonce, side=order.side, token=order.token, amount_in=order.amount_in,
                min_amount_out=minimum, max_fee=order.max_fee, valid_until_ns=valid_until_ns,
            )
        )  # fmt: skip
        return Attempt(raw, tx_id(raw), nonce, minimum, valid_until_ns, CHANNEL)

    def send(self, raw: str, at_ns: int) -> Taken | Unanswered:
        """Idempotent.  ValueError if these bytes are no swap."""
        swap, id = decode(raw), tx_id(raw)
        tx = self._book.transaction(id) or self._receive(swap, raw, id, max(at_ns, self._head_ns))
        if tx.fate == Fate.LATE and tx.status == "pending":
            return Unanswered("the broadcast timed out")
        return Taken(id)

    def status(self, tx_id: str, at_ns: int) -> Receipt | Waiting | Missing | Unanswered:
        """As of this moment: whoever comes back to a tick after a crash hears what he would have heard."""
        tx = self._book.transaction(tx_id)
        if tx is None:
            return self._missing(tx_id, at_ns)
        if self._is_silent(tx, at_ns):
            return Unanswered("the venue did not answer")
        if tx.landed_at_ns > at_ns:
            return Waiting(tx_id)
        if tx.status in {"landed", "reverted"}:
            landed = tx.status == "landed"
            return Receipt(tx_id, landed, tx.amount_in, tx.amount_out, tx.fee, tx.landed_at_ns, tx.block)
        if tx.status == "pending" and tx.fate in {Fate.NORMAL, Fate.REVERT}:
            return Waiting(tx_id)
        # This node has not heard of it yet (late), or has forgotten it (dropped).
        return self._missing(tx_id, at_ns)

    def strange(self, books: Books) -> str:
        """A log that was restored from a copy knows less than has happened."""
        unknown = [tx.nonce for tx in self._book.transactions() if tx.nonce >= books.nonce]
        if unknown:
            return f"{len(unknown)} transactions from nonce {min(unknown)} on are not in the log"
        held = holdings(books)
        has = {asset: amount for asset, amount in self.balances().items() if amount}
        if not under_way(books) and held != has:
            return f"the wallet has {has}, the books {held}"
        return ""

    def head_ns(self) -> int:
        return self._head_ns

    def balances(self) -> dict[Asset, Units]:
        return self._book.balances()

    def transactions(self) -> tuple[Transaction, ...]:
        """All that was ever broadcast, in the order of arrival."""
        return self._book.transactions()

    def close(self) -> None:
        self._book.close()

    # -- time --
    def advance(self, tick: Tick) -> None:
        """Move the clock to a tick and execute what is due.  A tick that is not new changes nothing."""
        if tick.at_ns <= self._head_ns:
            return
        if self._pending:
            with self._book.change():
                for tx in self._book.pending():
                    self._settle(tx, tick)
                self._book.set_value("head_ns", tick.at_ns)
            self._saved_head_ns = tick.at_ns
            self._pending = len(self._book.pending())
        self._head_ns = tick.at_ns

    def _settle(self, tx: Transaction, tick: Tick) -> None:
        swap = decode(tx.raw)
        if tick.at_ns > tx.valid_until_ns or self._book.nonce_used(tx.nonce):
            self._book.save(replace(tx, status="expired"))
            return
        bar = _bar_of(tick, swap.token)
        due = tx.fate != Fate.DROPPED and tick.at_ns > tx.sent_at_ns and tick.at_ns >= tx.lands_at_ns
        affordable = self._gas <= min(swap.max_fee, self._book.balance(self._quote))
        if due and bar is not None and affordable:
            self._land(tx, swap, bar, tick.at_ns)

    def _land(self, tx: Transaction, swap: Swap, bar: Bar, at_ns: int) -> None:
        """The fee is paid first, whatever comes of the swap."""
        block = (self._book.value("block") or 0) + 1
        self._book.set_value("block", block)
        self._book.add(self._quote, -self._gas)
        tx = replace(tx, status="reverted", fee=Units(self._gas), landed_at_ns=at_ns, block=block)
        amount = self._amount_out(swap, bar)
        paid, bought = (self._quote, swap.token) if swap.side is Side.BUY else (swap.token, self._quote)
        enough = self._book.balance(paid) >= swap.amount_in
        if tx.fate != Fate.REVERT and enough and amount >= swap.min_amount_out:
            self._book.add(paid, -swap.amount_in)
            self._book.add(bought, amount)
            tx = replace(tx, status="landed", amount_in=swap.amount_in, amount_out=amount)
        self._book.save(tx)

    def _amount_out(self, swap: Swap, bar: Bar) -> Units:
        instrument = self._instruments[swap.token]
        reserves = reserves_at(bar.open, bar.reserve_quote, bar.reserve_token, instrument.token_decimals)
        reserve_in, reserve_out = in_and_out(swap.side, *reserves)
        return amount_out(swap.amount_in, reserve_in, reserve_out, instrument.fee_pips)

    # -- what the chain remembers --
    def _fund(self, capital: int) -> None:
        if self._book.value("funded") is None:
            with self._book.change():
                self._book.add(self._quote, capital)
                self._book.set_value("funded", capital)

    def _receive(self, swap: Swap, raw: str, id: str, sent_at_ns: int) -> Transaction:
        fate = fate_of(id, self._paper, self._seed)
        due_ns = lands_at(id, fate, sent_at_ns, self._bar_ns, self._seed, self._paper)
        status = "pending" if sent_at_ns < swap.valid_until_ns else "expired"
        tx = Transaction(id, raw, swap.nonce, fate, sent_at_ns, due_ns, swap.valid_until_ns, status)
        with self._book.change():
            self._book.save(tx)
            self._book.set_value("head_ns", self._head_ns)
        self._saved_head_ns = self._head_ns
        self._pending += status == "pending"
        return tx

    def _is_silent(self, tx: Transaction, at_ns: int) -> bool:
        return at_ns < tx.sent_at_ns + SILENT_BARS * self._bar_ns and silent(
            tx.tx_id, self._paper, self._seed
        )

    def _missing(self, tx_id: str, at_ns: int) -> Missing:
        """Evidence: the clock that it names must survive a crash, or a restart could let the dead land."""
        if self._saved_head_ns != self._head_ns:
            with self._book.change():
                self._book.set_value("head_ns", self._head_ns)
            self._saved_head_ns = self._head_ns
        return Missing(tx_id, min(self._head_ns, at_ns))


def _bar_of(tick: Tick, token: Asset) -> Bar | None:
    return next((bar for bar in tick.bars if bar.token == token), None)
