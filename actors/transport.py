"""Thespian over Unix-domain sockets: ordered, fast, private.  With base.py the only file that knows Thespian.

The parent binds a child's socket before it forks, so an address is final at once and anybody may write to it.
The folder of the sockets is ours and 0700, every peer must have our uid, frames carry no code (frames.py).
Every process dies with its parent: kill -9 of any of them takes its descendants along.
"""
# ruff: noqa: N802, N803, N815  Thespian calls these methods, by these names.

import logging
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from loguru import logger
from thespian.actors import ActorAddress, ActorExitRequest, ChildActorExited, WakeupMessage, WatchMessage
from thespian.system import systemCommon, utilis
from thespian.system.addressManager import CannotPickleAddress
from thespian.system.logdirector import ThespianLogForwardHandler
from thespian.system.messages.multiproc import ChildMayHaveDied, EndpointConnected
from thespian.system.multiprocCommon import (
    MultiProcAdmin,
    MultiProcReplicator,
    detach_child,
    multiprocessCommon,
)
from thespian.system.systemCommon import ActorStartupFailed
from thespian.system.timing import ExpirationTimer, timePeriodSeconds
from thespian.system.transport import (
    ReceiveEnvelope,
    SendStatus,
    Thespian__Run_Expired,
    Thespian__Run_HandlerResult,
    Thespian__Run_Terminated,
    TransmitIntent,
    TransmitOnly,
    TransportInit__Base,
)

from actors import frames, processes
from actors.timers import Timers
from actors.wire import Wire

RUN_DIR = "Run Dir"  # Capabilities of a system: where its sockets are,
ATTACH = "Attach Only"  # and that a missing one shall not be started.
DRAIN_SECONDS = 7.0  # How long an exiting process goes on sending what it has queued.

# What the system's own messages are made of; whatever else a pickle asks for is refused.
_ALLOWED = {
    "thespian.actors": (
        "ActorAddress",
        "ActorExitRequest",
        "ChildActorExited",
        "DeadEnvelope",
        "PoisonMessage",
    ),
    "thespian.system.messages.admin": (
        *("CapabilityUpdate", "HandleDeadLetters", "NewCapabilities", "PendingActor", "PendingActorResponse"),
        *("QueryAck", "QueryExists", "SystemShutdown", "SystemShutdownCompleted"),
    ),
    "thespian.system.messages.logcontrol": ("SetLogging",),
    "thespian.system.messages.multiproc": ("EndpointConnected",),
    "thespian.system.messages.status": (
        *("Thespian_ActorStatus", "Thespian_StatusReq", "Thespian_SystemStatus"),
    ),
    "thespian.system.timing": ("ExpirationTimer",),
    "datetime": ("timedelta",),
}
frames.allow((module, name) for module, names in _ALLOWED.items() for name in names)


class Unthrottled:
    """Thespian sleeps inside `send` above 4480 messages a second; we do not."""

    def __init__(self, _rate: int) -> None: ...

    def eventRatePause(self, _at: object) -> None: ...

    def __str__(self) -> str:
        return "no limit"


def _kind(each: Any) -> str:
    return type(each.message).__name__


systemCommon.RateThrottle = Unthrottled
# Thespian prints every message at every hop, whether anybody reads it or not.
TransmitIntent.identify = ReceiveEnvelope.identify = _kind
# When it hears of one death it forgets whoever else has just died; `childDied` alone does the counting.
MultiProcReplicator._childExited = lambda _self, _child: None


def path_of(address: ActorAddress) -> str | None:
    """The text of an address; None if it is one that the admin has yet to tell us."""
    details = address.addressDetails
    manager = getattr(details, "addressManager", None)
    if manager is None:
        return str(details)
    final = manager.exportAddr(details)
    return None if final is None else str(final.addressDetails)


class Endpoint(TransportInit__Base):
    """What a new process gets from its parent: a socket that listens already, and whose child it is."""

    def __init__(self, path: str, parent: ActorAddress | None, admin: ActorAddress, instance: int | None):
        self.path, self.parent, self.admin, self.addrInst = path, parent, admin, instance
        self.parent_pid = os.getpid()
        self.lock = None
        if parent is None:
            self.lock = processes.take_lock(os.path.dirname(path))
            processes.sweep(os.path.dirname(path))
        self.listener = processes.listen(path)

    def close(self) -> None:
        self.listener.close()
        if self.lock is not None:
            os.close(self.lock)


class UnixTransport:
    def __init__(self, init: TransportInit__Base, capabilities: Any = None, *_unused: object) -> None:
        lock = None
        if isinstance(init, Endpoint):
            processes.die_with(init.parent_pid)
            self._parent, self._admin, lock = init.parent, init.admin, init.lock
            path, listener = init.path, init.listener
        else:
            self._parent, self._admin = None, self.getAdminAddr(capabilities)
            path = self._new_path()
            listener = processes.listen(path)
        self._capabilities = capabilities
        self.myAddress = ActorAddress(path)
        self._wire = Wire(path, listener, self._heard, lambda intent: intent.tx_done(SendStatus.Sent), lock)
        self._inbox: deque[ReceiveEnvelope] = deque()
        self._timers: Timers[WakeupMessage] = Timers()
        self._watched: list[int] = []
        self._ready: list[int] = []
        self._abort: bool | None = None
        self._child_died = self._told_to_exit = False

    # -- what Thespian wants to know ------------------------------------------------------------------
    @staticmethod
    def getAdminAddr(capabilities: dict[str, Any]) -> ActorAddress:
        run_dir = capabilities.get(RUN_DIR)
        if run_dir is None:
            raise ValueError(f"the capability {RUN_DIR!r} is missing: set it to a folder for the sockets.")
        return ActorAddress(os.path.join(processes.checked_run_dir(str(run_dir)), processes.ADMIN))

    @staticmethod
    def getAddressFromString(text: str, adminRouting: bool = False) -> ActorAddress:  # noqa: ARG004
        return ActorAddress(text)

    @staticmethod
    def probeAdmin(address: ActorAddress) -> bool:
        return processes.admin_pid(os.path.dirname(path_of(address) or "")) is not None

    def setAddressManager(self, manager: Any) -> None:
        self._manager = manager

    def external_transport_clone(self) -> "UnixTransport":
        return UnixTransport(TransportInit__Base(), self._capabilities)

    def childResetFileNumList(self) -> list[int]:
        return []  # Ours are closed by register_at_fork.

    def prepEndpoint(self, address: ActorAddress, _capabilities: Any) -> Endpoint:
        details = address.addressDetails
        if address == self._admin:
            return Endpoint(str(details), None, self._admin, None)
        path, instance = self._new_path(), details.addressInstanceNum
        self._manager.associateUseableAddress(self.myAddress, instance, ActorAddress(path))
        return Endpoint(path, self.myAddress, self._admin, instance)

    def connectEndpoint(self, endpoint: Endpoint) -> None:
        """A child can be written to before it runs: say so first of all."""
        endpoint.close()
        if endpoint.addrInst is not None:
            ready = EndpointConnected(endpoint.addrInst)
            self._inbox.appendleft(ReceiveEnvelope(ActorAddress(endpoint.path), ready))

    def _new_path(self) -> str:
        return os.path.join(os.path.dirname(path_of(self._admin) or ""), processes.new_name())

    def _updateStatusResponse(self, status: Any) -> None:
        now = time.monotonic()
        lefts = [timedelta(seconds=max(0.0, due - now)) for due in self._timers.moments()]
        status.addWakeups([(self.myAddress, ExpirationTimer(left)) for left in lefts])
        for path, intent in self._wire.queued():
            status.addPendingMessage(self.myAddress, ActorAddress(path), intent.identify())

    def close(self) -> None:
        self._wire.close()

    def deadAddress(self, _manager: Any, child: ActorAddress) -> None:
        processes.remove(path_of(child) or "")

    # -- sending --------------------------------------------------------------------------------------
    def scheduleTransmit(self, _manager: Any, intent: TransmitIntent) -> None:
        """Send now what there is room for, queue the rest; raises if the message can not travel."""
        message = intent.message
        path = path_of(intent.targetAddr)
        if isinstance(message, logging.LogRecord):
            _log(message)
        elif isinstance(message, EndpointConnected) and self._parent is not None:
            pass  # `connectEndpoint` has said so already.
        elif path is None:
            raise CannotPickleAddress(intent.targetAddr)
        elif path == self._wire.path:
            self._to_myself(message)
        else:
            self._wire.send(path, intent, frames.encode(message))
            return
        intent.tx_done(SendStatus.Sent)

    def addWakeup(self, period: Any, payload: Any) -> None:
        due = time.monotonic() + max(0.0, timePeriodSeconds(period))
        self._timers.add(due, WakeupMessage(period, payload))
        self._wire.wake()

    def set_watch(self, fds: list[int]) -> None:
        if fds != self._watched:
            for fd in self._watched:
                self._wire.unwatch(fd)
            for fd in fds:
                self._wire.watch(fd, partial(self._ready.append, fd))
            self._watched = list(fds)

    def interrupt_wait(self, signal_shutdown: bool = False, check_children: bool = False) -> None:
        """Called from signal handlers."""
        self._told_to_exit |= signal_shutdown
        self._child_died |= check_children
        self._wire.wake(always=True)

    def abort_run(self, drain: bool = False) -> None:
        self._abort = drain
        self._wire.wake()

    # -- the loop -------------------------------------------------------------------------------------
    def run(self, handler: Any, maximumDuration: Any = None) -> Any:
        """Deliver what arrives until the time is up, the handler says no, or somebody aborts."""
        self._abort, drained_by = None, None
        end = None if maximumDuration is None else time.monotonic() + timePeriodSeconds(maximumDuration)
        self._wire.poll(lambda: 0.0)
        while True:
            self._notice()
            if handler is not TransmitOnly and (result := self._deliver(handler)) is not None:
                return result
            if handler is TransmitOnly and not self._wire.unsent():
                return 0
            now = time.monotonic()
            if self._abort is not None:
                drained_by = drained_by or now + DRAIN_SECONDS
                if not self._abort or not self._wire.unsent() or now > drained_by:
                    return Thespian__Run_Terminated()
            if end is not None and now >= end:
                return self._wire.unsent() if handler is TransmitOnly else Thespian__Run_Expired()
            limits = [each for each in (end, drained_by) if each is not None]
            self._wire.poll(partial(self._patience, limits, handler is TransmitOnly))

    def _patience(self, limits: list[float], transmit_only: bool) -> float | None:
        busy = self._wire.failures or self._child_died or self._told_to_exit or self._abort is False
        if busy or (self._inbox and not transmit_only):
            return 0.0
        due = self._timers.next_due()
        ends = limits if due is None else [*limits, due]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _deliver(self, handler: Any) -> Any:
        for _ in range(len(self._inbox)):  # What a handler sends to itself must not starve the others.
            envelope = self._inbox.popleft()
            if self._is_goodbye(envelope):
                continue
            if handler is None:
                return envelope
            try:
                result = Thespian__Run_HandlerResult(handler(envelope))
            except ActorStartupFailed:
                raise
            except Exception:  # noqa: BLE001  No message may end the admin.
                logger.error("cannot handle {}\n{}", envelope.identify(), traceback.format_exc())
                continue
            if not result:
                return result
        return None

    def _heard(self, sender: str, message: Any) -> None:
        self._inbox.append(ReceiveEnvelope(ActorAddress(sender), message))

    def _is_goodbye(self, envelope: ReceiveEnvelope) -> bool:
        """A child says goodbye before it is gone; its parent believes only the kernel, and so hears it once.

        Whoever is told that a child has exited can count on it: its locks and files are free.
        """
        message = envelope.message
        return isinstance(message, ChildActorExited) and path_of(message.childAddress) == path_of(
            envelope.sender
        )

    def _to_myself(self, message: Any) -> None:
        self._inbox.append(ReceiveEnvelope(self.myAddress, message))
        self._wire.wake()

    def _notice(self) -> None:
        while self._wire.failures:
            self._wire.failures.popleft().tx_done(SendStatus.DeadTarget)
        if self._ready:
            self._to_myself(WatchMessage(self._ready.copy()))
            self._ready.clear()
        if self._child_died:
            self._child_died = False
            self._wire.read_all()  # A child's last words come before its end.
            self._to_myself(ChildMayHaveDied())
        if self._told_to_exit:
            self._told_to_exit = False
            self._to_myself(ActorExitRequest())
        for wakeup in self._timers.take_due(time.monotonic()):
            self._to_myself(wakeup)


def _log(record: logging.LogRecord) -> None:
    """What Thespian and libraries log goes to our log, here and now, instead of to a logger process."""
    known = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    level = record.levelname if record.levelname in known else record.levelno
    text = record.getMessage() + (f"\n{record.exc_text}" if record.exc_text else "")
    logger.bind(logger=record.name).log(level, "{}", text)


# -- the admin ---------------------------------------------------------------------------------------
class Admin(MultiProcAdmin):
    def h_ActorExitRequest(self, envelope: ReceiveEnvelope) -> Any:
        """SIGTERM: leave as if asked from outside; others can not ask it in this way."""
        return self.h_SystemShutdown(envelope) if envelope.sender == self.myAddress else True

    def _cleanupAdmin(self, finish_cleanup: Callable[[], None]) -> None:
        finish_cleanup()  # There is no logger process to wait for.


def start_admin(endpoint: Endpoint, starter: ActorAddress, capabilities: Any, context: Any) -> None:
    os.setsid()  # Ctrl-C is for the launcher, which then asks us to shut down.
    transport = UnixTransport(endpoint)
    assert endpoint.lock is not None
    processes.sign_lock(endpoint.lock)
    logging.root.handlers[:] = [ThespianLogForwardHandler(transport.myAddress, transport)]
    admin = Admin(transport, transport.myAddress, capabilities, None, context)
    admin.asLogger = transport.myAddress
    signal.signal(signal.SIGCHLD, admin.signalChildDied)
    signal.signal(signal.SIGTERM, lambda *_: transport.interrupt_wait(signal_shutdown=True))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    transport.scheduleTransmit(None, TransmitIntent(starter, EndpointConnected(0)))
    admin._activate()
    admin.run()
    transport.run(TransmitOnly, timedelta(seconds=2))
    processes.sweep(os.path.dirname(endpoint.path))
    transport.close()


class ActorSystemBase(multiprocessCommon):
    transportType = UnixTransport

    def __init__(self, system: Any, logDefs: Any = None) -> None:
        system.capabilities |= {
            "Thespian ActorSystem Name": "multiprocUnixBase",
            "Thespian ActorSystem Version": 1,
            "Thespian Watch Supported": True,
        }
        run_dir = os.path.dirname(UnixTransport.getAdminAddr(system.capabilities).addressDetails)
        os.environ["THESPLOG_FILE"] = utilis._thesplog_file = os.path.join(run_dir, "thespian.log")
        utilis._thesplog_old_file = utilis._thesplog_file + ".old"
        super().__init__(system, logDefs)

    def _startAdmin(
        self, adminAddr: ActorAddress, addrOfStarter: ActorAddress, caps: Any, _logs: Any
    ) -> None:
        if caps.get(ATTACH):
            raise RuntimeError(f"no actor system runs in {caps[RUN_DIR]}: start it first.")
        endpoint = self.transport.prepEndpoint(adminAddr, caps)
        arguments = (endpoint, addrOfStarter, caps, self.mpcontext)
        process = self.mpcontext.Process(target=start_admin, args=arguments, name="admin")
        process.start()
        detach_child(process)  # multiprocessing would wait for it at exit.
        self.transport.connectEndpoint(endpoint)
        answer = self.transport.run(None, timedelta(seconds=5))
        if getattr(answer, "message", None).__class__ is not EndpointConnected:
            raise RuntimeError(f"the admin did not start in {caps[RUN_DIR]}: see thespian.log there.")
