"""What all our actors share: who I am, who the others are, my books, and questions asked until answered."""

import os
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from actors.base import Actor, Address
from actors.messages import (
    Begin,
    Committed,
    Directory,
    Fatal,
    Offered,
    Ping,
    Pong,
    Ready,
    Role,
    Snapshot,
    Subscribe,
    Ticks,
)
from storage import logs
from storage.config import Run, Settings, run_in, settings_in
from storage.layout import folder_of, logs_path
from storage.replica import Replica, fits, restored, told

WAL, SUPERVISOR, MARKET = Role("wal"), Role("supervisor"), Role("market")
STRATEGIST = "strategist:"
REPEAT_SECONDS = 1.0


def strategies(roles: Iterable[Role]) -> tuple[str, ...]:
    """The names of the strategies that trade."""
    return tuple(sorted(role.removeprefix(STRATEGIST) for role in roles if role.startswith(STRATEGIST)))


class Repeat(Struct, frozen=True):
    """Time to ask again."""


class Member(Actor):
    """Subclasses override `hear`, with one `match`; `begun` is called once the books are complete.

    `follows_log` says whether the actor keeps books.  Nothing but the log survives its death.
    """

    follows_log = True

    def __init__(self) -> None:
        super().__init__()
        self.role = Role("")
        self.settings, self.run = Settings(), Run()
        self.epoch = 0
        self.peers: dict[Role, Address] = {}
        self.replica = Replica()
        self.complete = False
        self._unanswered: dict[str, tuple[Role, Struct]] = {}
        self._repeating = False
        self._early: list[tuple[Any, Address]] = []
        self._offer: tuple[Offered, Address] | None = None  # From a market that nobody has told me of.

    # -- to override ----------------------------------------------------------------------------------
    def hear(self, message: Any, sender: Address) -> None:
        raise NotImplementedError

    def opened(self) -> None:
        """The settings are known; nothing else is."""

    def begun(self) -> None:
        """The books hold everything that was durable when we asked."""

    def news(self, message: Committed) -> None:
        """Records that have just been added to the books."""

    def met(self, role: Role) -> None:
        """A peer lives at a new address: what it was told before, its predecessor was told."""

    def facts(self) -> dict[str, Any]:
        """What there is to see of me: JSON, cheap to make."""
        return {"lsn": self.replica.lsn}

    # -- to call --------------------------------------------------------------------------------------
    def send_to(self, role: Role, message: Struct) -> None:
        """At most once: for what is repeated anyway, or may be lost."""
        if role in self.peers:
            self.tell(self.peers[role], message)

    def ask(self, key: str, role: Role, message: Struct) -> None:
        """Tell, and tell again until `answered(key)`; whoever hears it twice does it once."""
        self._unanswered[key] = (role, message)
        self.send_to(role, message)
        self._repeat_later()

    def answered(self, key: str) -> bool:
        """Whether this was still asked."""
        return self._unanswered.pop(key, None) is not None

    def asking(self, key: str) -> bool:
        return key in self._unanswered

    def fail(self, sentence: str) -> None:
        """End, and tell the operator: no restart can help."""
        self.send_to(SUPERVISOR, Fatal(self.role, sentence))
        self.stop()

    # -- what everybody hears -------------------------------------------------------------------------
    def receive(self, message: Any, sender: Address) -> None:
        if not self.role and not isinstance(message, Begin):
            self._early.append((message, sender))  # Peers may hear of me before I know who I am.
            return
        match message:
            case Committed():
                self._told(message)
            case Begin():
                self._begin(message)
            case Directory():
                self._meet(message)
            case Ping(number):
                self.tell(sender, Pong(self.role, number, {**self.facts(), "pid": os.getpid()}))
            case Snapshot():
                self._restored(message)
            case Repeat():
                self._repeat()
            case Offered() | Ticks() if sender != self.peers.get(MARKET):
                self._hear_stranger(message, sender)
            case _:
                self.hear(message, sender)

    def _begin(self, begin: Begin) -> None:
        self.role = begin.role
        self.settings, self.run = settings_in(begin.settings), run_in(begin.run)
        logs.start(logs_path(folder_of(self.run.data_dir)), self.role, libraries=False)
        self.opened()
        early, self._early = self._early, []
        for message, sender in early:
            self.receive(message, sender)

    def _meet(self, directory: Directory) -> None:
        if directory.epoch <= self.epoch:
            return
        before, self.epoch, self.peers = self.peers, directory.epoch, directory.actors
        changed = [role for role, address in self.peers.items() if before.get(role) != address]
        if self.follows_log and WAL in changed:
            self._subscribe()
        for role, message in list(self._unanswered.values()):
            if role in changed:
                self.send_to(role, message)
        for role in changed:
            self.met(role)
        if self._offer and self._offer[1] == self.peers.get(MARKET):
            (offered, market), self._offer = self._offer, None
            self.hear(offered, market)

    def _hear_stranger(self, message: Offered | Ticks, sender: Address) -> None:
        """A new market may speak before the directory names it, and answers would go to its predecessor: what
        it offers waits.  Ticks come from whoever was asked for them, so these are a dead market's.
        """
        if isinstance(message, Offered):
            self._offer = (message, sender)

    def _subscribe(self) -> None:
        """Once complete, each record is news, and none may be left out for what they add up to."""
        self.send_to(WAL, Subscribe(self.role, self.replica.lsn, every=self.complete, epoch=self.epoch))

    def _restored(self, snapshot: Snapshot) -> None:
        """One that was asked for twice may come when each record is news already: then they are asked for."""
        if not self.complete:
            self.replica = restored(self.replica, snapshot)

    def _told(self, message: Committed) -> None:
        if not fits(self.replica, message):
            self._subscribe()
            return
        known = self.replica.lsn
        self.replica = told(self.replica, message)
        if self.complete and self.replica.lsn > known:
            self.news(message)
        if message.replay:
            self._subscribe()
        elif not self.complete:
            self.complete = True
            self.begun()
            self.send_to(SUPERVISOR, Ready(self.role, self.replica.lsn))

    def _repeat_later(self) -> None:
        if not self._repeating:
            self._repeating = True
            self.wake(REPEAT_SECONDS, Repeat())

    def _repeat(self) -> None:
        self._repeating = False
        for role, message in list(self._unanswered.values()):
            self.send_to(role, message)
        if self._unanswered:
            self._repeat_later()
