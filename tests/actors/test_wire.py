"""Strangers at the door of an actor and of the admin: refused, and nobody is harmed."""

import builtins
import os
import pickle
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorExitRequest

from actors import frames, processes
from actors.messages import Ping
from actors.wire import Wire
from tests.actors.crowd import Gossip, Item

pytestmark = pytest.mark.processes


class Bomb:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def pickled(value: object) -> bytes:
    return framed(b"S" + pickle.dumps(value))


def item(text: bytes) -> bytes:
    name = f"{Item.__module__}.{Item.__qualname__}".encode()
    return framed(b"M" + bytes([len(name)]) + name + text)


ATTACKS = {  # What is sent, given a file that code run by it would create.
    "exec": lambda mark: pickled(Bomb(builtins.exec, f"open({mark!r}, 'w')")),
    "os.system": lambda mark: pickled(Bomb(os.system, f"touch {mark}")),
    "exec in company": lambda mark: pickled(
        [ActorExitRequest(), Bomb(builtins.exec, f"open({mark!r}, 'w')")]
    ),
    "a class of ours, pickled": lambda _: pickled(Item("a", 1)),
    "a dangerous class": lambda _: pickled(subprocess.Popen),
    "a broken pickle": lambda _: framed(b"S\x80\x05."),
    "an unknown kind": lambda _: framed(b"X1234"),
    "an unknown class": lambda _: framed(b"M\x04Nope{}"),
    "a name cut off": lambda _: framed(b"M\xffItem"),
    "malformed JSON": lambda _: item(b'{"id": '),
    "a wrong type": lambda _: item(b'{"id": 1, "number": "x"}'),
    "a missing field": lambda _: item(b'{"id": "a"}'),
    "an empty frame": lambda _: struct.pack("!I", 0),
    "an oversized frame": lambda _: struct.pack("!I", 2**32 - 1),
}


def is_hung_up(sock: socket.socket) -> bool:
    sock.settimeout(3)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_frame_that_is_not_ours_is_refused_and_harms_nobody(system, run_dir, attack):
    gossip = system.create(Gossip)
    mark = run_dir / "harm"
    for target in (gossip.text, str(run_dir / "admin")):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(target)
            stranger.sendall(frames.hello(str(run_dir / "x")))
            stranger.sendall(ATTACKS[attack](str(mark)))
            assert is_hung_up(stranger)
    assert system.ask(gossip, Item("echo", 1)) == Item("echo", 1)
    assert system.ask(system.create(Gossip), Item("echo", 2)) == Item("echo", 2)
    assert not mark.exists()


@pytest.mark.parametrize("first", [b"", framed(b"S" + pickle.dumps("hi")), frames.hello("/elsewhere/x")])
def test_who_does_not_say_who_it_is_is_refused(system, first):
    gossip = system.create(Gossip)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(gossip.text)
        stranger.sendall(first + frames.encode(Item("item", 0)) + frames.encode(Item("item", 1)))
        assert is_hung_up(stranger)
    assert system.ask(gossip, Ping(1)).counts == {}


def test_half_a_frame_is_forgotten_with_its_connection(system, run_dir):
    gossip = system.create(Gossip)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(gossip.text)
        stranger.sendall(frames.hello(str(run_dir / "x")) + frames.encode(Item("item", 0))[:-1])
    assert system.ask(gossip, Ping(1)).counts == {}


def connect_as_nobody(path: str) -> int:
    """Zero if they hung up on us."""
    try:
        os.setresuid(65534, 65534, 65534)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            return 0 if is_hung_up(sock) else 1
    except OSError:
        return 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_even_if_the_folder_lets_it_in(system, run_dir):
    gossip = system.create(Gossip)
    run_dir.chmod(0o711)
    Path(gossip.text).chmod(0o777)
    if (stranger := os.fork()) == 0:
        os._exit(connect_as_nobody(gossip.text))
    assert os.waitstatus_to_exitcode(os.waitpid(stranger, 0)[1]) == 0
    assert system.ask(gossip, Item("echo", 1)) == Item("echo", 1)


# -- a wire alone ------------------------------------------------------------------------------------
class Pair:
    """Two ends in this process; what was heard at the second, what was sent from the first."""

    def __init__(self, run_dir: Path) -> None:
        self.heard: list[Any] = []
        self.sent: list[Any] = []
        paths = [str(run_dir / name) for name in ("a", "b")]
        self.a = Wire(paths[0], processes.listen(paths[0]), lambda *_: None, self.sent.append)
        self.b = Wire(paths[1], processes.listen(paths[1]), lambda _, what: self.heard.append(what), print)

    def poll(self, times: int = 10) -> None:
        for _ in range(times):
            self.b.poll(lambda: 0.0)
            self.a.poll(lambda: 0.0)


@pytest.fixture
def pair(run_dir: Path) -> Iterator[Pair]:
    pair = Pair(run_dir)
    yield pair
    pair.a.close()
    pair.b.close()


def test_what_follows_a_refused_frame_still_arrives(pair):
    pair.a.send(pair.b.path, 1, frames.encode(Item("a", 1)))
    pair.a.send(pair.b.path, 2, framed(b"?"))
    for _ in range(3):
        pair.b.poll(lambda: 0.0)
    pair.a.send(pair.b.path, 3, frames.encode(Item("c", 3)))
    pair.poll()
    assert pair.heard == [Item("a", 1), Item("c", 3)]
    assert not pair.a.failures


def test_what_the_dead_did_not_read_is_reported(pair):
    pair.a.send(pair.b.path, 1, frames.encode(Item("a", 1, "x" * 3_000_000)))
    assert (pair.sent, pair.a.unsent()) == ([], 1)
    pair.b.close()
    pair.a.poll(lambda: 0.0)
    pair.a.send(pair.b.path, 2, frames.encode(Item("b", 2)))
    assert list(pair.a.failures) == [1, 2]


def test_a_full_backlog_is_waited_for(pair, run_dir):
    path = str(run_dir / "full")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            pair.a.send(path, "token", frames.encode(Item("a", 1)))
            pair.poll(2)
            assert (pair.a.unsent(), pair.sent) == (1, [])
            listener.accept()[0].close()
            pair.poll(2)
            assert (pair.a.unsent(), pair.sent) == (0, ["token"])
            listener.accept()[0].close()


def test_a_sender_that_fills_the_buffer_is_woken_when_there_is_room(pair):
    for number in range(20_000):
        pair.a.send(pair.b.path, number, frames.encode(Item("a", number)))
    assert pair.a.unsent() > 0
    while pair.a.unsent():
        pair.poll(1)
    pair.poll()
    assert [each.number for each in pair.heard] == list(range(20_000)) == pair.sent
