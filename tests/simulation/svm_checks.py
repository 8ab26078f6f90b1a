"""The naive books of a schedule on Solana: an order has one signature, and time alone ends it."""

from tests.simulation.checks import demand
from tests.simulation.fork_checks import ForkNaive


class SvmNaive(ForkNaive):
    def open(self, tx_id: str) -> bool:
        """What one provider calls final is believed, and halts the wallet if it is undone."""
        return tx_id not in self.chain.called_final and self.chain.open(
            tx_id, self.signed[tx_id].last_valid_height
        )

    def sign(self, signed) -> None:
        demand(not self.attempts(signed.order), f"exactly-once: {signed.order} has two signatures")
        super().sign(signed)

    def at_the_end(self) -> None:
        """Halted or not: whatever has bytes lands or expires, unless what was final is gone."""
        if self.broken:
            self.halted_and_explained()
        else:
            self.all_ended()

    def undone(self, tx_id: str) -> bool:
        return tx_id in self.chain.undone and self.signed[tx_id].order not in self.latest_ended

    def may_be_gone(self, tx_id: str) -> bool:
        return self.undone(tx_id)
