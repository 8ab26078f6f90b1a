"""What EVM nodes answer, as evidence on an order.  Pure; the rules are those of storage/resolution.py.

A view is what one node says of one head block: counts, receipts and pool of another moment are not mixed in.
Depth is counted as nodes count confirmations: the head block itself is 1 deep.  A replacement pays 12.5 %
more, which every node takes (geth asks for 10 %).
"""

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Landed, Units
from chains.venue import Receipt, Seen
from storage import evidence
from storage.evidence import Channel, Deadline, Depth, Evm, Fee, Node, Nonce, Pool, Wallet
from storage.recovery import Case

BUMP_PER_MILLE = 125


class View(Struct, frozen=True):
    head: int
    at_ns: int  # The head block's time.
    count: int  # Of the wallet's transactions at the head: the next nonce.
    count_at_k: int  # And at the newest block that is final.
    receipts: tuple[Receipt, ...] = ()  # Of the order's attempts.
    pooled: frozenset[str] = frozenset()  # Those that wait in its pool.
    done: tuple[Receipt, ...] = ()  # Of what the order has done before, whichever attempt it was.
    last_final: str = ""  # The hash that it has for the block in which something of ours was final last.


class Chain(Struct, frozen=True):
    """The depth at which a fill is booked, and at which it is final: no reorg is expected to reach it."""

    booked_depth: int
    final_depth: int
    patience_ns: int  # So long a transaction waits before its fee is raised.


class Question(Struct, frozen=True):
    """What the nodes were asked about, and what we know without them."""

    case: Case
    wallet: Wallet
    now_ns: int
    fee: int  # That the newest attempt pays.
    max_fee: int


def seen(chain: Chain, question: Question, first: View | None, second: View | None) -> Seen:
    """`second`: another node's view of the same block; None if it was not asked or has none."""
    case = question.case
    first, second = (view and _charged(case, view) for view in (first, second))
    receipt, newest = _receipt(case, first), case.live.attempts[-1] if case.live.attempts else None
    clock_ns = first.at_ns if first and newest else question.now_ns
    found = Evm(
        node=_node(chain, question, first, second),
        receipt=_kind(case, receipt),
        depth=_depth(chain, first, receipt),
        nonce=_nonce(case, first, second),
        pool=Pool.SEEN if first and newest and newest.tx_id in first.pooled else Pool.ABSENT,
        fee=_fee(chain, question),
        deadline=Deadline.PAST if clock_ns > case.live.order.deadline_ns else Deadline.BEFORE,
        channel=Channel(newest.channel) if newest else Channel.PUBLIC,
        wallet=question.wallet,
    )
    # Bytes in doubt are not judged; but what takes an approval back is new, and signed on this alone.
    final = found.depth is Depth.FINAL if newest else found.node is Node.OK and _done(case, first)
    broken = _broken(question, first, second) or _instead(case, first, second)
    foreign, stands = _foreign(case, first, second), _stands(chain, case, first)
    return Seen(found, receipt, final, _proof(case, first), broken, foreign, stands)


def unseen(chain: Chain, question: Question, sentence: str) -> Seen:
    """No node gave an answer that can be used, for this reason."""
    return replace(seen(chain, question, None, None), proof=sentence)


def raised(fee: int) -> int:
    """The least that a replacement must pay, rounded up."""
    return -(-fee * (1_000 + BUMP_PER_MILLE) // 1_000)


def _node(chain: Chain, question: Question, first: View | None, second: View | None) -> Node:
    if first is None or (second is None and in_doubt(question.case, first)):
        return Node.DOWN
    if first.head < question.case.newest_block:
        return Node.LAGGING
    torn = any(_torn(chain, question.case, view) for view in (first, second) if view)
    undone = is_undone(question.case, first)
    return Node.DISAGREES if torn or undone or _contradicts(first, second) else Node.OK


def is_undone(case: Case, view: View) -> bool:
    """What was final is gone, this node says: more than a reorg, or it is far behind.

    Nonces that are free again say so; used again, at once and by ours, they say nothing, but the block of the
    last of them then is another, and perhaps not only where it stands.
    """
    return view.count_at_k < case.settled or is_replaced(case, view)


def is_replaced(case: Case, view: View) -> bool:
    return case.last_final is not None and view.last_final not in {"", case.last_final.hash}


def in_doubt(case: Case, view: View) -> bool:
    """A booked fill that this node does not show as it was booked: it may have lost it, so ask another.  The
    same of an approval, once something has come after it.
    """
    receipt = _receipt(case, view)
    lost = case.booked is not None and (receipt is None or not receipt.landed)
    shown = {each.tx_id for each in view.done}
    gone = (each.signed.nonce for each in case.live.legs_done if each.allowed.tx_id not in shown)
    return lost or any(view.receipts or nonce < view.count_at_k for nonce in gone)


def _broken(question: Question, first: View | None, second: View | None) -> str:
    """Two nodes say that what was final is gone, and both are past the block at which we saw it.

    A head is that far if it is no older than the tick, and nothing was written since the tick before.
    """
    case = question.case
    if first is None or second is None or not is_undone(case, first):
        return ""
    same = _of_the_past(first) == _of_the_past(second)
    if not same or not first.at_ns >= question.now_ns > case.touched_ns:
        return ""
    said = (
        f"nonce {case.settled - 1} was used for good, and two nodes say at block {first.head} that it is not"
    )
    if case.last_final is not None and is_replaced(case, first):
        said = f"block {case.last_final.number} was final, and two nodes say that it is another now"
    return f"{said}: what was final is gone.  Compare the wallet with the log before this is lifted"


def _of_the_past(view: View) -> tuple[int, int, str]:
    return view.head, view.count_at_k, view.last_final


def _torn(chain: Chain, case: Case, view: View) -> bool:
    """Its answers are not of one block: a receipt is final just if its nonce is used at the final block."""
    if len(view.receipts) > 1 or view.count_at_k > view.count:
        return True
    used = bool(case.live.attempts) and view.count_at_k > case.live.attempts[-1].nonce
    depths = (view.head - receipt.block + 1 for receipt in view.receipts)
    return any(deep < 1 or (deep >= chain.final_depth) != used for deep in depths)


def _contradicts(first: View, second: View | None) -> bool:
    """Two nodes, two answers; or answers that are not of the same block."""
    if second is None:
        return False
    return (first.head, first.count_at_k, first.receipts) != (second.head, second.count_at_k, second.receipts)


def _receipt(case: Case, view: View | None) -> Receipt | None:
    """Of a booked fill not another success: what was booked is then gone, whatever block it is in now."""
    receipt = view.receipts[0] if view and view.receipts else None
    if case.booked is None or receipt is None:
        return receipt
    same = receipt.tx_id == case.booked.tx_id and _amounts(receipt) == _amounts(case.booked)
    return receipt if same or not receipt.landed else None


def _amounts(fill: Receipt | Landed) -> tuple[int, int, int]:
    return fill.amount_in, fill.amount_out, fill.fee


def _charged(case: Case, view: View) -> View:
    """An order's end also pays what its approvals have cost more, or less, than was booked: a reorg may have
    moved them to a block with another price.  It is no less than nothing.
    """
    booked = {each.allowed.tx_id: each.allowed.fee for each in case.live.legs_done}
    more = sum(each.fee - booked[each.tx_id] for each in view.done if each.tx_id in booked)
    if not more:
        return view
    receipts = (replace(each, fee=Units(max(0, each.fee + more))) for each in view.receipts)
    return replace(view, receipts=tuple(receipts))


def _foreign(case: Case, first: View | None, second: View | None) -> str:
    """A reorg has undone what an order had done, and a stranger then used its nonce for good."""
    if first is None or second is None:
        return ""
    shown = {receipt.tx_id for view in (first, second) for receipt in view.done}
    for each in case.live.legs_done:
        nonce, tx_id = each.signed.nonce, each.allowed.tx_id
        ours = {attempt.tx_id for attempt in each.attempts}
        if nonce < min(first.count_at_k, second.count_at_k) and not ours & shown:
            return f"nonce {nonce} was used for good, and not by our {tx_id}: two nodes say so"
    return ""


def _instead(case: Case, first: View | None, second: View | None) -> str:
    """Other bytes of ours have the nonce of what was booked, for good: with another fee, two nodes say."""
    if first is None or second is None:
        return ""
    shown = {each.tx_id for each in first.done} & {each.tx_id for each in second.done}
    for each in case.live.legs_done:
        nonce, tx_id = each.signed.nonce, each.allowed.tx_id
        other = next((it.tx_id for it in each.attempts if it.tx_id in shown - {tx_id}), None)
        if other and nonce < min(first.count_at_k, second.count_at_k):
            return (
                f"nonce {nonce} was used by our {tx_id}, and two nodes say that {other} has it for good: "
                f"what was booked is gone.  Compare the wallet with the log before this is lifted"
            )
    return ""


def _stands(chain: Chain, case: Case, view: View | None) -> bool:
    """As deep as it was when it was booked, wherever a reorg has put it since."""
    if view is None:
        return not case.live.legs_done
    deep = {each.tx_id for each in view.done if each.landed and _deep(view, each) >= chain.booked_depth}
    return all(each.allowed.tx_id in deep for each in case.live.legs_done)


def _done(case: Case, first: View | None) -> bool:
    """Whether no reorg can undo what an order without bytes has done so far."""
    return first is not None and all(each.signed.nonce < first.count_at_k for each in case.live.legs_done)


def _kind(case: Case, receipt: Receipt | None) -> evidence.Receipt:
    if receipt is None:
        return evidence.Receipt.NONE
    if any(each.cancels and each.tx_id == receipt.tx_id for each in case.live.attempts):
        return evidence.Receipt.CANCELLED
    return evidence.Receipt.SUCCESS if receipt.landed else evidence.Receipt.REVERTED


def _deep(view: View, receipt: Receipt) -> int:
    return view.head - receipt.block + 1


def _depth(chain: Chain, view: View | None, receipt: Receipt | None) -> Depth:
    deep = _deep(view, receipt) if view and receipt else 0
    if deep >= chain.final_depth:
        return Depth.FINAL
    return Depth.TRADABLE if deep >= chain.booked_depth else Depth.SHALLOW


def _nonce(case: Case, first: View | None, second: View | None) -> Nonce:
    if first is None or not case.live.attempts:
        return Nonce.FREE
    nonce = case.live.attempts[-1].nonce
    if first.count <= nonce:
        return Nonce.FREE
    if first.count_at_k <= nonce:
        return Nonce.USED
    return Nonce.USED_AT_K if second is None or first.receipts else Nonce.FOREIGN_AT_K


def _fee(chain: Chain, question: Question) -> Fee:
    if raised(question.fee) > question.max_fee:
        return Fee.CAPPED
    waited = question.now_ns - question.case.live.since_ns > chain.patience_ns
    return Fee.LOW if waited else Fee.ENOUGH


def _proof(case: Case, view: View | None) -> str:
    if view is None or not case.live.attempts:
        return ""
    nonce = case.live.attempts[-1].nonce
    return f"nonce {nonce} was used by none of ours: two nodes say so at block {view.head}"
