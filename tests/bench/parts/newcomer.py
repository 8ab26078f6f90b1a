"""How long it takes from a log on disk to complete books in another process, with the production actors."""

import tempfile
import time
from pathlib import Path

from msgspec import to_builtins

from actors.base import System
from actors.member import Member
from actors.messages import Begin, Directory, Ping, Role
from actors.wal import Wal
from storage.config import Run, Settings


class Newcomer(Member):
    """Keeps books, and does nothing with them."""

    def facts(self):
        return {"complete": self.complete, "lsn": self.replica.lsn}


def books_after(folder: Path, lsn: int) -> float:
    """Seconds from the first word to both processes, which are up already."""
    kinds = {Role("wal"): Wal, Role("newcomer"): Newcomer}
    (folder / "logs").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hf-bench-") as sockets:
        system = System.start(sockets)
        try:
            actors = {role: system.create(kind) for role, kind in kinds.items()}
            time.sleep(1.0)
            began = time.perf_counter()
            for role, address in actors.items():
                begin = Begin(role, to_builtins(Settings()), to_builtins(Run(data_dir=str(folder))))
                system.tell(address, begin)
                system.tell(address, Directory(1, actors))
            for number in range(10_000):
                pong = system.ask(actors[Role("newcomer")], Ping(number))
                if pong is not None and pong.facts["complete"]:
                    assert pong.facts["lsn"] == lsn
                    return time.perf_counter() - began
            raise AssertionError("the newcomer never had its books")
        finally:
            system.shutdown()
