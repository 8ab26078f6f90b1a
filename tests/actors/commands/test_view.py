"""What the operator sees."""

from io import StringIO

import pytest
from rich.console import Console

from actors.commands import view
from actors.commands.facts import going_on
from actors.commands.view import Lines, Progress, Terminal, line, picture, screen
from actors.messages import RunState, StatusReport

PRICE = 10**18
FACTS = {
    "market": {
        "feed": "recording x", "bars": 500, "total": 1000, "at_ns": 1, "stale": ["paper:WETH"],
        "prices": {"paper:WETH": 1650 * PRICE}, "first_prices": {"paper:WETH": 1500 * PRICE},
        "token_decimals": {"paper:WETH": 18},
    },
    "portfolio": {
        "free": 9_000_000_000, "reserved": 0, "cost": 1_000_000_000, "realised": -1, "fees": 20_000,
        "equity_cost": 9_999_980_000, "refusals": {"cooldown": 3}, "orders": 4, "fills": 2, "open_orders": [],
        "quote": "paper:USDC", "quote_decimals": 6,
    },
    "positions": {"open": [{"token": "paper:WETH", "quantity": 6 * 10**17, "cost": 10**9}]},
    "executor": {"in_flight": [{"id": "buy:1", "status": "signed"}], "unknown": 1},
    "wal": {"lsn": 12, "head": "ab"},
}  # fmt: skip


def report(state=RunState.RUNNING, facts=FACTS, mode="paper"):
    pids = {"wal": 41, "market": 42}
    return StatusReport("x", state, "all is well", 2, {"market": 1}, facts, pids, mode)


ALFA, USDC, TOKEN = (f"base:0x{digit * 40}" for digit in "a8b")
LIVE_FACTS = {
    "market": {
        "feed": f"pools on base, ALFA {ALFA[5:]}, bars of 60 s", "bars": 5, "prices": {ALFA: 2 * PRICE},
        "token_decimals": {ALFA: 18}, "symbols": {ALFA: "[bold]ALFA", USDC: "USDC"},
    },
    "portfolio": {
        "quote": USDC, "quote_decimals": 6, "fees": 3 * 10**15, "free_for_fees": 10**18,
        "fee_asset": "base:ETH",
    },
    "positions": {"open": [{"token": ALFA, "quantity": 123456789012345678 * 10**18, "cost": 10**9}]},
    "executor": {"in_flight": [f"momentum:{ALFA}:17:buy"]},
}  # fmt: skip


def drawn(of, width=140):
    console = Console(file=StringIO(), width=width, force_terminal=False)
    console.print(picture(of, Progress()))
    return console.file.getvalue()


def test_the_picture_shows_prices_books_positions_orders_and_health():
    text = drawn(report())
    for part in (
        "PAPER, play money",
        "1,650",
        "+10.0 %",
        "9,999.98",
        "4 / 2 / 3",
        "buy:1",
        "status signed",
        "42",
    ):
        assert part in text
    assert "-0.00" not in text


def test_a_live_run_is_never_shown_as_play_money_nor_a_paper_run_as_real_money():
    live, paper, neither = (drawn(report(mode=mode)) for mode in ("live", "paper", ""))
    assert "LIVE, real money" in live
    assert "LIVE" not in paper + neither
    for words in ("PAPER", "play money"):
        assert words in paper
        assert words not in live + neither
    assert line(report(mode="live"), Progress()).startswith("LIVE running: ")


def test_tokens_of_a_chain_have_their_symbols_and_fees_their_coin_within_80_columns():
    text = drawn(report(facts=LIVE_FACTS, mode="live"), width=80)
    assert ALFA[5:15] not in text
    assert "momentum:[bold]ALFA:17:buy" in text
    assert "0xaaaa…" in text  # In the market's name.
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert "fees 0.003 ETH" in rows
    assert "left for fees 1 ETH" in rows
    assert any(row.startswith("[bold]ALFA 123456789012345678 1,000.00") for row in rows)
    assert max(map(len, text.splitlines())) <= 80


def test_amounts_of_a_chains_own_coin_are_shown_to_millionths():
    coin = {"quote": "base:ETH", "fee_asset": "base:ETH", "quote_decimals": 18, "free": 123_456_789 * 10**9}
    text = drawn(report(facts={**LIVE_FACTS, "portfolio": coin | {"fees": 3 * 10**15}}, mode="live"))
    rows = [" ".join(row.split()) for row in text.splitlines()]
    assert "fees 0.003000" in rows
    assert any("0.123457" in row for row in rows)


def test_what_a_reorg_can_still_take_back_and_a_halt_are_shown_where_there_are_any():
    assert "not final yet" not in drawn(report())
    books = {**FACTS["portfolio"], "unsettled": 70_000_000, "halts": {"wallet": "a rumour"}}
    text = drawn(report(facts={**FACTS, "portfolio": books}))
    (row,) = (line for line in text.splitlines() if "not final yet" in line)
    assert "70.00" in row
    assert "HALTED (wallet): a rumour" in text


def test_what_a_router_may_still_take_is_shown_and_why_it_is_not_taken_back_yet():
    executor = {"left_over": {ALFA: str(2**256 - 1)}, "put_off": {f"revoke:{ALFA}:7": "gas is over the cap"}}
    text = drawn(report(facts={**LIVE_FACTS, "executor": executor}, mode="live"), width=300)
    assert f"may still take {2**256 - 1} base units of [bold]ALFA" in text
    assert "it is being taken back, but gas is over the cap" in text
    assert "may still take" not in drawn(report(facts=LIVE_FACTS, mode="live"))


def test_a_wallet_that_is_blocked_for_want_of_gas_says_what_to_send():
    executor = {"short_of_gas": {"buy:1": "the wallet needs 3 more base units of base:ETH: send gas"}}
    text = drawn(report(facts={**LIVE_FACTS, "executor": executor}, mode="live"), width=300)
    assert "BLOCKED: the wallet needs 3 more base units of base:ETH: send gas" in text


def test_what_a_strategy_says_of_itself_is_shown():
    note = {"strategy": "ai", "note": "off: the gate's rolling AUC fell"}
    assert "ai is off: the gate's rolling AUC fell" in drawn(report(facts={**FACTS, "strategist:ai": note}))
    assert "ai is" not in drawn(report(facts={**FACTS, "strategist:ai": {**note, "note": ""}}))


def test_budgets_are_shown_where_there_is_a_mix_with_what_each_strategy_would_have_earned():
    assert "Budgets" not in drawn(report())
    books = {**FACTS["portfolio"], "budgets": {"momentum": 4_150, "ai": 500}, "rebalanced_ns": 10**18}
    shadows = {"shadows": {"momentum": {"trades": 7, "result_ppm": -12_345}}}
    rows = drawn(report(facts={**FACTS, "portfolio": books, "mixer": shadows})).splitlines()
    rows = [" ".join(row.split()) for row in rows]
    assert "Budgets since 2001-09-09 01:46:40 UTC" in rows
    for row in ("momentum 41.50 % -1.23 % 7", "ai 5.00 % ? ?", "cash 53.50 %"):
        assert row in rows


def test_what_is_not_known_is_a_question_mark_and_not_a_zero():
    rows = [text.split() for text in drawn(report()).splitlines()]
    assert ["paper:WETH", "0.6", "1,000.00", "?", "?", "?"] in rows
    assert "?" in drawn(report(facts={}))


def test_a_role_without_a_process_is_down():
    assert drawn(report()).count("down") == len({"portfolio", "positions", "executor"})


def test_a_line_says_the_same_in_short():
    assert line(report(), Progress()) == (
        "running: 500 of 1,000 bars, 50 %; equity 9,999.98, 1 position, 2 fills, 1 in flight, log at 12"
    )


def test_the_time_left_follows_from_the_pace(monkeypatch):
    moments = iter([100.0, 110.0])
    monkeypatch.setattr(view.time, "monotonic", lambda: next(moments))
    progress, later = Progress(), {**FACTS, "market": {**FACTS["market"], "bars": 600}}
    line(report(), progress)
    assert "600 of 1,000 bars, 60 %, 10 bars/s, 0:40 left" in line(report(facts=later), progress)


@pytest.mark.parametrize(("seconds", "drawings"), [(0.0, 1), (0.1, 1), (0.25, 10)])
def test_a_terminal_is_drawn_at_most_four_times_a_second(monkeypatch, seconds, drawings):
    now = [100.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: now[0])
    seen = []
    monkeypatch.setattr(view, "picture", lambda *_: seen.append(1) or "")
    terminal = Terminal(Console(file=StringIO(), force_terminal=True))
    for _ in range(10 if seconds != 0.1 else 3):
        terminal.show(report())
        now[0] += seconds
    terminal.close()
    assert len(seen) == drawings


def test_lines_come_every_few_seconds_and_at_once_when_the_state_changes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: now[0])
    lines = Lines(Console(file=StringIO(), width=200))
    for state in (RunState.RUNNING, RunState.RUNNING, RunState.WAITING, RunState.WAITING):
        lines.show(report(state))
    now[0] += view.LINE_SECONDS
    lines.show(report(RunState.WAITING))
    said = [text.split(":")[0] for text in lines._console.file.getvalue().splitlines()]
    assert said == ["running", "waiting", "waiting"]


def test_tables_are_for_terminals_only():
    assert isinstance(screen(Console(file=StringIO()), True), Lines)
    assert isinstance(screen(Console(file=StringIO(), force_terminal=True), False), Lines)


def test_what_a_stop_waits_for_is_named():
    assert going_on(report(RunState.DRAINING)) == (
        "draining; open: order buy:1, 1 orders whose outcome the venue has not told yet"
    )
    assert going_on(report(facts={"portfolio": {"open_orders": []}})) == "running; open: nothing"
    assert going_on(report(facts={})) == "running; what is open is not known yet"


def test_what_is_held_is_not_nothing_before_somebody_has_said_so():
    assert "? positions" in line(report(facts={}), Progress())
    assert "0 positions" in line(report(facts={"positions": {"open": []}}), Progress())
