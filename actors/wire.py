"""One process's end of the wire: a listening socket, one simplex connection per target, and what wakes us.

What is sent to one target arrives in that order.  A target that does not read keeps only its own messages
waiting, here, and loses none while it lives.  Nothing polls: a process with nothing to do is asleep.
"""

import itertools
import os
import select
import socket
import struct
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from loguru import logger

from actors import frames, processes

CHUNK = 256 << 10  # Bytes read at a time: all that a socket's buffer can hold.
AT_ONCE = 64  # Frames in one system call.
RETRY_SECONDS = 0.02  # While a target's backlog of 4096 connections is full.
_CREDENTIALS = struct.Struct("iII")  # Process, user, group.


class Incoming:
    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.reader = sock, frames.Reader()


class Outgoing:
    def __init__(self, path: str) -> None:
        self.path = path
        self.sock: socket.socket | None = None
        self.queue: deque[tuple[Any, bytes]] = deque()  # What to report, and the frame.
        self.offset = 0  # Bytes of the first frame that are gone already.
        self.moved = False  # A whole frame was sent since we connected.
        self.waits = False  # For room in the target's buffer.


class Wire:
    """`heard(sender, message)` and `sent(token)` are called at once, `failures` is for the owner to empty."""

    def __init__(
        self,
        path: str,
        listener: socket.socket,
        heard: Callable[[str, Any], None],
        sent: Callable[[Any], None],
        lock: int | None = None,
    ) -> None:
        self.path, self._listener, self._heard, self._sent = path, listener, heard, sent
        self._lock = lock  # A descriptor that shall not outlive us either.
        self.failures: deque[Any] = deque()  # Tokens of what its target did not live to read.
        self._outs: dict[str, Outgoing] = {}
        self._ins: dict[int, Incoming] = {}
        self._unconnected: set[str] = set()
        self._sending = threading.RLock()  # Any thread may send; one polls.
        self._polling = False
        self._handlers: dict[int, Callable[[], object]] = {}
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.watch(self._bell, self._woken)
        self.watch(listener.fileno(), self._accept)
        _open.add(self)

    # -- sending --------------------------------------------------------------------------------------
    def send(self, path: str, token: Any, frame: bytes) -> None:
        """Send what there is room for now, queue the rest."""
        with self._sending:
            out = self._outs.get(path)
            if out is None:
                out = self._outs[path] = Outgoing(path)
                out.queue.append((token, frame))
                self._connect(out)
            else:
                out.queue.append((token, frame))
                if len(out.queue) == 1:
                    self._flush(out)

    def queued(self) -> list[tuple[str, Any]]:
        with self._sending:
            return [(out.path, token) for out in self._outs.values() for token, _ in out.queue]

    def unsent(self) -> int:
        with self._sending:
            return sum(len(out.queue) for out in self._outs.values()) + len(self.failures)

    def _connect(self, out: Outgoing) -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        out.offset, out.moved, out.waits = 0, False, False
        try:
            sock.connect(out.path)
        except BlockingIOError:  # Its backlog is full, and nothing tells when it no longer is.
            sock.close()
            self._unconnected.add(out.path)
            self.wake()
        except OSError:
            sock.close()
            self._give_up(out)
        else:
            self._unconnected.discard(out.path)
            self._connected(out, sock)

    def _connected(self, out: Outgoing, sock: socket.socket) -> None:
        out.sock = sock
        self.watch(sock.fileno(), lambda: self._stirred(out), 0)  # Zero: tells only of the end.
        sock.send(frames.hello(self.path))  # The buffer of a fresh socket has room for it.
        self._flush(out)

    def _flush(self, out: Outgoing) -> None:
        sock = out.sock
        if sock is None:
            return
        try:
            while out.queue:
                self._send_some(out, sock)
        except BlockingIOError:
            self._want_room(out, sock, True)
        except OSError:
            self._hung_up(out)
        else:
            self._want_room(out, sock, False)

    def _send_some(self, out: Outgoing, sock: socket.socket) -> None:
        parts: list[Any] = [frame for _, frame in itertools.islice(out.queue, AT_ONCE)]
        if out.offset:
            parts[0] = memoryview(parts[0])[out.offset :]
        sent = sock.sendmsg(parts)
        for part in parts:
            if sent < len(part):
                out.offset += sent
                break
            sent -= len(part)
            out.offset, out.moved = 0, True
            self._sent(out.queue.popleft()[0])

    def _want_room(self, out: Outgoing, sock: socket.socket, waits: bool) -> None:
        if waits != out.waits:
            out.waits = waits
            self._epoll.modify(sock.fileno(), select.EPOLLOUT if waits else 0)

    def _stirred(self, out: Outgoing) -> None:
        with self._sending:
            if out.queue:
                self._flush(out)
            elif out.sock is not None:
                with suppress(BlockingIOError, ConnectionError):  # Nothing is ever said here but the end.
                    if out.sock.recv(1):
                        return
                    self._hung_up(out)

    def _hung_up(self, out: Outgoing) -> None:
        """The target is dead, or it has refused a frame; then what follows has a right to a new try."""
        if out.sock is not None:
            self.unwatch(out.sock.fileno())
            out.sock.close()
            out.sock = None
        if out.moved and out.queue:
            self._connect(out)
        else:
            self._give_up(out)

    def _give_up(self, out: Outgoing) -> None:
        self._outs.pop(out.path, None)
        self._unconnected.discard(out.path)
        self.failures.extend(token for token, _ in out.queue)
        out.queue.clear()
        self.wake()

    # -- receiving ------------------------------------------------------------------------------------
    def read_all(self) -> None:
        """Hear now all that was said until now."""
        self._accept()
        for each in list(self._ins.values()):
            self._read(each)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                logger.error("cannot accept a connection: {}", error)
                time.sleep(0.05)  # Out of descriptors, say; do not spin.
                return
            if self._is_ours(sock):
                self._welcome(sock)
            else:
                sock.close()

    @staticmethod
    def _is_ours(sock: socket.socket) -> bool:
        found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(found)
        if uid != os.geteuid():
            logger.error("refused a connection: process {} belongs to user {}", pid, uid)
        return bool(uid == os.geteuid())

    def _welcome(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        incoming = self._ins[sock.fileno()] = Incoming(sock)
        self.watch(sock.fileno(), lambda: self._read(incoming))

    def _read(self, incoming: Incoming) -> None:
        try:
            chunk = incoming.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(incoming)
            return
        try:
            for message in incoming.reader.feed(chunk):
                self._heard(self._speaker(incoming), message)
        except frames.FrameRefusedError as error:
            logger.error("refused from {}: {}", incoming.reader.sender or "a stranger", error)
            self._drop(incoming)

    def _speaker(self, incoming: Incoming) -> str:
        claimed = incoming.reader.sender
        if not claimed.startswith(os.path.dirname(self.path) + "/"):
            raise frames.FrameRefusedError(f"{claimed!r} is not an address in this run folder")
        return claimed

    def _drop(self, incoming: Incoming) -> None:
        fd = incoming.sock.fileno()
        if fd >= 0:
            self.unwatch(fd)
            del self._ins[fd]
            incoming.sock.close()

    # -- waiting --------------------------------------------------------------------------------------
    def watch(self, fd: int, handler: Callable[[], object], events: int = select.EPOLLIN) -> None:
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def unwatch(self, fd: int) -> None:
        self._handlers.pop(fd, None)
        with suppress(OSError):  # Closed by its owner already.
            self._epoll.unregister(fd)

    def poll(self, patience: Callable[[], float | None]) -> None:
        """Wait until something happens, for `patience()` seconds at most, and see to it."""
        self._polling = True  # A change from here on rings the bell; an earlier one `patience` has seen.
        try:
            seconds = patience()
            if self._unconnected:
                seconds = RETRY_SECONDS if seconds is None else min(seconds, RETRY_SECONDS)
            events = self._epoll.poll(seconds)
        finally:
            self._polling = False
        for fd, _ in events:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler()
        for path in list(self._unconnected):
            with self._sending:
                self._connect(self._outs[path])

    def wake(self, always: bool = False) -> None:
        """From any thread, and, with `always`, from a signal handler."""
        if self._polling or always:
            with suppress(OSError):  # Closed, after a fork.
                os.eventfd_write(self._bell, 1)

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)

    # -- the end --------------------------------------------------------------------------------------
    def close(self) -> None:
        if self._bell >= 0:
            processes.remove(self.path)
            self.abandon()

    def abandon(self) -> None:
        """Close all descriptors and leave the file: after a fork it is still the parent's."""
        outs = [out.sock for out in self._outs.values() if out.sock is not None]
        for sock in (self._listener, *outs, *(each.sock for each in self._ins.values())):
            sock.close()
        self._epoll.close()
        for fd in (self._bell, self._lock):
            if fd is not None:
                os.close(fd)
        self._bell, self._lock, self._outs, self._ins = -1, None, {}, {}
        _open.discard(self)


_open: "weakref.WeakSet[Wire]" = weakref.WeakSet()


def _abandon_all() -> None:
    for each in list(_open):
        each.abandon()


os.register_at_fork(after_in_child=_abandon_all)
