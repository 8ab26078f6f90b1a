"""What every venue is to the executor: where a swap is quoted, sent, and asked about.

Everything but `Receipt` and `Missing` leaves the outcome open (no-guess).  `Missing` proves that a
transaction is dead only when its head is at or past the transaction's `valid_until_ns`: before that the
venue may merely not have heard of it yet.
"""

from typing import Protocol

from msgspec import Struct

from actors.messages import Asset, BlockId, Leg, Quoted, Tick, Units, Unsigned
from storage.books import Books, LiveOrder
from storage.evidence import Channel, Evidence, Wallet
from storage.recovery import Case
from storage.shortage import Purse


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
    block_hash: str = ""  # Where the venue has such a thing.


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

    `receipt` is that of whichever of its attempts has one, `final` whether no reorg can undo that (of an
    order without bytes: what it has done so far), and `proof` says why none can land.  `broken`: what was
    final is gone, in words; nobody may sign on such a chain until an operator has compared it with the log.
    """

    evidence: Evidence
    receipt: Receipt | None = None
    final: bool = False
    proof: str = ""
    broken: str = ""
    foreign: str = ""  # single-writer: somebody else has used the wallet; in words.
    stands: bool = True  # What the order has done so far is on chain, deep enough to go on from it.

    @property
    def final_block(self) -> BlockId | None:
        """That it stands in for good."""
        receipt = self.receipt if self.final else None
        return BlockId(receipt.block, receipt.block_hash) if receipt and receipt.block_hash else None


class Draft(Struct, frozen=True):
    """The bytes of an attempt; or, without any (`unsigned`), what the signer is to make them of."""

    attempt: Attempt
    leg: Leg = Leg.SWAP
    unsigned: Unsigned | None = None
    quoted: Quoted | None = None
    chain_nonce: int = 0  # Used up on chain.


class Over(Struct, frozen=True):
    """There is nothing left to do for the order, for this reason."""

    sentence: str


class Foreign(Struct, frozen=True):
    """single-writer: the wallet has done what the books do not know of; in words."""

    sentence: str


class Met(Struct, frozen=True):
    """A venue at the start: its clock, what the wallet holds, and what of it the books can not explain."""

    head_ns: int
    balances: dict[Asset, Units]
    strange: str = ""  # Sentences with the fix; nothing, if wallet and books are of one moment.
    wallet: str = ""
    nonce: int = 0  # The wallet's next one, on chain.
    foreign: str = ""  # single-writer: somebody else has used the wallet; in words.


def torn(difference: str) -> str:
    """What to do where wallet and books differ."""
    return (
        f"The log and the venue's record are not of one moment: {difference}.  If the log was restored, what "
        f"came after its copy is lost to it: begin anew in another folder with --data-dir."
    )


def used_by_another(wallet: str, used: int, known: int) -> str:
    """single-writer: nonces that the log knows nothing of."""
    return f"{used} nonces of {wallet} are used, and the log knows of {known}"


class Venue(Protocol):
    """No method raises for what a network does: no answer is a value, `Unanswered`."""

    shares_allowances: bool  # Orders that pay in one asset take turns, from the first approval to the swap.
    parallel: bool  # It may be asked several things at the same time.
    at_hand: bool  # It answers at once, and its clock moves with ours; else a chain goes on by itself.
    disputed: int  # Quotes of ours that it contradicted; none of them was signed.

    async def meet(self, books: Books) -> Met | Unanswered: ...

    async def prepare(self, live: LiveOrder, nonce: int, tick: Tick) -> Draft | Foreign | Over | Unanswered:
        """The next bytes of an order that has none, on a quote of this moment."""

    async def replacement(self, live: LiveOrder, cancel: bool, at_ns: int) -> Draft | Unanswered:
        """Bytes that pay more under the same nonce: for the same swap, or for nothing but the nonce."""

    async def revocation(self, live: LiveOrder, nonce: int) -> Draft | Unanswered | None:
        """Bytes that take back what an order has allowed and does not need any more.

        None: nothing is left of it, or the order can not pay for that.
        """

    async def leftover(self, asset: Asset) -> int | Unanswered:
        """The most that a router may take of it at this moment."""

    async def purse(self, asset: Asset) -> Purse | Unanswered:
        """What the wallet has where no reorg is expected to reach."""

    async def broadcast(self, raw: str, at_ns: int, channel: str = Channel.PUBLIC) -> Taken | Unanswered:
        """Send bytes, in the channel for which they were made; sending them again has no further effect."""

    async def look(self, case: Case, wallet: Wallet, at_ns: int) -> Seen:
        """The evidence on an order, for storage/resolution.py."""

    def advance(self, tick: Tick) -> None:
        """The market has come so far; a chain of its own goes on by itself."""

    def head_ns(self) -> int:
        """The clock of a venue at hand; 0 of a chain that goes on by itself."""

    def close(self) -> None: ...
