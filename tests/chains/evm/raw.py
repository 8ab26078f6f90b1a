"""Logs and receipts of Uniswap, for tests to make and to spoil: written as a node does, and read."""

from chains.evm import logs, wire

WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"  # Below WETH: it is token0 of their pools.
WBTC = "0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599"
POOL = "0xB4e16d0168e52d35CaCD2c6185b44281Ec28C9Dc"
POOL_2 = "0xBb2b8038a1640196FbE3e38816F3e67Cba72D940"
ROUTER = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"
ME = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TX = "0x" + "ab" * 32
BLOCK, HASH = 24_407_242, "0x" + "cd" * 32


def words(*values):
    return "0x" + b"".join((value % 2**256).to_bytes(32) for value in values).hex()


def topic(address):
    return words(int(address, 16))


def log(address, topics, data, index, **others):
    head = {"blockNumber": hex(BLOCK), "logIndex": hex(index), "blockHash": HASH, "transactionHash": TX}
    return {"address": address.lower(), "topics": topics, "data": data, **head, **others}


def transfer(token, sender, recipient, amount, index=0):
    topics = [logs.TRANSFER, topic(sender), topic(recipient)]
    return log(token, topics, words(amount), index)


def v2_swap(pool, recipient, amounts, index=0):
    topics = [logs.V2_SWAP, topic(ROUTER), topic(recipient)]
    return log(pool, topics, words(*amounts), index)


def v3_swap(pool, recipient, changes, index=0, root=1 << 96, liquidity=10**18):
    topics = [logs.V3_SWAP, topic(ROUTER), topic(recipient)]
    return log(pool, topics, words(*changes, root, liquidity, 0), index)


def withdrawal(holder, amount, index=0, wrapped=WETH):
    return log(wrapped, [logs.WITHDRAWAL, topic(holder)], words(amount), index)


def sync(pool, reserves, index=0):
    return log(pool, [logs.V2_SYNC], words(*reserves), index)


def receipt(entries, **changed):
    usual = {
        "transactionHash": TX, "from": ME.lower(), "status": "0x1", "gasUsed": hex(120_000),
        "effectiveGasPrice": hex(10**9), "blockNumber": hex(BLOCK), "blockHash": HASH,
        "transactionIndex": "0x0",
        "logs": [entry | {"logIndex": hex(at)} for at, entry in enumerate(entries)],
    }  # fmt: skip
    return wire.receipt(usual | changed)
