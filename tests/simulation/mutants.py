"""Plants bugs, one at a time, in a copy of the project, and sees who finds them: `make mutants`.

A planted bug is a text and what stands in its place.  The text must be there exactly once, so a mutant that
no longer fits the code is an error, not a silent pass.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.crash.mutants import MUTANTS as OF_THE_LOG

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("actors", "chains", "storage", "strategies", "tests", "run.py", "pyproject.toml", "config.toml")
SIMULATION = ("-m", "tests.simulation.run", "--seconds", "60")
# How a harness says that something is wrong; a harness that broke says something else.
VERDICT = re.compile(r"seed \d|FAILED tests/|[\w ]+: BAD: ")


class Mutant(NamedTuple):
    name: str
    file: str
    text: str
    instead: str
    harness: tuple[str, ...] = SIMULATION


MUTANTS = (
    # -- the order protocol
    Mutant(
        "broadcast before T2",
        "actors/executor.py",
        "        self.ask(append.id, WAL, append)\n\n    def _durable",
        "        self.venue.broadcast(attempt.raw, tick.at_ns)\n        self.ask(append.id, WAL, append)\n\n"
        "    def _durable",
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
        "signed anew on recovery",
        "actors/executor.py",
        "        for id in found.resume:\n            self._send(self.replica.books.live[id])\n",
        "        for id in found.resume:\n"
        "            live = self.replica.books.live[id]\n"
        "            quote = Quote(live.attempts[-1].min_amount_out, 0, 0)\n"
        "            attempt = self.venue.build(live.order, quote, self.replica.books.nonce, 1)\n"
        "            self.venue.broadcast(attempt.raw, 1)\n",
    ),
    Mutant(
        "never sent again after a restart",
        "actors/executor.py",
        "        for id in found.resume:\n            self._send(self.replica.books.live[id])\n",
        "        for id in found.resume[1:]:\n            self._send(self.replica.books.live[id])\n",
    ),
    Mutant(
        "an order that was signed is rolled back at a restart",
        "storage/recovery.py",
        "    unsigned = [live for live in books.live.values() if entry_of(live) is Entry.PENDING]",
        "    unsigned = list(books.live.values())",
    ),
    Mutant(
        "two orders signed with one nonce",
        "actors/executor.py",
        "            if not self.signing:\n                self._take(id)",
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
    ),
    # -- messages
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
    Mutant(
        "a gap in the news is not noticed",
        "actors/member.py",
        "        if not fits(self.replica, message):\n            self._subscribe()\n            return\n",
        "",
    ),
    Mutant(
        "subscribers that come back miss what they missed",
        "actors/wal.py",
        "        while batch := self.log.read(after):",
        "        while batch := self.log.read(max(after, self.log.head.lsn - 1)):",
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
        "Follow(self.role, self.seen_ns, tuple(self.wishes))",
        "Follow(self.role, self.seen_ns)",
    ),
    Mutant(
        "ticks for a subscriber that waits for a decision",
        "chains/rounds.py",
        "if each.through_ns <= round.done_ns]",
        "]",
    ),
    Mutant(
        "the first balances are reported once",
        "actors/executor.py",
        "            self.ask(BALANCES, PORTFOLIO, Balances(self.venue.balances()))",
        "            self.send_to(PORTFOLIO, Balances(self.venue.balances()))",
    ),
    Mutant(
        "what a dead portfolio had answered is not told again",
        "actors/wisher.py",
        "            for wish in self.decided.values():",
        "            for wish in ():",
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
        "            elif id not in self.waiting and not self.signing:",
        "            elif id in self.unquoted and not self.signing:",
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
        "chains/resolution.py",
        "        case ((Action.WAIT | Action.RESEND | Action.BLOCK), _):",
        "        case Action.BLOCK, _:\n            return Dead(signed.order, signed.tx_id, 'no answer')\n"
        "        case ((Action.WAIT | Action.RESEND), _):",
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
        "answer.amount_in, answer.amount_out, answer.fee",
        "answer.amount_in, signed.min_amount_out, answer.fee",
    ),
    Mutant(
        "a missing transaction is sent under a new nonce",
        "actors/executor.py",
        "        if end := outcome(signed, answer):",
        "        if type(answer).__name__ == 'Missing' and self.recent:\n"
        "            raw = self.venue.build(live.order, Quote(0, 0, 0), signed.nonce + 1, at_ns).raw\n"
        "            self.venue.broadcast(raw, at_ns)\n"
        "        if end := outcome(signed, answer):",
    ),
    # -- the books
    Mutant(
        "no first-close guard",
        "strategies/limits.py",
        "    if holder is not None:\n        return AlreadyClosing",
        "    if holder is None and position is None:\n        return AlreadyClosing",
    ),
    Mutant(
        "money set aside can be spent again",
        "storage/trades.py",
        "    amount = Units(to_reserve(order))\n",
        "    amount = Units(1)\n",
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
        "spent = outcome.fee if isinstance(outcome, Landed | Reverted) else 0",
        "spent = outcome.fee if isinstance(outcome, Landed) else 0",
    ),
    Mutant(
        "a snapshot restored over later records",
        "actors/wal.py",
        "if number > lsn)",
        "if number > lsn + 1)",
    ),
    Mutant(
        "an outcome applied twice",
        "actors/wal.py",
        "            self.books = after\n",
        "            self.books = self._booked(append)\n"
        "            self._publish(Committed(before, lsn, append.records))\n",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose name has this in it")
    asked = parser.parse_args()
    survivors = []
    for mutant in (*MUTANTS, *map(Mutant._make, OF_THE_LOG)):
        if asked.only in mutant.name:
            caught, seconds, how = tried(mutant)
            print(
                f"{'caught' if caught else 'SURVIVES':9} {seconds:5.1f} s  {mutant.name}: {how}", flush=True
            )
            survivors += [] if caught else [mutant.name]
    print(f"{len(survivors)} survive" if survivors else "all are caught")
    return 1 if survivors else 0


def tried(mutant: Mutant) -> tuple[bool, float, str]:
    """Whether its harness fails, how soon, and what it says."""
    with tempfile.TemporaryDirectory(prefix="holdfast-mutant-") as folder:
        copied = planted(mutant, Path(folder))
        module = mutant.file.removesuffix(".py").replace("/", ".")
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=copied, check=True)
        begun = time.monotonic()
        run = subprocess.run([sys.executable, *mutant.harness], cwd=copied, capture_output=True, text=True,
                             timeout=180, check=False)  # fmt: skip
    seconds = time.monotonic() - begun
    lines = (run.stdout + run.stderr).strip().splitlines()
    said = next(filter(VERDICT.match, lines), lines[-1] if lines else "")
    return run.returncode == 1 and VERDICT.match(said) is not None, seconds, said[:160]


def planted(mutant: Mutant, folder: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.text) != 1:
        raise SystemExit(
            f"{mutant.name}: its text is {text.count(mutant.text)} times in {mutant.file}, not once"
        )
    path.write_text(text.replace(mutant.text, mutant.instead))
    return folder


if __name__ == "__main__":
    sys.exit(main())
