"""Our Actor, and the System it lives in: the one file that speaks Thespian's dialect, with transport.py.

An actor that fails stops.  Thespian would hand the failed message to the same half-changed object again;
we log, tell the sender, and exit: the parent hears `ChildExited` once and starts a successor, which rebuilds
its state by replay.
"""

import asyncio
import os
import time
import traceback
from collections import deque
from collections.abc import Coroutine
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

from loguru import logger
from msgspec import Struct
from thespian.actors import Actor as ThespianActor
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystem,
    ActorSystemMessage,
    ChildActorExited,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
)
from thespian.system.messages.status import Thespian_StatusReq

from actors import frames, processes, transport
from actors.beside import Beside, Crashed, Done, outcome
from actors.messages import Address

__all__ = ["Actor", "Address", "ChildExited", "Crashed", "Done", "Poisoned", "System"]

PATIENCE_SECONDS = 2.0  # For the admin to go, after its actors did or would not.


class ChildExited(Struct, frozen=True):
    """A child has died, whatever the reason; told once."""

    child: Address


class Poisoned(Struct, frozen=True):
    """The peer could not handle what we sent, or it could not be sent; `id` is that message's."""

    text: str
    id: str = ""


_address_of = lru_cache(maxsize=4_096)(Address)
_thespian_of = lru_cache(maxsize=4_096)(ActorAddress)


def _address(address: ActorAddress) -> Address:
    details = address.addressDetails
    return _address_of(details if type(details) is str else transport.path_of(address) or "")


def _poisoned(message: PoisonMessage) -> Poisoned:
    poison = message.poisonMessage
    if isinstance(poison, str):
        return Poisoned(poison, str(message.details or ""))
    reason = (message.details or "").strip().rpartition("\n")[2]
    return Poisoned(f"{type(poison).__name__} was not delivered: {reason}", _id(poison))


def _id(message: object) -> str:
    """What tells an answer to this message from an answer to another one."""
    for field in ("id", "number"):
        if (found := getattr(message, field, None)) is not None:
            return str(found)
    return ""


def wall_clock_ns() -> int:
    """The one wall clock: nanoseconds since 1970, UTC."""
    return time.time_ns()


class Actor(ThespianActor):
    """Override `receive`, with one `match` that ends in `assert_never`, and `on_exit` if need be.

    `__init__` may only set fields: the actor has no address yet.  A handler must not block; what takes
    time runs `beside`, and its end arrives as `Done` or `Crashed`.
    """

    _over = False  # Stopping, or failed: nothing is received any more.
    _failed = False
    _exited = False
    _beside: Beside | None = None

    # -- to override ----------------------------------------------------------------------------------
    def receive(self, message: Any, sender: Address) -> None:
        raise NotImplementedError

    def on_exit(self) -> None:
        """Called when the actor is told to exit; not when it has failed, for then its state means nothing."""

    # -- to call --------------------------------------------------------------------------------------
    @property
    def address(self) -> Address:
        return _address(self.myAddress)

    @property
    def name(self) -> str:
        return str(getattr(self._myRef, "globalName", None) or type(self).__name__)

    def tell(self, target: Address, message: Struct) -> None:
        """Send, and never wait.  Raises TypeError if the message's class is not registered."""
        if not frames.registered(type(message)):
            raise TypeError(f"{type(message).__name__} can not travel: put it into actors/messages.py.")
        self._myRef.actor_send(_thespian_of(target.text), message)  # As `send`, for what is an address.

    def spawn(self, actor_class: "type[Actor]") -> Address:
        """Start a child in a process of its own; its address is final at once."""
        if self._beside is not None:
            raise RuntimeError(f"{self.name} has a thread beside its mailbox: it must not spawn.")
        return _address(self.createActor(actor_class))

    def wake(self, after_seconds: float, message: Struct) -> None:
        """A timer is a message to oneself; timers fire in the order in which they are due."""
        self.wakeupAfter(timedelta(seconds=max(0.0, after_seconds)), message)

    def beside(self, work: Coroutine[Any, Any, Any], tag: str) -> None:
        """Run it while messages go on; it must not touch the actor, save for `post`.

        Where nothing can run beside (in process, under a scheduler) it runs to its end here and now.
        """
        if self._can_watch():
            self._side().start(work, tag)
        else:
            self.send(self.myAddress, asyncio.run(outcome(work, tag)))

    def post(self, message: Struct) -> None:
        """From work beside the mailbox: a message to the actor itself, which need not be registered."""
        if self._can_watch():
            self._side().post(message)
        else:
            self.send(self.myAddress, message)

    def now_ns(self) -> int:
        return wall_clock_ns()

    def stop(self) -> None:
        """Exit once this message is handled; what is still in the mailbox is not."""
        self._over = True
        self.send(self.myAddress, ActorExitRequest())

    def kill(self, child: Address) -> None:
        """Ask an actor to exit; it does when it has handled what it is at."""
        self.send(ActorAddress(child.text), ActorExitRequest())

    # -- Thespian calls -------------------------------------------------------------------------------
    def receiveMessage(self, message: Any, sender: ActorAddress) -> ThespianWatch | None:  # noqa: N802
        if not isinstance(message, ActorSystemMessage):
            if not self._over:
                self._handle(message, sender)
        elif isinstance(message, ActorExitRequest):
            self._exit()
            return None
        else:
            for each, origin in self._translated(message, sender):
                if not self._over:
                    self._handle(each, origin)
        return None if self._beside is None else ThespianWatch([self._beside.news])  # Else it is forgotten.

    def _translated(self, message: Any, sender: ActorAddress) -> list[tuple[Any, ActorAddress]]:
        match message:
            case WakeupMessage():
                return [(message.payload, self.myAddress)]
            case WatchMessage():
                return [(each, self.myAddress) for each in self._side().posted()]
            case ChildActorExited():
                return [(ChildExited(_address(message.childAddress)), message.childAddress)]
            case PoisonMessage():
                return [(_poisoned(message), sender)]
            case _:
                logger.debug("{} leaves {} alone", self.name, type(message).__name__)
                return []

    def _handle(self, message: Any, sender: ActorAddress) -> None:
        try:
            self.receive(message, _address(sender))
        except Exception as error:
            kind = type(message).__name__
            logger.error("{} stops: it cannot handle {}\n{}", self.name, kind, traceback.format_exc())
            self._failed = True
            if sender != self.myAddress and not isinstance(message, ChildExited | Poisoned):
                text = f"{self.name} cannot handle {kind}: {error!r}"
                self.send(sender, PoisonMessage(text, _id(message)))
            self.stop()

    def _exit(self) -> None:
        if self._exited:  # Asked again, while the children are still at it.
            return
        self._over = self._exited = True
        try:
            if not self._failed:
                self.on_exit()
        except Exception:
            logger.error("{} did not exit in order\n{}", self.name, traceback.format_exc())
        finally:
            if self._beside is not None:
                self._beside.stop()

    def _can_watch(self) -> bool:
        return hasattr(getattr(self._myRef, "transport", None), "set_watch")

    def _side(self) -> Beside:
        if self._beside is None:
            self._beside = Beside()
        return self._beside


class System:
    """The world of the actors, seen from outside: the launcher, the command line, the tests."""

    def __init__(self, system: ActorSystem, run_dir: str = "") -> None:
        self._system, self._run_dir = system, run_dir
        self._names: dict[str, Address] = {}
        self._heard: deque[Any] = deque()  # Arrived while something else was awaited.
        self._too_late: set[str] = set()  # Ids of questions that nobody waits for any more.

    @classmethod
    def start(cls, run_dir: Path | str) -> Self:
        """Start the admin, which dies with this process; call it from the main thread, before any other.

        Raises ValueError (path too long), PermissionError (not ours alone), RuntimeError (runs already).
        """
        checked = processes.checked_run_dir(str(run_dir))
        if pid := processes.admin_pid(checked):
            raise RuntimeError(f"an actor system (process {pid}) already runs in {checked}: stop it first.")
        return cls._open(checked, attach=False)

    @classmethod
    def attach(cls, run_dir: Path | str) -> Self:
        """Speak to the system that another process has started; raises RuntimeError if there is none."""
        if not Path(run_dir).is_dir() or not processes.admin_pid(str(run_dir)):
            raise RuntimeError(f"no actor system runs in {run_dir}: start it first.")
        return cls._open(processes.checked_run_dir(str(run_dir)), attach=True)

    @classmethod
    def in_process(cls) -> Self:
        """The same actors in this process, for tests: one after the other, in the order of the messages."""
        return cls(ActorSystem("simpleSystemBase", logDefs=False, transientUnique=True))

    @classmethod
    def _open(cls, run_dir: str, attach: bool) -> Self:
        settings = SimpleNamespace(capabilities={transport.RUN_DIR: run_dir, transport.ATTACH: attach})
        return cls(ActorSystem(transport.ActorSystemBase(settings), transientUnique=True), run_dir)

    @property
    def admin_pid(self) -> int | None:
        """The process whose end is the end of all actors; None if it has ended, or in process."""
        return processes.admin_pid(self._run_dir) if self._run_dir else None

    def create(self, actor_class: type[Actor], global_name: str | None = None) -> Address:
        address = _address(self._system.createActor(actor_class, globalName=global_name))
        if global_name:
            self._names[global_name] = address
        return address

    def find(self, global_name: str) -> Address | None:
        """The living actor of that name, whoever created it; never creates one."""
        if not self._run_dir:
            return self._names.get(global_name)
        admin = ActorAddress(os.path.join(self._run_dir, processes.ADMIN))
        status = self._system.ask(admin, Thespian_StatusReq(), timedelta(seconds=5))
        found = getattr(status, "globalActors", {}).get(global_name)
        return None if found is None else _address(found)

    def tell(self, address: Address, message: Struct) -> None:
        self._system.tell(ActorAddress(address.text), message)

    def kill(self, address: Address) -> None:
        """Ask an actor to exit, and its children with it."""
        self._system.tell(ActorAddress(address.text), ActorExitRequest())

    def ask(self, address: Address, message: Struct, seconds: float = 5.0) -> Any:
        """The answer, or None if there is none in time.

        An answer has the question's `id` (or `number`); one without is answered by whatever comes next that
        is not a late answer to an earlier question.  Everything else is kept for `listen`.
        """
        self.tell(address, message)
        wanted, end = _id(message), time.monotonic() + seconds
        self._too_late.discard(wanted)
        aside: list[Any] = []
        while (heard := self._next(end)) is not None:
            if not wanted or _id(heard) == wanted:
                break
            aside.append(heard)
        self._heard.extend(aside)
        if heard is None and wanted:
            self._too_late.add(wanted)
        return heard

    def listen(self, seconds: float = 5.0) -> Any:
        """The next message to us, or None if there is none in time."""
        return self._heard.popleft() if self._heard else self._next(time.monotonic() + seconds)

    def _next(self, end: float) -> Any:
        while True:
            left = timedelta(seconds=max(0.0, end - time.monotonic()))
            heard = self._system.listen(left)
            if isinstance(heard, PoisonMessage):
                heard = _poisoned(heard)
            if heard is None or not _id(heard) or _id(heard) not in self._too_late:
                return heard

    def shutdown(self) -> None:
        """Tell all actors to exit, wait for it (10 s at most), and end what is left by force."""
        pid, base = self.admin_pid, self._system._systemBase
        self._system.shutdown()
        if self._run_dir:
            base.transport.close()
        if pid:
            processes.end(pid, PATIENCE_SECONDS)
            processes.sweep_if_over(self._run_dir)
