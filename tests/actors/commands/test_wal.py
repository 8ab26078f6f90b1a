"""The operator's looks into the log: what they find, what they refuse, and that they change nothing."""

import csv
import json
import sqlite3

import pytest
from msgspec.structs import replace

from actors.commands import wal
from actors.commands.decimals import decimals_in
from actors.commands.options import settings_of
from actors.commands.origin import Origin
from actors.commands.refused import CannotRunError
from actors.commands.wal_verify import verdict_on, verify
from actors.messages import Append, Deposited, Id, Reserved
from run import main
from storage import log
from storage.archive import archive
from storage.books import fold
from storage.config import Run, Settings
from storage.layout import log_path
from storage.snapshots import packed
from storage.trades import local
from tests.deals import USDC, WBTC, WETH, busy_desk

DESK = busy_desk()
DEPOSIT = Append(Id("deposit"), (DESK.records[0],))
BUY = f"buy:{WETH}:1"
SIMULATED = b'{"feed":"simulated","seed":1,"recordings":[]}'


@pytest.fixture
def settings(tmp_path):
    """Of a folder with a log in which everything has happened and two orders are open."""
    written(tmp_path, (DEPOSIT, *DESK.appends))
    return Settings(run=Run(data_dir=str(tmp_path)))


def written(folder, appends):
    wrote = log.Log.open(log_path(folder))
    for append in appends:
        wrote.append(append)
    wrote.close()


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


# -- verify ---------------------------------------------------------------------------------------------
def test_a_sound_log_is_verified_with_its_head_and_what_is_open(settings, tmp_path, capsys):
    head = log.head_of(log_path(tmp_path))
    assert verify(settings, as_json=False) == 0
    text = said(capsys)
    assert f"{head.lsn} records, chained without a gap; every promise is kept; 2 operations open" in text
    assert head.hash.hex() in text
    assert f"open: sell:{WBTC}:7:signal: in_progress for 0:00:00" in text
    assert f"open: buy:{WETH}:8: pending for 0:00:00" in text


def test_what_is_open_is_told_to_programs_with_state_age_and_what_it_holds(settings, capsys):
    assert verify(settings, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["broken"] == []
    signed, unsigned = found["open"]
    assert (signed["status"], signed["attempts"], signed["tx_id"]) == (
        "in_progress",
        1,
        f"sell:{WBTC}:7:signal/tx1",
    )
    assert (unsigned["status"], unsigned["attempts"], unsigned["tx_id"]) == ("pending", 0, None)
    assert unsigned["since_ns"] == "8"
    held = DESK.books.ledger.reservations[Id(f"buy:{WETH}:8")][USDC]
    assert unsigned["holds"] == f"{held / 10**6:.6f}".rstrip("0").rstrip(".") + " USDC"


def test_the_age_of_what_is_open_is_the_markets_time(settings, tmp_path):
    later = Append(Id("later"), (local("later", Deposited(USDC, 1), 7_200 * 10**9),))
    written(tmp_path, (later,))
    assert [each.age_seconds for each in verdict_on(log_path(tmp_path), {}).open] == [7_199, 7_199]


@pytest.mark.parametrize(
    ("column", "value", "lsn"),
    [("at_ns", "at_ns + 1", 5), ("body", "replace(body, 'paper', 'Paper')", 2), ("status", "'failed'", 9)],
)
def test_a_record_that_was_changed_is_named(settings, tmp_path, column, value, lsn):
    database = sqlite3.connect(log_path(tmp_path))
    database.executescript(
        f"DROP TRIGGER records_stay; UPDATE records SET {column} = {value} WHERE lsn = {lsn}"
    )
    database.close()
    with pytest.raises(log.LogCorrupt, match=f"record {lsn} is not what was written"):
        verify(settings, as_json=False)


def wrong(tmp_path, *appends):
    """The verdict on a log that no run of ours can have written, though its chain is whole."""
    written(tmp_path, (DEPOSIT, *appends))
    return verdict_on(log_path(tmp_path), {}).broken


def test_records_that_the_books_refuse_are_named_and_so_is_the_promise(tmp_path):
    opened, reserved = DESK.appends[0].records
    too_much = replace(reserved, body=replace(reserved.body, amount=10**12))
    broken = wrong(tmp_path, Append(Id("bad"), (opened, too_much)))
    assert any(
        each.startswith("record 3: the books refuse Reserved of operation") and "not_enough_funds" in each
        for each in broken
    )
    assert any(each.startswith("record 3: no-overdraft") for each in broken)


def test_a_record_of_an_order_that_nobody_opened_is_named_by_both_readers(tmp_path):
    stray = local("stray", Reserved(Id("nobody"), USDC, 5), 0)
    broken = wrong(tmp_path, Append(Id("bad"), (stray,)))
    assert broken == (
        "record 2: the books refuse Reserved of operation stray: order_not_found",
        "record 2: write-ahead: Reserved is of order nobody, which no record before it opened",
    )


def test_half_an_append_is_seen_at_the_end_of_the_log(tmp_path):
    half = Append(Id("half"), DESK.appends[0].records[:1])
    (only,) = wrong(tmp_path, half)
    assert only.startswith("record 2, the last: no-overdraft: order")


def test_something_wrong_makes_the_exit_code_1(tmp_path, capsys):
    wrong(tmp_path, Append(Id("half"), DESK.appends[0].records[:1]))
    settings = Settings(run=Run(data_dir=str(tmp_path)))
    assert verify(settings, as_json=False) == 1
    text = said(capsys)
    assert "record 2" in text
    assert "every promise is kept" not in text
    assert verify(settings, as_json=True) == 1


@pytest.mark.parametrize("lsn", [1, 20, len(DESK.records)])
def test_a_snapshot_that_is_not_the_fold_of_its_records_is_seen(settings, tmp_path, lsn):
    wrote, books = log.Log.open(log_path(tmp_path)), fold(DESK.records[:lsn])
    wrote.save_snapshot(lsn, packed(books))
    assert verdict_on(log_path(tmp_path), {}).broken == ()
    wrote.save_snapshot(lsn, packed(replace(books, nonce=99)))
    wrote.close()
    (only,) = verdict_on(log_path(tmp_path), {}).broken
    assert f"record {lsn}: replay: its snapshot is not what the records add up to" in only


def test_pages_of_an_archive_are_checked_too(settings, tmp_path):
    wrote = log.Log.open(log_path(tmp_path))
    wrote.save_snapshot(wrote.head.lsn, packed(DESK.books))
    moved = archive(wrote, 10**18)
    wrote.close()
    database = sqlite3.connect(moved.path)
    database.executescript(
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'records_by_append'"
    )
    database.close()
    with pytest.raises(log.LogCorrupt, match=moved.path.name):
        verdict_on(log_path(tmp_path), {})


# -- show -----------------------------------------------------------------------------------------------
def test_an_order_is_told_record_by_record_and_how_it_stands(settings, capsys):
    assert wal.tell(settings, BUY, as_json=False) == 0
    text = said(capsys)
    for words in ("1970-01-01 00:00:00 UTC record 2, pending: momentum wished to buy WETH for 100 USDC",
                  "landed (block 1): 100 USDC went, 1001 base units of paper:WETH came",
                  f"{BUY} is completed, 0:00:00 after it was decided."):  # fmt: skip
        assert words in text
    assert "WBTC" not in text


def test_the_records_of_one_order_are_json_lines_for_programs(settings, capsys):
    assert wal.tell(settings, f"{BUY}/reserve", as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == [
        "OrderOpened", "Reserved", "Signed", "Landed", "PositionOpened", "Returned",
    ]  # fmt: skip


def test_an_unknown_operation_is_refused_with_what_may_have_been_meant(settings):
    with pytest.raises(CannotRunError, match=f"no operation of .* has this id; did you mean .*{BUY}"):
        wal.tell(settings, "buy:paper:WETH:l", as_json=False)
    with pytest.raises(CannotRunError, match=r"`run\.py wal show` lists those that there are"):
        wal.tell(settings, "zzzzzzzz", as_json=False)


def test_an_operation_without_an_order_is_told_alone(settings, capsys):
    assert wal.tell(settings, "deposit", as_json=False) == 0
    assert said(capsys) == "1970-01-01 00:00:00 UTC record 1, completed: 1000 USDC came in."


def test_show_prints_what_follows_an_lsn(settings, tmp_path, capsys):
    last = len(DESK.records)
    assert wal.show(tmp_path, last - 2, as_json=False) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert wal.show(tmp_path, last - 2, as_json=True) == 0
    assert [json.loads(line)["lsn"] for line in capsys.readouterr().out.splitlines()] == [last - 1, last]


# -- export ---------------------------------------------------------------------------------------------
def test_an_export_is_whole_and_never_overwrites(settings, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    assert wal.export(settings, "jsonl", 1, None, out) == 0
    assert len(out.read_text().splitlines()) == len(DESK.records)
    assert not (tmp_path / "out.jsonl.part").exists()
    with pytest.raises(CannotRunError, match="it is there already"):
        wal.export(settings, "jsonl", 1, None, out)
    with pytest.raises(CannotRunError, match="it is there already"):
        wal.export(settings, "jsonl", 1, None, log_path(tmp_path))


def test_an_export_that_fails_leaves_no_file_behind(settings, tmp_path):
    database = sqlite3.connect(log_path(tmp_path))
    database.executescript("DROP TRIGGER records_stay; UPDATE records SET at_ns = at_ns + 1 WHERE lsn = 9")
    database.close()
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(log.LogCorrupt):
        wal.export(settings, "jsonl", 1, None, tmp_path / "out.jsonl")
    with pytest.raises(CannotRunError, match="name a file in a folder that can be written"):
        wal.export(settings, "jsonl", 1, None, tmp_path / "nosuch" / "out.jsonl")
    assert {path.name for path in tmp_path.iterdir()} - before <= {"wal.db-wal", "wal.db-shm"}


def test_fills_are_exported_to_stdout_as_csv(settings, capsys):
    assert wal.export(settings, "csv", 1, None, None) == 0
    found = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["side"] for row in found] == ["buy", "sell", "sell", "buy"]


def test_a_range_that_ends_before_it_begins_is_refused(settings):
    with pytest.raises(CannotRunError, match=r"--to 2 comes before --from 3"):
        wal.export(settings, "jsonl", 3, 2, None)


# -- decimals -------------------------------------------------------------------------------------------
def test_decimals_come_from_the_market_that_the_folder_was_begun_on(tmp_path):
    assert decimals_in(tmp_path, Settings()) == {USDC: 6}
    (tmp_path / "market.json").write_bytes(SIMULATED)
    assert decimals_in(tmp_path, Settings())["paper:ALFA"] == 18
    name = "0123456789abcdef univ3_polygon_usdc_wbtc_005_minute_2022.csv"
    origin = Origin("recording", 1, (name,))
    (tmp_path / "market.json").write_text(json.dumps({"feed": origin.feed, "seed": 1, "recordings": [name]}))
    assert decimals_in(tmp_path, Settings()) == {USDC: 6, WBTC: 8}
    (tmp_path / "market.json").write_text('{"feed":"live","seed":1}')
    assert decimals_in(tmp_path, Settings()) == {USDC: 6}


def test_the_folder_that_is_typed_wins_over_the_configured_one(tmp_path):
    config = tmp_path / "my.toml"
    config.write_text('[run]\ndata_dir = "one"\n')
    assert settings_of(config, None).run.data_dir == "one"
    assert settings_of(config, "two").run.data_dir == "two"


# -- as it is typed -------------------------------------------------------------------------------------
def typed(*words):
    """The exit code of the command line."""
    try:
        return main([str(word) for word in words])
    except SystemExit as done:
        return done.code


def test_each_command_is_known_and_its_exit_code_is_the_answer(settings, tmp_path, capsys):
    here = ("--data-dir", tmp_path)
    assert typed("wal", "verify", *here) == 0
    assert typed("wal", "show", "--operation", BUY, *here) == 0
    assert typed("wal", "show", "--operation", "zzzzzzzz", *here) == 2
    assert typed("wal", "export", "--from", 2, "--to", 3, *here) == 0
    assert typed("wal", "export", "--format", "csv", "--out", tmp_path / "fills.csv", *here) == 0
    assert typed("recover", "--dry-run", *here) == 0
    assert typed("recover", *here) == 2
    assert typed("wal", "verify", "--data-dir", tmp_path / "nosuch") == 1
    assert "there is no log" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("wal", "verify"),
        ("wal", "show"),
        ("wal", "export"),
        ("wal", "rebuild"),
        ("wal", "backup"),
        ("wal", "cleanup"),
        ("recover",),
    ],
)
def test_each_command_explains_itself(words, capsys):
    assert typed(*words, "--help") == 0
    text = capsys.readouterr().out
    assert "--data-dir" in text
    assert "--config" in text
