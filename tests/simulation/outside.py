"""The world outside, as a schedule draws it: prices, and a venue that answers late, wrongly or not at all.

The venue keeps a book of its own of what really happened.  It shares no code with the paper venue.  Whether
it is silent, or behind, depends on what is asked and at which tick, and never on how often: so a schedule in
which everybody dies meets the same world as one in which nobody does.
"""

import json
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from actors.messages import NEVER, PRICE_SCALE, Asset, Bar, Instrument, Side, Tick, Units
from chains.resolution import seen
from chains.venue import Attempt, Draft, Met, Missing, Quote, Receipt, Seen, Taken, Unanswered, Waiting
from storage.shortage import Purse

MINUTE_NS = 60 * 10**9
USDC = Asset("paper:USDC")
CAPITAL, GAS = 10_000 * 10**6, 20_000
T0 = 1_600_000_020 * 10**9 // MINUTE_NS * MINUTE_NS


def names(count: int) -> list[Asset]:
    return [Asset(f"paper:T{number}") for number in range(count)]


class Prices:
    """A feed: a random walk with gaps, the same whenever it is read."""

    name, bar_ns, paced = "simulation", MINUTE_NS, True

    def __init__(
        self, seed: int, tokens: int, bars: int, ahead: int = 1_000, rises: int = 0, falls: int = 0
    ) -> None:
        """`ahead`: so many ticks can be read at once; of a market that is live there is one.

        `rises`: so many bars begin with a rise, so that there is something to buy; `falls`: and so many after
        them with a fall, so that it is sold.
        """
        chance, self.ahead = random.Random(seed), ahead
        traded = names(tokens)
        self.instruments = tuple(Instrument(name, USDC, 6, 6, 3_000) for name in traded)
        self.total = bars
        level = dict.fromkeys(traded, 1_000)
        self.ticks = []
        for number in range(bars):
            made = []
            for name in traded:
                step = 1.5 if chance.random() < 0.05 else 1.04
                up = (chance.random() < 0.5 or number < rises) and not rises <= number < rises + falls
                level[name] = max(50, int(level[name] * (step if up else 1 / step)))
                if chance.random() < 0.9:
                    price = level[name] * 10**6 * PRICE_SCALE // 1_000
                    reserves = (level[name] * 10**9, 10**12)
                    made.append(Bar(name, price, price, price, price, 1, *reserves))
            self.ticks.append(Tick(T0 + (number + 1) * MINUTE_NS, tuple(made)))
        self.moments = [tick.at_ns for tick in self.ticks]

    def read(self, after_ns: int | None, count: int) -> tuple[Tick, ...]:
        first = bisect_right(self.moments, after_ns or 0)
        return tuple(self.ticks[first : first + min(count, self.ahead)])

    def ended(self, after_ns: int) -> bool:
        return after_ns >= self.ticks[-1].at_ns

    def position(self, at_ns: int) -> int:
        return bisect_right(self.moments, at_ns)


swap_of = lru_cache(maxsize=4_096)(json.loads)  # The same bytes are the same swap; nobody changes it.


_CHANCE = random.Random()  # Seeded anew for each thing that is drawn: another one is dear to make.


def chance_of(*names: object) -> random.Random:
    """Chance that is the same for the same names, until it is asked for the next."""
    _CHANCE.seed("/".join(map(str, names)))
    return _CHANCE


@lru_cache(maxsize=4_096)
def drawn(*names: object) -> float:
    """A number from 0 to 1, the same for the same names."""
    return chance_of(*names).random()


def lot(*names: object) -> float:
    """As `drawn`, in a tenth of the time: other numbers, and not kept."""
    return int.from_bytes(blake2b(str(names).encode(), digest_size=4).digest(), "big") / 2**32


@lru_cache(maxsize=4_096)
def _fate(seed: int, tx_id: str) -> tuple[str, int]:
    """What becomes of it, and after how many minutes."""
    fate = chance_of(seed, tx_id)
    return fate.choices(["land", "revert", "never"], [6, 2, 2])[0], fate.choice([1, 1, 1, 2, 4])


@dataclass
class Sent:
    """Bytes that have reached the chain; `ends` is what it has decided, at `due_ns`."""

    raw: str
    nonce: int
    valid_until_ns: int
    due_ns: int
    will: str  # land, revert, or never
    ended: str = ""
    receipt: Receipt | None = None


@dataclass
class Chain:
    """What really happened.  Lives as long as the schedule, whoever dies."""

    seed: int
    fee_asset, approves, deep_ns = USDC, False, NEVER
    deep = halted = False  # Nothing is undone here.
    silent: float = 0.15  # The share of ticks at which there is no quote.
    head_ns: int = T0
    sent: dict[str, Sent] = field(default_factory=dict)
    nonces: set[int] = field(default_factory=set)
    balance: dict[Asset, int] = field(default_factory=lambda: {USDC: CAPITAL})
    broadcasts: list[str] = field(default_factory=list)
    landed_orders: list[str] = field(default_factory=list)

    def receive(self, raw: str, tx_id: str, at_ns: int) -> None:
        swap = swap_of(raw)
        self.broadcasts.append(tx_id)
        if tx_id in self.sent:
            return
        will, minutes = _fate(self.seed, tx_id)
        due = max(at_ns, self.head_ns) + MINUTE_NS * minutes
        self.sent[tx_id] = Sent(raw, swap["nonce"], swap["valid_until_ns"], due, will)

    def advance(self, tick: Tick) -> None:
        if tick.at_ns <= self.head_ns:
            return
        self.head_ns = tick.at_ns
        prices = {bar.token: bar.open for bar in tick.bars}
        for tx_id, sent in self.sent.items():
            if not sent.ended:
                self._mine(tx_id, sent, prices)

    def _mine(self, tx_id: str, sent: Sent, prices: dict[Asset, int]) -> None:
        swap = swap_of(sent.raw)
        if self.head_ns > sent.valid_until_ns or sent.nonce in self.nonces:
            sent.ended = "expired"
        elif self.head_ns >= sent.due_ns and sent.will != "never" and swap["token"] in prices:
            self.nonces.add(sent.nonce)
            self._execute(tx_id, sent, swap, prices[swap["token"]])

    def _execute(self, tx_id: str, sent: Sent, swap: dict, price: int) -> None:
        self.balance[USDC] -= GAS
        paid, got, out = exchanged(swap, price)
        good = (
            sent.will == "land" and out >= swap["minimum"] and self.balance.get(paid, 0) >= swap["amount_in"]
        )
        amounts = (swap["amount_in"], out) if good else (0, 0)
        if good:
            self.landed_orders.append(swap["order"])
            self.balance[paid] -= amounts[0]
            self.balance[got] = self.balance.get(got, 0) + amounts[1]
        sent.ended = "landed" if good else "reverted"
        sent.receipt = Receipt(tx_id, good, *amounts, Units(GAS), self.head_ns, self.head_ns // MINUTE_NS)


def exchanged(swap: dict, price: int) -> tuple[Asset, Asset, int]:
    token, amount = Asset(swap["token"]), swap["amount_in"]
    if swap["side"] == Side.BUY:
        return USDC, token, amount * 10**6 * PRICE_SCALE // price
    return token, USDC, amount * price // (10**6 * PRICE_SCALE)


class AnyVenue:
    """What every venue of a schedule has in common: the chain is all that it knows."""

    at_hand, shares_allowances, parallel = True, False, False
    disputed = 0
    chain: Any  # Set for a schedule.
    hook = staticmethod(lambda _: None)  # May end the process, before or after.

    def __init__(self, *_: object) -> None:
        """As the paper venue is made; all it needs it has."""

    async def meet(self, _books: object) -> Met:
        return Met(self.chain.head_ns, {asset: Units(amount) for asset, amount in self.chain.balance.items()})

    async def prepare(self, live, nonce, tick) -> Draft | Unanswered:
        quote = self.quote(live.order.side, live.order.token, live.order.amount_in, tick)
        return (
            quote
            if isinstance(quote, Unanswered)
            else Draft(self.build(live.order, quote, nonce, tick.at_ns))
        )

    async def leftover(self, _asset: object) -> int | Unanswered:
        return 0

    async def purse(self, _asset: object) -> Purse | Unanswered:
        raise AssertionError("nothing costs more here than was said before")

    async def revocation(self, *_: object) -> Draft | Unanswered | None:
        return None

    async def replacement(self, *_: object) -> Draft | Unanswered:
        raise AssertionError("nothing is replaced here")

    async def broadcast(self, raw, at_ns, channel="public") -> Taken | Unanswered:
        return self.take(raw, at_ns, channel)

    async def look(self, case, wallet, at_ns) -> Seen:
        return self.see(case, wallet, at_ns)

    def advance(self, tick: Tick) -> None:
        self.chain.advance(tick)

    def head_ns(self) -> int:
        return self.chain.head_ns

    def close(self) -> None:
        """It is not ours: it lives on."""


class ForkVenue(AnyVenue):
    """Of a chain that forks: its nodes' moods are drawn anew whenever they are asked."""

    at_hand = False

    def head_ns(self) -> int:
        return 0

    def quote(self, side, token, amount_in, tick) -> Quote | Unanswered:
        """The chain has a price whether our market goes on or not."""
        bar = next((bar for bar in tick.bars if bar.token == token), None)
        if bar is not None:
            self.chain.prices.setdefault(token, bar.close)
        price = bar.close if bar else self.chain.prices.get(token)
        if price is None or self._happens(0.1):
            return Unanswered("no price")
        swap = {"token": token, "amount_in": amount_in, "side": side}
        return Quote(Units(exchanged(swap, price)[2]), 0, tick.at_ns)

    def take(self, raw, at_ns, channel) -> Taken | Unanswered:  # noqa: ARG002
        self.hook("before the broadcast")
        self.chain.channels.setdefault(f"tx {raw}", set()).add(channel)
        lost = self._happens(0.1)  # The bytes never arrived, and nobody says so.
        if not lost:
            self.chain.receive(raw, f"tx {raw}")
        self.hook("after the broadcast")
        return Unanswered("timed out") if lost or self._happens(0.2) else Taken(f"tx {raw}")

    def _happens(self, share: float) -> bool:
        return self.chain.faults and self.chain.chance.random() < share


class SimVenue(AnyVenue):
    """The node through which the executor sees the chain: silent at times, and at times behind."""

    def quote(self, side, token, amount_in, tick) -> Quote | Unanswered:
        bar = next((bar for bar in tick.bars if bar.token == token), None)
        if bar is None or self._bad(self.chain.silent, "quote", token, side, tick.at_ns):
            return Unanswered("no price")
        swap = {"token": token, "amount_in": amount_in, "side": side}
        return Quote(Units(exchanged(swap, bar.close)[2]), 0, tick.at_ns)

    def build(self, order, quote, nonce, now_ns) -> Attempt:
        minimum = quote.amount_out * (10_000 - order.slippage_bps) // 10_000
        until = now_ns + 6 * MINUTE_NS
        raw = json.dumps(
            {"order": order.id, "token": order.token, "side": order.side, "amount_in": order.amount_in,
             "minimum": minimum, "nonce": nonce, "valid_until_ns": until}
        )  # fmt: skip
        return Attempt(raw, f"tx {raw}", nonce, Units(minimum), until, "paper")

    def take(self, raw, at_ns, channel) -> Taken | Unanswered:  # noqa: ARG002
        self.hook("before the broadcast")
        lost = self._bad(0.1, "lost", raw, at_ns)  # The bytes never arrived, and nobody says so.
        if not lost:
            self.chain.receive(raw, f"tx {raw}", at_ns)
        self.hook("after the broadcast")
        return Unanswered("timed out") if lost or self._bad(0.2, "unsaid", raw, at_ns) else Taken(f"tx {raw}")

    def status(self, tx_id, at_ns) -> Receipt | Waiting | Missing | Unanswered:
        if self._bad(0.15, "silent", tx_id, at_ns):
            return Unanswered("no answer")
        sent, head = self.chain.sent.get(tx_id), min(self.chain.head_ns, at_ns)
        if self._bad(0.1, "behind", tx_id, at_ns):  # This node knows less, and says how far it is.
            return Missing(tx_id, min(head, sent.valid_until_ns - 1) if sent else head - 20 * MINUTE_NS)
        if sent is None or (sent.ended == "expired" and head > sent.valid_until_ns):
            return Missing(tx_id, head)
        return sent.receipt if sent.receipt and sent.receipt.at_ns <= head else Waiting(tx_id)

    def see(self, case, wallet, at_ns) -> Seen:
        attempts = case.live.attempts
        answer = self.status(attempts[-1].tx_id, at_ns) if attempts else Unanswered("no bytes exist")
        return seen(case, answer, wallet, at_ns)

    def _bad(self, share: float, *names: object) -> bool:
        text = f"{self.chain.seed}/{names}".encode()
        return int.from_bytes(blake2b(text, digest_size=4).digest(), "big") < share * 2**32
