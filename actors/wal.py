"""The Wal owns the log file: it alone writes it, and nobody believes anything before it has."""

import os
from pathlib import Path
from typing import Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Poisoned
from actors.member import SUPERVISOR, Member
from actors.messages import (
    Append,
    Committed,
    Drain,
    Drained,
    Durable,
    Ready,
    Refusal,
    Refused,
    Role,
    SaveState,
    Subscribe,
)
from storage.books import Books, Unbookable, book, faults, fold
from storage.layout import log_path
from storage.log import Log, LogBusy, LogError, LogFailed, records, verify_file
from storage.snapshots import packed, unpacked

SNAPSHOT_EVERY = 1_000
BUSY_SECONDS = 3.0


class Wal(Member):
    follows_log = False

    def opened(self) -> None:
        self.subscribers: dict[Role, Address] = {}
        try:
            self.log = Log.open(log_path(Path(self.run.data_dir)))
            self.books = self._verified()
        except LogBusy:
            raise  # The predecessor is still dying; the supervisor tries again.
        except LogError as error:
            self._fatal = str(error)
            return
        self._fatal = ""
        self._snapshot_at = self.log.head.lsn + SNAPSHOT_EVERY

    def met(self, role: Role) -> None:
        if role == SUPERVISOR and self._fatal:
            self.fail(self._fatal)
        elif role == SUPERVISOR:
            self.send_to(SUPERVISOR, Ready(self.role, self.log.head.lsn))

    def hear(
        self, message: Append | Subscribe | Drain | SaveState | ChildExited | Poisoned, sender: Address
    ) -> None:
        if self._fatal:
            return
        match message:
            case Append():
                self.append(message, sender)
            case Subscribe(role, after):
                self.replay(role, after, sender)
            case SaveState():
                self.log.save_snapshot(self.log.head.lsn, packed(self.books))
            case Drain():
                self.tell(sender, Drained(self.role))
            case ChildExited() | Poisoned():
                logger.debug("the log hears of {}", message)
            case _:
                assert_never(message)

    def append(self, append: Append, sender: Address) -> None:
        """Check, write, believe, publish, answer: in this order."""
        before = self.log.head.lsn
        after = self._booked(append)
        try:
            lsn = (
                self.log.append(append) if not isinstance(after, Refusal) else self.log.known(append) or after
            )
        except LogFailed as error:
            logger.critical("{}", error)
            os._exit(70)  # What is on disk is unknown: nothing may be answered, nothing tried again.
        if isinstance(lsn, Refusal):
            self.tell(sender, Refused(append.id, lsn))
            return
        if lsn > before:
            assert not isinstance(after, Refusal)
            self.books = after
            self._publish(Committed(before, lsn, append.records))
            self._snapshot_if_due()
        self.tell(sender, Durable(append.id, lsn))

    def replay(self, role: Role, after: int, sender: Address) -> None:
        self.subscribers[role] = sender
        while batch := self.log.read(after):
            through = after + len(batch)
            self.tell(sender, Committed(after, through, batch, replay=through < self.log.head.lsn))
            after = through
        if after == self.log.head.lsn:
            self.tell(sender, Committed(after, after, ()))

    def on_exit(self) -> None:
        if self.role and not self._fatal:
            self.log.close()

    def facts(self) -> dict[str, Any]:
        if self._fatal:
            return {}
        return {"lsn": self.log.head.lsn, "head": self.log.head.hash.hex()}

    def _verified(self) -> Books:
        """The chain from its first record; the fold from the newest snapshot."""
        path = log_path(Path(self.run.data_dir))
        verify_file(path)
        lsn, body = self.log.snapshot() or (0, b"")
        books = unpacked(body) if body else Books()
        try:
            return fold((record for number, record in records(path) if number > lsn), books)
        except Unbookable as error:
            raise LogError(f"{path}: {error}; no run of Holdfast can have written this.") from error

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

    def _snapshot_if_due(self) -> None:
        if self.log.head.lsn >= self._snapshot_at:
            self.log.save_snapshot(self.log.head.lsn, packed(self.books))
            self._snapshot_at = self.log.head.lsn + SNAPSHOT_EVERY
