"""What schedules have seen, added up: so that a promise that was never put to the test is noticed."""

import typing
from collections import Counter

from actors.messages import Body, Side
from storage import orders
from storage.resolution import EVM, PAPER, SOLANA, Table
from tests.simulation.chains import kind_of
from tests.simulation.world import World

# Nobody withdraws anything yet, and schedules with a mixer are in tests/strategies/test_mix_schedules.py.
KINDS = {kind.__name__ for kind in typing.get_args(Body)} - {"Withdrawn", "Rebalanced"}
RARE = 60_000  # Schedules: a second order whose nonce a stranger used (E23) is one in some thousands.
PLAYED: tuple[Table, ...] = (PAPER, EVM, SOLANA)  # The chains that schedules are played on.
FAULTS = {
    "death of one", "death of all", "death before", "death after", "clock set", "slow actor", "stuck actor",
    "full mailbox", "halt of everything", "halt of wallet", "leftover taken back",
    *(f"{what} {chain}" for what in ("deep reorg of", "broken", "halted") for chain in ("evm", "solana")),
}  # fmt: skip
# Nobody asks about what is over; and what has landed is known only by what was journalled.
NEVER = {("EVM", "E1"), ("EVM", "E19"), ("Solana", "S1")}
REPEATED = ("Paper", "P1")  # No call of the resolver: an order that has ended is acknowledged again.


class Figures:
    def __init__(self) -> None:
        self.schedules = self.steps = self.deaths = self.quiet = 0
        self.kinds: Counter[str] = Counter()
        self.transitions: Counter[tuple[str | None, str]] = Counter()
        self.rows: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.lengths: list[int] = []

    def add(self, world: World) -> None:
        self.schedules += 1
        begun = "from nothing" if world.from_nothing else "from a moment"
        self.sizes[f"{world.size.name} {begun}"] += 1
        self.lengths.append(world.scheduler.steps)
        self.steps += world.scheduler.steps
        self.deaths += world.scheduler.deaths
        self.quiet = max(self.quiet, world.quiet)
        self.kinds.update(world.naive.kinds)
        self.transitions.update(world.naive.transitions)
        self.rows.update(world.rows)
        self.rows[REPEATED] += world.naive.repeated
        self.faults.update(world.faults)
        chain = kind_of(world.outside)
        met = {"deep reorg of": world.chain.deep, "broken": world.naive.broken, "halted": world.chain.halted}
        self.faults.update(f"{what} {chain}" for what, is_so in met.items() if is_so)
        taken_back = [id for id, order in world.naive.orders.items() if order.side is Side.REVOKE]
        self.faults["leftover taken back"] += any(
            world.naive.signed[tx_id].order in taken_back for tx_id in world.naive.done
        )

    def missed(self) -> list[str]:
        found = [f"no {kind} was written" for kind in sorted(KINDS - set(+self.kinds))]
        found += [
            f"no order was {before or 'new'} when {kind} came"
            for before, kind in orders.TRADE
            if not self.transitions[before, kind]
        ]
        found += [f"no {fault} was played" for fault in sorted(FAULTS - set(+self.faults))]
        for table in PLAYED if self.schedules >= RARE else ():
            rows = [row.number for row in table.rows if self.lacks(table.name, row.number)]
            found += [f"row {number} of the {table.name} table never applied" for number in rows]
        return found

    def lacks(self, table: str, number: str) -> bool:
        return (table, number) not in NEVER and not self.rows[table, number]

    def told(self) -> list[str]:
        lengths = sorted(self.lengths)
        shares = ", ".join(
            f"{share} % {lengths[len(lengths) * share // 100]:,}" for share in (10, 50, 90, 99)
        )
        return [
            f"schedules: {_counts(self.sizes)}; up to so many steps have {shares}",
            f"records: {_counts(self.kinds)}",
            "orders: "
            + _counts({f"{before or 'new'} + {k}": n for (before, k), n in self.transitions.items()}),
            "resolver: " + _counts({f"{table} {number}": n for (table, number), n in self.rows.items()}),
            f"faults: {_counts(self.faults)}; the slowest end came {self.quiet:,} steps after the last",
        ]


def _counts(counts: typing.Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
