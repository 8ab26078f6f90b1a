"""Whole trades on a real node, by real processes that are killed: a part of what `make crash-evm` tries."""

import itertools

import pytest

from tests.devnet.trading import matrix, whole

pytestmark = pytest.mark.processes
FEW = (
    "v2-approve-journalled-dropped",
    "v2-swap-sent-reorg",
    "v3-swap-looked-stolen",
    "v3-swap-settled-alive",
    "v2-swap-token-sell-settled-reorg",
    "v3-swap-quote-sell-journalled",
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FEW)
def test_who_is_killed_amidst_a_trade_goes_on_with_it_and_no_order_is_lost_or_doubled(installed, name):
    every = [*matrix.cells(), *matrix.coin_cells()]
    cell = next(each for each in every if each.name.startswith(name))
    assert matrix.played(cell) == []


@pytest.mark.timeout(300)
def test_an_executor_that_sends_before_it_writes_is_found_out(installed):
    assert any("the log does not know of it" in each for each in whole.control())


def test_the_matrix_has_each_point_of_each_leg_with_each_fate_and_both_versions():
    found = {each.name.rpartition("-")[0] for each in matrix.cells()}
    assert len(found) == 10 * 4 * 2
    assert {each.everybody for each in matrix.cells()} == {False, True}


def test_trades_of_the_coin_meet_each_point_with_each_fate_and_both_ways_in_both_versions():
    cells = matrix.coin_cells()
    assert len({(each.point, each.fate) for each in cells}) == len(cells) == 5 * 4
    assert {(each.version, each.side, each.native_as) for each in cells} == set(
        itertools.product(("v2", "v3"), ("buy", "sell"), ("quote", "token"))
    )
    assert {each.everybody for each in cells} == {False, True}
