"""A question that is answered apart leaves nothing in this process, and its refusal arrives."""

import sys

import pytest

from actors.commands.apart import answered_apart
from actors.commands.refused import CannotRunError
from chains.feeds.tables import RecordingError


def test_the_answer_arrives_and_what_was_loaded_for_it_does_not():
    assert answered_apart(lambda: "x" * 100_000) == "x" * 100_000
    assert answered_apart(lambda: __import__("zipapp").__name__) == "zipapp"
    assert "zipapp" not in sys.modules


def test_a_refusal_is_told_as_it_was_said():
    def refuse():
        raise RecordingError("bars.csv, row 3 is no good; repair it")

    with pytest.raises(CannotRunError, match=r"^bars\.csv, row 3 is no good; repair it$"):
        answered_apart(refuse)


def test_a_death_is_no_answer(capfd):
    with pytest.raises(RuntimeError, match="died without an answer"):
        answered_apart(lambda: __import__("no_such_module").__name__)
    assert "ModuleNotFoundError" in capfd.readouterr().err
