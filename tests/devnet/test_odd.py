"""Each way in which OddToken misbehaves, as the chain sees it."""

import pytest

from chains.devnet.abi import call_data
from chains.devnet.odd import Approval, Behaviour
from chains.devnet.rpc import RpcError
from chains.devnet.wallets import STRANGER
from chains.devnet.world import ODD, Kind

TRUE, FALSE, NOTHING = "0x" + "1".zfill(64), "0x" + "0" * 64, "0x"
TRANSFER = "transfer(address,uint256)"
SELLS_ARE_BLOCKED = call_data("SellsAreBlocked(address,uint256)", STRANGER.address, 1_000)
PAUSED = call_data("Paused()")


@pytest.fixture
def odd(devnet):
    devnet.give(ODD, devnet.trader.address, 10_000)
    return devnet.address_of(ODD)


@pytest.fixture
def pool(devnet):
    return devnet.addresses.pool(Kind.V2, ODD, "USDC").address


def answer(net, wallet, to, data):
    """Of a simulation, as bytes; then it is done."""
    said = net.rpc.call("eth_call", {"from": wallet.address, "to": to, "data": data}, "latest")
    net.send(wallet, to, data)
    return said


def approved(net, amount):
    data = call_data("approve(address,uint256)", STRANGER.address, amount)
    said = answer(net, net.trader, net.address_of(ODD), data)
    allowance = "allowance(address,address)"
    return said, *net.view(net.address_of(ODD), "(uint256)", allowance, net.trader.address, STRANGER.address)


@pytest.mark.parametrize(
    ("approval", "said", "allowance"),
    [
        (Approval.ORDINARY, TRUE, 5),
        (Approval.RETURNS_FALSE, FALSE, 0),
        (Approval.RETURNS_NOTHING, NOTHING, 5),
        (Approval.RESET_FIRST, TRUE, 5),
    ],
)
def test_an_approval_answers_one_thing_and_does_another(devnet, odd, approval, said, allowance):
    devnet.behave(Behaviour(approval=approval))
    assert approved(devnet, 5) == (said, allowance)


def test_an_approval_may_revert(devnet, odd):
    devnet.behave(Behaviour(approval=Approval.REVERTS))
    with pytest.raises(RpcError, match="approve: blocked"):
        approved(devnet, 5)


def test_an_approval_may_have_to_be_reset_first(devnet, odd):
    devnet.behave(Behaviour(approval=Approval.RESET_FIRST))
    assert approved(devnet, 5) == (TRUE, 5)
    with pytest.raises(RpcError, match="set it to 0 first"):
        approved(devnet, 6)
    assert approved(devnet, 0) == (TRUE, 0)
    assert approved(devnet, 6) == (TRUE, 6)


def test_a_transfer_may_cost_a_fee_and_a_sale_a_higher_one(devnet, odd, pool):
    devnet.behave(Behaviour(transfer_fee_bps=300, sell_fee_bps=2_500))
    before = devnet.balance(ODD, pool)
    devnet.send(devnet.trader, odd, call_data(TRANSFER, STRANGER.address, 1_000))
    devnet.send(devnet.trader, odd, call_data(TRANSFER, pool, 1_000))
    assert devnet.balance(ODD, STRANGER.address) == 970
    assert devnet.balance(ODD, pool) - before == 720


def test_fees_beyond_everything_are_refused(devnet):
    with pytest.raises(RpcError, match="fees above 100 %"):
        devnet.behave(Behaviour(transfer_fee_bps=5_000, sell_fee_bps=5_001))


def test_sales_may_be_blocked_while_transfers_go_on(devnet, odd, pool):
    devnet.give(ODD, STRANGER.address, 1_000)
    devnet.behave(Behaviour(sells_blocked=True))
    with pytest.raises(RpcError) as refused:
        devnet.send(STRANGER, odd, call_data(TRANSFER, pool, 1_000))
    assert refused.value.data == SELLS_ARE_BLOCKED
    devnet.send(STRANGER, odd, call_data(TRANSFER, devnet.trader.address, 1_000))


def test_a_paused_token_does_not_move(devnet, odd):
    devnet.behave(Behaviour(paused=True))
    with pytest.raises(RpcError) as refused:
        devnet.send(devnet.trader, odd, call_data(TRANSFER, STRANGER.address, 1))
    assert refused.value.data == PAUSED


@pytest.mark.parametrize(("returns_nothing", "said"), [(False, TRUE), (True, NOTHING)])
def test_a_transfer_may_answer_nothing_and_move_all_the_same(devnet, odd, returns_nothing, said):
    devnet.behave(Behaviour(returns_nothing=returns_nothing))
    assert answer(devnet, devnet.trader, odd, call_data(TRANSFER, STRANGER.address, 7)) == said
    assert devnet.balance(ODD, STRANGER.address) == 7


def test_only_the_owner_can_switch_it(devnet, odd):
    behave = call_data("behave((uint8,uint16,uint16,bool,bool,bool))", (0, 0, 0, True, False, False))
    with pytest.raises(RpcError, match="execution reverted"):
        devnet.send(devnet.trader, odd, behave)
