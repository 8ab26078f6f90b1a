"""What is exported is what is in the log: exact, in order, whole, and while a run goes on writing."""

import csv
import json
import sqlite3

import msgspec
import pytest

from actors.messages import Append, Body, Deposited, Id, Landed
from storage.archive import archive
from storage.export import COLUMNS, SAFE, csv_lines, exact, json_lines, stored
from storage.log import Log, LogCorrupt, LogError, head_of
from storage.snapshots import packed
from storage.trades import local
from tests.deals import USDC, WBTC, WETH, busy_desk

DESK = busy_desk()
DEPOSIT = Append(Id("deposit"), (DESK.records[0],))
DECIMALS = {USDC: 6, WETH: 18}


@pytest.fixture
def path(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    for append in (DEPOSIT, *DESK.appends):
        log.append(append)
    log.close()
    return tmp_path / "wal.db"


def rows(path, first=1, last=None):
    return list(csv.DictReader(csv_lines(path, first, last, DECIMALS)))


def test_every_record_is_one_line_of_json_that_says_it_all(path):
    lines = [json.loads(line) for line in json_lines(path, 1, None)]
    assert [each["lsn"] for each in lines] == list(range(1, len(DESK.records) + 1))
    for line, record in zip(lines, DESK.records, strict=True):
        assert msgspec.convert(line["body"], Body, strict=False) == record.body
        assert (line["operation_id"], line["status"]) == (record.operation_id, record.status)
    assert lines[-1]["hash"] == head_of(path).hash.hex()
    assert lines[1]["append_id"] == DESK.appends[0].id


@pytest.mark.parametrize(
    ("first", "last", "expected"), [(3, 5, [3, 4, 5]), (1, 2, [1, 2]), (9_999, None, []), (2, 2, [2])]
)
def test_a_range_of_lsns_holds_both_its_ends(path, first, last, expected):
    assert [each.lsn for each in stored(path, first, last)] == expected


def test_an_integer_that_a_double_would_round_is_a_string():
    value = {"a": SAFE, "b": SAFE + 1, "c": [-SAFE - 1, True, None, "x", 2**70], "d": {"e": 0}}
    assert exact(value) == {
        "a": SAFE, "b": "9007199254740992", "c": ["-9007199254740992", True, None, "x", str(2**70)],
        "d": {"e": 0},
    }  # fmt: skip
    assert json.loads(json.dumps(exact(value)), parse_int=float)["c"][4] == str(2**70)


def test_a_large_amount_survives_a_reader_that_knows_only_doubles(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    log.append(Append(Id("d"), (local("d", Deposited(USDC, 2**200 + 1), 0),)))
    log.close()
    (line,) = json_lines(tmp_path / "wal.db", 1, None)
    assert int(json.loads(line, parse_int=float)["body"]["amount"]) == 2**200 + 1


def test_every_fill_is_a_row_with_what_it_moved(path):
    landed = [(lsn, record.body) for lsn, record in enumerate(DESK.records, 1)
              if isinstance(record.body, Landed)]  # fmt: skip
    found = rows(path)
    assert list(found[0]) == list(COLUMNS)
    assert [(int(row["lsn"]), row["tx_id"]) for row in found] == [(lsn, body.tx_id) for lsn, body in landed]
    for row, (_, body) in zip(found, landed, strict=True):
        paid, got = ("quote_units", "token_units") if row["side"] == "buy" else ("token_units", "quote_units")
        assert (int(row[paid]), int(row[got]), int(row["fee_units"])) == (
            body.amount_in,
            body.amount_out,
            body.fee,
        )
    assert sum(int(row["realised_units"] or 0) for row in found) == DESK.account().realised


def test_whole_tokens_stand_beside_base_units_where_decimals_are_known(path):
    weth, wbtc = rows(path)[1], rows(path)[-1]
    assert (weth["token"], weth["quote_units"], weth["quote_amount"]) == (WETH, "70000000", "70")
    assert wbtc["token"] == WBTC
    assert wbtc["token_units"] == "33"
    assert wbtc["token_amount"] == ""
    assert wbtc["realised_units"] == wbtc["realised_amount"] == ""


def test_a_range_of_fills_counts_by_the_lsn_of_the_fill(path):
    lsns = [int(row["lsn"]) for row in rows(path)]
    assert [int(row["lsn"]) for row in rows(path, lsns[1], lsns[2])] == lsns[1:3]
    assert rows(path, lsns[-1] + 1) == []
    assert len(rows(path, 1, lsns[0])) == 1


def test_a_log_is_exported_while_it_is_written(tmp_path):
    log = Log.open(tmp_path / "wal.db")
    log.append(DEPOSIT)
    entries = stored(tmp_path / "wal.db")
    assert next(entries).lsn == 1
    for append in DESK.appends:
        log.append(append)
    assert list(entries) == []  # What was there when it began.
    assert len(list(stored(tmp_path / "wal.db"))) == log.head.lsn
    log.close()


def test_a_log_that_was_tampered_with_is_not_exported_as_if_it_were_sound(path):
    database = sqlite3.connect(path)
    database.executescript("DROP TRIGGER records_stay; UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 5")
    database.close()
    with pytest.raises(LogCorrupt, match="record 5"):
        list(json_lines(path, 1, None))
    with pytest.raises(LogCorrupt, match="record 5"):
        list(csv_lines(path, 1, None, DECIMALS))


def test_no_log_is_an_error_and_not_an_empty_export(tmp_path):
    with pytest.raises(LogError, match="there is no log"):
        list(stored(tmp_path / "wal.db"))


def test_an_export_after_an_archiving_is_the_one_before_it(path):
    def everything():
        return [*json_lines(path, 1, None), *json_lines(path, 3, 9), *csv_lines(path, 1, None, DECIMALS)]

    before = everything()
    log = Log.open(path)
    log.save_snapshot(log.head.lsn, packed(DESK.books))
    assert archive(log, 3)
    assert archive(log, 10**18)
    log.close()
    assert everything() == before
