"""What the workload writes: every kind of operation in turn, without end, and always the same.

As it is always the same, a log can be compared with it: what a crash leaves must be its beginning.
"""

from collections.abc import Iterator

from actors.messages import Append, Deposited, Id, Record, Role, RolledBack, StateSaved, Withdrawn
from storage.trades import local
from tests.deals import MINUTE_NS, UNIT, USDC, WBTC, WETH, Desk, close, propose, terms

SNAPSHOT = "snapshot"
Step = Append | str


def steps() -> Iterator[Step]:
    desk = Desk(capital=0, allowed=terms(gas="0.02"))
    number = told = 0
    while True:
        _round(desk, number)
        yield from desk.appends[told:]
        yield SNAPSHOT
        number, told = number + 1, len(desk.appends)


def _round(desk: Desk, number: int) -> None:
    at = number * MINUTE_NS
    _own(desk, f"{number}/in", Deposited(USDC, 1_000 * UNIT), at)
    desk.bought(WETH, 1_001, at_ns=at + 1, fee=7)
    desk.sold(WETH, 70 * UNIT, at_ns=at + 2, portion_bps=5_000, fee=7)
    desk.sold(WETH, 60 * UNIT, at_ns=at + 3, fee=7)
    desk.revert(desk.wish(propose(WBTC, at + 4)).id, fee=9, at_ns=at + 4)
    desk.die(desk.wish(propose(WBTC, at + 5)).id, at_ns=at + 5)
    desk.bought(WBTC, 33, at_ns=at + 6)
    late = desk.wish(close(WBTC, at + 7))
    desk.settle(RolledBack(late.id, "its quote is stale"), at + 7)
    desk.sold(WBTC, 90 * UNIT, at_ns=at + 8)
    # As large as an actor's state gets: it spans pages of the file.
    _own(desk, f"{number}/state", StateSaved(Role("market"), at, "0123456789" * 900), at + 9)
    _own(desk, f"{number}/out", Withdrawn(USDC, 5 * UNIT), at + 9)


def _own(desk: Desk, id: str, body, at_ns: int) -> None:
    desk.append(Append(Id(id), (local(id, body, at_ns),)))


class Expected:
    """The records of the steps and the LSNs at which appends end, as far as anybody has asked."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.ends = [0]
        self._appends = (step for step in steps() if isinstance(step, Append))

    def through(self, lsn: int) -> tuple[Record, ...]:
        self._tell(lsn)
        return tuple(self.records[:lsn])

    def ends_an_append(self, lsn: int) -> bool:
        self._tell(lsn)
        return lsn in self.ends

    def next_end(self, lsn: int) -> int:
        """Where the append that follows this one ends."""
        self._tell(lsn + 1)
        return next(end for end in self.ends if end > lsn)

    def _tell(self, lsn: int) -> None:
        while len(self.records) < lsn:
            self.records += next(self._appends).records
            self.ends.append(len(self.records))
