"""The bot without its actors: the real traders, limits, books, exit rules and venue, tick by tick.

What the actors do beside this is to do it safely.  Slow, and plain: what the backtest is compared with.
"""

from msgspec.structs import replace

from actors.messages import (
    Close,
    Deposited,
    Landed,
    Order,
    OrderOpened,
    Propose,
    Refusal,
    Reverted,
    RolledBack,
    Side,
    Signed,
)
from chains.asking import at_once
from chains.paper.venue import PaperVenue
from chains.resolution import ending
from chains.venue import Unanswered
from storage.books import Books, fold
from storage.evidence import Action, Wallet
from storage.recovery import case_of, under_way
from storage.resolution import resolve
from storage.trades import local, opening, rollback, settlement, signing
from strategies import limits
from strategies.exits import after_bar, watch_of
from strategies.mix import rebalanced
from strategies.trader import Trader


class Bot:
    def __init__(self, folder, settings, feed, names) -> None:
        self.settings, self.feed = settings, feed
        self.instruments = {each.token: each for each in feed.instruments}
        self.venue = PaperVenue(folder / "venue.db", settings.paper, 1, feed.instruments, feed.bar_ns)
        self.terms = limits.terms_of(settings, frozenset(self.instruments), tuple(names))
        self.traders = [Trader(name, settings) for name in names]
        for trader in self.traders:
            trader.meet(feed.instruments)
        self.shadows = shadows_of(settings, feed, names)
        self.books, self.records, self.refusals = Books(), [], {}
        self.watches = {}
        self.equity = []
        self.prices = {}
        self.write(local(f"deposit:{a}", Deposited(a, n), 0) for a, n in self.venue.balances().items())

    def write(self, records) -> None:
        for record in records:
            self.books = fold([record], self.books)
            self.records.append(record)

    def play(self, ticks=None):
        for tick in ticks or self.feed.read(None, self.feed.total):
            self.tick(tick)
        return self

    def tick(self, tick) -> None:
        if self.books.live:
            self.venue.advance(tick)
            for case in under_way(self.books):
                self.look(case, tick)
            for live in list(self.books.live.values()):
                if not live.attempts:
                    self.look(case_of(self.books, live), tick)
        wishes = self.exits(tick)
        for trader in self.traders:
            wishes += trader.after(tick)
        self.rebalance(tick)
        lost, doubtful = [], []
        for wish in sorted(wishes, key=lambda wish: (isinstance(wish, Propose), wish.id)):
            self.decide(wish, tick, lost, doubtful)
        self.tell(tick, lost, doubtful)

    # -- the mixer --
    def rebalance(self, tick) -> None:
        if self.shadows is None:
            return
        week_ns = self.shadows.new_week([tick], 0)
        self.shadows.after([tick])
        if week_ns is not None:
            body = rebalanced(
                self.books.mix, self.shadows.days(), self.settings.mix, self.terms.strategies, week_ns
            )
            self.write([local(f"mix:{week_ns}", body, week_ns)])

    # -- the executor --
    def look(self, case, tick) -> None:
        seen = at_once(self.venue.look(case, Wallet.GOOD, tick.at_ns))
        row, live = resolve(case.entry, seen.evidence), case.live
        if row.action is Action.QUOTE:
            self.sign(live, tick)
        elif row.action is Action.ROLL_BACK:
            self.write(settlement(self.books, rollback(live, row.because), tick.at_ns).records)
        elif row.action in {Action.SETTLE_LANDED, Action.SETTLE_FAILED, Action.MARK_DEAD}:
            self.write(settlement(self.books, ending(live, row.action, seen), tick.at_ns).records)
        else:
            assert row.action is Action.WAIT, row

    def sign(self, live, tick) -> None:
        order = live.order
        quote = self.venue.quote(order.side, order.token, order.amount_in, tick)
        if isinstance(quote, Unanswered):
            return
        made = self.venue.build(order, quote, self.books.nonce, tick.at_ns)
        if made.min_amount_out >= 1:
            signed = Signed(order.id, 1, made.raw, made.tx_id, made.nonce, made.min_amount_out,
                            made.valid_until_ns, made.channel)  # fmt: skip
            self.write(signing(signed, tick.at_ns).records)
            self.venue.send(made.raw, tick.at_ns)

    # -- positions --
    def exits(self, tick) -> list:
        bars, wishes, books = {bar.token: bar for bar in tick.bars}, [], self.books
        self.prices.update({token: bar.close for token, bar in bars.items()})
        for token, position in books.positions.items():
            watch = self.watches.get(token)
            if watch is None or watch.position != position.id:
                decimals = self.instruments[token].token_decimals
                watch = watch_of(
                    token, position.id, position.paid, position.bought, decimals, position.opened_at_ns
                )
            watch = replace(watch, taken_profit=position.took_profit)
            reason = None
            if token in bars:
                after, reason, portion = after_bar(watch, bars[token], tick.at_ns, self.settings.exits)
                watch = replace(after, taken_profit=position.took_profit)
            self.watches[token] = watch
            if reason and token not in books.claims and books.freed_at_ns.get(token, 0) < tick.at_ns:
                id = f"{position.id}/{reason.value}/{tick.at_ns}"
                wishes.append(Close(id, token, tick.at_ns, reason, portion))
        return wishes

    # -- the portfolio --
    def decide(self, wish, tick, lost, doubtful) -> None:
        judge = limits.sell if isinstance(wish, Close) else limits.buy
        verdict = judge(self.books, wish, self.terms)
        owner = wish.id.partition(":")[0]
        if isinstance(verdict, Order):
            self.write(opening(verdict).records)
            self.look(case_of(self.books, self.books.live[verdict.id]), tick)
            return
        reason = verdict if isinstance(verdict, Refusal) else Refusal.TOKEN_CLAIMED
        self.refusals[owner, reason] = self.refusals.get((owner, reason), 0) + 1
        (lost if isinstance(wish, Propose) else doubtful).append((owner, wish.token))

    def tell(self, tick, lost, doubtful) -> None:
        """As the Strategist does before the next tick."""
        books = self.books
        traders = {trader.name: trader for trader in self.traders}
        for name, token in lost:
            traders[name].held(token, False)
        ended = [(name, token) for token, at_ns in books.freed_at_ns.items() if at_ns == tick.at_ns
                 for name in traders]  # fmt: skip
        for name, token in doubtful + ended:
            if token not in books.claims:
                position = books.positions.get(token)
                traders[name].held(token, position is not None and position.strategy == name)


def shadows_of(settings, feed, names):
    if not settings.mix.enabled:
        return None
    from strategies.mix_shadow import Shadows  # noqa: PLC0415  Only here is it needed.

    return Shadows(names, settings, feed.instruments, feed.bar_ns)


def orders_of(records) -> list[tuple]:
    """Every order, and what became of it."""
    orders, ends = {}, {}
    for record in records:
        body = record.body
        if isinstance(body, OrderOpened):
            orders[body.order.id] = body.order
        elif isinstance(body, Landed):
            ends[body.order] = ("landed", record.at_ns, body.amount_out, body.fee)
        elif isinstance(body, Reverted):
            ends[body.order] = ("reverted", record.at_ns, 0, body.fee)
        elif isinstance(body, RolledBack):
            ends[body.order] = ("rolled back", record.at_ns, 0, 0)
        elif type(body).__name__ == "Dead":
            ends[body.order] = ("dead", record.at_ns, 0, 0)
    return [
        (each.at_ns, each.strategy, each.token, each.side, each.reason, each.amount_in,
         *ends.get(id, ("unfinished", 0, 0, 0)))
        for id, each in orders.items()
    ]  # fmt: skip


def fills_of(result) -> list[tuple]:
    return [
        (each.at_ns, each.strategy, each.token, each.side, each.reason, each.amount_in, each.outcome,
         each.done_ns, each.amount_out, each.fee)
        for each in result.fills
    ]  # fmt: skip


def bought(orders):
    return [order for order in orders if order[3] is Side.BUY]
