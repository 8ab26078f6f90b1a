"""What a chain of the OP Stack takes beside the gas: booked to the wei, and asked for before it is signed."""

import asyncio

import pytest
from msgspec.structs import replace

from actors.messages import Leg, Signed
from chains.devnet.anvil import Anvil, Node
from chains.devnet.deploy import mined
from chains.devnet.wallets import TRADER
from chains.evm import wire
from chains.evm.desk import desk_of
from chains.evm.local_key import LocalKey
from chains.evm.nodes import nodes_of
from chains.evm.receipts import Sent, cost
from chains.evm.signed import encoded, tx_id_of, unsigned_of
from chains.evm.venue import EvmVenue
from chains.venue import Draft, Unanswered
from storage import evidence
from storage.books import LiveOrder
from storage.evidence import Entry, Wallet
from storage.recovery import Case
from tests.devnet.trading.quoting import drafted, order_of, settings_of

GWEI = 10**9
L1_BLOCK = "0x4200000000000000000000000000000000000015"
ORACLE = "0x420000000000000000000000000000000000000F"
PER_BYTE, PER_GAS = 10**9, 3  # Wei, of the oracle below.
L1_BASE_FEE, BLOB_BASE_FEE, BASE_SCALAR, BLOB_SCALAR = 20 * GWEI, GWEI, 5_227, 1_014_213
OPERATOR_SCALAR, OPERATOR_CONSTANT = 1_000, 777
SMALLEST = 100 * 10**6  # Millionths of a byte: the size that a transfer of nothing counts as.


def oracle(operator=True):
    """Assembled by hand: getL1Fee takes PER_BYTE for each byte, and getOperatorFee PER_GAS for each
    unit; without `operator` it reverts, as on a chain before Isthmus.
    """
    second = "275aedd2" if operator else "ffffffff"
    which = f"60003560e01c80 6349948e0e14 601d57 63{second}14 602f57 600080fd"
    times = "5b 60{:02x}35 63{:08x} 02 600052 60206000f3"
    return "0x" + (which + times.format(36, PER_BYTE) + times.format(4, PER_GAS)).replace(" ", "")


class Rollup(Anvil):
    def _command(self):
        return [*super()._command(), "--optimism"]


@pytest.fixture
def rollup(installed, tmp_path):
    """A node that charges as the OP Stack does, and whose receipts do not say so."""
    node = Rollup(Node(tmp_path / "node"))
    node.start()
    slots = {
        1: L1_BASE_FEE,
        7: BLOB_BASE_FEE,
        3: BASE_SCALAR << 96 | BLOB_SCALAR << 64,
        8: OPERATOR_SCALAR << 64 | OPERATOR_CONSTANT,
    }
    node.rpc.call("anvil_setCode", L1_BLOCK, "0x00")
    for slot, value in slots.items():
        node.rpc.call("anvil_setStorageAt", L1_BLOCK, f"0x{slot:064x}", f"0x{value:064x}")
    yield node
    node.stop()


def test_the_fee_of_a_receipt_is_what_the_chain_has_taken_from_the_wallet(rollup):
    wallet = rollup.rpc.call("eth_accounts")[0]
    before = int(rollup.rpc.call("eth_getBalance", wallet, "latest"), 16)
    tx_id = rollup.rpc.call("eth_sendTransaction", {"from": wallet, "to": wallet, "value": "0x0"})
    raw = mined(rollup.rpc, tx_id)
    taken = before - int(rollup.rpc.call("eth_getBalance", wallet, "latest"), 16)
    l1_fee = SMALLEST * (16 * L1_BASE_FEE * BASE_SCALAR + BLOB_BASE_FEE * BLOB_SCALAR) // 10**12
    told = {
        "l1Fee": hex(l1_fee),
        "operatorFeeScalar": hex(OPERATOR_SCALAR),
        "operatorFeeConstant": hex(OPERATOR_CONSTANT),
    }
    sent = Sent(tx_id, wire.address(wallet, "ours"), l1_fee=True)
    assert cost(wire.receipt(raw | told), sent, 0).fee == taken
    with pytest.raises(ValueError, match="has no l1Fee, and its chain charges one"):
        cost(wire.receipt(raw), sent, 0)


@pytest.fixture
def charging(devnet):
    """A devnet whose oracle asks for something; the node itself takes nothing more."""
    devnet.rpc.call("anvil_setCode", ORACLE, oracle())
    return devnet


@pytest.mark.parametrize("operator", [True, False])
def test_what_l1_and_the_operator_may_take_is_within_what_the_order_may_pay(charging, operator):
    charging.rpc.call("anvil_setCode", ORACLE, oracle(operator))
    order = order_of(charging, "EURC")
    bytes_ = drafted(charging, order, l1_fee_oracle=ORACLE).unsigned
    beside = 2 * PER_BYTE * len(encoded(bytes_)) + (PER_GAS * bytes_.gas if operator else 0)
    enough = bytes_.gas * bytes_.max_fee_per_gas + beside
    assert isinstance(drafted(charging, replace(order, max_fee=enough), l1_fee_oracle=ORACLE), Draft)
    refused = drafted(charging, replace(order, max_fee=enough - 1), l1_fee_oracle=ORACLE)
    assert isinstance(refused, Unanswered)
    assert f"{beside} of them beside its gas" in refused.sentence
    assert isinstance(drafted(charging, replace(order, max_fee=enough - 1)), Draft)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("0x", "getL1Fee answered nothing: there is no contract"),
        ("0x60006000fd", "does not tell the fee for L1"),
        ("0x60016000f3", "getL1Fee answered 1 bytes"),
    ],
)
def test_an_oracle_that_does_not_tell_is_no_fee_of_nothing(devnet, code, sentence):
    devnet.rpc.call("anvil_setCode", ORACLE, code)
    refused = drafted(devnet, order_of(devnet, "EURC"), l1_fee_oracle=ORACLE)
    assert isinstance(refused, Unanswered)
    assert "evm.l1_fee_oracle" in refused.sentence
    assert sentence in refused.sentence


def test_a_receipt_without_the_fee_that_its_chain_charges_is_unknown_and_nothing_is_booked(charging):
    order = order_of(charging, "EURC")
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(drafted(charging, order).unsigned)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), unsigned_of(raw).nonce, 1, 0, "public", leg=Leg.APPROVE)
    mined(charging.rpc, charging.rpc.call("eth_sendRawTransaction", raw))
    case = Case(LiveOrder(order, "in_progress", (signed,)), Entry.IN_PROGRESS)

    async def seen(**evm):
        settings = settings_of(charging, **evm)
        nodes = nodes_of(settings.evm)
        try:
            return await EvmVenue(nodes, desk_of(settings)).look(case, Wallet.GOOD, order.at_ns)
        finally:
            await nodes.close()

    assert asyncio.run(seen()).receipt.landed
    found = asyncio.run(seen(l1_fee_oracle=ORACLE))
    assert (found.receipt, found.evidence.node) == (None, evidence.Node.DOWN)
    assert "has no l1Fee" in found.proof
