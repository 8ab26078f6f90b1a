"""Flipped bits: the short version of `flips.py`."""

import pytest

from tests.crash import flips

pytestmark = pytest.mark.processes


def test_a_flipped_bit_changes_nothing_or_the_log_is_refused_and_a_record_named():
    tally, found = flips.search(small=1_500, large=80, hot=300, seed=1)
    assert found.keys() == {"small log", "large log", "archived log", "hot -wal", "head"}
    assert tally.bad == []
    assert all(found[kind]["refused, and the record is named"] for kind in found.keys() - {"head"})


@pytest.mark.parametrize(
    ("complaint", "end"),
    [
        ("a record is not what was written", "believed"),
        ("it breaks: AttributeError()", "broke"),
        ("it is refused: wal.db: page 7 is odd; restore the last backup.", "refused without a record"),
    ],
)
def test_a_flip_that_is_believed_or_breaks_or_is_refused_without_a_record_is_bad(
    tmp_path, monkeypatch, complaint, end
):
    """The same flips, with a checker that finds this."""
    specimen = flips.Specimen(tmp_path, flips.SMALL)
    monkeypatch.setattr(flips.checker, "complaint", lambda *_: complaint)
    tally = flips.harness.Tally("flips", "bits")
    assert flips.flips(tally, specimen, "wal.db", [0]) == {end: 1}
    assert tally.bad


def test_the_zeros_that_prime_a_wal_are_not_flipped():
    assert flips.bits_of("wal.db-wal", b"ab\0c" + bytes(100)) == 32
    assert flips.bits_of("wal.db", b"ab\0c" + bytes(100)) == 832
