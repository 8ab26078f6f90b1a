"""A chain on this machine, as tests and commands use it: with contracts, pools, a funded trader and mishaps.

with Devnet.start(folder) as net:
    net.url, net.addresses.v2_router, net.trader.private_key
    net.mine(3), net.reorg(2), net.freeze(), net.kill(), net.restart()
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec import json

from chains.devnet.abi import call_data
from chains.devnet.anvil import Anvil, Node
from chains.devnet.deploy import deploy, send, view
from chains.devnet.odd import Behaviour, behave
from chains.devnet.rpc import Rpc
from chains.devnet.wallets import MAKER, OWNER, TRADER, Wallet
from chains.devnet.world import ODD, WETH, Addresses, Plan, Pool, plan

ADDRESSES = "addresses.json"
TRADER_WEI = 100 * 10**18  # Enough for gas, and too little to hide a mistake.


class Devnet:
    """A node and the world on it.  Every method waits until the node has done it."""

    def __init__(self, anvil: Anvil, addresses: Addresses) -> None:
        self.anvil, self.addresses = anvil, addresses
        self.rpc: Rpc = anvil.rpc
        self._base_fees: dict[str, int] = {}  # Of the block after each snapshot: anvil forgets them.

    @classmethod
    def start(  # noqa: PLR0913  An option each.
        cls,
        folder: Path,
        *,
        wanted: Plan | None = None,
        port: int = 0,
        chain_id: int = 31_337,
        keep_state: bool = False,
        no_mining: bool = False,
        block_seconds: int | None = None,
        genesis_timestamp: int | None = None,
    ) -> Self:
        """A world of `wanted` tokens and pools; with `keep_state`, the one that was left in the folder.

        Without `no_mining` and `block_seconds` each transaction has a block at once.  NotInstalledError if
        anvil or the contracts are not here.
        """
        node = Node(
            folder, port, chain_id, keep_state=keep_state, no_mining=no_mining, block_seconds=block_seconds,
            genesis_timestamp=genesis_timestamp,
        )  # fmt: skip
        anvil = Anvil(node)
        anvil.start()
        try:
            return cls(anvil, _world(anvil, folder / ADDRESSES, wanted or plan()))
        except BaseException:
            anvil.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- where it is --
    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.anvil.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.anvil.port}"

    @property
    def chain_id(self) -> int:
        return self.anvil.node.chain_id

    @property
    def trader(self) -> Wallet:
        return self.addresses.trader

    # -- the process --
    def stop(self) -> None:
        """In order; the state is kept if that was asked for."""
        self.anvil.stop()

    def save(self) -> None:
        """What `kill(keep_blocks=False)` goes back to; with `keep_state` only."""
        self.anvil.save()

    def kill(self, *, keep_blocks: bool = True) -> None:
        """SIGKILL; what is pending is lost, and without `keep_blocks` all blocks since the last `save`."""
        if keep_blocks and self.anvil.node.keep_state and self.anvil.pid is not None:
            self.thaw()
            self.save()
        self.anvil.kill()

    def restart(self) -> None:
        """On the same port, with what was kept; RuntimeError if nothing was to be."""
        if not self.anvil.node.keep_state:
            raise RuntimeError("the world is gone with its node: start the devnet with keep_state=True")
        self.anvil.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered."""
        self.anvil.freeze()

    def thaw(self) -> None:
        self.anvil.thaw()

    # -- blocks and time --
    def height(self) -> int:
        return int(self.rpc.call("eth_blockNumber"), 16)

    def timestamp(self) -> int:
        """Unix seconds, of the latest block."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, blocks: int = 1) -> None:
        self.rpc.call("anvil_mine", hex(blocks))

    def mine_at(self, timestamp: int) -> None:
        """One block with everything that is pending; the moment must not be before the latest block's."""
        self.rpc.call("evm_mine", {"timestamp": hex(timestamp)})

    def set_automine(self, on: bool) -> None:
        """Off: transactions wait for `mine`."""
        self.rpc.call("evm_setAutomine", on)

    def automines(self) -> bool:
        return bool(self.rpc.call("anvil_getAutomine"))

    def set_next_timestamp(self, timestamp: int) -> None:
        """Unix seconds of the next block; later blocks count on from there as time goes by."""
        self.rpc.call("evm_setNextBlockTimestamp", timestamp)

    def set_base_fee(self, wei: int) -> None:
        """Of the next block.  Anvil drops what is pending below it; geth would keep it."""
        self.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    def snapshot(self) -> str:
        """A name for now, which `revert` takes once."""
        base_fee = int(self.rpc.call("eth_getBlockByNumber", "pending", False)["baseFeePerGas"], 16)
        name = str(self.rpc.call("evm_snapshot"))
        self._base_fees[name] = base_fee
        return name

    def revert(self, snapshot: str) -> None:
        """Everything later is undone; RuntimeError if the node has no such snapshot."""
        if not self.rpc.call("evm_revert", snapshot):
            raise RuntimeError(f"the node has no snapshot {snapshot}: one can be reverted to only once")
        self.set_base_fee(self._base_fees[snapshot])

    @contextmanager
    def undone(self) -> Iterator[Self]:
        """What happens inside is undone at its end; each transaction has its block at once again."""
        before = self.snapshot()
        try:
            yield self
        finally:
            self.thaw()
            self.rpc.call("anvil_dropAllTransactions")
            self.revert(before)
            self.set_automine(True)

    # -- transactions --
    def drop(self, hash: str) -> bool:
        """Out of the pool of pending ones; False if it is not there."""
        return self.rpc.call("anvil_dropTransaction", hash) is not None

    def reorg(self, depth: int, transactions: Sequence[tuple[str, int]] = ()) -> None:
        """Replaces the last blocks by as many others, empty but for (raw transaction, its block from 0).

        What was in them is forgotten: it is NOT put back among the pending ones.
        """
        self.rpc.call("anvil_reorg", depth, [[raw, block] for raw, block in transactions])

    def send(self, wallet: Wallet, to: str, data: str = "0x", value: int = 0) -> dict[str, Any]:
        """The receipt of what the node signs itself, for one of its own accounts."""
        return send(self.rpc, wallet.address, to, data, value)

    def view(self, to: str, types: str, signature: str, *arguments: object) -> tuple[Any, ...]:
        """`net.view(token, "(uint256)", "balanceOf(address)", holder)`."""
        return view(self.rpc, to, types, signature, *arguments)

    # -- money --
    def address_of(self, symbol: str) -> str:
        return self.addresses.tokens[symbol].address

    def balance(self, symbol: str, holder: str) -> int:
        """Base units."""
        return int(self.view(self.address_of(symbol), "(uint256)", "balanceOf(address)", holder)[0])

    def give(self, symbol: str, holder: str, amount: int) -> None:
        """Base units of a token out of nothing; WETH out of the owner's store."""
        what = "transfer(address,uint256)" if symbol == WETH else "mint(address,uint256)"
        self.send(OWNER, self.address_of(symbol), call_data(what, holder, amount))

    def set_wei(self, holder: str, wei: int) -> None:
        self.rpc.call("anvil_setBalance", holder, hex(wei))

    def reserves(self, pool: Pool) -> tuple[int, int]:
        """Base units of token0 and token1 in a V2 pool."""
        reserve0, reserve1, _ = self.view(pool.address, "(uint112,uint112,uint32)", "getReserves()")
        return reserve0, reserve1

    def behave(self, behaviour: Behaviour) -> None:
        """Switches OddToken."""
        self.send(OWNER, self.address_of(ODD), behave(behaviour))


def _world(anvil: Anvil, record: Path, wanted: Plan) -> Addresses:
    """As recorded, where the node has resumed from its state; else deployed, then recorded."""
    if anvil.node.keep_state and record.exists():
        return json.decode(record.read_bytes(), type=Addresses)
    rpc = anvil.rpc
    rpc.call("evm_setAutomine", True)
    addresses = deploy(rpc, wanted)
    rpc.call("anvil_setBalance", TRADER.address, hex(TRADER_WEI))
    if anvil.node.keep_state:
        anvil.save()
        record.write_bytes(json.encode(addresses))
    if anvil.node.block_seconds is not None:
        rpc.call("evm_setIntervalMining", anvil.node.block_seconds)
    elif anvil.node.no_mining:
        rpc.call("evm_setAutomine", False)
    return addresses


__all__ = ["MAKER", "OWNER", "TRADER", "Behaviour", "Devnet"]
