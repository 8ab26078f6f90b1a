"""The projection: however it came about, the same log gives the same tables."""

import sqlite3

import pytest

from actors.messages import Deposited, Side
from storage.log import Log
from storage.projection import Projection, digest, rebuild
from storage.trades import local, opening
from tests.deals import GAS, WBTC, WETH, Desk, busy_desk, order

DESK = busy_desk()
RECORDS = tuple(record for append in DESK.appends for record in append.records)


@pytest.fixture
def log_path(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    for append in DESK.appends:
        log.append(append)
    log.close()
    return tmp_path / "wal.db"


def rows(path, query):
    database = sqlite3.connect(path)
    found = database.execute(query).fetchall()
    database.close()
    return found


def test_it_is_rebuilt_twice_with_the_same_contents(log_path, tmp_path):
    first = rebuild(log_path, tmp_path / "a.db")
    assert rebuild(log_path, tmp_path / "a.db") == first == rebuild(log_path, tmp_path / "b.db")
    assert not (tmp_path / "a.new").exists()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_what_is_applied_live_in_odd_batches_equals_a_rebuild(log_path, tmp_path, size):
    live = Projection(tmp_path / "live.db")
    for after in range(0, len(RECORDS), size):
        live.apply(after, RECORDS[after : after + size])
        live.apply(max(0, after - 2), RECORDS[max(0, after - 2) : after + 1])  # Heard again: no effect.
    assert live.lsn == len(RECORDS)
    live.close()
    assert digest(tmp_path / "live.db") == rebuild(log_path, tmp_path / "fresh.db")


def test_records_after_a_gap_are_never_applied(tmp_path):
    live = Projection(tmp_path / "live.db")
    with pytest.raises(AssertionError, match="records 1 to 3 are missing"):
        live.apply(3, RECORDS[3:])
    live.close()


def test_the_tables_show_orders_with_their_ends_and_positions_with_their_results(log_path, tmp_path):
    rebuild(log_path, tmp_path / "a.db")
    orders = dict(rows(tmp_path / "a.db", "SELECT id, status FROM orders"))
    assert orders[f"buy:{WETH}:1"] == "completed"
    assert orders[f"buy:{WBTC}:4"] == "failed"
    assert orders[f"sell:{WBTC}:7:signal"] == "in_progress"
    assert orders[f"buy:{WETH}:8"] == "pending"
    positions = rows(tmp_path / "a.db", "SELECT token, quantity, cost, realised, closed_at_ns FROM positions")
    assert sorted(positions)[1] == (WETH, "0", "0", str(30 * 10**6), 3)
    assert [each[:2] for each in positions if each[4] is None] == [(WBTC, "33")]


def test_tables_of_an_earlier_layout_are_made_anew(log_path, tmp_path):
    whole = rebuild(log_path, tmp_path / "a.db")
    database = sqlite3.connect(tmp_path / "a.db")
    database.executescript("ALTER TABLE orders DROP COLUMN fee_asset")
    database.close()
    again = Projection(tmp_path / "a.db")
    assert again.lsn == 0
    again.apply(0, RECORDS)
    again.close()
    assert digest(tmp_path / "a.db") == whole


def test_an_order_is_shown_with_the_asset_of_its_fee(tmp_path):
    desk = Desk()
    desk.note(local("gas", Deposited(GAS, 9), 0))
    desk.append(opening(order("o1", amount=100, max_fee=5, fee_asset=GAS)))
    desk.land("o1", 7, fee=3)
    live = Projection(tmp_path / "live.db")
    live.apply(0, tuple(desk.records))
    assert rows(tmp_path / "live.db", "SELECT fee, fee_asset FROM orders") == [("3", GAS)]
    live.close()


def test_what_approvals_have_cost_stands_beside_the_fee_of_the_end(tmp_path):
    desk = Desk()
    desk.append(opening(order("o1", amount=100, max_fee=9)))
    desk.allow("o1", 2)
    desk.allow("o1", 3)
    desk.land("o1", 7, fee=4)
    live = Projection(tmp_path / "live.db")
    live.apply(0, tuple(desk.records))
    assert rows(tmp_path / "live.db", "SELECT fee, approval_fee, status FROM orders") == [
        ("4", "5", "completed")
    ]
    live.close()


def test_another_record_gives_another_digest(log_path, tmp_path):
    whole = rebuild(log_path, tmp_path / "a.db")
    short = Projection(tmp_path / "b.db")
    short.apply(0, RECORDS[:-1])
    short.close()
    assert digest(tmp_path / "b.db") != whole


@pytest.mark.parametrize("portion", [4, 10])
def test_what_a_reorg_has_undone_leaves_the_tables_as_they_were(tmp_path, portion):
    desk = Desk()
    desk.append(opening(order("o1", amount=100, max_fee=5)))
    desk.book("o1", 9)
    desk.reorg("o1")
    bought = len(desk.records)
    desk.book("o1", 10)
    desk.finalize("o1")
    desk.append(opening(order("o2", portion, 5, side=Side.SELL, position="o1/p", closes=portion == 10)))
    held = len(desk.records)
    desk.book("o2", 70)
    desk.reorg("o2")
    live = Projection(tmp_path / "live.db")

    def tables_at(end):
        live.apply(live.lsn, tuple(desk.records[live.lsn : end]))
        return rows(tmp_path / "live.db", "SELECT id, quantity, cost, realised, closed_at_ns FROM positions")

    assert tables_at(bought) == []
    before = tables_at(held)
    assert before == [("o1/p", "10", "100", "0", None)]
    assert tables_at(None) == before
    query = "SELECT status, amount_out, fee, ended_lsn FROM orders WHERE id = 'o2'"
    (order_row,) = rows(tmp_path / "live.db", query)
    assert order_row == ("in_progress", None, None, None)
    live.close()
