"""The Recorder keeps the projection database in step with the log."""

from pathlib import Path
from typing import Any, assert_never

from loguru import logger

from actors.base import Address, ChildExited, Poisoned
from actors.member import SUPERVISOR, WAL, Member
from actors.messages import Committed, Drain, Drained, Durable, Ready, Role, SaveState, Subscribe
from storage.layout import projection_path
from storage.projection import Projection


class Recorder(Member):
    """Its books are the database: it goes on after the last LSN that is in there."""

    follows_log = False

    def opened(self) -> None:
        self.projection = Projection(projection_path(Path(self.run.data_dir)))
        self.lsn = self.projection.lsn

    def met(self, role: Role) -> None:
        if role == WAL:
            self.send_to(WAL, Subscribe(self.role, self.lsn))

    def receive(self, message: Any, sender: Address) -> None:
        if isinstance(message, Committed):
            self._record(message)
        else:
            super().receive(message, sender)

    def hear(
        self, message: Drain | Durable | SaveState | Ready | ChildExited | Poisoned, sender: Address
    ) -> None:
        match message:
            case Drain():
                self.tell(sender, Drained(self.role))
            case Durable() | SaveState() | Ready() | ChildExited() | Poisoned():
                logger.debug("the recorder hears of {}", message)
            case _:
                assert_never(message)

    def _record(self, news: Committed) -> None:
        if news.after > self.lsn:
            self.send_to(WAL, Subscribe(self.role, self.lsn))
            return
        self.projection.apply(news.after, news.records)
        self.lsn = max(self.lsn, news.through)
        if not news.replay and not self.complete:
            self.complete = True
            self.send_to(SUPERVISOR, Ready(self.role, self.lsn))

    def on_exit(self) -> None:
        if self.role:
            self.projection.close()

    def facts(self) -> dict[str, Any]:
        return {"lsn": self.lsn}
