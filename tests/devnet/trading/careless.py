"""A cast that sends before it writes: what the matrix has to find out (a harness that does not is broken)."""

from typing import Any

from actors.messages import Role
from tests.devnet.trading import cast


class Careless(cast.Mortal):
    def _journal(self, wanted: Any, attempt: Any) -> None:
        work = self.venue.broadcast(attempt.raw, wanted.tick.at_ns, attempt.channel)
        self._ask(work, lambda _: cast.Mortal._journal(self, wanted, attempt))


cast.CAST[Role("executor")] = Careless
