"""What every source of prices looks like to the Market actor."""

from typing import Protocol

from actors.messages import Instrument, Tick


class Feed(Protocol):
    """Ticks in the order of time.  Reading changes nothing, so a restart simply reads again."""

    @property
    def name(self) -> str:
        """What it is, in words for the operator."""

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...

    @property
    def bar_ns(self) -> int: ...

    @property
    def paced(self) -> bool:
        """May be read ahead (a recording, the simulated market); not so live prices."""

    @property
    def total(self) -> int | None:
        """Bars from the first to the last; None where there is no last one."""

    def read(self, after_ns: int | None, count: int) -> tuple[Tick, ...]:
        """The next ticks strictly after a moment, at most `count`; none at the end or while there is none."""

    def ended(self, after_ns: int) -> bool:
        """Whether nothing will ever come after this moment."""

    def position(self, at_ns: int) -> int:
        """Bars up to and including this moment."""
