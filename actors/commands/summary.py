"""What a run has come to, from what it left behind: the log, the venue's own record, the last report."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct, json
from rich.table import Table
from rich.text import Text

from actors.commands.chain_check import Compared, compared
from actors.commands.facts import Facts, MarketFacts, PortfolioFacts, facts_of
from actors.commands.naming import named, shortened
from actors.messages import PRICE_SCALE, Asset, Landed, Price, Reverted, StatusReport, Units
from chains.amounts import quote_of
from chains.paper.book import Book, Transaction
from storage import books, log
from storage.amounts import shown
from storage.audit import CHECKED, Audit, Broken, audited
from storage.config import Run, Settings
from storage.config_evm import NATIVE_DECIMALS
from storage.consent import LIVE
from storage.layout import log_path, projection_path, venue_path
from storage.projection import digest, rebuild


class Amount(Struct, frozen=True):
    """Base units, and the same for people."""

    asset: Asset
    units: int
    decimal: str | None  # None where the asset's decimals are not known.


class OpenPosition(Struct, frozen=True):
    token: Asset
    quantity: Amount
    cost: Amount
    last_price: Price | None
    value: Amount | None


class Promises(Struct, frozen=True):
    """`unchecked` says which could not be looked at, and why."""

    checked: tuple[str, ...]
    broken: tuple[Broken, ...]
    unchecked: str = ""


class Summary(Struct, frozen=True, kw_only=True):
    """Money that depends on a price that nobody has reported is null, never 0."""

    mode: str
    feed: str
    state: str
    seed: int
    bars: int
    orders: int
    fills: int
    reverts: int
    refusals: dict[str, int]
    free: Amount
    reserved: Amount
    positions: tuple[OpenPosition, ...]
    fees: Amount
    realised_pnl: Amount
    unrealised_pnl: Amount | None
    equity_start: Amount
    equity_end: Amount | None
    buy_and_hold: Amount | None
    wal_lsn: int
    wal_head_hash: str
    projection_sha256: str
    promises: Promises
    budgets: dict[str, int] = {}  # Of strategies, in basis points of the deposits, at the end.
    rebalances: int = 0
    symbols: dict[Asset, str] = {}  # What tokens call themselves.


def of_run(last: StatusReport, settings: Settings, run: Run) -> Summary:
    """Call it when every process of the run has ended."""
    data_dir, facts = Path(run.data_dir), facts_of(last)
    path = log_path(data_dir)
    audit, folded = audited(log.records(path)), books.fold(record for _, record in log.records(path))
    rebuilt, fault = _projection(data_dir)
    broken = [*audit.broken, *against_the_books(audit, folded), *fault]
    if run.mode == LIVE:
        seen = compared(settings, folded)
    else:
        seen = Compared()
        broken += against_the_venue(audit, _transactions(venue_path(data_dir)))
    promises = promises_of(broken, seen, audit.lsn)
    return summed(audit, facts, settings, last, log.head_of(path).hash.hex(), rebuilt, promises)


def promises_of(broken: list[Broken], seen: Compared, lsn: int) -> Promises:
    if seen.strange:
        broken = [*broken, Broken("settle-from-chain", lsn, seen.strange)]
    if seen.unknown:
        return Promises((*CHECKED, "replay"), tuple(broken), f"settle-from-chain: {seen.unknown}")
    return Promises((*CHECKED, "settle-from-chain", "replay"), tuple(broken))


def summed(
    audit: Audit,
    facts: Facts,
    settings: Settings,
    last: StatusReport,
    head: str,
    projected: str,
    promises: Promises,
) -> Summary:
    """Pure: the figures of a run."""
    quote, decimals = _quoted(facts.portfolio, audit, settings)

    def amount(units: int) -> Amount:
        return _amount(quote, units, decimals)

    paid_in = (trade.order.fee_asset for trade in audit.trades.values())
    payer = facts.portfolio.fee_asset or next(paid_in, quote)
    fees = Amount(payer, audit.fees[payer], shown(audit.fees[payer], NATIVE_DECIMALS))

    positions = tuple(_open_position(audit, facts.market, quote, decimals))
    values = [position.value.units for position in positions if position.value is not None]
    value = sum(values) if len(values) == len(positions) else None
    cost = sum(position.cost.units for position in positions)
    idle, start = audit.free[quote] + audit.reserved(quote), audit.paid_in[quote]
    held = held_instead(start, facts.market)
    return Summary(
        mode=settings.run.mode, feed=facts.market.feed, state=last.state.value, seed=settings.run.seed,
        bars=facts.market.bars, orders=len(audit.trades), fills=len(audit.fills), reverts=len(audit.reverts),
        refusals=facts.portfolio.refusals,
        free=amount(audit.free[quote]), reserved=amount(audit.reserved(quote)), positions=positions,
        fees=amount(audit.fees[quote]) if payer == quote else fees,
        realised_pnl=amount(audit.realised[quote]),
        unrealised_pnl=None if value is None else amount(value - cost),
        equity_start=amount(start), equity_end=None if value is None else amount(idle + value),
        buy_and_hold=None if held is None else amount(held),
        wal_lsn=audit.lsn, wal_head_hash=head, projection_sha256=projected, promises=promises,
        budgets=facts.portfolio.budgets, rebalances=audit.rebalances, symbols=facts.market.symbols,
    )  # fmt: skip


def _quoted(portfolio: PortfolioFacts, audit: Audit, settings: Settings) -> tuple[Asset, int | None]:
    """Of a run that was told no market it is what its log pays with, whose decimals nobody knows then."""
    if portfolio.quote is not None:
        return portfolio.quote, portfolio.quote_decimals
    paid = next((trade.order.quote for trade in audit.trades.values()), audit.quote)
    asset, decimals = quote_of((), settings.paper)
    return (asset, decimals) if paid in {None, asset} else (paid, None)


def _amount(asset: Asset, units: int, decimals: int | None) -> Amount:
    return Amount(asset, units, None if decimals is None else shown(units, decimals))


def _open_position(
    audit: Audit, market: MarketFacts, quote: Asset, decimals: int | None
) -> Iterable[OpenPosition]:
    for holding in audit.holdings.values():
        price, known = market.prices.get(holding.token), market.token_decimals.get(holding.token)
        value = None
        if price is not None and known is not None:
            units = holding.quantity * price // (PRICE_SCALE * 10**known)
            value = _amount(quote, units, decimals)
        yield OpenPosition(
            holding.token,
            _amount(holding.token, holding.quantity, known),
            _amount(quote, holding.cost, decimals),
            price,
            value,
        )


def held_instead(start: int, market: MarketFacts) -> Units | None:
    """The capital, spread evenly over all tokens at their first price and held to the last; no fees."""
    first, last = market.first_prices, market.prices
    if not first or first.keys() - last.keys() or not all(first.values()):
        return None
    share = start // len(first)
    return Units(start - share * len(first) + sum(share * last[token] // first[token] for token in first))


# -- promises that need more than the log --
def against_the_books(audit: Audit, folded: books.Books) -> list[Broken]:
    """Two ways of adding up the same log, asset by asset."""
    pairs: dict[str, tuple[int, int]] = {}
    for asset in sorted({*folded.ledger.accounts, *audit.paid_in}):
        account = folded.ledger.account(asset)
        cost = sum(holding.cost for holding in audit.holdings.values() if holding.quote == asset)
        pairs |= {
            f"{asset}: free": (account.free, audit.free[asset]),
            f"{asset}: reserved": (account.reserved, audit.reserved(asset)),
            f"{asset}: fees": (account.fees, audit.fees[asset]),
            f"{asset}: realised": (account.realised, audit.realised[asset]),
            f"{asset}: cost": (account.cost, cost),
        }
    wrong = [f"{name} is {one} in the books and {other} in the audit" for name, (one, other) in pairs.items()
             if one != other]  # fmt: skip
    return [Broken("replay", audit.lsn, sentence) for sentence in [*wrong, *books.faults(folded)]]


def against_the_venue(audit: Audit, transactions: Sequence[Transaction]) -> list[Broken]:
    """Fill by fill: none lost, none twice, none invented, and the amounts are the chain's."""
    return [Broken(promise, audit.lsn, sentence) for promise, sentence in _differences(audit, transactions)]


def _differences(audit: Audit, transactions: Sequence[Transaction]) -> Iterator[tuple[str, str]]:
    signed = {each.tx_id for trade in audit.trades.values() for each in trade.signed}
    undecided = {each.tx_id for trade in audit.live() for each in trade.signed}
    outcomes = {tx.tx_id: tx for tx in transactions if tx.status in {"landed", "reverted"}}
    for tx in transactions:
        if tx.tx_id not in signed:
            yield "write-ahead", f"{tx.tx_id} was broadcast, and no record explains it"
    for tx_id in (*audit.fills, *audit.reverts):
        if tx_id not in outcomes:
            yield "settle-from-chain", f"{tx_id} is in the books, and the venue has no outcome of it"
    for tx_id, tx in outcomes.items():
        booked = audit.fills.get(tx_id) or audit.reverts.get(tx_id)
        if booked is None and tx_id not in undecided:
            yield "exactly-once", f"{tx_id} has {tx.status}, and the books do not know it"
        elif booked is not None and _amounts(booked) != (tx.status, tx.amount_in, tx.amount_out, tx.fee):
            yield "settle-from-chain", f"{tx_id} has {tx.status}, and the books hold other amounts for it"


def _amounts(booked: Landed | Reverted) -> tuple[str, int, int, int]:
    if isinstance(booked, Landed):
        return "landed", booked.amount_in, booked.amount_out, booked.fee
    return "reverted", 0, 0, booked.fee


def _transactions(path: Path) -> Sequence[Transaction]:
    if not path.exists():
        return ()
    venue = Book(path)
    try:
        return venue.transactions()
    finally:
        venue.close()


def _projection(data_dir: Path) -> tuple[str, list[Broken]]:
    """Its digest, and whether dropping and rebuilding it gives the same."""
    path, again = projection_path(data_dir), data_dir / "projection.check"
    try:
        rebuilt = rebuild(log_path(data_dir), again)
    finally:
        for leftover in data_dir.glob(f"{again.name}*"):
            leftover.unlink()
    kept = digest(path) if path.exists() else rebuilt
    wrong = [] if kept == rebuilt else [Broken("replay", 0, "the projection is not what the log adds up to")]
    return kept, wrong


# -- for people and programs --
def write(made: Summary, path: Path) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(json.format(json.encode(made), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def table(made: Summary) -> Table:
    live = made.mode == LIVE
    kind = "LIVE run, real money" if live else f"{made.mode} run"
    title = Text(f"{kind}, {made.state}: {shortened(made.feed)}", style="bold red" if live else "")
    drawn = Table(title=title, title_justify="left", show_header=False)
    gas = "" if made.fees.asset == made.free.asset else f", without {made.fees.asset.rpartition(':')[2]} fees"

    def words(amount: Amount | None) -> str:
        return _words(amount, made.symbols)

    refusals = ", ".join(f"{reason} {count}" for reason, count in sorted(made.refusals.items()))
    rows = {
        "bars": f"{made.bars:,}",
        "orders, fills, reverts": f"{made.orders:,}, {made.fills:,}, {made.reverts:,}",
        "refusals": refusals or "none",
        "free": words(made.free),
        "reserved": words(made.reserved),
        **{f"position {named(each.token, made.symbols)}":
           f"{each.quantity.decimal or each.quantity.units} for {words(each.cost)}"
           for each in made.positions},
        "fees": words(made.fees),
        f"realised PnL{gas}": words(made.realised_pnl),
        "unrealised PnL": words(made.unrealised_pnl),
        f"equity{gas}": f"{words(made.equity_start)} -> {words(made.equity_end)}",
        "buy and hold": words(made.buy_and_hold),
        **({"budgets": shares(made)} if made.budgets else {}),
        "log": f"{made.wal_lsn:,} records, head {made.wal_head_hash[:16]}",
        "promises": kept(made.promises),
    }  # fmt: skip
    for name, value in rows.items():
        drawn.add_row(Text(name), Text(value))
    return drawn


def shares(made: Summary) -> str:
    each = ", ".join(f"{name} {shown(share, 2)} %" for name, share in made.budgets.items())
    return f"{each}, rebalanced {made.rebalances} times"


def _words(amount: Amount | None, symbols: dict[Asset, str]) -> str:
    if amount is None:
        return "not known"
    name = named(amount.asset, symbols).rpartition(":")[2]
    return f"{amount.units} base units of {name}" if amount.decimal is None else f"{amount.decimal} {name}"


def kept(promises: Promises) -> str:
    if not promises.broken:
        kept = f"all {len(promises.checked)} kept"
        return f"{kept}; not looked at: {promises.unchecked}" if promises.unchecked else kept
    return "BROKEN: " + "; ".join(
        f"{each.promise} (record {each.lsn}): {each.sentence}" for each in promises.broken
    )
