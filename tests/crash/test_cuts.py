"""Power cuts of real filesystems: the short version of `cuts.py`.  Only root may; skipped otherwise."""

import pytest

from tests.crash import cuts
from tests.crash.workload import CONTROLS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(200)]


def needs(filesystem):
    if why := cuts.missing(filesystem):
        pytest.skip(why)


@pytest.mark.parametrize("filesystem", cuts.MKFS)
def test_a_power_cut_loses_nothing_that_was_acknowledged(filesystem):
    needs(filesystem)
    tally = cuts.search(filesystem, most=6, seconds=30, seed=1)
    assert tally.tried > 0
    assert tally.bad == []


@pytest.mark.parametrize("control", sorted(CONTROLS))
def test_a_power_cut_finds_out_a_log_that_is_not_durable(control):
    needs("xfs")
    assert cuts.search("xfs", most=40, seconds=60, seed=1, control=control, first_bad=True).bad
