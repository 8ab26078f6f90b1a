"""Actors that send a lot, or beget a lot, and tools to look at their processes."""

import os
import time
from pathlib import Path
from typing import Any, assert_never

from msgspec import Struct

from actors import frames
from actors.base import Actor, Address, ChildExited, System
from actors.messages import Ping


class Item(Struct, frozen=True):
    id: str
    number: int
    text: str = ""


class Peers(Struct, frozen=True):
    id: str
    peers: tuple[Address, ...]
    each: int  # Messages to send to each of them.


class Sleep(Struct, frozen=True):
    seconds: float


class Heard(Struct, frozen=True):
    """From whom how many, and how many of them out of order."""

    id: str
    counts: dict[str, int]
    disorder: int
    after_ns: int = 0


class Spawn(Struct, frozen=True):
    id: str
    depth: int = 0


class Family(Struct, frozen=True):
    id: str
    pids: list[int]


frames.register(Item, Peers, Sleep, Heard, Spawn, Family)


class Gossip(Actor):
    """Sends numbered items to its peers and counts what it hears from them."""

    def __init__(self) -> None:
        self.next: dict[str, int] = {}
        self.disorder = 0
        self.last_ns = 0

    def receive(self, message: Item | Peers | Sleep | Ping, sender: Address) -> None:
        match message:
            case Peers(id, peers, each):
                for number in range(each):
                    for peer in peers:
                        self.tell(peer, Item("item", number, "x" * 100))
                self.tell(sender, Item(id, each))
            case Item("echo"):
                self.tell(sender, message)
            case Item(_, number):
                expected = self.next.get(sender.text, 0)
                self.disorder += number != expected
                self.next[sender.text] = number + 1
                self.last_ns = time.monotonic_ns()
            case Sleep(seconds):
                time.sleep(seconds)
            case Ping(number):
                self.tell(sender, Heard(str(number), self.next, self.disorder, self.last_ns))
            case _:
                assert_never(message)


class Parent(Actor):
    """Has a child, which has a child, and so on; knows everybody's process."""

    child: Address | None = None
    asked: Address | None = None

    def receive(self, message: Spawn | Family | ChildExited | Item, sender: Address) -> None:
        match message:
            case Spawn(id, 0):
                self.tell(sender, Family(id, [os.getpid()]))
            case Spawn(id, depth):
                self.asked = sender
                self.child = self.spawn(Parent)
                self.tell(self.child, Spawn(id, depth - 1))
            case Family(id, pids):
                assert self.asked is not None
                self.tell(self.asked, Family(id, [os.getpid(), *pids]))
            case ChildExited(child) if self.asked is not None:
                self.tell(self.asked, Item("exited", int(child == self.child)))
            case Item() | ChildExited():
                pass
            case _:
                assert_never(message)


# -- tools -------------------------------------------------------------------------------------------
class Doomed(Actor):
    """Says a lot to whoever speaks to it, and is dead at once."""

    def receive(self, message: Item, sender: Address) -> None:
        for number in range(message.number):
            self.tell(sender, Item("word", number))
        os._exit(1)


class Heir(Actor):
    """Notes what its doomed child says, and whether anything comes after its end."""

    def __init__(self) -> None:
        self.words: list[int] = []

    def receive(self, message: Item | ChildExited, sender: Address) -> None:
        match message:
            case Item("inherit", number):
                self.asked = sender
                self.tell(self.spawn(Doomed), Item("speak", number))
                time.sleep(0.2)  # It has spoken and is dead before we listen.
            case Item(_, number):
                self.words.append(number)
            case ChildExited():
                in_order = self.words == list(range(len(self.words)))
                self.tell(self.asked, Item("inherit", len(self.words), str(in_order)))
            case _:
                assert_never(message)


class Nursery(Actor):
    """Has many children at once, and counts their ends."""

    ended = 0

    def receive(self, message: Item | ChildExited, sender: Address) -> None:
        match message:
            case Item("beget", number):
                for _ in range(number):
                    self.spawn(Gossip)
                self.tell(sender, message)
            case Item(id, _):
                self.tell(sender, Item(id, self.ended))
            case ChildExited():
                self.ended += 1
            case _:
                assert_never(message)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Any, seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return bool(met)


def descendants(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


def family(system: System, depth: int) -> tuple[Address, list[int]]:
    eldest = system.create(Parent)
    return eldest, system.ask(eldest, Spawn("family", depth)).pids


def sockets(pid: int) -> int:
    fds = Path(f"/proc/{pid}/fd").iterdir()
    return sum(os.readlink(fd).startswith("socket:") for fd in fds)


def ticks(pid: int) -> int:
    """CPU used so far, in the kernel's hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
