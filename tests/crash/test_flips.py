"""Flipped bits: the short version of `flips.py`."""

import pytest

from tests.crash import flips

pytestmark = pytest.mark.processes


def test_no_flipped_bit_is_believed():
    found = flips.search(small=400, large=40, hot=100, seed=1)
    assert found.keys() == {"small log", "large log", "hot -wal", "head"}
    assert [kind for kind, ends in found.items() if ends["believed"]] == []
    assert [kind for kind, ends in found.items() if ends["refused, and the record is named"]]


def test_a_believed_flip_would_be_noticed(tmp_path, monkeypatch):
    """The same flips, with a checker that finds another record."""
    specimen = flips.Specimen(tmp_path, flips.SMALL)
    monkeypatch.setattr(flips.checker, "complaint", lambda *_: "a record is not what was written")
    tally = flips.harness.Tally("flips", "bits")
    assert flips.flips(tally, specimen, "wal.db", [0]) == {"believed": 1}
    assert tally.bad
