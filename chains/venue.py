"""What every venue is to the executor: where a swap is quoted, sent, and asked about.

Everything but `Receipt` and `Missing` leaves the outcome open (no-guess).  `Missing` proves that a
transaction is dead only when its head is at or past the transaction's `valid_until_ns`: before that the
venue may merely not have heard of it yet.
"""

from typing import Protocol

from msgspec import Struct

from actors.messages import Asset, Order, Side, Tick, Units
from storage.books import Books, LiveOrder
from storage.evidence import Channel, Evidence, Wallet
from storage.recovery import Case


class Quote(Struct, frozen=True):
    amount_out: Units
    price_impact_bps: int
    at_ns: int


class Attempt(Struct, frozen=True):
    """Bytes that can be sent, and what they promise."""

    raw: str  # Hex.
    tx_id: str
    nonce: int
    min_amount_out: Units
    valid_until_ns: int  # Once the venue's head is here it can not land any more.
    channel: str
    last_valid_height: int = 0
    slot: int = 0


class Receipt(Struct, frozen=True):
    """It is on chain: with these amounts, or (`landed` is False) reverted, for its fee alone."""

    tx_id: str
    landed: bool
    amount_in: Units
    amount_out: Units
    fee: Units
    at_ns: int
    block: int


class Waiting(Struct, frozen=True):
    """The venue has it; it has not landed."""

    tx_id: str


class Missing(Struct, frozen=True):
    """The venue does not have it, or it can not land any more; its clock stood at the head."""

    tx_id: str
    head_ns: int


class Taken(Struct, frozen=True):
    """The venue has the bytes.  That is no promise that they land."""

    tx_id: str


class Unanswered(Struct, frozen=True):
    """No answer, for this reason.  It means nothing about the transaction."""

    sentence: str


class Seen(Struct, frozen=True):
    """All that the venue says of an order at one moment.

    `receipt` is that of whichever of its attempts has one, `final` whether no reorg can undo that, and
    `proof` says why none can land.
    """

    evidence: Evidence
    receipt: Receipt | None = None
    final: bool = False
    proof: str = ""


class Venue(Protocol):
    def quote(self, side: Side, token: Asset, amount_in: int, tick: Tick) -> Quote | Unanswered: ...

    def build(self, order: Order, quote: Quote, nonce: int, now_ns: int) -> Attempt:
        """The bytes of an order; the same arguments give the same bytes."""

    def replacement(self, live: LiveOrder, cancel: bool, now_ns: int) -> Attempt | Unanswered:
        """Bytes that pay more under the same nonce: for the same swap, or for nothing but the nonce."""

    def broadcast(self, raw: str, at_ns: int, channel: str = Channel.PUBLIC) -> Taken | Unanswered:
        """Send bytes, in the channel for which they were made; sending them again has no further effect."""

    def look(self, case: Case, wallet: Wallet, at_ns: int) -> Seen:
        """The evidence on an order, for storage/resolution.py."""

    def advance(self, tick: Tick) -> None:
        """The market has come so far; a chain of its own goes on by itself."""

    def strange(self, books: Books) -> str:
        """What of this wallet the books can not explain, in words; nothing, if they are of one moment."""

    def head_ns(self) -> int:
        """The venue's own clock."""

    def balances(self) -> dict[Asset, Units]: ...

    def close(self) -> None: ...
