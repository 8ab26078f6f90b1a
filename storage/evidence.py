"""The words of the resolver: what an order is, what a chain can say of it, what can be done about it.

Every chain's evidence is a struct with a few values a field, and no field has a default: what was not asked
is not known.  Which action follows is in storage/resolution.py.
"""

from enum import StrEnum

from msgspec import Struct


class Entry(StrEnum):
    """What the log says of the order."""

    PENDING = "pending"  # T1, or T2a: no bytes exist that have not ended; the next leg is to be signed.
    IN_PROGRESS = "in progress"  # T2: bytes of a leg exist, and have perhaps been sent.
    CANCELLING = "cancelling"  # T2': the newest of its bytes are a cancel, under the same nonce.
    BOOKED = "booked"  # T3: booked as landed, not yet final.
    FINAL = "final"  # It has ended, and nothing can change that.


class Action(StrEnum):
    NOTHING = "nothing"
    WAIT = "wait"
    QUOTE = "quote and sign"
    ROLL_BACK = "roll back"
    SETTLE_LANDED = "settle as landed"
    SETTLE_FAILED = "settle as failed, for its fee"
    MARK_DEAD = "mark dead"
    QUARANTINE = "mark dead, quarantine the wallet"
    RESEND = "send the same bytes"
    BUMP = "raise the fee, same nonce"
    CANCEL = "cancel, same nonce"
    BLOCK = "unknown: block the wallet"  # No new order of this wallet; `status` counts them.
    COMPENSATE = "compensate, in progress again"
    NOTE_FINALITY = "note finality"


class Deadline(StrEnum):
    """Of signing, while there are no bytes; then of the bytes themselves, by the chain's own clock."""

    BEFORE = "before"
    PAST = "past"


class Wallet(StrEnum):
    GOOD = "good"
    QUARANTINED = "quarantined"  # single-writer: somebody else has its key.  Or a halt is on.


class Channel(StrEnum):
    """Where the order's bytes go, and where all that replaces them goes."""

    PUBLIC = "public"
    PRIVATE = "private"


class Node(StrEnum):
    """How far its answers can be trusted, all of them together: one missing answer is DOWN."""

    OK = "ok"  # At or past every block or slot in which we have seen anything of this wallet.
    LAGGING = "lagging"
    DOWN = "down"
    DISAGREES = "disagrees"  # Two nodes, two answers; or two answers that are not of the same block.


# -- the paper venue ---------------------------------------------------------------------------------
class Answer(StrEnum):
    LANDED = "landed"
    REVERTED = "reverted"
    WAITING = "waiting"
    MISSING = "missing"
    UNANSWERED = "unanswered"  # Or not asked, for there are no bytes to ask about.


class Paper(Struct, frozen=True, kw_only=True):
    answer: Answer
    deadline: Deadline
    wallet: Wallet


# -- EVM ---------------------------------------------------------------------------------------------
class Receipt(StrEnum):
    """Of whichever of the order's attempts has one: at most one can."""

    NONE = "none"
    SUCCESS = "success"  # Of a booked fill: with the amounts that were booked.
    REVERTED = "reverted"
    CANCELLED = "cancelled"  # It is the cancel's.


class Depth(StrEnum):
    """Of the receipt's block; of no meaning without one."""

    SHALLOW = "shallow"
    TRADABLE = "tradable"  # Deep enough to book a fill, which can still be compensated.
    FINAL = "final"  # K deep: no reorg is expected to reach it.


class Nonce(StrEnum):
    """The order's own, against the wallet's count, at the head and K blocks below it."""

    FREE = "free"
    USED = "used"  # At the head only: a reorg may free it.
    USED_AT_K = "used at K"
    FOREIGN_AT_K = "foreign at K"  # A second node too, at the same block, has no receipt of ours.


class Pool(StrEnum):
    SEEN = "seen"
    ABSENT = "absent"  # Says little, and of a private transaction nothing.


class Fee(StrEnum):
    ENOUGH = "enough"
    LOW = "low"  # It has waited too long; a replacement (+12.5 %) fits under the cap.
    CAPPED = "capped"  # A replacement would not fit.


class Evm(Struct, frozen=True, kw_only=True):
    node: Node
    receipt: Receipt
    depth: Depth
    nonce: Nonce
    pool: Pool
    fee: Fee
    deadline: Deadline
    channel: Channel
    wallet: Wallet


# -- Solana ------------------------------------------------------------------------------------------
class Signature(StrEnum):
    """Its status, always asked for with the whole history."""

    ABSENT = "absent"
    PROCESSED = "processed"  # With or without an error: it may be forked away.
    CONFIRMED = "confirmed"
    CONFIRMED_ERROR = "confirmed error"
    FINALIZED = "finalized"
    FINALIZED_ERROR = "finalized error"


class Height(StrEnum):
    """The finalized block height, read before the status."""

    VALID = "valid"  # Up to and with lastValidBlockHeight.
    EXPIRED = "expired"


class Fence(StrEnum):
    """Whether a status came from a slot at or past the first finalized one that we saw after the expiry.

    That is also past the slot of the send.  Without it a node that lags reports false deaths by the dozen.
    """

    BEHIND = "behind"
    ONCE = "once"
    TWICE = "twice"  # Two answers, from two providers where there are two.


class Ledger(StrEnum):
    WHOLE = "whole"  # First available block <= the slot at signing: an absence is a real one.
    CUT = "cut"


class Solana(Struct, frozen=True, kw_only=True):
    node: Node
    signature: Signature
    height: Height
    fence: Fence
    ledger: Ledger
    deadline: Deadline
    channel: Channel
    wallet: Wallet


Evidence = Paper | Evm | Solana
