"""What the operator sees of a run: tables on a terminal, a line now and then where there is none."""

import time
from collections.abc import Sized
from typing import Protocol

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actors.commands.facts import Facts, facts_of
from actors.commands.naming import brief, named, readable, shortened
from actors.messages import BPS, PRICE_SCALE, Price, RunState, StatusReport
from storage.config_evm import NATIVE_DECIMALS
from storage.consent import LIVE
from storage.story import moment

REDRAW_SECONDS = 0.25
LINE_SECONDS = 5.0
NOT_KNOWN = "?"
MONEY = {LIVE: "LIVE, real money", "paper": "PAPER, play money", "": "No run yet"}
STYLES = {RunState.RUNNING: "green", RunState.FAILED: "bold red", RunState.STOPPED: "bold"}


def say(sentence: str) -> None:
    """As it is, on stdout."""
    Console().print(sentence, highlight=False, markup=False, soft_wrap=True)


class Screen(Protocol):
    def show(self, report: StatusReport) -> None: ...
    def say(self, sentence: str) -> None: ...
    def close(self) -> None: ...


class Progress:
    """How far a run is and when it will be over, by the pace since the first look."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def words(self, facts: Facts) -> str:
        market, now = facts.market, time.monotonic()
        if self._first is None:
            self._first = (now, market.bars)
        bars = f"{market.bars:,} bars"
        if not market.total:
            return bars
        passed, done = now - self._first[0], market.bars - self._first[1]
        words = f"{market.bars:,} of {market.total:,} bars, {100 * market.bars // market.total} %"
        if passed < 1 or not done:
            return words
        left = int(max(0, market.total - market.bars) * passed / done)
        return f"{words}, {done / passed:,.0f} bars/s, {_duration(left)} left"


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Terminal:
    """Redrawn by `show` alone, at most four times a second: no thread, hardly any CPU."""

    def __init__(self, console: Console) -> None:
        self._progress, self._drawn_at = Progress(), 0.0
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def show(self, report: StatusReport) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= REDRAW_SECONDS or report.state in {RunState.STOPPED, RunState.FAILED}:
            self._drawn_at = now
            self._live.update(picture(report, self._progress), refresh=True)

    def say(self, sentence: str) -> None:
        self._live.console.print(sentence, highlight=False, markup=False)

    def close(self) -> None:
        self._live.stop()


class Lines:
    """For a pipe, a file, or --no-view: one line at each change of state and every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console, self._progress = console, Progress()
        self._said_at, self._state = -LINE_SECONDS, ""

    def show(self, report: StatusReport) -> None:
        now = time.monotonic()
        if now - self._said_at >= LINE_SECONDS or report.state != self._state:
            self._said_at, self._state = now, report.state
            self.say(line(report, self._progress))

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, soft_wrap=True, markup=False)

    def close(self) -> None:
        pass


def screen(console: Console, wanted: bool) -> Screen:
    return Terminal(console) if wanted and console.is_terminal else Lines(console)


def line(report: StatusReport, progress: Progress) -> str:
    """It says which of all lines are about real money."""
    facts = facts_of(report)
    portfolio, positions = facts.portfolio, facts.positions.open
    live = "LIVE " if report.mode == LIVE else ""
    return (
        f"{live}{report.state.value}: {progress.words(facts)}; "
        f"equity {_money(facts, portfolio.equity_cost)}, "
        f"{_count(positions)} position{'' if positions and len(positions) == 1 else 's'}, "
        f"{_number(portfolio.fills)} fills, "
        f"{_count(facts.executor.in_flight)} in flight, log at {facts.wal.lsn}"
    )


def _count(known: Sized | None) -> str:
    return _number(None if known is None else len(known))


def _number(known: int | None) -> str:
    return NOT_KNOWN if known is None else str(known)


def picture(report: StatusReport, progress: Progress) -> RenderableType:
    facts = facts_of(report)
    side_by_side = Columns([_prices(facts), _books(facts), _health(report)], padding=(0, 3))
    parts: list[RenderableType] = [_headline(report, facts, progress), side_by_side]
    if facts.portfolio.budgets:
        parts.append(_budgets(facts))
    if facts.positions.open:
        parts.append(_positions(facts))
    if facts.executor.in_flight:
        parts.append(_in_flight(facts))
    return Group(*parts)


def _headline(report: StatusReport, facts: Facts, progress: Progress) -> RenderableType:
    text = Text(MONEY[report.mode], style="bold red" if report.mode == LIVE else "green")
    text.append(f"   {report.state.value}", style=STYLES.get(report.state, "yellow"))
    text.append(
        f"   {shortened(facts.market.feed)}\n{progress.words(facts)}   {report.sentence}", style="default"
    )
    if facts.portfolio.halts is None:
        text.append("\nWhat is halted is not known yet.", style="yellow")
    for scope, reason in (facts.portfolio.halts or {}).items():
        text.append(f"\nHALTED ({scope}): {reason}", style="bold red")
    for sentence in facts.executor.short_of_gas.values():
        text.append(f"\nBLOCKED: {sentence}", style="bold red")
    for asset, amount in facts.executor.left_over.items():
        why = next(
            (why for id, why in facts.executor.put_off.items() if id.startswith(f"revoke:{asset}:")), ""
        )
        words = (
            f"A router may still take {amount} base units of {_name(facts, asset)}: it is being taken back"
        )
        text.append(f"\n{words}{f', but {why}' if why else ''}", style="yellow")
    for strategy, note in facts.notes.items():
        text.append(f"\n{strategy} is {note}", style="yellow" if note.startswith("off") else "dim")
    return text


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number else "left", no_wrap=True)
    return table


def _prices(facts: Facts) -> Table:
    table = _table("Prices", "token", "price", "since start")
    for token, price in sorted(facts.market.prices.items()):
        first = facts.market.first_prices.get(token)
        change = f"{100 * (price / first - 1):+.1f} %" if first else NOT_KNOWN
        stale = "red" if token in facts.market.stale else ""
        table.add_row(Text(_name(facts, token)), _price(facts, price), change, style=stale)
    return table


def _books(facts: Facts) -> Table:
    portfolio, table = facts.portfolio, _table("Books", "", _name(facts, facts.portfolio.quote or ""))
    held = facts.positions.open
    unrealised = [None] if held is None else [position.unrealised for position in held]
    known = None if None in unrealised else sum(amount for amount in unrealised if amount is not None)
    rows = {
        "free": portfolio.free, "reserved": portfolio.reserved, "in positions, at cost": portfolio.cost,
        "equity, at cost": portfolio.equity_cost, "unrealised": known, "realised": portfolio.realised,
    }  # fmt: skip
    if portfolio.unsettled:
        rows["not final yet"] = portfolio.unsettled
    for name, amount in rows.items():
        table.add_row(name, _money(facts, amount))
    for name, words in _fees(facts).items():
        table.add_row(name, Text(words))
    refusals = sum(portfolio.refusals.values())
    table.add_row(
        "orders / fills / refusals", f"{_number(portfolio.orders)} / {_number(portfolio.fills)} / {refusals}"
    )
    return table


def _budgets(facts: Facts) -> Table:
    """Shares of the deposits; and what earned them."""
    since = facts.portfolio.rebalanced_ns
    title = f"Budgets since {moment(since)}" if since else "Budgets, until the first week is over"
    table = _table(title, "strategy", "budget", "in its shadow", "trades there")
    for name, share in facts.portfolio.budgets.items():
        shadow = facts.mixer.shadows.get(name)
        result = NOT_KNOWN if shadow is None else f"{shadow.result_ppm / 10_000:+.2f} %"
        table.add_row(
            name, f"{share / 100:.2f} %", result, NOT_KNOWN if shadow is None else str(shadow.trades)
        )
    table.add_row("cash", f"{(BPS - sum(facts.portfolio.budgets.values())) / 100:.2f} %", "", "")
    return table


def _health(report: StatusReport) -> Table:
    table = _table(f"Actors, epoch {report.epoch}", "role", "process", "restarts")
    for role in sorted({*report.pids, *report.restarts, *report.facts}):
        pid, restarts = report.pids.get(role), report.restarts.get(role, 0)
        style = "" if pid else "red"
        table.add_row(role, str(pid or "down"), str(restarts), style="yellow" if restarts and pid else style)
    return table


def _positions(facts: Facts) -> Table:
    table = _table("Positions", "token", "quantity", "cost", "entry", "last", "unrealised")
    for position in facts.positions.open or ():
        decimals = facts.market.token_decimals.get(position.token)
        table.add_row(
            Text(_name(facts, position.token)),
            NOT_KNOWN if decimals is None else brief(position.quantity, decimals),
            _money(facts, position.cost),
            _price(facts, position.entry_price),
            _price(facts, position.last_price),
            _money(facts, position.unrealised),
        )
    return table


def _in_flight(facts: Facts) -> Table:
    table = _table(f"Orders in flight ({facts.executor.unknown} unknown)", "order", "")
    for order in facts.executor.in_flight or ():
        details = order if isinstance(order, dict) else {"id": str(order)}
        rest = ", ".join(f"{name} {value}" for name, value in details.items() if name != "id")
        table.add_row(Text(readable(str(details.get("id", "")), facts.market.symbols)), Text(rest))
    return table


def _fees(facts: Facts) -> dict[str, str]:
    """In the quote; or in the chain's coin, of which what is left is shown too: without it nothing moves."""
    portfolio = facts.portfolio
    if portfolio.fee_asset in {None, portfolio.quote}:
        return {"fees": _money(facts, portfolio.fees)}
    paid, left = (
        NOT_KNOWN if amount is None else f"{brief(amount, NATIVE_DECIMALS, 7)} {portfolio.coin}"
        for amount in (portfolio.fees, portfolio.free_for_fees)
    )
    return {"fees": paid, "left for fees": left}


def _name(facts: Facts, asset: str) -> str:
    return named(asset, facts.market.symbols)


def _money(facts: Facts, units: int | None) -> str:
    """To cents, and of a chain's own coin to millionths; the summary has every digit."""
    if units is None:
        return NOT_KNOWN
    portfolio = facts.portfolio
    coin = portfolio.quote == portfolio.fee_asset and not (portfolio.quote or "").startswith("paper:")
    digits = 6 if coin else 2
    rounded = round(units / 10**portfolio.quote_decimals, digits)
    return f"{rounded + 0.0:,.{digits}f}"  # Not "-0.00".


def _price(facts: Facts, price: Price | None) -> str:
    if price is None:
        return NOT_KNOWN
    return f"{price / PRICE_SCALE / 10**facts.portfolio.quote_decimals:,.6g}"
