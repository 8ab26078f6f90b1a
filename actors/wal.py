"""The Wal owns the log file: it alone writes it, and nobody believes anything before it has."""

import os
from typing import Any, assert_never

from loguru import logger
from msgspec import Struct

from actors.base import Address, ChildExited, Poisoned
from actors.member import SUPERVISOR, Member
from actors.messages import (
    Append,
    Committed,
    Drain,
    Drained,
    Durable,
    Id,
    InArchives,
    Ready,
    Record,
    Refusal,
    Refused,
    Role,
    SaveState,
    Snapshot,
    Subscribe,
)
from storage.books import Books, book, faults
from storage.layout import folder_of, log_path
from storage.log import Log, LogBusy, LogError, LogFailed
from storage.snapshots import packed
from storage.start import started

SNAPSHOT_EVERY = 1_000
IDLE_SECONDS = 10.0
VERIFIED_AT_ONCE = 1_000  # Records: some milliseconds.  A million takes three hours.


class LookOver(Struct, frozen=True):
    """Time to verify some older records, if nothing was written since the last time."""


class Wal(Member):
    """It starts from the newest snapshot and what follows it; what is older is verified while it is idle."""

    follows_log = False

    def opened(self) -> None:
        self.subscribers: dict[Role, Address] = {}
        self.members: dict[Role, tuple[int, Address]] = {}  # With the epoch in which they came.
        self.retired: set[Address] = set()  # Whose successor has read the log.
        self.halted: dict[Id, tuple[Record, ...]] = {}  # Appends that a halt has refused, for good.
        self._fatal = ""
        self._packed = (-1, b"")
        try:
            self.log = Log.open(log_path(folder_of(self.run.data_dir)))
        except LogBusy:
            raise  # The predecessor is still dying; the supervisor tries again.
        except LogError as error:
            self._fatal = str(error)
            return
        try:
            self.books, self._saved_lsn = started(self.log)
            self._snapshot_if_due()  # Its successor would have to fold all of it again.
        except LogError as error:
            self._end(str(error))
            return
        self._looked_lsn = self.log.head.lsn
        self.wake(IDLE_SECONDS, LookOver())

    def met(self, role: Role) -> None:
        if role == SUPERVISOR and self._fatal:
            self.fail(self._fatal)
        elif role == SUPERVISOR:
            self.send_to(SUPERVISOR, Ready(self.role, self.log.head.lsn))

    def hear(
        self,
        message: Append | Subscribe | LookOver | Drain | SaveState | ChildExited | Poisoned,
        sender: Address,
    ) -> None:
        if self._fatal:
            return
        try:
            self._do(message, sender)
        except LogFailed as error:
            logger.critical("{}", error)
            os._exit(70)  # What is on disk is unknown: nothing may be answered, nothing tried again.
        except LogError as error:
            self._end(str(error))

    def _do(
        self,
        message: Append | Subscribe | LookOver | Drain | SaveState | ChildExited | Poisoned,
        sender: Address,
    ) -> None:
        match message:
            case Append():
                self.append(message, sender)
            case Subscribe():
                self.replay(message, sender)
            case LookOver():
                self._look_over()
            case SaveState():
                self._save_snapshot()
            case Drain():
                self.tell(sender, Drained(self.role))
            case ChildExited() | Poisoned():
                logger.debug("the log hears of {}", message)
            case _:
                assert_never(message)

    def append(self, append: Append, sender: Address) -> None:
        """Check, write, believe, publish, answer: in this order; nothing else is done before."""
        if sender in self.retired:
            logger.warning("too late: {} comes from somebody whose successor is at work", append.id)
            return
        if self.halted.get(append.id) == append.records:  # A copy of it may come after the halt was lifted.
            self.tell(sender, Refused(append.id, Refusal.HALTED))
            return
        before = self.log.head.lsn
        after = self._booked(append)
        lsn = self.log.append(append) if not isinstance(after, Refusal) else self.log.known(append) or after
        if isinstance(lsn, Refusal):
            if lsn is Refusal.HALTED:
                self.halted[append.id] = append.records
            self.tell(sender, Refused(append.id, lsn))
            return
        if lsn > before:
            assert not isinstance(after, Refusal)
            self.books = after
            self._publish(Committed(before, lsn, append.records))
        self.tell(sender, Durable(append.id, lsn))
        self._snapshot_if_due()

    def replay(self, ask: Subscribe, sender: Address) -> None:
        """A newcomer is told the books; to whom each record matters, the next of them: then it asks anew."""
        if self._is_late(ask, sender):
            return
        self.subscribers.pop(ask.role, None)
        head = self.log.head.lsn
        if not ask.every and ask.after < head:
            self.tell(sender, Snapshot(head, self._packed_books().decode()))
            after = head
        else:
            after = min(ask.after, head)
        if after < self.log.anchor.lsn:
            self.tell(sender, InArchives(self.log.anchor.lsn))
            return
        batch = self.log.read(after)
        through = after + len(batch)
        if through == head:
            self.subscribers[ask.role] = sender
        self.tell(sender, Committed(after, through, batch, replay=through < head))

    def _is_late(self, ask: Subscribe, sender: Address) -> bool:
        """A successor decides on what it has read: no last word of its predecessor may come after that."""
        epoch, member = self.members.get(ask.role, (0, sender))
        if member != sender and ask.epoch < epoch:
            self.retired.add(sender)
        elif member != sender:
            self.retired.add(member)
        if sender not in self.retired:
            self.members[ask.role] = (max(epoch, ask.epoch), sender)
        return sender in self.retired

    def on_exit(self) -> None:
        if self.role and not self._fatal:
            self.log.close()

    def facts(self) -> dict[str, Any]:
        if self._fatal:
            return {}
        return {"lsn": self.log.head.lsn, "head": self.log.head.hash.hex()}

    def _end(self, sentence: str) -> None:
        """No restart can help.  A supervisor that is not known yet is told when it is."""
        self.log.close()
        self._fatal = sentence
        if SUPERVISOR in self.peers:
            self.fail(sentence)

    def _booked(self, append: Append) -> Books | Refusal:
        books = self.books
        for record in append.records:
            after = book(books, record)
            if isinstance(after, Refusal):
                return after
            books = after
        return Refusal.TRANSITION_NOT_ALLOWED if faults(books) else books

    def _publish(self, committed: Committed) -> None:
        for address in self.subscribers.values():
            self.tell(address, committed)

    def _look_over(self) -> None:
        if self._looked_lsn == self.log.head.lsn:
            self._snapshot_if_due()
            self.log.verify_some(VERIFIED_AT_ONCE)
        self._looked_lsn = self.log.head.lsn
        self.wake(IDLE_SECONDS, LookOver())

    def _snapshot_if_due(self) -> None:
        if self.log.head.lsn >= self._saved_lsn + SNAPSHOT_EVERY:
            self._save_snapshot()

    def _save_snapshot(self) -> None:
        self.log.save_snapshot(self.log.head.lsn, self._packed_books())
        self._saved_lsn = self.log.head.lsn

    def _packed_books(self) -> bytes:
        """Many newcomers at a start are told the same."""
        if self._packed[0] != self.log.head.lsn:
            self._packed = (self.log.head.lsn, packed(self.books))
        return self._packed[1]
