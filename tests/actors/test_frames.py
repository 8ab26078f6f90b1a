"""The frames, without sockets: whole, typed, and free of code."""

import os
import pickle
import struct

import pytest

from actors import frames
from actors.messages import Bar, Pong, Role, Tick
from tests.actors.crowd import Item


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


MESSAGES = [
    Pong(Role("wal"), 7, {"lsn": 2**70, "peers": ["a", None, 1.5]}),
    Tick(1, (Bar("a", *[2**200 + n for n in range(7)]),)),
    Item("ü", -(2**255)),
    "plain data",
    (1, [2, {"three": b"4"}]),
]


@pytest.mark.parametrize("size", [1, 3, 7, 10_000])
def test_frames_arrive_whole_however_they_are_cut(size):
    stream = frames.hello("/run/me") + b"".join(map(frames.encode, MESSAGES))
    reader = frames.Reader()
    heard = [m for at in range(0, len(stream), size) for m in reader.feed(stream[at : at + size])]
    assert heard == MESSAGES
    assert [type(each) for each in heard] == [type(each) for each in MESSAGES]
    assert reader.sender == "/run/me"


def test_what_came_before_a_bad_frame_is_heard():
    reader = frames.Reader()
    heard = reader.feed(frames.hello("/a") + frames.encode(Item("a", 1)) + framed(b"?"))
    assert next(heard) == Item("a", 1)
    with pytest.raises(frames.FrameRefusedError, match="unknown kind"):
        next(heard)


def test_a_message_that_can_not_travel_is_refused_where_it_is_sent():
    with pytest.raises(pickle.PicklingError, match=r"posix\.system may not be sent"):
        frames.encode(os.system)
    with pytest.raises(pickle.PicklingError, match=r"builtins\.ValueError may not be sent"):
        frames.encode([ValueError, print])
