"""Log and chain compared, once nothing is under way: every swap is one order's, and no unit is missing."""

from msgspec import Struct

from actors.messages import KEY, Allowed, Landed, Signed
from chains.devnet.wallets import TRADER
from chains.evm import wire
from chains.evm.logs import in_order, swap
from storage.audit import audited
from storage.holdings import holdings
from storage.layout import log_path
from storage.log_file import records

ME = TRADER.address


class Sent(Struct, frozen=True):
    """A transaction of the wallet, as the chain has it."""

    tx_id: str
    nonce: int
    succeeded: bool
    fee: int
    swapped: bool
    block: int


def chain_of(trading) -> tuple[Sent, ...]:
    """Everything that the wallet has sent since the run began, read from the blocks themselves."""
    rpc, found = trading.net.rpc, []
    for number in range(trading.first_block + 1, trading.net.height() + 1):
        block = rpc.call("eth_getBlockByNumber", hex(number), True)
        mine = (each for each in block["transactions"] if each["from"].lower() == ME.lower())
        found += [_sent(rpc, each, number) for each in mine]
    return tuple(sorted(found, key=lambda each: each.nonce))


def _sent(rpc, transaction, number) -> Sent:
    receipt = wire.receipt(rpc.call("eth_getTransactionReceipt", transaction["hash"]))
    swaps = [each for log in in_order(receipt.logs) if (each := swap(log))]
    fee = receipt.gas_used * receipt.gas_price
    return Sent(
        transaction["hash"], int(transaction["nonce"], 16), receipt.succeeded, fee, bool(swaps), number
    )


def violations(trading, *, thefts=()) -> list[str]:
    """`thefts`: transactions that a stranger has sent with the wallet's key."""
    numbered = list(records(log_path(trading.folder)))
    told = [record.body for _, record in numbered]
    chain, books = chain_of(trading), trading.books()
    signed = {each.tx_id: each for each in told if isinstance(each, Signed)}
    found = [f"{each.promise} at {each.lsn}: {each.sentence}" for each in audited(numbered).broken]
    found += _strangers(chain, signed, thefts)
    found += _swaps(chain, signed, books)
    found += _balances(trading, chain, books, thefts)
    nonces = [each.nonce for each in chain]
    if nonces != list(range(nonces[0], nonces[0] + len(nonces))) if nonces else False:
        found.append(f"the nonces on chain are {nonces}")
    if thefts and KEY not in books.halts:
        found.append("a nonce was stolen, and the wallet is not quarantined")
    if not thefts and books.halts:
        found.append(f"halted without a theft: {books.halts}")
    return found


def _strangers(chain, signed, thefts):
    """write-ahead: whatever is on chain is in the log."""
    return [
        f"{each.tx_id} (nonce {each.nonce}) is on chain, and the log does not know of it"
        for each in chain
        if each.tx_id not in signed and each.tx_id not in thefts
    ]


def _swaps(chain, signed, books):
    """exactly-once, by the pools' own events: each order swaps once if it has landed, else never."""
    swaps = {}
    for each in chain:
        if each.swapped and each.tx_id in signed:
            swaps.setdefault(signed[each.tx_id].order, []).append(each.tx_id)
    landed = {id: each for id, each in books.ended.items() if isinstance(each.outcome, Landed)}
    for id, tx_ids in swaps.items():
        if len(tx_ids) > 1:
            yield f"doubled: {id} has swapped in {tx_ids}"
        if id not in landed:
            yield f"lost: {id} has swapped in {tx_ids}, and is {books.order(id)}"
    for id, ended in landed.items():
        if swaps.get(id) != [ended.outcome.tx_id]:
            yield f"invented: {id} is booked as {ended.outcome.tx_id}, and swapped in {swaps.get(id)}"


def _balances(trading, chain, books, thefts):
    net, desk_native = trading.net, f"{trading.settings.evm.chain}:{trading.settings.evm.native}"
    stolen = sum(each.fee for each in chain if each.tx_id in thefts)
    held = holdings(books)
    quote = trading.script.instruments[0].quote
    for asset in {quote, desk_native, *(each.token for each in trading.script.instruments), *held}:
        if asset == desk_native:
            stolen -= lost_fees(trading, chain)
            has = int(net.rpc.call("eth_getBalance", ME, "latest"), 16) + stolen
        else:
            has = int(net.view(asset.rpartition(":")[2], "(uint256)", "balanceOf(address)", ME)[0])
        has -= trading.units.get(asset, 0)
        if has != held.get(asset, 0):
            yield f"{asset}: the wallet has {has}, the books {held.get(asset, 0)}"


def lost_fees(trading, chain) -> int:
    """Of approvals that were booked, and then undone together with the nonce of a wallet that was robbed."""
    told = [record.body for record in trading.records()]
    there = {each.tx_id for each in chain}
    return sum(each.fee for each in told if isinstance(each, Allowed) and each.tx_id not in there)


def allowances(trading) -> dict[tuple[str, str], int]:
    """What the routers may still take."""
    net, evm = trading.net, trading.settings.evm
    assets = {trading.script.instruments[0].quote, *(each.token for each in trading.script.instruments)}
    tokens = assets - {f"{evm.chain}:{evm.native}"}  # Which nobody can be allowed to take.
    found = {}
    for router in filter(None, (evm.v2_router, evm.v3_router)):
        for asset in sorted(tokens):
            address = asset.rpartition(":")[2]
            (amount,) = net.view(address, "(uint256)", "allowance(address,address)", ME, router)
            if amount:
                found[asset, router] = amount
    return found
