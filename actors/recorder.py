"""The Recorder keeps the projection database in step with the log."""

from pathlib import Path
from typing import Any, assert_never

from loguru import logger
from msgspec import Struct

from actors.base import Address, ChildExited, Poisoned
from actors.member import SUPERVISOR, WAL, Member
from actors.messages import (
    Committed,
    Drain,
    Drained,
    Durable,
    InArchives,
    Ready,
    Role,
    SaveState,
    Subscribe,
)
from storage.archive import archived
from storage.layout import log_path, projection_path
from storage.log import LogError
from storage.projection import Projection, forgotten


class ReadOn(Struct, frozen=True):
    """Time for the next records out of the archives; messages come first."""

    through: int


class Recorder(Member):
    """Its books are the database: it goes on after the last LSN that is in there.

    What has left the log it reads from the archives, which nobody changes any more, a batch at a time.
    """

    follows_log = False

    def opened(self) -> None:
        self.projection = Projection(projection_path(Path(self.run.data_dir)))
        self.lsn = self.projection.lsn

    def met(self, role: Role) -> None:
        if role == WAL:
            self._subscribe()

    def _subscribe(self) -> None:
        self.send_to(WAL, Subscribe(self.role, self.lsn, every=True, epoch=self.epoch))

    def receive(self, message: Any, sender: Address) -> None:
        if isinstance(message, Committed):
            self._record(message)
        else:
            super().receive(message, sender)

    def hear(
        self,
        message: InArchives | ReadOn | Drain | Durable | SaveState | Ready | ChildExited | Poisoned,
        sender: Address,
    ) -> None:
        match message:
            case InArchives(through) | ReadOn(through):
                self._read_on(through)
            case Drain():
                self.tell(sender, Drained(self.role))
            case Durable() | SaveState() | Ready() | ChildExited() | Poisoned():
                logger.debug("the recorder hears of {}", message)
            case _:
                assert_never(message)

    def _record(self, news: Committed) -> None:
        if news.after > self.lsn:
            self._subscribe()
            return
        if news.through < self.lsn and not news.replay and not self.complete:
            self._begin_anew(news.through)
            return
        self.projection.apply(news.after, news.records)
        self.lsn = max(self.lsn, news.through)
        if news.replay:
            self._subscribe()
        elif not self.complete:
            self.complete = True
            self.send_to(SUPERVISOR, Ready(self.role, self.lsn))

    def _read_on(self, through: int) -> None:
        if self.lsn >= through:
            self._subscribe()
            return
        try:
            batch = archived(log_path(Path(self.run.data_dir)), self.lsn, through)
        except LogError as error:
            self.fail(str(error))
            return
        self.projection.apply(self.lsn, batch)
        self.lsn += len(batch)
        self.wake(0.0, ReadOn(through))

    def _begin_anew(self, through: int) -> None:
        """Ahead of the log, say after a backup was restored: what is in there may never have happened."""
        logger.warning("the projection holds {} records and the log {}: it is made anew", self.lsn, through)
        self.projection.close()
        forgotten(projection_path(Path(self.run.data_dir)))
        self.opened()
        self._subscribe()

    def on_exit(self) -> None:
        if self.role:
            self.projection.close()

    def facts(self) -> dict[str, Any]:
        return {"lsn": self.lsn}
