"""The naive books of a schedule on an EVM chain: a nonce ends an order, and a stranger may use it."""

from tests.simulation.checks import demand
from tests.simulation.fork_checks import ForkNaive


class EvmNaive(ForkNaive):
    def open(self, tx_id: str) -> bool:
        return self.chain.can_land(self.signed[tx_id].nonce)

    def at_the_end(self) -> None:
        """A stranger with the key leaves the wallet blocked, with whatever may still land."""
        if self.halted:
            for order in self.live:
                demand(self.attempts(order), f"liveness: {order} has no bytes and never ended")
            return
        self.all_ended(self.chain.stolen)
