"""The bugs that are planted in the protocol of the actors, and who has to catch them."""

from typing import NamedTuple

SIMULATION = (
    "-m",
    "tests.simulation.run",
    "--seconds",
    "600",
)  # Of a busy machine; mutants.py says how long it may work.
COMPARED = (*SIMULATION, "--chain", "paper")  # With the trades of an undisturbed run.


def pytested(name: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{name}")


class Mutant(NamedTuple):
    name: str
    file: str
    text: str
    instead: str
    also: tuple[tuple[str, str, str], ...] = ()  # Where a second line of defence has to go, too.
    harness: tuple[str, ...] = SIMULATION


MUTANTS = (
    # -- the order protocol
    Mutant(
        "broadcast before T2",
        "actors/dispatcher.py",
        "        self.ask(append.id, WAL, append)\n\n    def _refused",
        "        self._ask(self.venue.broadcast(attempt.raw, wanted.tick.at_ns), lambda _: None)\n"
        "        self.ask(append.id, WAL, append)\n\n    def _refused",
    ),
    Mutant(
        "answered before it is written",
        "actors/wal.py",
        "        after = self._booked(append)\n",
        "        after = self._booked(append)\n"
        "        if not isinstance(after, Refusal):\n"
        "            self.tell(sender, Durable(append.id, before + len(append.records)))\n",
    ),
    Mutant(
        "published before it is written",
        "actors/wal.py",
        "        after = self._booked(append)\n",
        "        after = self._booked(append)\n"
        "        if not isinstance(after, Refusal):\n"
        "            self._publish(Committed(before, before + len(append.records), append.records))\n",
    ),
    Mutant(
        "a re-entrant log: one append is checked, and believed, without the one before it",
        "actors/wal.py",
        "        after = self._booked(append)\n",
        "        now, (whose, older) = self.books, getattr(self, '_older', (sender, self.books))\n"
        "        self.books = now if whose == sender else older\n"
        "        after = self._booked(append)\n"
        "        self.books, self._older = now, (sender, now)\n",
    ),
    Mutant(
        "signed anew on recovery",
        "actors/venue_keeper.py",
        "                self._send(each.case.live)\n",
        "                live = each.case.live\n"
        "                quote = Quote(live.attempts[-1].min_amount_out, 0, 0)\n"
        "                attempt = self.venue.build(live.order, quote, self.replica.books.nonce, 1)\n"
        "                self._ask(self.venue.broadcast(attempt.raw, 1), lambda _: None)\n",
        also=(("actors/venue_keeper.py", "import Met, Unanswered", "import Met, Quote, Unanswered"),),
    ),
    Mutant(
        "never sent again after a restart",
        "actors/venue_keeper.py",
        "            if row.action is Action.RESEND or unheard:",
        "            if row.action is Action.BUMP and unheard:",
        also=(
            (
                "actors/executor.py",
                "            case Action.RESEND:\n                self._send(live)\n",
                "            case Action.RESEND:\n                pass\n",
            ),
        ),
    ),
    Mutant(
        "an order that was signed is taken for one that was not",
        "storage/resolution.py",
        "    if not live.attempts:\n        return Entry.PENDING\n",
        "    if len(live.attempts) < 2:\n        return Entry.PENDING\n",
    ),
    Mutant(
        "two orders signed with one nonce",
        "actors/executor.py",
        "            if not self._busy():\n                self._take(id)",
        "            self._take(id)",
    ),
    Mutant(
        "an order acted on before its books are there",
        "actors/portfolio.py",
        "            self.deciding = (verdict, wished)\n            append = opening(verdict)\n",
        "            self.deciding = (verdict, wished)\n            self._execute(verdict)\n"
        "            self._answer(wished, Approved(verdict.id, verdict))\n"
        "            append = opening(verdict)\n",
    ),
    Mutant(
        "an order forgotten when the portfolio dies",
        "actors/portfolio.py",
        "            if not live.attempts:\n                self._execute(live.order)",
        "            if live.attempts:\n                self._execute(live.order)",
        harness=pytested("actors/test_portfolio.py"),  # Schedules meet it, but not within a minute.
    ),
    # -- messages
    Mutant(
        "a copy of what a halt has refused is written once it is lifted",
        "actors/wal.py",
        "                self.halted[append.id] = append.records\n",
        "                pass\n",
        harness=pytested("actors/test_wal.py"),
    ),
    Mutant(
        "a lost answer of the log is not given again",
        "actors/wal.py",
        "        self.tell(sender, Durable(append.id, lsn))\n",
        "        if lsn > before:\n            self.tell(sender, Durable(append.id, lsn))\n",
    ),
    Mutant(
        "a lost answer of the portfolio is not given again",
        "actors/portfolio.py",
        "            self.tell(sender, earlier[1] if same else Refused(wish.id, Refusal.ID_TAKEN))\n",
        "",  # Schedules meet it, but not within a minute.
        harness=pytested("actors/test_portfolio.py"),
    ),
    Mutant(
        "nothing is asked again",
        "actors/member.py",
        "        for role, message in list(self._unanswered.values()):\n"
        "            self.send_to(role, message)\n"
        "        if self._unanswered:",
        "        if self._unanswered:",
    ),
    Mutant(
        "a successor is not asked what its predecessor was",
        "actors/member.py",
        "            if role in changed:\n                self.send_to(role, message)\n",
        "            if role not in changed:\n                self.send_to(role, message)\n",
    ),
    Mutant(
        "the same append is written twice",
        "storage/log.py",
        "            if known := self.known(append):\n                return known\n",
        "",
    ),
    Mutant(  # In order and without loss there is no gap: so one is made, too.
        "a gap in the news is not noticed",
        "storage/replica.py",
        "return news.after <= replica.lsn",
        "return True",
        also=(
            (
                "actors/wal.py",
                "        batch = self.log.read(after)\n",
                "        after = max(after, head - 1)\n        batch = self.log.read(after)\n",
            ),
        ),
    ),
    Mutant(
        "subscribers that come back miss what they missed",
        "actors/wal.py",
        "        batch = self.log.read(after)\n",
        "        after = max(after, head - 1)\n        batch = self.log.read(after)\n",
    ),
    Mutant(
        "a market that nobody knows yet is answered",
        "actors/member.py",
        "            case Offered() | Ticks() if sender != self.peers.get(MARKET):\n"
        "                self._hear_stranger(message, sender)\n",
        "",
    ),
    Mutant(
        "an undecided wish dies with the market",
        "actors/positions.py",
        "Follow(self.role, self.seen_ns, self.wishes_at(self.seen_ns))",
        "Follow(self.role, self.seen_ns)",
        harness=pytested("actors/test_positions.py"),
    ),
    Mutant(
        "ticks for a subscriber that waits for a decision",
        "chains/rounds.py",
        "if each.through_ns <= round.done_ns]",
        "]",  # Positions and the Strategist bear it by now; the rule has its own tests.
        harness=pytested("chains/test_rounds.py"),
    ),
    Mutant(
        "the first balances are reported once",
        "actors/venue_keeper.py",
        "            self.ask(BALANCES, PORTFOLIO, Balances(met.balances, met.wallet, met.nonce))",
        "            self.send_to(PORTFOLIO, Balances(met.balances, met.wallet, met.nonce))",
    ),
    Mutant(
        "what a dead portfolio had answered is not told again",
        "actors/wisher.py",
        "            for decided in self.decided.values():",
        "            for decided in ():",
    ),
    Mutant(
        "what a dead portfolio had decided is waited for",
        "actors/strategist.py",
        "        self._learn_decided(first)\n",
        "        if any(wish.at_ns < first for wish in self.wishes.values()):\n            return\n",
    ),
    Mutant(
        "an order that a dead executor had taken is forgotten",
        "actors/executor.py",
        "for id, each in live if not each.attempts)",
        "for id, each in live if id in self.unquoted)",
    ),
    Mutant(
        "a dead actor has no successor",
        "actors/supervisor.py",
        "        self.wake(wait, Revive(role))",
        "        del wait",
    ),
    # -- what the chain says
    Mutant(
        "the wrong fence",
        "chains/resolution.py",
        "head_ns >= signed.valid_until_ns",
        "head_ns >= 0",
    ),
    Mutant(
        "no answer taken for a failure",
        "storage/resolution.py",
        'Row("P11", Action.BLOCK,',
        'Row("P11", Action.MARK_DEAD,',
    ),
    Mutant(
        "a revert taken for a fill",
        "chains/resolution.py",
        "evidence.Answer.LANDED if answer.landed else evidence.Answer.REVERTED",
        "evidence.Answer.LANDED",
    ),
    Mutant(
        "the quote booked in place of what landed",
        "chains/resolution.py",
        "receipt.amount_in, receipt.amount_out, receipt.fee, seen.final",
        "receipt.amount_in, live.attempts[-1].min_amount_out, receipt.fee, seen.final",
    ),
    Mutant(
        "a missing transaction is sent under a new nonce",
        "actors/executor.py",
        "            case Action.RESEND:\n                self._send(live)\n",
        "            case Action.RESEND:\n"
        "                quote, nonce = Quote(1, 0, 0), live.attempts[-1].nonce + 1\n"
        "                other = self.venue.build(live.order, quote, nonce, at_ns)\n"
        "                self._ask(self.venue.broadcast(other.raw, at_ns), lambda _: None)\n",
        also=(("actors/executor.py", "import Draft, Seen", "import Draft, Quote, Seen"),),
    ),
    # -- the books
    Mutant(
        "no first-close guard",
        "strategies/limits.py",
        "    if holder is not None:\n        return _claimed",
        "    if holder is not None and position is None:\n        return _claimed",
    ),
    Mutant(
        "money set aside can be spent again",
        "storage/trades.py",
        "Reserved(order.id, asset, Units(amount))",
        "Reserved(order.id, asset, Units(1))",
    ),
    Mutant(
        "a fill that leaves no position",
        "storage/trades.py",
        "        records.append(_position(books, order, outcome, at_ns))\n",
        "",
    ),
    Mutant(
        "all of it sold, whatever was held",
        "strategies/limits.py",
        "    amount = sell_amount(position.quantity, wish.portion_bps)",
        "    amount = sell_amount(position.quantity, wish.portion_bps) + 1",
    ),
    Mutant(
        "the fee of a revert forgotten",
        "storage/trades.py",
        "outcome.fee if isinstance(outcome, Landed | Reverted) else 0",
        "outcome.fee if isinstance(outcome, Landed) else 0",
    ),
    Mutant(
        "a snapshot restored over later records",
        "storage/start.py",
        "log.after(lsn)",
        "log.after(lsn + 1)",
    ),
    Mutant(
        "a newcomer is told old books as the newest",
        "actors/wal.py",
        "        if self._packed[0] != self.log.head.lsn:\n",
        "        if not self._packed[1]:\n",
    ),
    Mutant(
        "the last word of the dead is written after their successor has read the log",
        "actors/wal.py",
        "        if sender in self.retired:",
        "        if sender in self.retired and not self.members:",
        harness=pytested("actors/test_wal.py"),
    ),
    Mutant(
        "news that are known are applied again",
        "storage/replica.py",
        "    if news.through <= replica.lsn:\n        return replica\n"
        "    unknown = news.records[replica.lsn - news.after :]\n",
        "    unknown = news.records\n",
        also=(
            (
                "actors/wal.py",
                "        batch = self.log.read(after)\n",
                "        after = max(after - 1, 0)\n        batch = self.log.read(after)\n",
            ),
        ),
    ),
    # -- races that the simulation found
    Mutant(
        "an order signed or settled at a tick that is read again",
        "actors/venue_keeper.py",
        "        act_from_ns = max(message.act_from_ns, books.last_order_ns)\n",
        "        act_from_ns = message.act_from_ns\n",
    ),
    Mutant(
        "an order that was put off is signed at the prices of a tick that is over",
        "actors/executor.py",
        "        if tick.at_ns < max(self.venue.head_ns(), self.replica.books.last_order_ns):",
        "        if tick.at_ns < 0:",
        harness=pytested("actors/test_executor.py"),
    ),
    Mutant(
        "the market goes on without somebody who is dead",
        "actors/supervisor.py",
        "        if self.actors.keys() < self.cast.keys():\n            return\n",
        "",
        harness=COMPARED,
    ),
    Mutant(
        "a successor is given ticks before it has said from where on",
        "actors/market.py",
        "            self.round = rounds.left(self.round, role)\n",
        "            pass\n",
        harness=pytested("actors/test_market.py"),
    ),
    Mutant(
        "what was read ahead is not read again",
        "actors/positions.py",
        "        self.seen_ns = through ",
        "        self.seen_ns = max(self.seen_ns, through) ",
        harness=pytested("actors/test_positions.py"),
    ),
    Mutant(
        "an end is seen before the tick at which it came",
        "actors/strategist.py",
        "for each in self.outcomes if each.at_ns < first]",
        "for each in self.outcomes]",
        also=(
            ("actors/strategist.py", " and not freed_since(books, token, before_ns)", ""),
            ("actors/strategist.py", "self.trader.through_ns <= freed_ns < at_ns", "freed_ns"),
        ),
        harness=COMPARED,
    ),
    Mutant(
        "what was watched ahead is sold at the tick at which another order ended",
        "strategies/limits.py",
        "    if wish.reason in WATCHED and",
        "    if wish.reason in () and",
        harness=pytested("strategies/test_limits.py"),  # Schedules meet it, but not within a minute.
    ),
    Mutant(
        "a wish that the market knows of is dropped, for what it would sell is sold",
        "actors/positions.py",
        "        self.watches = held\n",
        "        self.watches = held\n"
        "        for key in [key for key, wish in self.wishes.items() if wish.token not in held]:\n"
        "            del self.wishes[key]\n"
        "            self.answered(key)\n",
        harness=pytested("actors/test_positions.py"),
    ),
    # -- the operator's latch
    Mutant(
        "a halted wallet signs what was decided before",
        "storage/books.py",
        "    if not books.signs:\n        return Refusal.HALTED\n    status",
        "    status",
    ),
    Mutant(
        "a halt is forgotten",
        "storage/books.py",
        "            return replace(books, halts={**books.halts, scope: reason})",
        "            return replace(books, halts={})",
    ),
)
