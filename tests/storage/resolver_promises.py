"""The promises that the resolver's tables keep: state, evidence, row -> whether this row keeps it here.

Written from the promises' side, not from the tables': none of them looks at a row's conditions.
"""

from storage.evidence import (
    Action,
    Answer,
    Channel,
    Deadline,
    Depth,
    Entry,
    Evm,
    Fee,
    Fence,
    Height,
    Ledger,
    Node,
    Nonce,
    Paper,
    Pool,
    Receipt,
    Signature,
    Solana,
    Wallet,
)

ENDS = {
    Action.ROLL_BACK, Action.SETTLE_LANDED, Action.SETTLE_FAILED, Action.MARK_DEAD, Action.QUARANTINE,
    Action.NOTE_FINALITY,
}  # fmt: skip
WITHOUT_EFFECT = {Action.ROLL_BACK, Action.SETTLE_FAILED, Action.MARK_DEAD, Action.QUARANTINE}
SENDS = {Action.RESEND, Action.BUMP, Action.CANCEL}
SIGNS = {Action.QUOTE, Action.BUMP, Action.CANCEL}
HAS_BYTES = {Entry.IN_PROGRESS, Entry.CANCELLING, Entry.BOOKED}
UNDER_WAY = {Entry.IN_PROGRESS, Entry.CANCELLING}


def nothing_ends_on_what_a_troubled_node_says(entry, evidence, row):
    troubled = getattr(evidence, "node", Node.OK) is not Node.OK
    return not (troubled and entry in HAS_BYTES and (row.action in ENDS or row.action is Action.COMPENSATE))


def an_order_without_bytes_is_never_settled_and_one_with_bytes_never_rolled_back(entry, _evidence, row):
    if entry is Entry.PENDING:
        return row.action in {Action.QUOTE, Action.ROLL_BACK, Action.WAIT}
    return row.action not in {Action.ROLL_BACK, Action.QUOTE}


def what_has_ended_is_left_alone(entry, _evidence, row):
    return (entry is Entry.FINAL) == (row.action is Action.NOTHING)


def no_order_is_given_up_while_it_may_still_land(entry, evidence, row):
    """Only these are proofs: without effect and final; the nonce gone for good; expired and truly absent."""
    if entry not in HAS_BYTES or row.action not in WITHOUT_EFFECT:
        return True
    match evidence:
        case Paper():
            absent = evidence.answer is Answer.MISSING and evidence.deadline is Deadline.PAST
            return evidence.answer is Answer.REVERTED or absent
        case Evm(receipt=Receipt.NONE):
            return evidence.nonce is Nonce.FOREIGN_AT_K
        case Evm():
            own = evidence.nonce in {Nonce.USED, Nonce.USED_AT_K}
            return evidence.receipt is not Receipt.SUCCESS and evidence.depth is Depth.FINAL and own
        case Solana(signature=Signature.ABSENT):
            fenced = evidence.fence is Fence.TWICE and evidence.ledger is Ledger.WHOLE
            return evidence.height is Height.EXPIRED and fenced
        case Solana():
            return evidence.signature is Signature.FINALIZED_ERROR


def no_order_is_booked_as_landed_but_from_its_receipt(_entry, evidence, row):
    if row.action not in {Action.SETTLE_LANDED, Action.NOTE_FINALITY}:
        return True
    final = row.action is Action.NOTE_FINALITY
    match evidence:
        case Paper():
            return evidence.answer is Answer.LANDED and not final
        case Evm():
            deep = {Depth.FINAL} if final else {Depth.FINAL, Depth.TRADABLE}
            return evidence.receipt is Receipt.SUCCESS and evidence.depth in deep
        case Solana():
            enough = {Signature.FINALIZED} if final else {Signature.FINALIZED, Signature.CONFIRMED}
            return evidence.signature in enough


def processed_is_never_trusted(entry, evidence, row):
    seen = isinstance(evidence, Solana) and evidence.signature is Signature.PROCESSED
    return not (seen and entry in HAS_BYTES) or row.action in {Action.WAIT, Action.BLOCK}


def nothing_is_sent_or_signed_but_under_the_unused_nonce_of_the_order(entry, evidence, row):
    if not isinstance(evidence, Evm) or entry is Entry.PENDING or row.action not in SENDS | SIGNS:
        return True
    return evidence.nonce is Nonce.FREE and evidence.receipt is Receipt.NONE and evidence.node is Node.OK


def a_new_nonce_is_taken_in_time_by_an_order_without_bytes_alone(entry, evidence, row):
    in_time = evidence.deadline is Deadline.BEFORE and getattr(evidence, "node", Node.OK) is Node.OK
    return row.action is not Action.QUOTE or (entry is Entry.PENDING and in_time)


def an_order_is_rolled_back_only_when_it_can_not_be_signed_any_more(_entry, evidence, row):
    quarantined = getattr(evidence, "wallet", Wallet.GOOD) is Wallet.QUARANTINED
    return row.action is not Action.ROLL_BACK or quarantined or evidence.deadline is Deadline.PAST


def other_bytes_are_made_on_evm_alone(_entry, evidence, row):
    """Elsewhere a second transaction would not be in the first one's way."""
    return isinstance(evidence, Evm) or row.action not in {Action.BUMP, Action.CANCEL}


def bytes_are_sent_again_only_when_a_good_node_does_not_have_them_on_chain(_entry, evidence, row):
    if row.action is not Action.RESEND:
        return True
    match evidence:
        case Paper():
            return evidence.answer is Answer.MISSING
        case Solana():
            return evidence.node is Node.OK and evidence.signature is Signature.ABSENT
        case Evm():
            return evidence.node is Node.OK and evidence.receipt is Receipt.NONE


def bytes_go_out_on_the_channel_of_the_order_alone(_entry, evidence, row):
    if row.action not in SENDS:
        return row.channel is None
    return row.channel is getattr(evidence, "channel", Channel.PUBLIC)


def a_wallet_is_quarantined_for_a_foreign_nonce_at_depth_k_alone(entry, evidence, row):
    if not isinstance(evidence, Evm):
        return row.action is not Action.QUARANTINE
    foreign = evidence.nonce is Nonce.FOREIGN_AT_K and evidence.receipt is Receipt.NONE
    due = foreign and entry in UNDER_WAY and evidence.node is Node.OK
    return (row.action is Action.QUARANTINE) == due


def a_quarantined_wallet_signs_and_sends_nothing(_entry, evidence, row):
    quarantined = getattr(evidence, "wallet", Wallet.GOOD) is Wallet.QUARANTINED
    return not quarantined or row.action not in SIGNS | SENDS


def what_can_not_succeed_any_more_is_not_sent_again(entry, evidence, row):
    """A swap past its deadline would land for its fee alone."""
    late = entry is Entry.IN_PROGRESS and getattr(evidence, "deadline", None) is Deadline.PAST
    expired = isinstance(evidence, Solana) and evidence.height is Height.EXPIRED
    if isinstance(evidence, Solana):
        return not expired or row.action is not Action.RESEND
    return not late or row.action not in {Action.RESEND, Action.BUMP}


def a_cancel_is_for_what_is_late_on_evm(entry, evidence, row):
    if row.action is not Action.CANCEL:
        return True
    return isinstance(evidence, Evm) and entry is Entry.IN_PROGRESS and evidence.deadline is Deadline.PAST


def only_what_is_booked_and_off_the_chain_is_compensated(entry, evidence, row):
    if row.action is not Action.COMPENSATE:
        return True
    match evidence:
        case Evm():
            gone = evidence.receipt is not Receipt.SUCCESS
        case Solana(signature=Signature.ABSENT):
            gone = evidence.ledger is Ledger.WHOLE
        case _:
            gone = getattr(evidence, "signature", None) is Signature.FINALIZED_ERROR
    return gone and entry is Entry.BOOKED


def what_is_booked_is_not_booked_again(entry, _evidence, row):
    allowed = {Action.WAIT, Action.BLOCK, Action.COMPENSATE, Action.NOTE_FINALITY}
    return entry is not Entry.BOOKED or row.action in allowed


def a_fee_is_booked_only_for_what_is_on_chain(_entry, evidence, row):
    """settle-from-chain: dead is without a fee, failed is with the receipt's."""
    match evidence:
        case Paper():
            receipt = evidence.answer in {Answer.LANDED, Answer.REVERTED}
        case Evm():
            receipt = evidence.receipt is not Receipt.NONE
        case Solana():
            receipt = evidence.signature is not Signature.ABSENT
    if row.action in {Action.MARK_DEAD, Action.QUARANTINE}:
        return not receipt
    return row.action is not Action.SETTLE_FAILED or receipt


def nothing_pays_more_than_the_cap(_entry, evidence, row):
    if row.action is Action.BUMP:
        return evidence.fee is Fee.LOW
    outbids = row.action is Action.CANCEL and evidence.pool is Pool.SEEN
    return not outbids or evidence.fee is not Fee.CAPPED


def a_wallet_is_blocked_exactly_while_there_is_doubt_about_bytes(entry, evidence, row):
    """no-guess: while it is unknown how they stand, the wallet opens nothing new."""
    if entry in UNDER_WAY:
        doubt = not _good(evidence) or _doubt(entry, evidence)
    else:
        doubt = entry is Entry.BOOKED and _good(evidence) and _doubt(entry, evidence)
    return (row.action is Action.BLOCK) == doubt


def _doubt(entry, evidence):
    match evidence:
        case Paper():
            return evidence.answer is Answer.UNANSWERED
        case Solana(signature=Signature.ABSENT, ledger=Ledger.CUT):
            return evidence.height is Height.EXPIRED or entry is Entry.BOOKED
        case Evm(receipt=Receipt.NONE, nonce=Nonce.FREE):
            stuck = _driven(entry, evidence) is Action.BLOCK
            return entry in UNDER_WAY and (stuck or evidence.wallet is Wallet.QUARANTINED)
        case Evm(receipt=Receipt.NONE):
            return entry in UNDER_WAY and evidence.nonce is not Nonce.FOREIGN_AT_K
        case Evm(nonce=Nonce.FREE | Nonce.FOREIGN_AT_K):
            return True
        case Evm(receipt=Receipt.CANCELLED):
            return entry is Entry.IN_PROGRESS
    return False


# -- and what it must do: safety alone is kept by a table that always waits --
def what_is_proved_is_done(entry, evidence, row):
    proved = _proved(evidence) if entry in UNDER_WAY and _good(evidence) else None
    return proved is None or row.action in proved


def _good(evidence):
    return getattr(evidence, "node", Node.OK) is Node.OK


def _proved(evidence):
    match evidence:
        case Paper(answer=Answer.LANDED) | Solana(signature=Signature.CONFIRMED | Signature.FINALIZED):
            return {Action.SETTLE_LANDED}
        case Paper(answer=Answer.REVERTED) | Solana(signature=Signature.FINALIZED_ERROR):
            return {Action.SETTLE_FAILED}
        case Paper(answer=Answer.MISSING, deadline=Deadline.PAST):
            return {Action.MARK_DEAD}
        case Evm(receipt=Receipt.SUCCESS, depth=Depth.FINAL, nonce=Nonce.USED_AT_K):
            return {Action.SETTLE_LANDED}
        case Evm(receipt=Receipt.REVERTED, depth=Depth.FINAL, nonce=Nonce.USED_AT_K):
            return {Action.SETTLE_FAILED}
        case Evm(receipt=Receipt.NONE, nonce=Nonce.FOREIGN_AT_K):
            return {Action.QUARANTINE}
        case Solana(signature=Signature.ABSENT, height=Height.EXPIRED, fence=Fence.TWICE):
            return {Action.MARK_DEAD} if evidence.ledger is Ledger.WHOLE else {Action.BLOCK}
    return None


def a_cancel_that_landed_for_good_ends_the_order(entry, evidence, row):
    final = isinstance(evidence, Evm) and evidence.depth is Depth.FINAL and _good(evidence)
    cancelled = final and evidence.receipt is Receipt.CANCELLED and evidence.nonce is Nonce.USED_AT_K
    return not (cancelled and entry is Entry.CANCELLING) or row.action is Action.SETTLE_FAILED


def what_can_land_is_driven_on(entry, evidence, row):
    """Sent if nobody is seen to have it, dearer if it is too cheap, cancelled if it is too late."""
    if entry not in UNDER_WAY or getattr(evidence, "wallet", Wallet.GOOD) is Wallet.QUARANTINED:
        return True
    match evidence:
        case Paper(answer=Answer.MISSING, deadline=Deadline.BEFORE):
            return row.action is Action.RESEND
        case Solana(node=Node.OK, signature=Signature.ABSENT, height=Height.VALID):
            return row.action is Action.RESEND
        case Evm(node=Node.OK, receipt=Receipt.NONE, nonce=Nonce.FREE):
            return row.action is _driven(entry, evidence)
    return True


def _driven(entry, evidence):
    seen = evidence.pool is Pool.SEEN
    if entry is Entry.IN_PROGRESS and evidence.deadline is Deadline.PAST:
        return Action.BLOCK if seen and evidence.fee is Fee.CAPPED else Action.CANCEL
    if evidence.fee is Fee.LOW:
        return Action.BUMP
    return Action.WAIT if seen else Action.RESEND


def an_order_without_bytes_is_signed_in_time_or_rolled_back(entry, evidence, row):
    quarantined = getattr(evidence, "wallet", Wallet.GOOD) is Wallet.QUARANTINED
    if entry is not Entry.PENDING:
        return True
    if quarantined or evidence.deadline is Deadline.PAST:
        return row.action is Action.ROLL_BACK
    return row.action is (Action.QUOTE if _good(evidence) else Action.WAIT)


def what_is_booked_becomes_final_or_is_compensated(entry, evidence, row):
    if entry is not Entry.BOOKED or not _good(evidence):
        return True
    match evidence:
        case Evm(receipt=Receipt.NONE) | Solana(signature=Signature.FINALIZED_ERROR):
            return row.action is Action.COMPENSATE
        case Solana(signature=Signature.ABSENT):
            return row.action is (Action.COMPENSATE if evidence.ledger is Ledger.WHOLE else Action.BLOCK)
        case Evm(receipt=Receipt.SUCCESS, depth=Depth.FINAL, nonce=Nonce.USED_AT_K):
            return row.action is Action.NOTE_FINALITY
        case Evm(receipt=Receipt.REVERTED | Receipt.CANCELLED, nonce=Nonce.USED | Nonce.USED_AT_K):
            return row.action is Action.COMPENSATE
        case Solana(signature=Signature.FINALIZED):
            return row.action is Action.NOTE_FINALITY
    return True


PROMISES = [
    nothing_ends_on_what_a_troubled_node_says,
    an_order_without_bytes_is_never_settled_and_one_with_bytes_never_rolled_back,
    what_has_ended_is_left_alone,
    no_order_is_given_up_while_it_may_still_land,
    no_order_is_booked_as_landed_but_from_its_receipt,
    processed_is_never_trusted,
    nothing_is_sent_or_signed_but_under_the_unused_nonce_of_the_order,
    a_new_nonce_is_taken_in_time_by_an_order_without_bytes_alone,
    an_order_is_rolled_back_only_when_it_can_not_be_signed_any_more,
    other_bytes_are_made_on_evm_alone,
    bytes_are_sent_again_only_when_a_good_node_does_not_have_them_on_chain,
    bytes_go_out_on_the_channel_of_the_order_alone,
    a_wallet_is_quarantined_for_a_foreign_nonce_at_depth_k_alone,
    a_quarantined_wallet_signs_and_sends_nothing,
    what_can_not_succeed_any_more_is_not_sent_again,
    a_cancel_is_for_what_is_late_on_evm,
    only_what_is_booked_and_off_the_chain_is_compensated,
    what_is_booked_is_not_booked_again,
    a_fee_is_booked_only_for_what_is_on_chain,
    nothing_pays_more_than_the_cap,
    a_wallet_is_blocked_exactly_while_there_is_doubt_about_bytes,
    what_is_proved_is_done,
    a_cancel_that_landed_for_good_ends_the_order,
    what_can_land_is_driven_on,
    an_order_without_bytes_is_signed_in_time_or_rolled_back,
    what_is_booked_becomes_final_or_is_compensated,
]
