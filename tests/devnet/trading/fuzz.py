"""Many orders through nodes that lose, garble and refuse, while anybody dies, blocks are replaced and lost.

    python -m tests.devnet.trading.fuzz --seed 7 --orders 200

At the end a stranger uses the wallet's key amidst orders under way.  What is drawn is the seed's; when it
meets what is the machine's.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from actors.messages import PRICE_SCALE, Price, Side, Signed
from chains.devnet.devnet import Devnet
from chains.devnet.world import Listing, plan
from tests.devnet.proxy import Fault, Proxy
from tests.devnet.trading.desk import BLOCK_SECONDS, FINAL, Trading
from tests.devnet.trading.matrix import steal
from tests.devnet.trading.verdict import violations

TOKENS = 8
# Per mille of all requests.
RATES = {
    Fault.LOST: 45, Fault.DROPPED: 45, Fault.HALF: 30, Fault.HTML: 30, Fault.BUSY: 6, Fault.LIMITED: 3,
    Fault.LIMITED_INSIDE: 1, Fault.NULL: 5, Fault.BOTH: 5, Fault.DELAYED: 30, Fault.OTHER_HASH: 40,
    Fault.OLD_HEAD: 5,
}  # fmt: skip
ROLES = ("executor", "executor", "executor", "signer", "portfolio", "wal", "positions", "market", "recorder")
# Per mille of the blocks.
KILLS, KILLS_ALL, REORGS, DROPS, STILL = 25, 5, 20, 20, 6
STILL_BLOCKS = 20
CALM_SECONDS = 120.0  # Of blocks, without anything new.


class Fuzz:
    def __init__(self, trading: Trading, seed: int, orders: int) -> None:
        self.trading, self.orders = trading, orders
        self.chance = random.Random(seed)
        self.met: Counter[str] = Counter()
        self.still = 0

    def run(self) -> list[str]:
        """What was wrong in the end."""
        self.trading.start()
        began = idle = 0
        while began < self.orders:
            self._block()
            before, began = began, self.begun()
            idle = idle + 1 if began == before else 0
            if idle * BLOCK_SECONDS > CALM_SECONDS:
                return [f"{began} orders have begun, and in {idle} blocks no other\n{self.trading.story()}"]
        self.met["orders"] = began
        found = self._calm()
        return found or self._theft()

    def begun(self) -> int:
        """Orders."""
        return self.trading.books().counts.get("orders", 0)

    def _block(self) -> None:
        trading, net = self.trading, self.trading.net
        lot = self.chance.randrange(1_000)
        for what, share in (
            ("kill", KILLS), ("kill all", KILLS_ALL), ("reorg", REORGS), ("drop", DROPS), ("still", STILL),
        ):  # fmt: skip
            if lot < share:
                self.met[what] += self._mishap(what)
                break
            lot -= share
        if self.still:
            self.still -= 1
            time.sleep(BLOCK_SECONDS)
        else:
            trading.pass_time()
        assert net.anvil.pid, "the node has died"

    def _mishap(self, what: str) -> bool:
        trading, net = self.trading, self.trading.net
        match what:
            case "kill":
                return trading.kill_actor(self.chance.choice(ROLES))
            case "kill all":
                trading.kill()
                if self.chance.randrange(2):
                    trading.mine(2)
                trading.start()
            case "reorg":
                net.reorg(self.chance.randint(1, FINAL - 1))
            case "drop":
                net.rpc.call("anvil_dropAllTransactions")
            case "still":
                self.still = STILL_BLOCKS
        return True

    def _calm(self) -> list[str]:
        """Nothing goes wrong any more, until nothing is under way: then log and chain must agree."""
        trading = self.trading
        trading.pause_wishes()
        try:
            trading.until(trading.idle, CALM_SECONDS, "the end of what is under way")
        except AssertionError as error:
            return [str(error)]
        trading.mine(FINAL)
        return violations(trading)

    def _theft(self) -> list[str]:
        """Amidst bytes that wait; from then on nothing more is swapped."""
        trading = self.trading
        trading.resume_wishes()
        began = len(self._signed())
        try:
            trading.until(lambda: len(self._signed()) > began, CALM_SECONDS, "bytes to be robbed")
            thefts = (steal(trading),)
            trading.until(lambda: not trading.books().signs, CALM_SECONDS, "the quarantine")
            trading.until(trading.idle, CALM_SECONDS, "the end of the robbed order")
        except AssertionError as error:
            return [str(error)]
        self.met["theft"] += 1
        trading.mine(FINAL)
        return violations(trading, thefts=thefts)

    def _signed(self) -> list[Signed]:
        return [each.body for each in self.trading.records() if isinstance(each.body, Signed)]


def listings() -> tuple[Listing, ...]:
    decimals = (18, 6, 8, 9)
    return tuple(
        Listing(f"T{each}", decimals[each % 4], Price((each + 1) * 10**6 * PRICE_SCALE))
        for each in range(TOKENS)
    )


def fuzz(seed: int, orders: int, folder: Path) -> list[str]:
    wanted = plan(listings())
    with (
        Devnet.start(folder / "net", wanted=wanted) as net,
        Proxy(net.url, seed=seed, rates=RATES) as one,
        Proxy(net.url, seed=seed + 1, rates=RATES) as other,
    ):
        net.set_automine(False)
        names = [each.symbol for each in listings()]
        rounds = orders  # As many as it takes.
        urls = (one.url, other.url)
        trading = Trading(net, folder / "data", names, urls=urls, rounds=rounds, evm={"answer_seconds": 2.0})
        run = Fuzz(trading, seed, orders)
        try:
            found = run.run()
        finally:
            trading.kill()
        faults = Counter(fault.name for proxy in (one, other) for _, fault in proxy.faults)
        asked = len(one.asked) + len(other.asked)
        books = trading.books()
        sells = sum(each.order.side is Side.SELL for each in books.ended.values())
        ends = Counter(type(each.outcome).__name__ for each in books.ended.values())
        print(f"seed {seed}: {dict(run.met)}; of {asked} requests {sum(faults.values())} went wrong")
        print(f"  {dict(faults)}; ends {dict(ends)}, {sells} sells; counts {books.counts}")
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hf-fuzz-") as folder:
        found = fuzz(asked.seed, asked.orders, Path(folder))
    for each in found:
        print(f"VIOLATION: {each}")
    print(f"fuzz: {'BAD' if found else 'good'}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
