"""Where a trade may be cut, and what the node does meanwhile: every combination, with real kills.

Ten points (five of the approval, five of the swap) x four fates of the transaction x Uniswap V2 and V3; each
with the death of the executor alone, or of everybody.  And the five of the swap with the four fates where the
coin itself is paid, or got, as the quote or as the token: its gas is of the same coin.
"""

import itertools
import tempfile
from pathlib import Path

from msgspec import Struct

from actors.messages import Leg, Side, Signed
from chains.devnet.devnet import Devnet
from chains.devnet.rpc import RpcError
from chains.devnet.wallets import TRADER
from tests.devnet.trading.cast import Death
from tests.devnet.trading.desk import FINAL, Trading
from tests.devnet.trading.verdict import violations

# Before the log has the bytes; before they leave; before we know that they have; while they wait; before the
# log has the receipt.
POINTS = ("drafted", "journalled", "sent", "looked", "settled")
LEGS = (Leg.APPROVE, Leg.SWAP)
FATES = ("alive", "dropped", "reorg", "stolen")
VERSIONS = ("v2", "v3")
SYMBOL = "EURC"
SECONDS = 60.0


class Cell(Struct, frozen=True):
    version: str
    leg: Leg
    point: str
    fate: str
    everybody: bool
    native_as: str = ""
    side: Side = Side.BUY

    @property
    def name(self) -> str:
        who = "all" if self.everybody else "one"
        coin = f"-{self.native_as}-{self.side}" if self.native_as else ""
        return f"{self.version}-{self.leg}{coin}-{self.point}-{self.fate}-{who}"

    @property
    def symbol(self) -> str:
        return "WETH" if self.native_as == "token" else SYMBOL


def cells() -> list[Cell]:
    """Whoever dies takes turns, so that each point and each fate meets both."""
    every = itertools.product(VERSIONS, LEGS, POINTS, FATES)
    return [
        Cell(version, leg, point, fate, (LEGS.index(leg) + POINTS.index(point) + FATES.index(fate)) % 2 == 1)
        for version, leg, point, fate in every
    ]


def coin_cells() -> list[Cell]:
    """Versions, sides and whoever dies take turns, each at its own pace."""
    found = []
    for (row, point), (column, fate) in itertools.product(enumerate(POINTS), enumerate(FATES)):
        side = (Side.BUY, Side.SELL)[(row + column // 2) % 2]
        everybody = (row // 2 + column) % 2 == 1
        native_as = ("quote", "token")[(row // 2 + column // 2 + column) % 2]
        found.append(Cell(VERSIONS[(row + column) % 2], Leg.SWAP, point, fate, everybody, native_as, side))
    return found


def played(cell: Cell, **others) -> list[str]:
    """What was wrong in the end; nothing, if all is well."""
    with tempfile.TemporaryDirectory(prefix="hf-cell-") as folder, Devnet.start(Path(folder, "net")) as net:
        net.set_automine(False)
        given = {"versions": cell.version, "native_as": cell.native_as, **others}
        trading = Trading(net, Path(folder, "data"), (cell.symbol,), **given)
        trading.dies(Death(point=cell.point, leg=cell.leg, side=cell.side, everybody=cell.everybody))
        try:
            return _played(trading, cell)
        except AssertionError as error:
            return [str(error)]
        finally:
            trading.kill()


def _played(trading: Trading, cell: Cell) -> list[str]:
    trading.start()
    trading.until(lambda: trading.dead, SECONDS, f"{cell.name}: its point")
    thefts = meet(trading, cell)
    if cell.everybody:
        trading.kill()
        trading.go()
        trading.start()
    trading.go()
    trading.until(trading.quiet, SECONDS, f"{cell.name}: its end")
    trading.mine(FINAL)
    return violations(trading, thefts=thefts)


def meet(trading: Trading, cell: Cell) -> tuple[str, ...]:
    """What happens on the chain; the transactions of the thief."""
    net = trading.net
    match cell.fate:
        case "dropped":
            net.rpc.call("anvil_dropAllTransactions")
        case "reorg":
            trading.mine(1 if _pending(net) else 0)
            net.reorg(2)
        case "stolen":
            return (steal(trading, cell.leg),)
    return ()


def _pending(net: Devnet) -> bool:
    return bool(int(net.rpc.call("txpool_status")["pending"], 16))


def steal(trading: Trading, leg: Leg | None = None) -> str:
    """A stranger uses the nonce of the newest bytes, or if they are of another leg than this, the next one.

    Had they landed, then on a branch that is gone.
    """
    net = trading.net
    net.rpc.call("anvil_dropAllTransactions")
    signed = [record.body for record in trading.records() if isinstance(record.body, Signed)]
    newest = signed[-1] if signed and leg in {None, signed[-1].leg} else None
    receipt = newest and net.rpc.call("eth_getTransactionReceipt", newest.tx_id)
    if receipt:
        net.reorg(net.height() - int(receipt["blockNumber"], 16) + 1)
    nonce = net.rpc.call("eth_getTransactionCount", TRADER.address, "latest")
    theft = send_as_trader(net, int(nonce, 16))
    trading.mine(FINAL + 1)
    assert net.rpc.call("eth_getTransactionReceipt", theft), "the theft has not landed"
    return theft


def send_as_trader(net: Devnet, nonce: int) -> str:
    """Nothing but a nonce, signed by the node itself, which has the same key."""
    wanted = {"from": TRADER.address, "to": TRADER.address, "nonce": hex(nonce), "gas": hex(21_000)}
    wanted |= {"maxFeePerGas": hex(40 * 10**9), "maxPriorityFeePerGas": hex(2 * 10**9)}
    try:
        return net.rpc.call("eth_sendTransaction", wanted)
    except RpcError as error:
        raise AssertionError(f"the theft of nonce {nonce}: {error}") from error
