"""Bugs planted in what chains say, and in what is made of it: each must break a promise in the simulation."""

from tests.simulation.planted import SIMULATION, Mutant, pytested

EVM, SOLANA = ((*SIMULATION, "--chain", chain) for chain in ("evm", "solana"))

MUTANTS = (
    Mutant(
        "an open order hides the end of those after it",
        "storage/recovery.py",
        "    while settled - 1 in nonces:\n        settled -= 1\n",
        "    settled = min(nonces, default=settled)\n",
        harness=pytested("storage/test_recovery.py"),
    ),
    Mutant(
        "a reorg that reaches what was final goes unnoticed",
        "chains/evm/evidence.py",
        "    return view.count_at_k < case.settled or is_replaced(case, view)\n",
        "    return False\n",
        harness=EVM,
    ),  # no-guess, exactly-once
    Mutant(
        "a reorg that reaches what was final goes unnoticed if its nonces are used again at once",
        "chains/evm/evidence.py",
        " or is_replaced(case, view)\n",
        "\n",
        harness=EVM,
    ),  # no-guess, halt-latch
    Mutant(
        "in which block a fill is final is not noted",
        "actors/executor.py",
        "row.because, at_ns, seen.final_block), id)",
        "row.because, at_ns), id)",
        harness=EVM,
    ),  # no-guess, halt-latch
    Mutant(
        "what was final is gone, and as soon as its nonces are used again all is well",
        "actors/executor.py",
        "        if found.seen.broken:\n",
        "        if found.seen.broken and not self.role:\n",
        harness=EVM,
    ),  # halt-latch
    Mutant(
        "one node says that what was final is gone, and the wallet is halted",
        "chains/evm/evidence.py",
        "    if first is None or second is None or not is_undone(case, first):\n"
        '        return ""\n'
        "    same = _of_the_past(first) == _of_the_past(second)\n",
        '    if first is None or not is_undone(case, first):\n        return ""\n    same = True\n',
        harness=pytested("chains/evm/test_evidence.py"),
    ),
    Mutant(
        "a node that is behind says that what was final is gone",
        "chains/evm/evidence.py",
        "    if not same or not first.at_ns >= question.now_ns > case.touched_ns:\n",
        "    if not same:\n",
        harness=pytested("chains/evm/test_evidence.py"),
    ),  # Two of them, with the same head: too rare for schedules.
    Mutant(
        "a swap is sent before its approval has landed",
        "actors/executor.py",
        "            self._send(self.replica.books.live[signed.order])\n",
        "            live = self.replica.books.live[signed.order]\n"
        "            self._send(live)\n"
        '            if signed.leg != "swap":\n'
        "                swap = self.venue.build(live.order, Quote(1, 0, 0), signed.nonce + 1, 0)\n"
        "                self._ask(self.venue.broadcast(swap.raw, 0, signed.channel), lambda _: None)\n",
        also=(("actors/executor.py", "import Draft, Seen", "import Draft, Quote, Seen"),),
        harness=EVM,
    ),  # write-ahead
    Mutant(
        "an order approves before the swap of the order before it has bytes",
        "storage/recovery.py",
        "live.begun and live.leg is not Leg.SWAP and",
        "live.begun and live.leg is Leg.CANCEL and",
        harness=(*EVM, "--seed", "1000"),  # Two orders of one tick, and a slow chain: one in some hundreds.
    ),  # caps-on-bytes
    Mutant(
        "an order swaps on what another was allowed",
        "chains/evm/preparing.py",
        "bench.sends_along or (own is not None and plan.left == bench.order.amount_in)",
        "bench.sends_along or plan.left == bench.order.amount_in",
        harness=pytested("devnet/test_original.py"),
    ),  # caps-on-bytes
    Mutant(
        "a run that is to end begins what it had opened",
        "actors/venue_keeper.py",
        "(self.draining and not live.begun and",
        "(not self.role and not live.begun and",
        harness=pytested("actors/test_executor.py"),
    ),
    Mutant(
        "what a failed order has left over is not looked for",
        "actors/leftovers.py",
        "        self.suspects[asset] = self._now_ns() + wait",
        "        wait = 10**9\n        self.suspects[asset] = self._now_ns() + wait",
        harness=pytested("actors/test_leftovers.py"),
    ),
    Mutant(
        "who takes back what is left over does not wait for the turn of an order",
        "storage/recovery.py",
        "    asset = paid_by(order)\n    others",
        "    if order.side is Side.REVOKE:\n        return False\n    asset = paid_by(order)\n    others",
        harness=pytested("storage/test_leftovers.py"),
    ),
    Mutant(
        "a wish that is repeated while it is decided is decided twice",
        "actors/portfolio.py",
        "        if self.deciding and self.deciding[0].id == wish.id:\n",
        "        if self.deciding and not wish.id:\n",
        harness=pytested("actors/test_portfolio.py"),
    ),
    Mutant(
        "an approval that a reorg has lost is not sent again",
        "actors/dispatcher.py",
        "            if signed.nonce < below:\n",
        "            if signed.nonce < 0:\n",
        harness=EVM,
    ),  # liveness
    Mutant(
        "an approval that outlives its order is forgotten",
        "storage/books.py",
        "(*books.loose, *live.legs_done) if final is None",
        "books.loose if final is None",
        harness=pytested("storage/test_legs.py"),
    ),
    Mutant(
        "an approval's fee is forgotten",
        "storage/books.py",
        'live.order.fee_asset, body.fee, "fees")',
        'live.order.fee_asset, 0, "fees")',
        harness=EVM,
    ),  # settle-from-chain
    Mutant(
        "the nonce of an approval is used again for the swap",
        "actors/executor.py",
        "blocked, books.nonce, tick)",
        "blocked, books.nonce - len(live.legs_done[:1]), tick)",
        also=(
            (
                "storage/books.py",
                "        return signed.nonce >= books.nonce and not signed.cancels\n",
                "        return not signed.cancels\n",
            ),
        ),
        harness=EVM,
    ),  # exactly-once
    Mutant(
        "a fork of Solana that reaches what was final goes unnoticed",
        "chains/svm/evidence.py",
        '    return case.last_final is not None and view.last_final not in {"", case.last_final.hash}\n',
        "    return False\n",
        harness=SOLANA,
    ),  # no-guess, halt-latch
    Mutant(
        "a provider that does not say whether what was final is still there is trusted with a new order",
        "chains/svm/evidence.py",
        " or any(_silent(case, each) for each in views)",
        "",
        harness=pytested("chains/svm/test_evidence.py"),  # One schedule in many thousands.
    ),  # no-guess
    Mutant(
        "one of two providers says that what was final is gone, and the wallet is halted",
        "chains/svm/evidence.py",
        '    if len(said) < min(2, question.providers):\n        return ""\n',
        '    if not said:\n        return ""\n',
        harness=pytested("chains/svm/test_evidence.py"),
    ),
    Mutant(
        "a wallet that is let go on a chain that has changed is halted again at once",
        "storage/books.py",
        "trusted = None if scope == WALLET else books.last_final\n",
        "trusted = books.last_final\n",
        harness=pytested("storage/test_finality.py"),
    ),
    Mutant(
        "no answer to a sending ends the order, and its money is free again",
        "actors/dispatcher.py",
        '            logger.warning("{} may have been sent or not: {}", id, answer.sentence)\n',
        "            live = self.replica.books.live.get(id)\n"
        "            if live is not None and live.attempts:\n"
        "                self._settle(Dead(id, live.attempts[-1].tx_id, answer.sentence), live.since_ns)\n",
        also=(("actors/dispatcher.py", "    Append,\n    Id,", "    Append,\n    Dead,\n    Id,"),),
    ),  # no-guess
    Mutant(
        "the words of a node's error say what became of a nonce",
        "chains/evm/node.py",
        "Taken(tx_hash) if isinstance(await self.transaction(tx_hash), Transaction) else reason\n",
        'Taken(tx_hash) if "nonce too low" in reason.sentence else reason\n',
        harness=pytested("chains/evm/test_client_node.py"),
    ),
    Mutant(
        "processed is believed",
        "chains/svm/evidence.py",
        "        return Signature.PROCESSED\n",
        "        return Signature.CONFIRMED\n",
        harness=SOLANA,
    ),  # no-guess
    Mutant(
        "no fence",
        "chains/svm/evidence.py",
        "    counts = 0 < fence <= view.slot and",
        "    counts = 0 < fence and",
        harness=SOLANA,
    ),  # no-guess, exactly-once
    Mutant(
        "past the fence once",
        "chains/svm/evidence.py",
        "    return Fence.ONCE if progress.absences else Fence.BEHIND",
        "    return Fence.TWICE if progress.absences else Fence.BEHIND",
        harness=SOLANA,
    ),  # no-guess, exactly-once
    Mutant(
        "past the fence twice by one provider",
        "chains/svm/evidence.py",
        "len(progress.absences) >= 2 and len(providers) >= min(2, question.providers)",
        "len(progress.absences) >= 2",
        harness=SOLANA,
    ),  # no-guess, exactly-once
    Mutant(
        "the fence is a height",
        "chains/svm/evidence.py",
        "(head if expired(newest, view) else 0)",
        "(view.height if expired(newest, view) else 0)",
        harness=SOLANA,
    ),  # no-guess, exactly-once
    Mutant(
        "expired by the head's height",
        "chains/svm/evidence.py",
        "view.height > signed.last_valid_height",
        "view.height + view.slot - view.finalized_slot > signed.last_valid_height",
        harness=SOLANA,
    ),  # no-guess, exactly-once
    Mutant(
        "a cut ledger is believed",
        "chains/svm/evidence.py",
        "view.searched and view.first_slot <= signed.slot",
        "view.searched",
        harness=SOLANA,
    ),  # no-guess
    Mutant(
        "confirmed is final",
        "chains/svm/evidence.py",
        "{Signature.FINALIZED, Signature.FINALIZED_ERROR}\n",
        "{Signature.FINALIZED, Signature.CONFIRMED}\n",
        harness=SOLANA,
    ),  # no-guess, settle-from-chain
    Mutant(
        "other amounts are the booked ones",
        "chains/svm/evidence.py",
        "    return booked is None or (receipt is not None and _amounts(receipt) == _amounts(booked))",
        "    return True",
        harness=SOLANA,
    ),  # settle-from-chain
    Mutant(
        "a booked fill undone by one provider's word",
        "chains/svm/evidence.py",
        "    if 0 < len(whole) < min(2, question.providers):\n        return Node.DOWN\n",
        "",
        harness=SOLANA,
    ),  # no-guess
    Mutant(
        "the last valid height is not journalled",
        "actors/dispatcher.py",
        "            attempt.last_valid_height, attempt.slot, ",
        "            0, 0, ",
        harness=SOLANA,
    ),  # no-guess
    Mutant(
        "a receipt at depth 1 is final",
        "chains/evm/evidence.py",
        "    if deep >= chain.final_depth:\n",
        "    if deep >= 1:\n",
        harness=EVM,
    ),  # no-guess
    Mutant(
        "a stranger's nonce believed of one node",
        "chains/evm/evidence.py",
        "return Nonce.USED_AT_K if second is None or first.receipts else",
        "return Nonce.USED_AT_K if first.receipts else",
        harness=EVM,
    ),  # no-guess, single-writer
    Mutant(
        "a nonce is judged at the head",
        "chains/evm/evidence.py",
        "    if first.count_at_k <= nonce:\n        return Nonce.USED\n",
        "",
        harness=EVM,
    ),  # no-guess, exactly-once
    Mutant(
        "sent privately and again publicly",
        "actors/dispatcher.py",
        "signed.raw, live.since_ns, signed.channel)",
        "signed.raw, live.since_ns)",
        harness=EVM,
    ),  # channel
    Mutant(
        "a raised fee under a new nonce",
        "actors/dispatcher.py",
        "                self._journal(Wanted(live, tick, cancels, draft), draft.attempt)\n",
        "                attempt, nonce = draft.attempt, self.replica.books.nonce\n"
        "                if live.attempts:\n"
        "                    quote = Quote(attempt.min_amount_out, 0, 0)\n"
        "                    other = self.venue.build(live.order, quote, nonce, 0)\n"
        "                    work = self.venue.broadcast(other.raw, tick.at_ns, attempt.channel)\n"
        "                    self._ask(work, lambda _: None)\n"
        "                self._journal(Wanted(live, tick, cancels, draft), draft.attempt)\n",
        also=(("actors/dispatcher.py", "Over, Taken", "Over, Quote, Taken"),),
        harness=EVM,
    ),  # exactly-once, write-ahead
    Mutant(
        "a cancel that forgets what it cancels",
        "chains/evm/evidence.py",
        "    receipt = view.receipts[0] if view and view.receipts else None\n",
        '    newest = case.live.attempts[-1].tx_id if case.live.attempts else ""\n'
        "    ours = [each for each in view.receipts if each.tx_id == newest] if view else []\n"
        "    receipt = ours[0] if ours else None\n",
        harness=EVM,
    ),  # no-guess
    Mutant(
        "a revert is final at once",
        "chains/evm/evidence.py",
        "    if deep >= chain.final_depth:\n",
        "    if deep >= (chain.final_depth if receipt and receipt.landed else 1):\n",
        harness=EVM,
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
        harness=EVM,
    ),  # no-guess
    Mutant(
        "two nodes that contradict are believed",
        "chains/evm/evidence.py",
        "    return (first.head, first.count_at_k, first.receipts)"
        " != (second.head, second.count_at_k, second.receipts)",
        "    return False",
        harness=EVM,
    ),  # no-guess
    Mutant(
        "what a chain has taken beyond what an order may pay can not be booked",
        "storage/trades.py",
        "    return max(0, fee - (held - for_tokens))\n",
        "    return 0\n",
        harness=EVM,
    ),  # liveness
    Mutant(
        "a swap of the coin sends another value than the order pays",
        "chains/evm/caps.py",
        '    yield from _is("value", bytes_.value, order.amount_in if native else 0)\n',
        '    if not native:\n        yield from _is("value", bytes_.value, 0)\n',
        harness=pytested("chains/evm/test_caps_native.py"),
    ),  # caps-on-bytes
    Mutant(
        "the router pays out less of the coin than the swap must give",
        "chains/evm/decoding.py",
        "    if least != swap.min_amount_out:\n",
        "    if least > swap.min_amount_out:\n",
        harness=pytested("chains/evm/test_caps_native.py"),
    ),  # caps-on-bytes
    Mutant(
        "whatever the router unwraps first is taken for what has arrived",
        "chains/evm/receipts.py",
        "    return every[-1]\n",
        "    return every[0]\n",
        harness=pytested("chains/evm/test_receipts.py"),
    ),  # settle-from-chain
    Mutant(
        "a position in what pays for gas hides what is left for gas",
        "storage/holdings.py",
        "        held[position.token] = held.get(position.token, 0) + position.quantity\n",
        "        held[position.token] = int(position.quantity)\n",
        harness=pytested("storage/test_fee_asset.py"),
    ),  # settle-from-chain
)
