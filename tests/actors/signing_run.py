"""A launcher, an owner and a signer in processes of their own; none of them is ever told the key.

    python -m tests.actors.signing_run FOLDER KEYSTORE PASSWORD_FD CASE

CASE is a file of JSON: the caps, the records of the log, and what to ask the signer.  Prints its answers, and
the processes, and waits for its standard input to end.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from msgspec import Struct, json

from actors.base import Actor, ChildExited, Poisoned, System
from actors.messages import (
    Append,
    Begin,
    Caps,
    Committed,
    Directory,
    Id,
    Ping,
    Pong,
    Ready,
    Role,
    SignRefused,
    SignRequest,
    Subscribe,
    Unlock,
)
from actors.signer import Signer, begun_by
from storage import logs
from storage.config import Run, Settings


class Case(Struct, frozen=True):
    caps: Caps
    append: Append
    requests: tuple[SignRequest, ...]
    fails: bool = False  # The signer's code has a bug.


class Failing(Signer):
    def monotonic_ns(self):
        raise RuntimeError("a bug, in the middle of a signature")


class Owner(Actor):
    """The supervisor and the log of one signer; what the signer says goes to whoever asked last."""

    def __init__(self):
        super().__init__()
        self.signer = self.asker = self.case = None

    def receive(self, message, sender):
        match message:
            case Append():  # The log's content, before all else.
                self.case = message
            case Unlock():
                self.asker = sender
                self._begin(message)
            case Subscribe():
                records = self.case.records
                self.tell(sender, Committed(0, len(records), records))
            case SignRequest() | Ping():
                self.asker = sender
                self.tell(self.signer, message)
            case Poisoned(text, id):
                self.tell(self.asker, SignRefused(Id(id), text))
            case Ready() | ChildExited():
                pass
            case _:
                self.tell(self.asker, message)

    def _begin(self, unlock):
        folder = Path(unlock.keystore).parent / "data"
        begin = Begin(Role("signer"), Settings(), Run(mode="live", data_dir=str(folder)))
        if unlock.id == "fails":
            self.signer = self.spawn(Failing)
            self.tell(self.signer, begin)
            self.tell(self.signer, unlock)
        else:
            self.signer = begun_by(self, begin, unlock)
        peers = {Role("wal"): self.address, Role("supervisor"): self.address}
        self.tell(self.signer, Directory(1, peers))


def run(folder: str, store: str, password_fd: int, case: Case) -> list[Any]:
    logs.start(Path(store).parent / "data" / "logs", "launcher")
    system = System.start(folder)
    owner = system.create(Owner)
    system.tell(owner, case.append)
    said = [
        system.ask(owner, Unlock(Id("fails" if case.fails else "unlock"), case.caps, store, password_fd), 20)
    ]
    pong = system.ask(owner, Ping(1), 20)
    pids = {"launcher": os.getpid(), "admin": system.admin_pid}
    pids["signer"] = pong.facts["pid"] if isinstance(pong, Pong) else 0
    said += [pong, *(system.ask(owner, each, 20) for each in case.requests)]
    shown = [json.encode(each).decode() for each in said]
    print(json.encode({"said": shown, "pids": pids}).decode(), flush=True)
    sys.stdin.read()
    system.shutdown()
    return said


if __name__ == "__main__":
    _, store_, fd_, case_ = sys.argv
    with tempfile.TemporaryDirectory(prefix="hf-") as folder_:
        run(folder_, store_, int(fd_), json.decode(Path(case_).read_bytes(), type=Case))
