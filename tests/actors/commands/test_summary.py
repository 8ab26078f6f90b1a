"""What a run has come to: exact, unknown where unknown, and compared with the venue's own record."""

import json
from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from actors.commands import summary
from actors.commands.chain_check import Compared
from actors.commands.facts import Facts, MarketFacts, PortfolioFacts
from actors.commands.summary import (
    Promises,
    against_the_books,
    against_the_venue,
    held_instead,
    kept,
    promises_of,
    summed,
    table,
    write,
)
from actors.messages import (
    PRICE_SCALE,
    Asset,
    Deposited,
    Id,
    Landed,
    Operation,
    Order,
    OrderOpened,
    PositionOpened,
    Record,
    Reserved,
    Returned,
    RunState,
    Side,
    Signed,
    Status,
    StatusReport,
)
from chains.paper.book import Transaction
from storage import books
from storage.audit import Broken, audited
from storage.config import Run, Settings

USDC, WETH = Asset("paper:USDC"), Asset("paper:WETH")
ORDER = Order(
    id=Id("buy"), side=Side.BUY, strategy="momentum", token=WETH, quote=USDC, amount_in=1_000_000_000,
    fee_asset=USDC, max_fee=30_000, slippage_bps=50, at_ns=1, deadline_ns=9, position=Id("p1"),
)  # fmt: skip
HALF = 5 * 10**17
BODIES = [
    Deposited(USDC, 10_000_000_000), OrderOpened(ORDER), Reserved("buy", USDC, 1_000_030_000),
    Signed("buy", 1, "00", "t1", 0, 1, 9, "paper"),
    Landed("buy", "t1", "receipt", 1_000_000_000, HALF, 20_000),
    PositionOpened("p1", "buy", "momentum", WETH, USDC, HALF, 1_000_000_000), Returned("buy", USDC, 10_000),
]  # fmt: skip
LAST = StatusReport("x", RunState.STOPPED, "", 1, {}, {})
PRICE = 2_200 * 10**6 * PRICE_SCALE
MARKET = MarketFacts(
    feed="a recording",
    bars=7,
    prices={WETH: PRICE},
    first_prices={WETH: PRICE // 2},
    token_decimals={WETH: 18},
)
TX = Transaction("t1", "00", 0, "normal", 1, 2, 9, "landed", 1_000_000_000, HALF, 20_000, 3, 1)


@pytest.fixture
def audit():
    kinds = (Operation.TRADE_EXECUTE, Status.COMPLETED)
    return audited((lsn, Record(Id("x"), *kinds, lsn, body)) for lsn, body in enumerate(BODIES, 1))


def made(audit, market=MARKET, broken=(), settings=None, fee_asset=None):
    facts = Facts(market=market, portfolio=PortfolioFacts(refusals={"cooldown": 2}, fee_asset=fee_asset))
    promises = Promises(("replay",), broken)
    return summed(audit, facts, settings or Settings(), LAST, "ab" * 32, "cd" * 32, promises)


def test_a_run_that_was_told_no_market_counts_what_its_log_pays_with():
    """Its decimals nobody knows then: they are not those of play money, and nothing is 0."""
    quote = Asset("base:0x8335")
    deposit = Record(Id("x"), Operation.BALANCE_ADD, Status.COMPLETED, 1, Deposited(quote, 5_000_000))
    found = made(audited([(1, deposit)]), MarketFacts())
    assert (found.free.asset, found.free.units, found.free.decimal) == (quote, 5_000_000, None)
    assert found.equity_start.units == 5_000_000
    assert "5000000 base units of 0x8335" in printed(found)


def printed(found, width=80):
    console = Console(file=StringIO(), width=width)
    console.print(table(found))
    return console.file.getvalue()


def test_every_figure_is_exact_and_readable(audit):
    found = made(audit)
    assert (found.equity_start.units, found.equity_start.decimal) == (10_000_000_000, "10000")
    assert (found.free.units, found.free.decimal) == (8_999_980_000, "8999.98")
    assert (found.fees.decimal, found.reserved.decimal, found.realised_pnl.decimal) == ("0.02", "0", "0")
    assert found.positions[0].quantity.decimal == "0.5"
    assert found.unrealised_pnl.decimal == "100"
    assert found.equity_end.decimal == "10099.98"
    assert found.buy_and_hold.decimal == "20000"
    assert (found.orders, found.fills, found.bars, found.wal_lsn) == (1, 1, 7, 7)
    assert found.refusals == {"cooldown": 2}


@pytest.mark.parametrize("unknown", [{"prices": {}}, {"token_decimals": {}}])
def test_without_a_price_the_value_is_unknown_and_not_zero(audit, unknown):
    found = made(audit, replace(MARKET, **unknown))
    assert found.equity_end is None
    assert found.unrealised_pnl is None
    assert found.positions[0].value is None


def test_holding_instead_spreads_the_capital_over_all_tokens():
    market = MarketFacts(first_prices={"a": 10, "b": 10, "c": 1}, prices={"a": 20, "b": 5, "c": 1})
    assert held_instead(100, market) == 1 + 66 + 16 + 33
    assert held_instead(100, MarketFacts()) is None
    assert held_instead(100, MarketFacts(first_prices={"a": 10}, prices={})) is None


def test_books_that_agree_with_the_venue_are_not_blamed(audit):
    expired = replace(TX, tx_id="t1", status="expired")
    assert against_the_venue(audit, [TX]) == []
    assert {each.promise for each in against_the_venue(audit, [expired])} == {"settle-from-chain"}


@pytest.mark.parametrize(
    ("transactions", "promise"),
    [
        ([TX, replace(TX, tx_id="t2")], "exactly-once"),
        ([TX, replace(TX, tx_id="t2", status="pending")], "write-ahead"),
        ([], "settle-from-chain"),
        ([replace(TX, amount_out=HALF - 1)], "settle-from-chain"),
        ([replace(TX, fee=1)], "settle-from-chain"),
        ([replace(TX, status="reverted")], "settle-from-chain"),
    ],
)
def test_every_difference_from_the_venues_own_record_is_blamed(audit, transactions, promise):
    assert promise in {each.promise for each in against_the_venue(audit, transactions)}


def test_a_summary_is_written_whole_or_not_at_all(audit, tmp_path, monkeypatch):
    path = tmp_path / "out.json"
    write(made(audit), path)
    first = json.loads(path.read_text())
    assert first["free"] == {"asset": "paper:USDC", "units": 8_999_980_000, "decimal": "8999.98"}
    assert first["promises"] == {"checked": ["replay"], "broken": [], "unchecked": ""}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(summary.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(made(audit), path)
    assert json.loads(path.read_text()) == first
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]


def test_the_table_says_which_promise_was_broken(audit):
    drawn = table(made(audit, broken=(Broken("replay", 3, "it differs"),)))
    cells = [str(cell) for cell in drawn.columns[1].cells]
    assert cells[-1] == "BROKEN: replay (record 3): it differs"
    assert "10000 USDC -> 10099.98 USDC" in cells


def test_a_live_run_says_so_and_names_its_tokens_and_the_coin_of_its_fees_within_80_columns(audit):
    address = "0x" + "a" * 40
    market = replace(MARKET, feed=f"pools on base, WETH {address}", symbols={USDC: "USD[b]", WETH: "WETH"})
    settings = Settings(run=Run(mode="live"))
    text = printed(made(audit, market, settings=settings, fee_asset=Asset("paper:ETH")))
    assert text.startswith("LIVE run, real money, stopped: pools on base, WETH 0xaaaa…")
    assert "play" not in text
    assert "paper" not in text
    rows = [" ".join(line.strip("│").split()) for line in text.splitlines()]
    for row in (
        "free │ 8999.98 USD[b]",
        "position WETH │ 0.5 for 1000 USD[b]",
        "fees │ 0 ETH",
        "realised PnL, without ETH fees │ 0 USD[b]",
    ):
        assert row in rows
    assert max(map(len, text.splitlines())) <= 80


def test_the_last_budgets_are_told_where_there_is_a_mix(audit):
    assert "budgets" not in printed(made(audit))
    mixed = replace(made(audit), budgets={"momentum": 4_150, "ai": 500}, rebalances=3)
    rows = [line for line in printed(mixed, width=120).splitlines() if "budgets" in line]
    assert len(rows) == 1
    assert "momentum 41.5 %, ai 5 %, rebalanced 3 times" in rows[0]


def test_a_paper_run_says_nothing_of_real_money(audit):
    text = printed(made(audit))
    assert text.startswith("paper run, stopped: a recording")
    assert "real" not in text.replace("realised", "")
    assert "LIVE" not in text


def test_the_books_and_the_audit_are_compared_in_every_asset(audit):
    kinds = (Operation.TRADE_EXECUTE, Status.COMPLETED)
    folded = books.fold(Record(Id("x"), *kinds, lsn, body) for lsn, body in enumerate(BODIES, 1))
    assert against_the_books(audit, folded) == []
    audit.fees[USDC] += 1
    audit.paid_in[Asset("paper:ETH")] = audit.free[Asset("paper:ETH")] = 7
    sentences = {each.sentence for each in against_the_books(audit, folded)}
    assert sentences == {
        "paper:USDC: fees is 20000 in the books and 20001 in the audit",
        "paper:ETH: free is 0 in the books and 7 in the audit",
    }


@pytest.mark.parametrize(
    ("seen", "words", "is_broken"),
    [
        (Compared(), "all 8 kept", False),
        (Compared(unknown="no node"), "all 7 kept; not looked at: settle-from-chain: no node", False),
        (Compared(strange="less ETH"), "BROKEN: settle-from-chain (record 7): less ETH", True),
    ],
)
def test_what_the_chain_does_not_tell_is_neither_kept_nor_broken(seen, words, is_broken):
    promises = promises_of([], seen, 7)
    assert bool(promises.broken) is is_broken
    assert kept(promises) == words
