"""An approval is signed while the swap before it is under way: its gas suffices before and after it."""

import pytest
from msgspec.structs import replace

from actors.messages import Leg
from chains.devnet.abi import call_data
from chains.devnet.deploy import mined
from chains.devnet.wallets import TRADER
from chains.evm.local_key import LocalKey
from tests.devnet.trading.quoting import drafted, order_of


@pytest.fixture
def allow(devnet):
    """Let the router take so much of what the trader pays in."""
    router, quote = devnet.addresses.v2_router, devnet.address_of(devnet.addresses.quote)

    def allow(amount):
        devnet.send(TRADER, quote, call_data("approve(address,uint256)", router, amount))

    return allow


@pytest.mark.parametrize("spent", [False, True])
def test_an_approval_over_what_another_order_is_allowed_lands_whether_that_is_spent_meanwhile_or_not(
    devnet, allow, spent
):
    allow(5)
    draft = drafted(devnet, order_of(devnet, "EURC"))
    assert draft.leg is Leg.APPROVE
    allow(0 if spent else 6)
    later = replace(draft.unsigned, nonce=draft.unsigned.nonce + 1)
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(later)
    receipt = mined(devnet.rpc, devnet.rpc.call("eth_sendRawTransaction", raw))
    assert int(receipt["status"], 16) == 1, f"{int(receipt['gasUsed'], 16)} of {later.gas} gas"
