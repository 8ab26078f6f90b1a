"""A chain in memory that answers as a node does: blocks, reorgs, one wallet's transactions, logs."""

import re
from hashlib import sha256

from tests.devnet.proxy import RpcRefusal

CHAIN_ID = 31_337
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TOPIC = "0x" + "dd" * 32


def name(*parts):
    return "0x" + sha256(repr(parts).encode()).hexdigest()


class FakeChain:
    """`chain(method, params)` is the answer; tests change `blocks`, `pool` and `lies` at will."""

    def __init__(self, blocks=10):
        self.blocks, self.branch = [], 0
        self.pool = {}  # Hash to nonce.
        self.landed = {}  # Hash to (block hash, nonce).
        self.lies = {}  # Method to what it answers instead.
        self.before = None  # Called first, with the method: to change the chain meanwhile.
        self.mine(blocks)

    def mine(self, blocks=1, *, landing=()):
        for _ in range(blocks):
            number = len(self.blocks)
            parent = self.blocks[-1]["hash"] if self.blocks else "0x" + "00" * 32
            hash = name(number, self.branch, parent)
            block = {"number": hex(number), "hash": hash, "parentHash": parent}
            block |= {"timestamp": hex(1_700_000_000 + number), "baseFeePerGas": hex(7)}
            self.blocks.append(block)
        for tx_hash in landing:
            self.landed[tx_hash] = (self.blocks[-1]["hash"], self.pool.pop(tx_hash))

    def reorg(self, depth, *, blocks=None):
        """Replace the newest `depth` blocks by as many others, or by `blocks`."""
        del self.blocks[-depth:]
        self.branch += 1
        self.mine(depth if blocks is None else blocks)

    @property
    def head(self):
        return len(self.blocks) - 1

    def at(self, where):
        if isinstance(where, dict):
            where = where["blockHash"]
        if where == "latest":
            return self.head
        if len(where) == 66:
            found = [at for at, block in enumerate(self.blocks) if block["hash"] == where]
            return found[0] if found else None
        return int(where, 16) if int(where, 16) <= self.head else None

    def __call__(self, method, params):
        if self.before:
            self.before(method)
        if method in self.lies:
            lie = self.lies[method]
            return lie(params) if callable(lie) else lie
        words = re.sub("[A-Z]", lambda found: "_" + found[0].lower(), method.removeprefix("eth_"))
        return getattr(self, words)(*params)

    # -- what a node is asked --
    def chain_id(self):
        return hex(CHAIN_ID)

    def get_block_by_number(self, where, _full):
        at = self.at(where)
        return None if at is None else self.blocks[at]

    get_block_by_hash = get_block_by_number

    def get_transaction_count(self, _wallet, where):
        at = self.at(where)
        if at is None:
            raise RpcRefusal(-32000, "header not found")
        known = {block["hash"] for block in self.blocks[: at + 1]}
        return hex(sum(block in known for block, _ in self.landed.values()))

    def get_transaction_receipt(self, tx_hash):
        block = self._block_of(tx_hash)
        if block is None:
            return None
        log = self._log(block, tx_hash)
        return {"transactionHash": tx_hash, "blockNumber": block["number"], "blockHash": block["hash"],
                "transactionIndex": "0x0", "status": "0x1", "from": WALLET, "gasUsed": "0x5208",
                "effectiveGasPrice": "0x9", "logs": [log]}  # fmt: skip

    def get_transaction_by_hash(self, tx_hash):
        block = self._block_of(tx_hash)
        if block is None and tx_hash not in self.pool:
            return None
        nonce = self.pool.get(tx_hash, 0) if block is None else self.landed[tx_hash][1]
        return {"hash": tx_hash, "from": WALLET, "to": OTHER, "nonce": hex(nonce), "value": "0x0",
                "input": "0x", "blockNumber": block and block["number"]}  # fmt: skip

    def get_logs(self, filter):
        if "blockHash" in filter:
            at = self.at(filter["blockHash"])
            if at is None:
                raise RpcRefusal(-32000, "unknown block")
            blocks = [self.blocks[at]]
        else:
            first, last = int(filter["fromBlock"], 16), int(filter["toBlock"], 16)
            blocks = self.blocks[first : last + 1]
        return [self._log(block, name("swap", block["hash"])) for block in blocks]

    def max_priority_fee_per_gas(self):
        return "0x3"

    def send_raw_transaction(self, _raw):
        raise RpcRefusal(-32003, "nonce too low")

    def _block_of(self, tx_hash):
        hash, _ = self.landed.get(tx_hash, (None, 0))
        return next((block for block in self.blocks if block["hash"] == hash), None)

    def _log(self, block, tx_hash):
        return {"address": TOKEN.lower(), "topics": [TOPIC], "data": "0x" + "00" * 31 + "05",
                "blockNumber": block["number"], "blockHash": block["hash"], "transactionHash": tx_hash,
                "logIndex": "0x0"}  # fmt: skip
