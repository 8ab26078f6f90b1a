"""What Solana nodes answer, as evidence on an order.  Pure; the rules are those of storage/resolution.py.

A transaction has one signature and expires by block height.  Until then its absence means nothing; after it,
only if the answer is from past the fence: the newest slot there was when we first saw the expiry as final.
Without that a node that is behind calls the living dead; with the finalized slot for a fence, so does one on
a fork that was given up, for its head is beyond it.

That something is final is believed on one provider's word.  If it is undone, the wallet is halted once two
providers say so, or the only one there is: a lie that a lone node never takes back, nobody can notice.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from actors.messages import Landed, Signed
from chains.venue import Receipt, Seen
from storage.evidence import Channel, Deadline, Fence, Height, Ledger, Node, Signature, Solana, Wallet
from storage.recovery import Case

SKIPPED = "skipped"  # In the place of a hash: that slot has no block.


class Level(StrEnum):
    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"


class Status(Struct, frozen=True):
    slot: int
    level: Level
    error: bool
    receipt: Receipt | None = None  # None: the node did not say what it did.


class Place(StrEnum):
    """Whether a transaction is in a slot, by a node for which that slot is final."""

    UNKNOWN = "unknown"  # Not final there, not kept any more, or not asked.
    HAS_IT = "has it"
    HAS_IT_NOT = "has it not"  # The block is another one, or the slot was skipped.


class View(Struct, frozen=True):
    """What one provider said, in the order in which it must be asked.

    Of the newest attempt: an order has no other, for nothing replaces a Solana transaction.
    """

    provider: str
    finalized_slot: int  # Of one answer with the height, and before the status.
    height: int
    slot: int  # Of the status: the node's newest when it looked.
    searched: bool  # Through the whole history; a node forgets quickly what it is not made to look up.
    status: Status | None
    first_slot: int  # Of its ledger; what was before, it does not know.
    last_final: str = ""  # The hash of the block in the slot in which something of ours was final last.
    booked_in: Place = Place.UNKNOWN  # Of the slot in which it was booked, asked for what is final alone.


class Progress(Struct, frozen=True):
    """What is remembered between two looks at a transaction; forgotten, it only takes longer."""

    fence: int = 0  # 0: not seen beyond its expiry yet.
    absences: frozenset[tuple[str, int]] = frozenset()  # Past the fence: provider and slot of the answer.


class Question(Struct, frozen=True):
    """What the nodes were asked about, and what we know without them."""

    case: Case
    wallet: Wallet
    now_ns: int
    providers: int  # That we have.


def seen(
    question: Question, first: View | None, second: View | None, progress: Progress
) -> tuple[Seen, Progress]:
    """`second`: another provider's view, at or after the first; None if it was not asked or has none."""
    newest = _newest(question.case)
    views = [view for view in (first, second) if view]
    view = _telling(newest, views)
    node = _node(question, first, views, view)
    if newest and node is Node.OK:
        progress = _advanced(newest, views, progress)
    receipt = view.status.receipt if view and view.status else None
    found = Solana(
        node=node,
        signature=_signature(question.case, view),
        height=Height.EXPIRED if view and newest and expired(newest, view) else Height.VALID,
        fence=_fence(question, progress),
        ledger=_ledger(newest, view),
        deadline=_deadline(question, view),
        channel=Channel(newest.channel) if newest else Channel.PUBLIC,
        wallet=question.wallet,
    )
    final = found.signature in {Signature.FINALIZED, Signature.FINALIZED_ERROR}
    return Seen(found, receipt, final, _proof(progress), _broken(question, views)), progress


def expired(signed: Signed, view: View) -> bool:
    """By the finalized height: that of the head shrinks when a fork is given up."""
    return view.height > signed.last_valid_height


def _newest(case: Case) -> Signed | None:
    return case.live.attempts[-1] if case.live.attempts else None


def _whole(signed: Signed, view: View) -> bool:
    """Whether the node would know it, wherever it landed."""
    return view.searched and view.first_slot <= signed.slot


def _telling(newest: Signed | None, views: Sequence[View]) -> View | None:
    """The first that can tell anything: the absence from a ledger that is cut says nothing."""
    telling = (view for view in views if newest is None or view.status or _whole(newest, view))
    return next(telling, views[0] if views else None)


# -- how far the nodes can be trusted ----------------------------------------------------------------
def _node(question: Question, first: View | None, views: Sequence[View], view: View | None) -> Node:
    case, newest = question.case, _newest(question.case)
    if first is None or view is None or _untold(view) or any(_silent(case, each) for each in views):
        return Node.DOWN
    if any(each.slot < case.newest_block for each in views):
        return Node.LAGGING
    torn = any(each.status and each.status.slot > each.slot for each in views)
    if torn or _contradict(case, views) or any(is_undone(case, each) for each in views):
        return Node.DISAGREES
    if case.booked and view.status is None:
        return _on_its_absence(question, [each for each in views if newest and _whole(newest, each)])
    return Node.OK


def is_undone(case: Case, view: View) -> bool:
    """What was final is gone, this provider says: the block of the last of it is another, or none."""
    return case.last_final is not None and view.last_final not in {"", case.last_final.hash}


def _broken(question: Question, views: Sequence[View]) -> str:
    """Two providers say so, if there are two, and both of what they call final now."""
    final = question.case.last_final
    if final is None:
        return ""
    said = [view for view in views if is_undone(question.case, view) and final.number <= view.finalized_slot]
    if len(said) < min(2, question.providers):
        return ""
    names = " and ".join(view.provider for view in said)
    return (
        f"slot {final.number} was final, and {names} say that its block is another now: "
        f"what was final is gone.  Compare the wallet with the log before this is lifted"
    )


def _untold(view: View) -> bool:
    """Of what counts we must know what it did."""
    status = view.status
    return status is not None and status.level is not Level.PROCESSED and status.receipt is None


def _silent(case: Case, view: View) -> bool:
    """Past the block of what was final it says nothing of it: that is no word that all is as it was."""
    return case.last_final is not None and not view.last_final and case.last_final.number <= view.slot


def _contradict(case: Case, views: Sequence[View]) -> bool:
    """Two providers, two answers; one without the ledger has given none."""
    newest = _newest(case)
    answers = [view.status for view in views if view.status or (newest and _whole(newest, view))]
    return len({(each.slot, each.error) if each else None for each in answers}) > 1


def _on_its_absence(question: Question, whole: Sequence[View]) -> Node:
    """What was booked is gone if its slot is final without it, and two providers, if there are two, say so.

    They are asked for that very block.  That the signature is unknown proves nothing, however new the slot
    of the answer: an archive may have a hole, and a node be on a fork that all others have left.  Of ledgers
    that are all cut there is nothing to judge.
    """
    places = {view.booked_in for view in whole}
    if Place.HAS_IT in places:
        return Node.DISAGREES
    if 0 < len(whole) < min(2, question.providers):
        return Node.DOWN
    return Node.LAGGING if Place.UNKNOWN in places else Node.OK


# -- the transaction ---------------------------------------------------------------------------------
def _signature(case: Case, view: View | None) -> Signature:
    if view is None or view.status is None:
        return Signature.ABSENT
    status = view.status
    if status.level is Level.PROCESSED:
        return Signature.PROCESSED
    if status.level is Level.CONFIRMED:
        return Signature.CONFIRMED_ERROR if status.error else Signature.CONFIRMED
    if status.error:
        return Signature.FINALIZED_ERROR
    return Signature.FINALIZED if _as_booked(case.booked, status.receipt) else Signature.ABSENT


def _as_booked(booked: Landed | None, receipt: Receipt | None) -> bool:
    """Another fill, for good: what was booked is then gone, though its signature is not."""
    return booked is None or (receipt is not None and _amounts(receipt) == _amounts(booked))


def _amounts(fill: Receipt | Landed) -> tuple[int, int, int]:
    return fill.amount_in, fill.amount_out, fill.fee


def _ledger(newest: Signed | None, view: View | None) -> Ledger:
    """A node that has it has the ledger that matters."""
    known = view is not None and (view.status is not None or newest is None or _whole(newest, view))
    return Ledger.WHOLE if known else Ledger.CUT


def _deadline(question: Question, view: View | None) -> Deadline:
    newest = _newest(question.case)
    if newest is None:
        late = question.now_ns > question.case.live.order.deadline_ns
    else:
        late = view is not None and expired(newest, view)
    return Deadline.PAST if late else Deadline.BEFORE


# -- the fence ---------------------------------------------------------------------------------------
def _advanced(newest: Signed, views: Sequence[View], progress: Progress) -> Progress:
    for view in views:
        head = max(view.finalized_slot, view.slot)
        fence = progress.fence or (head if expired(newest, view) else 0)
        absences = frozenset() if view.status else progress.absences | _absence(newest, view, fence)
        progress = Progress(fence, absences)
    return progress


def _absence(newest: Signed, view: View, fence: int) -> frozenset[tuple[str, int]]:
    counts = 0 < fence <= view.slot and _whole(newest, view)
    return frozenset({(view.provider, view.slot)} if counts else ())


def _fence(question: Question, progress: Progress) -> Fence:
    """The same node at the same slot has said nothing twice."""
    providers = {provider for provider, _ in progress.absences}
    if len(progress.absences) >= 2 and len(providers) >= min(2, question.providers):
        return Fence.TWICE
    return Fence.ONCE if progress.absences else Fence.BEHIND


def _proof(progress: Progress) -> str:
    answers = ", ".join(f"{provider} at slot {slot}" for provider, slot in sorted(progress.absences))
    return f"expired before slot {progress.fence}, and absent: {answers}" if answers else ""
