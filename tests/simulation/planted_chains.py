"""Bugs planted in what chains say, and in what is made of it: each must break a promise in the simulation."""

from tests.simulation.planted import Mutant

MUTANTS = (
    Mutant(
        "processed is believed",
        "chains/svm/evidence.py",
        "        return Signature.PROCESSED\n",
        "        return Signature.CONFIRMED\n",
    ),  # no-guess
    Mutant(
        "no fence",
        "chains/svm/evidence.py",
        "    counts = 0 < fence <= view.slot and",
        "    counts = 0 < fence and",
    ),  # no-guess, exactly-once
    Mutant(
        "past the fence once",
        "chains/svm/evidence.py",
        "    return Fence.ONCE if progress.absences else Fence.BEHIND",
        "    return Fence.TWICE if progress.absences else Fence.BEHIND",
    ),  # no-guess, exactly-once
    Mutant(
        "past the fence twice by one provider",
        "chains/svm/evidence.py",
        "len(progress.absences) >= 2 and len(providers) >= min(2, question.providers)",
        "len(progress.absences) >= 2",
    ),  # no-guess, exactly-once
    Mutant(
        "the fence is a height",
        "chains/svm/evidence.py",
        "(view.finalized_slot if expired(newest, view) else 0)",
        "(view.height if expired(newest, view) else 0)",
    ),  # no-guess, exactly-once
    Mutant(
        "expired by the head's height",
        "chains/svm/evidence.py",
        "view.height > signed.last_valid_height",
        "view.height + view.slot - view.finalized_slot > signed.last_valid_height",
    ),  # no-guess, exactly-once
    Mutant(
        "a cut ledger is believed",
        "chains/svm/evidence.py",
        "view.searched and view.first_slot <= signed.slot",
        "view.searched",
    ),  # no-guess
    Mutant(
        "confirmed is final",
        "chains/svm/evidence.py",
        "{Signature.FINALIZED, Signature.FINALIZED_ERROR}\n",
        "{Signature.FINALIZED, Signature.CONFIRMED}\n",
    ),  # no-guess, settle-from-chain
    Mutant(
        "other amounts are the booked ones",
        "chains/svm/evidence.py",
        "    return booked is None or (receipt is not None and _amounts(receipt) == _amounts(booked))",
        "    return True",
    ),  # settle-from-chain
    Mutant(
        "a booked fill undone by one provider's word",
        "chains/svm/evidence.py",
        "    if 0 < len(whole) < min(2, question.providers):\n        return Node.DOWN\n",
        "",
    ),  # no-guess
    Mutant(
        "the last valid height is not journalled",
        "actors/executor.py",
        "            attempt.last_valid_height, attempt.slot,\n",
        "",
    ),  # no-guess
    Mutant(
        "a receipt at depth 1 is final",
        "chains/evm/evidence.py",
        "    if deep >= chain.final_depth:\n",
        "    if deep >= 1:\n",
    ),  # no-guess
    Mutant(
        "a stranger's nonce believed of one node",
        "chains/evm/evidence.py",
        "return Nonce.USED_AT_K if second is None or first.receipts else",
        "return Nonce.USED_AT_K if first.receipts else",
    ),  # no-guess, single-writer
    Mutant(
        "a nonce is judged at the head",
        "chains/evm/evidence.py",
        "    if first.count_at_k <= nonce:\n        return Nonce.USED\n",
        "",
    ),  # no-guess, exactly-once
    Mutant(
        "sent privately and again publicly",
        "actors/executor.py",
        "newest.raw, live.since_ns, newest.channel)",
        "newest.raw, live.since_ns)",
    ),  # channel
    Mutant(
        "a raised fee under a new nonce",
        "actors/executor.py",
        "            self._journal(live, attempt, tick, cancel)",
        "            quote, nonce = Quote(attempt.min_amount_out, 0, 0), self.replica.books.nonce\n"
        "            other = self.venue.build(live.order, quote, nonce, 0)\n"
        "            self.venue.broadcast(other.raw, tick.at_ns, attempt.channel)\n"
        "            self._journal(live, attempt, tick, cancel)",
        also=(("actors/executor.py", "import Attempt, Seen", "import Attempt, Quote, Seen"),),
    ),  # exactly-once, write-ahead
    Mutant(
        "a cancel that forgets what it cancels",
        "chains/evm/evidence.py",
        "    receipt = view.receipts[0] if view and view.receipts else None\n",
        '    newest = case.live.attempts[-1].tx_id if case.live.attempts else ""\n'
        "    ours = [each for each in view.receipts if each.tx_id == newest] if view else []\n"
        "    receipt = ours[0] if ours else None\n",
    ),  # no-guess
    Mutant(
        "a revert is final at once",
        "chains/evm/evidence.py",
        "    if deep >= chain.final_depth:\n",
        "    if deep >= (chain.final_depth if receipt and receipt.landed else 1):\n",
    ),  # no-guess
    Mutant(
        "a booked fill's proceeds are spent",
        "storage/fills.py",
        "settled=final)",
        "settled=True)",
    ),  # no-overdraft
    Mutant(
        "a landed fill is booked as final",
        "chains/resolution.py",
        "receipt.fee, seen.final,",
        "receipt.fee, True,",
    ),  # no-guess
    Mutant(
        "a lagging node is believed",
        "chains/evm/evidence.py",
        "    if first.head < question.case.newest_block:\n        return Node.LAGGING\n",
        "",
    ),  # no-guess
    Mutant(
        "two nodes that contradict are believed",
        "chains/evm/evidence.py",
        "    return (first.head, first.count_at_k, first.receipts)"
        " != (second.head, second.count_at_k, second.receipts)",
        "    return False",
    ),  # no-guess
)
