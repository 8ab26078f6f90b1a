"""A question that is answered in a process of its own, so that what it loads does not stay in ours."""

import os
import traceback
from collections.abc import Callable

from msgspec import DecodeError, Struct, json

from actors.commands.refused import CannotRunError
from chains.feeds.tables import RecordingError
from storage.strict_toml import ConfigError


class Answer(Struct, frozen=True):
    text: str
    refused: bool = False


def answered_apart(question: Callable[[], str]) -> str:
    """The question's answer; CannotRunError if it was refused.  It forks: call it before any thread."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _answer(question, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    try:
        answer = json.decode(said, type=Answer)
    except DecodeError:
        raise RuntimeError("the process that was to look died without an answer") from None
    if answer.refused:
        raise CannotRunError(answer.text)
    return answer.text


def _answer(question: Callable[[], str], pipe: int) -> None:
    """In the child.  It never returns into the parent's code."""
    code = 70
    try:
        try:
            answer = Answer(question())
        except (RecordingError, ConfigError, CannotRunError) as error:
            answer = Answer(str(error), refused=True)
        with os.fdopen(pipe, "wb") as out:
            out.write(json.encode(answer))
        code = 0
    except BaseException:  # noqa: BLE001  The parent says that there was no answer; this says why.
        traceback.print_exc()
    finally:
        os._exit(code)
