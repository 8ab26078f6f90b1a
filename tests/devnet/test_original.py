"""The original's audit asked for these of a rebuilt bot, on a real chain: checks 3, 6, 8, 9, 10, 11, 16."""

import time

import pytest
from msgspec.structs import replace

from actors.messages import KEY, WALLET, Allowed, Landed, Leg, OrderOpened, Reversed, RolledBack, Side, Signed
from chains.devnet.deploy import mined
from chains.devnet.devnet import Devnet
from chains.devnet.odd import Approval, Behaviour
from chains.devnet.wallets import TRADER
from chains.evm.calldata import APPROVE
from chains.evm.decoding import Approve, decoded
from chains.evm.local_key import LocalKey
from chains.evm.signed import tx_id_of, unsigned_of
from chains.venue import Draft, Unanswered
from storage import log
from storage.holdings import LegDone
from storage.layout import log_path
from tests.devnet.proxy import Fault, Proxy
from tests.devnet.trading import hundred
from tests.devnet.trading.cast import Death
from tests.devnet.trading.desk import FINAL, OPEN, Trading
from tests.devnet.trading.matrix import send_as_trader
from tests.devnet.trading.quoting import drafted, order_of, own_approval, refused, replaced
from tests.devnet.trading.verdict import allowances, violations
from tests.devnet.uniswap import ME, sent

processes = pytest.mark.processes
SECOND_NS = GWEI = 10**9


@pytest.fixture
def still(installed, tmp_path):
    """A devnet of its own, without a block that nobody asked for."""
    with Devnet.start(tmp_path / "net") as net:
        net.set_automine(False)
        yield net


@pytest.fixture
def run(still, tmp_path):
    runs = []

    def started(symbols=("EURC",), **others):
        runs.append(Trading(still, tmp_path / f"data{len(runs)}", symbols, **{"versions": "v2", **others}))
        return runs[-1]

    yield started
    for each in runs:
        each.kill()


def told(trading, kind):
    return [each.body for each in trading.records() if isinstance(each.body, kind)]


# -- 3 ---------------------------------------------------------------------------------------------------
@processes
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["journalled", "settled"])
def test_3_a_sale_that_is_killed_on_its_way_lands_once(run, point):
    """Purchases, and all points: the matrix of tests/devnet/trading."""
    trading = run()
    trading.dies(Death(point=point, leg=Leg.SWAP, side=Side.SELL, everybody=True))
    trading.start()
    trading.until(lambda: trading.dead, 60, "its death")
    trading.kill()
    trading.go()
    trading.start()
    trading.until(trading.quiet, 60, "its end")
    trading.mine(FINAL)
    assert violations(trading) == []
    assert len(told(trading, Landed)) == 2


# -- 6 ---------------------------------------------------------------------------------------------------
@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_6_while_an_outcome_is_unknown_nothing_else_is_sent_and_a_late_landing_is_booked_once(still, run):
    with Proxy(still.url) as one, Proxy(still.url) as other:
        trading = run(urls=(one.url, other.url), sells=False, evm={"answer_seconds": 1.0})
        silent = []

        def rule(method, _):
            """From the sending of the swap on, which is in the log by then, nothing has an answer."""
            sends = method == "eth_sendRawTransaction"
            if sends and not silent and any(map(is_swap, log.records(log_path(trading.folder)))):
                silent.append(method)
            return (Fault.LOST if sends else Fault.BUSY) if silent else None

        for proxy in (one, other):
            proxy.rule = rule
        trading.start()
        trading.until(lambda: silent, 60, "the swap")
        until = time.monotonic() + 5
        while time.monotonic() < until:
            trading.pass_time()
        assert len(swaps(trading)) == 1
        assert told(trading, Landed) == []
        for proxy in (one, other):
            proxy.rule = lambda *_: None
        trading.until(trading.quiet, 60, "its end")
    trading.mine(FINAL)
    assert violations(trading) == []
    assert len(told(trading, Landed)) == len(swaps(trading)) == 1


def is_swap(row):
    """Read from the file: the run's own words are for the test's own thread."""
    body = row[1].body
    return isinstance(body, Signed) and body.leg is Leg.SWAP


def swaps(trading):
    return [each for each in told(trading, Signed) if each.leg is Leg.SWAP]


# -- 8 ---------------------------------------------------------------------------------------------------
@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_8_orders_at_once_have_nonces_without_a_gap_although_requests_are_lost(installed, tmp_path):
    """A hundred of them: `make crash-evm`."""
    assert hundred.hundred(6, 3, tmp_path) == []


@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_8_what_is_stuck_is_replaced_under_its_nonce_for_an_eighth_more_and_lands_once(run):
    trading = run(evm={"fee_patience_seconds": 1}, sells=False)
    trading.start()
    trading.wait(lambda: len(told(trading, Signed)) >= 2, 60, "a replacement")
    first, second = (unsigned_of(each.raw) for each in told(trading, Signed)[:2])
    assert first.nonce == second.nonce
    assert (first.to, first.data) == (second.to, second.data)
    for field in ("max_fee_per_gas", "max_priority_fee_per_gas"):
        assert getattr(second, field) * 8 >= getattr(first, field) * 9
    trading.until(trading.quiet, 60, "its end")
    trading.mine(FINAL)
    assert violations(trading) == []


@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_8_a_foreign_nonce_quarantines_the_wallet_whether_it_is_found_in_a_run_or_at_its_start(still, run):
    trading = run(rounds=2)
    trading.start()
    trading.until(lambda: told(trading, Landed), 60, "a purchase")
    trading.kill()
    trading.mine(FINAL)
    used = int(still.rpc.call("eth_getTransactionCount", trading.settings.live.wallet, "latest"), 16)
    theft = send_as_trader(still, used)
    trading.mine(FINAL + 1)
    trading.start()
    trading.until(lambda: KEY in trading.books().halts, 60, "the quarantine")
    trading.until(trading.idle, 60, "the end of what was under way")
    assert violations(trading, thefts=(theft,)) == []


# -- 9 ---------------------------------------------------------------------------------------------------
def test_9_a_quote_is_good_for_ten_seconds_of_the_monotonic_clock_and_is_judged_at_signing(devnet):
    order = order_of(devnet, "EURC")
    draft = drafted(devnet, order, legs_done=own_approval(devnet, order))
    assert draft.leg is Leg.SWAP
    asked_ns = draft.quoted.asked_ns
    assert refused(devnet, order, draft, asked_ns + 99 * SECOND_NS // 10) is None
    late = refused(devnet, order, draft, asked_ns + 101 * SECOND_NS // 10)
    assert late.startswith("evidence.asked_ns: a quote 10.100 s old")
    assert refused(devnet, order, draft, asked_ns - 1).startswith("evidence.asked_ns")


# -- 10 --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("versions", ["v2", "v3"])
@pytest.mark.parametrize("symbol", ["EURC", "WBTC", "LINK"])
def test_10_the_least_amount_and_the_price_of_gas_are_in_the_bytes_and_within_the_caps(
    devnet, versions, symbol
):
    order = order_of(devnet, symbol)
    draft = drafted(devnet, order, versions, legs_done=own_approval(devnet, order, versions))
    swap = decoded(draft.unsigned)
    assert swap.min_amount_out * 10_000 >= draft.quoted.amount_out * 9_950
    assert (swap.min_amount_out - 1) * 10_000 < draft.quoted.amount_out * 9_950
    assert draft.unsigned.max_fee_per_gas <= 50 * GWEI
    now = draft.quoted.asked_ns
    assert refused(devnet, order, draft, now, versions) is None
    greedy = replace(order, slippage_bps=51)
    assert refused(devnet, greedy, draft, now, versions).startswith("order.slippage_bps")
    cheap = refused(devnet, order, draft, now, versions, max_fee_per_gas=draft.unsigned.max_fee_per_gas - 1)
    assert cheap.startswith("max_fee_per_gas")


def test_10_a_dear_block_is_paid_up_to_the_cap_and_a_dearer_one_is_waited_for(devnet):
    order = order_of(devnet, "EURC")
    for base, fits in ((30, True), (60, False)):
        devnet.set_base_fee(base * GWEI)
        devnet.mine()
        draft = drafted(devnet, order)
        assert isinstance(draft, Draft) is fits
        if fits:
            assert draft.unsigned.max_fee_per_gas == 50 * GWEI
        else:
            assert "over the cap" in draft.sentence


# -- 11 --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ({"approval": Approval.REVERTS}, "refuses to be approved"),
        ({"approval": Approval.RETURNS_FALSE}, "refuses to be approved"),
        ({"transfer_fee_bps": 300}, "blocked"),
        ({"sells_blocked": True}, "blocked"),
    ],
)
def test_11_nothing_is_signed_for_a_token_that_can_not_be_approved_taxed_or_sold(devnet, behaviour, sentence):
    """Its sale, where the approval is of the token itself; its purchase, where what it does is seen ahead."""
    devnet.give("ODD", ME, 10**20)
    devnet.behave(Behaviour(**behaviour))
    side = Side.SELL if "approval" in behaviour else Side.BUY
    order = order_of(devnet, "ODD", 10**19 if side is Side.SELL else 10**8, side)
    draft = drafted(devnet, order)
    assert isinstance(draft, Unanswered), draft
    assert sentence in draft.sentence


def test_11_an_allowance_that_is_left_is_set_to_zero_first_where_the_token_wants_that(devnet):
    devnet.give("ODD", ME, 10**20)
    sent(devnet, APPROVE.on(devnet.address_of("ODD"), devnet.addresses.v2_router, 7))
    devnet.behave(Behaviour(approval=Approval.RESET_FIRST))
    order = order_of(devnet, "ODD", 10**19, Side.SELL)
    draft = drafted(devnet, order)
    assert draft.leg is Leg.REVOKE
    assert decoded(draft.unsigned) == Approve(devnet.addresses.v2_router, 0)


def test_11_an_approval_that_allowed_nothing_is_not_made_again_but_one_that_a_reorg_has_lost_is(devnet):
    order, token, router = order_of(devnet, "EURC"), devnet.address_of("USDC"), devnet.addresses.v2_router
    raw = LocalKey(bytes.fromhex(TRADER.private_key[2:])).sign(drafted(devnet, order).unsigned)
    signed = Signed(order.id, 1, raw, tx_id_of(raw), unsigned_of(raw).nonce, 1, 0, "public", leg=Leg.APPROVE)
    done = (LegDone((signed,), Allowed(order.id, Leg.APPROVE, signed.tx_id, "", 1)),)
    assert drafted(devnet, order, legs_done=done).leg is Leg.APPROVE
    mined(devnet.rpc, devnet.rpc.call("eth_sendRawTransaction", raw))
    assert drafted(devnet, order, legs_done=done).leg is Leg.SWAP
    sent(devnet, APPROVE.on(token, router, 0))
    draft = drafted(devnet, order, legs_done=done)
    assert isinstance(draft, Unanswered), draft
    assert "after the approval the allowance is 0 instead of" in draft.sentence


def test_11_what_another_order_was_allowed_is_not_swapped_on_though_it_is_just_as_much(devnet):
    order = order_of(devnet, "EURC")
    sent(devnet, APPROVE.on(devnet.address_of("USDC"), devnet.addresses.v2_router, order.amount_in))
    draft = drafted(devnet, order)
    assert draft.leg is Leg.APPROVE
    assert decoded(draft.unsigned) == Approve(devnet.addresses.v2_router, order.amount_in)


def test_11_in_the_place_of_a_swap_there_is_a_swap_and_never_an_approval(devnet):
    """A reorg has lost its approval, which is sent again under its own nonce."""
    order, router = order_of(devnet, "EURC"), devnet.addresses.v2_router
    done = own_approval(devnet, order)
    swap = drafted(devnet, order, legs_done=done)
    again = replaced(devnet, order, swap, done)
    assert again.leg is Leg.SWAP
    assert again.unsigned.max_fee_per_gas > swap.unsigned.max_fee_per_gas
    sent(devnet, APPROVE.on(devnet.address_of("USDC"), router, 0))
    found = replaced(devnet, order, swap, done)
    assert isinstance(found, Unanswered), found
    assert "its approval is not on chain" in found.sentence


def test_11_an_approval_is_exact_and_a_node_that_does_not_answer_brings_none(devnet):
    order = order_of(devnet, "EURC")
    draft = drafted(devnet, order)
    assert draft.leg is Leg.APPROVE
    assert decoded(draft.unsigned) == Approve(devnet.addresses.v2_router, order.amount_in)
    with Proxy(devnet.url) as one, Proxy(devnet.url) as other:
        for proxy in (one, other):
            proxy.rule = lambda method, _: Fault.BUSY if method == "eth_call" else None
        urls = (one.url, other.url)
        assert isinstance(drafted(devnet, order, urls=urls, answer_seconds=1.0), Unanswered)


@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_11_what_an_order_has_approved_and_does_not_use_is_revoked_before_it_ends(still, run):
    trading = run(("ODD",), limits=replace(OPEN, deadline_seconds=8), sells=False)
    trading.start()
    trading.wait(lambda: told(trading, Signed), 60, "the approval")
    still.set_automine(True)  # In the block of the approval the token stops.
    still.behave(Behaviour(paused=True))
    still.set_automine(False)
    assert allowances(trading)
    trading.until(lambda: told(trading, RolledBack), 60, "its end")
    trading.pause_wishes()
    trading.until(trading.idle, 60, "nothing under way")
    assert [each.leg for each in told(trading, Allowed)] == [Leg.APPROVE, Leg.REVOKE]
    assert allowances(trading) == {}
    trading.mine(FINAL)
    assert violations(trading) == []


@processes
@pytest.mark.timeout(300)
def test_11_what_is_left_over_of_anybody_is_found_at_the_start_and_revoked(still, run):
    """As of an order whose swap has reverted: nothing in the log says that it is there."""
    still.set_automine(True)
    sent(still, APPROVE.on(still.address_of("USDC"), still.addresses.v2_router, 7))
    still.set_automine(False)
    trading = run(rounds=0)
    assert allowances(trading)
    trading.start()
    trading.until(lambda: told(trading, Allowed), 60, "the revocation")
    trading.until(trading.quiet, 60, "its end")
    (opened,) = told(trading, OrderOpened)
    assert (opened.order.side, opened.order.amount_in) == (Side.REVOKE, 7)
    assert [each.leg for each in told(trading, Signed)] == [Leg.REVOKE]
    trading.kill()
    trading.mine(FINAL)
    assert violations(trading) == []


# -- 16 --------------------------------------------------------------------------------------------------
@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_16_a_reorg_after_booking_gives_the_money_back_and_the_order_is_under_way_again(still, run):
    trading = run(sells=False)
    trading.start()
    trading.until(lambda: trading.books().booked, 60, "a fill that is booked")
    quote = trading.script.instruments[0].quote
    before = trading.books().ledger.account(quote)
    assert before.cost > 0
    (trading.folder / "pause").touch()
    still.reorg(FINAL - 1)
    trading.until(lambda: told(trading, Reversed), 60, "the reversal")
    books = trading.books()
    assert books.ledger.account(quote).cost == 0
    assert books.positions == {}
    assert len(books.live) == 1
    assert books.booked == {}
    (trading.folder / "pause").unlink()
    trading.until(trading.quiet, 60, "its end")
    trading.mine(FINAL)
    assert violations(trading) == []
    assert len(trading.books().positions) == 1


@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_16_a_reorg_that_mines_anew_at_once_what_was_final_halts_the_wallet(still, run):
    """All nonces are used as before, and with nothing missing: only the blocks are others, and the fees."""
    trading = killed_after_a_purchase(run)
    signed = told(trading, Signed)
    receipts = [receipt_of(still, each.tx_id) for each in signed]
    blocks = [int(each["blockNumber"], 16) for each in receipts]
    again = [(each.raw, block - blocks[0] + 2) for each, block in zip(signed, blocks, strict=True)]
    still.reorg(still.height() - blocks[0] + 1, again)
    moved = [receipt_of(still, each.tx_id) for each in signed]
    assert [int(each["blockNumber"], 16) for each in moved] == [block + 2 for block in blocks]
    assert [each["logs"] == [] for each in moved] == [each["logs"] == [] for each in receipts]
    trading.sell_all()
    trading.start()
    trading.until(lambda: trading.books().halts, 60, "the halt")
    assert "two nodes say that it is another now" in trading.books().halts[WALLET]
    trading.mine(FINAL)
    assert told(trading, Signed) == signed


def killed_after_a_purchase(run):
    trading = run(sells=False)
    trading.start()
    trading.until(trading.quiet, 60, "a purchase")
    trading.kill()
    return trading


def receipt_of(net, tx_id):
    return net.rpc.call("eth_getTransactionReceipt", tx_id)


@processes
@pytest.mark.long
@pytest.mark.timeout(300)
def test_16_a_wallet_that_has_less_than_the_log_says_is_not_traded_with(still, run):
    trading = killed_after_a_purchase(run)
    still.set_wei(ME, 10**18)
    trading.start()
    end = time.monotonic() + 60
    while trading.process.poll() is None and time.monotonic() < end:
        trading.pass_time()
    assert "the wallet has less devnet:ETH than the log says" in trading.said().sentence
