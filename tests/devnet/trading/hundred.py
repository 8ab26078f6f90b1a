"""Many orders of one wallet at the same time: their nonces follow one another on chain, without a gap.

    python -m tests.devnet.trading.hundred --orders 100

All tokens are bought, and take turns, for they are paid in one asset; then all of them are sold at once, and
no block is made before all approvals, and then all swaps, wait.  The nodes lose requests all the time.  How
long that takes is the machine's business: no order is too late, and no fee is raised meanwhile.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

from actors.messages import PRICE_SCALE, Dead, Leg, Price, Reverted, RolledBack, Signed
from chains.devnet.devnet import Devnet
from chains.devnet.world import Kind, Listing, Plan, PoolPlan, whole
from tests.devnet.proxy import Fault, Proxy
from tests.devnet.trading.cast import HUSH
from tests.devnet.trading.desk import FINAL, OPEN, Trading
from tests.devnet.trading.verdict import chain_of, violations

RATES = {Fault.LOST: 20, Fault.DROPPED: 20, Fault.HALF: 10, Fault.HTML: 10}
FEW = 8  # Buys at the same time; all others would only wait for their turn.
# Of blocks, without anything new: a wallet begins nothing while the outcome of any other order is unknown.
SECONDS = 300.0


def wanted(orders: int) -> Plan:
    listings = tuple(Listing(f"H{each}", 18, Price(10**6 * PRICE_SCALE)) for each in range(orders))
    pools = tuple(PoolPlan(Kind.V2, each.symbol, "USDC") for each in listings)
    return Plan(Listing("USDC", 6, whole(1, 6)), (Listing("WETH", 18, whole(3_000, 6)), *listings), pools)


def hundred(orders: int, seed: int, folder: Path) -> list[str]:
    """What was wrong in the end."""
    with (
        Devnet.start(folder / "net", wanted=wanted(orders)) as net,
        Proxy(net.url, seed=seed, rates=RATES) as one,
        Proxy(net.url, seed=seed + 1, rates=RATES) as other,
    ):
        net.set_automine(False)
        names = [f"H{each}" for each in range(orders)]
        urls = (one.url, other.url)
        trading = Trading(
            net, folder / "data", names, versions="v2", urls=urls, sells=False, at_once=FEW,
            limits=replace(OPEN, deadline_seconds=86_400), evm={"fee_patience_seconds": 3_600},
        )  # fmt: skip
        try:
            return _played(trading, orders)
        except AssertionError as error:
            return [str(error)]
        finally:
            trading.kill()


def _played(trading: Trading, orders: int) -> list[str]:
    trading.start()
    trading.until(trading.quiet, SECONDS, "all are bought")
    bought = len(signed(trading))
    trading.kill()
    if missing := orders - len(trading.books().positions):
        ends = [
            record.body
            for record in trading.records()
            if isinstance(record.body, Dead | Reverted | RolledBack)
        ]
        return [f"{missing} of {orders} were not bought: {ends}"]
    trading.sell_all()
    trading.start()
    for leg in (Leg.APPROVE, Leg.SWAP):
        trading.wait(lambda leg=leg: waiting(trading, bought, leg) == orders, SECONDS, leg)
        trading.mine(1)
    trading.until(trading.quiet, SECONDS, "all are sold")
    trading.mine(FINAL)
    (trading.folder / HUSH).touch()
    blocks = {each.block for each in chain_of(trading)[-orders:]}
    found = [] if len(blocks) == 1 else [f"the {orders} swaps are in {len(blocks)} blocks: not at once"]
    return [*found, *violations(trading)]


def signed(trading: Trading) -> list[Signed]:
    return [record.body for record in trading.records() if isinstance(record.body, Signed)]


def waiting(trading: Trading, after: int, leg: Leg) -> int:
    """Sells that have bytes of this leg in a node's pool."""
    pool = trading.net.rpc.call("txpool_status")
    if int(pool["queued"], 16):
        return 0
    sent = {each.order for each in signed(trading)[after:] if each.leg is leg}
    return len(sent) if int(pool["pending"], 16) >= len(sent) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hf-hundred-") as folder:
        found = hundred(asked.orders, asked.seed, Path(folder))
    for each in found:
        print(f"VIOLATION: {each}")
    print(f"hundred: {'BAD' if found else 'good'}: {asked.orders} orders at once", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
