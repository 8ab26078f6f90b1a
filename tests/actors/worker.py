"""An actor that does what it is told and keeps a diary of what it hears."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, assert_never

from msgspec import Struct

from actors import frames
from actors.base import Actor, Address, ChildExited, Crashed, Done, Poisoned, System
from actors.messages import Ping, Pong, Role


class Say(Struct, frozen=True):
    id: str
    text: str = ""


class Do(Struct, frozen=True):
    """Something that the actor shall do, by name."""

    id: str
    what: str
    target: Address | None = None
    amount: float = 0.0
    path: str | None = None


class Log(Struct, frozen=True):
    id: str
    lines: list[str]


class Private(Struct, frozen=True):
    """Not registered."""

    text: str


frames.register(Say, Do, Log)


class Worker(Actor):
    """Does what it is told, and keeps a diary of what it hears."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.boss: Address | None = None
        self.file: str = ""

    def on_exit(self) -> None:
        self.write("on_exit")

    def write(self, line: str) -> None:
        if self.file:
            with Path(self.file).open("a") as file:
                file.write(f"{line}\n")

    def receive(
        self,
        message: Say | Do | Log | Private | ChildExited | Poisoned | Done | Crashed | Ping,
        sender: Address,
    ) -> None:
        match message:
            case Do():
                self.do(message, sender)
            case Say(id, text):
                self.diary.append(f"{id}:{text}" if sender != self.address else f"me:{id}:{text}")
            case Private(text):
                self.diary.append(f"private:{text}:{sender == self.address}")
            case ChildExited(child):
                self.diary.append(f"exited:{child.text}")
                self.write("child exited")
            case Poisoned(text, id):
                self.diary.append(f"poisoned:{id}:{text}")
            case Done(tag, value):
                self.diary.append(f"done:{tag}:{value}")
            case Crashed(tag, error):
                self.diary.append(f"crashed:{tag}:{error}")
            case Ping(number):
                self.tell(sender, Pong(Role("worker"), number, {"pid": os.getpid()}))
            case Log():
                pass
            case _:
                assert_never(message)

    def do(self, order: Do, sender: Address) -> None:
        answer = getattr(self, "do_" + order.what.replace(" ", "_"))(order)
        if answer is not None:
            self.tell(sender, answer)

    def do_keep(self, order: Do) -> None:
        assert order.path is not None
        self.file = order.path

    def do_diary(self, order: Do) -> Log:
        return Log(order.id, self.diary)

    def do_name(self, order: Do) -> Say:
        return Say(order.id, self.name)

    def do_now(self, order: Do) -> Say:
        return Say(order.id, str(self.now_ns()))

    def do_spawn(self, order: Do) -> Say:
        child = self.spawn(Worker)
        self.tell(child, Do("hello", "greet"))
        return Say(order.id, child.text)

    def do_greet(self, _order: Do) -> Say:
        return Say("child", self.address.text)

    def do_fail(self, _order: Do) -> None:
        self.write("failing")
        raise ValueError("as told")

    def do_make_fail(self, order: Do) -> None:
        assert order.target is not None
        self.tell(order.target, Do(order.id, "fail"))

    def do_tell_private(self, _order: Do) -> Private:
        return Private("no")

    def do_stop(self, order: Do) -> Say:
        self.stop()
        return Say(order.id, "stopping")

    def do_kill(self, order: Do) -> None:
        assert order.target is not None
        self.kill(order.target)

    def do_sleep(self, order: Do) -> Say:
        time.sleep(order.amount)
        return Say(order.id, "slept")

    def do_timers(self, order: Do) -> None:
        for late in (0.3, 0.1, 0.2, 0.1):
            self.wake(late, Private(f"{late}"))
        self.wake(-1.0, Private("now"))
        time.sleep(order.amount)

    def do_beside(self, order: Do) -> None:
        self.beside(self.work(order.amount), "slow")
        self.beside(self.broken(), "bad")

    async def work(self, seconds: float) -> int:
        for number in range(3):
            self.post(Private(str(number)))
        await asyncio.sleep(seconds)
        return 42

    async def broken(self) -> None:
        raise ConnectionError("no route")


class Confused(Actor):
    """Fails at everything, even at exiting."""

    def receive(self, message: Any, sender: Address) -> None:
        raise RuntimeError(f"what is {message.id} from {sender.text[:1]}?")

    def on_exit(self) -> None:
        raise RuntimeError("I do not want to go")


def diary(system: System, worker: Address) -> list[str]:
    return system.ask(worker, Do("diary", "diary")).lines


def diary_of(system: System, worker: Address, lines: int, seconds: float = 3.0) -> list[str]:
    """The diary as soon as it has that many lines."""
    end = time.monotonic() + seconds
    while len(found := diary(system, worker)) < lines and time.monotonic() < end:
        system.ask(worker, Do("pause", "sleep", amount=0.01))
    return found


def pid_of(system: System, worker: Address) -> int:
    return system.ask(worker, Ping(1)).facts["pid"]
