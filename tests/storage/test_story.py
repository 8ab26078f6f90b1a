"""The story of an order: every record is told, in whole tokens and UTC, and a mistyped id is helped."""

import pytest
from msgspec.structs import replace

from actors.messages import (
    NEVER,
    Deposited,
    Id,
    Rebalanced,
    Role,
    RolledBack,
    Signed,
    StateSaved,
    Status,
    Withdrawn,
)
from storage.story import Names, ending, moment, span, told, worded
from storage.trades import halting, lifting, local, opening, rollback, trade
from tests.deals import UNIT, USDC, WBTC, WETH, Desk, busy_desk, order, propose

DECIMALS = {USDC: 6, WETH: 18, WBTC: 8}
BUY = f"buy:{WETH}:1"
HALF = 5 * 10**17


def numbered(desk):
    return list(enumerate(desk.records, 1))


def sentences(desk, decimals=DECIMALS):
    return [each.sentence for each in told(numbered(desk), decimals)]


def names(desk):
    found = Names()
    for record in desk.records:
        found.read(record)
    return found


def test_a_buy_is_told_from_its_wish_to_its_position_in_whole_tokens():
    desk = Desk()
    desk.append(opening(order("o1", amount=100 * UNIT, max_fee=2 * UNIT, deadline_ns=100 * 10**9)))
    desk.land("o1", HALF, fee=20_000)
    assert sentences(desk)[1:] == [
        "momentum wished to buy WETH for 100 USDC, and the portfolio approved: a fee of at most 2 USDC, "
        "slippage of at most 0.5 %, signed by 1970-01-01 00:01:40 UTC or never; WETH is claimed for it.",
        "102 USDC of the free money is set aside for it.",
        "Attempt 1 is signed, and may leave from now on: transaction o1/tx1, nonce 0, for at least "
        "0.000000000000000001 WETH, by paper; it can land until 1970-01-01 00:01:40 UTC.",
        "o1/tx1 landed (block 1): 100 USDC went, 0.5 WETH came, and its fee was 0.02 USDC.",
        "Position o1/p is opened: 0.5 WETH, which cost 100 USDC.",
        "1.98 USDC of what was set aside is free again.",
    ]


def test_a_sell_says_what_it_gave_and_whether_that_was_a_gain():
    desk = busy_desk()
    told_of = " ".join(sentences(desk))
    assert "which had cost" in told_of
    assert "a gain of" in told_of
    assert "a loss of" not in told_of
    desk = Desk()
    desk.bought(WETH, 1_000)
    desk.sold(WETH, 1)
    assert any("a loss of" in each for each in sentences(desk))


def test_every_kind_of_end_is_told_for_what_it_is():
    desk = busy_desk()
    live = next(each for each in desk.books.live.values() if not each.attempts)
    desk.settle(rollback(live, "too late to sign"))
    story = " ".join(sentences(desk))
    for words in ("reverted (block 1): nothing was swapped", "is dead (absent)", "landed (block 1)",
                  "Rolled back (too late to sign): no bytes of its swap ever existed"):  # fmt: skip
        assert words in story


def test_what_belongs_to_no_order_is_told_too():
    records = [
        local("in", Deposited(USDC, UNIT), 0), local("out", Withdrawn(USDC, 1), 0),
        local("saved", StateSaved(Role("positions"), 10**9, "{}"), 0),
        local("mix:0", Rebalanced(0, {"momentum": 4_150, "ai": 500}, {}), 0),
    ]  # fmt: skip
    found = [each.sentence for each in told(enumerate(records, 1), DECIMALS)]
    assert found == [
        "1 USDC came in.",
        "0.000001 USDC went out.",
        "positions wrote down what it remembers of the market up to 1970-01-01 00:00:01 UTC.",
        "The money is shared anew: momentum 41.5 %, ai 5 %, and 53.5 % stays cash.",
    ]


def test_a_record_whose_order_is_not_among_them_says_so_instead_of_guessing():
    record = trade(Id("gone"), Status.ROLLED_BACK, RolledBack(Id("gone"), "late"), 0)
    (only,) = told([(7, record)], DECIMALS)
    assert only.lsn == 7
    assert only.sentence == "RolledBack of order gone, whose beginning is not among these records."


@pytest.mark.parametrize(
    ("units", "asset", "words"),
    [
        (20_000, USDC, "0.02 USDC"),
        (2**70, WETH, "1180.591620717411303424 WETH"),
        (5, "eth:0xAb", "5 base units of eth:0xAb"),
    ],
)
def test_amounts_are_exact_and_unknown_decimals_are_not_guessed(units, asset, words):
    assert worded(units, asset, DECIMALS) == words


def test_times_are_utc_and_ages_are_read_like_a_clock():
    assert moment(1_658_221_200 * 10**9) == "2022-07-19 09:00:00 UTC"
    assert moment(1_658_221_200_250_000_000) == "2022-07-19 09:00:00.250 UTC"
    assert span(3_725 * 10**9) == "1:02:05"
    assert span(-5) == "0:00:00"


def test_an_order_is_found_by_its_id_its_records_id_its_position_or_its_beginning():
    desk = busy_desk()
    found = names(desk)
    sells = tuple(id for id in found.orders if id.startswith(f"sell:{WETH}"))
    assert found.find(BUY) == (BUY,)
    assert found.find(f"{BUY}/reserve") == (BUY,)
    assert found.find(f"{BUY}/position") == (BUY, *sells)
    assert len(sells) == 2
    assert found.find(f"sell:{WETH}:3") == (sells[1],)
    assert found.find(f"buy:{WETH}:8") == (f"buy:{WETH}:8",)  # Opened, and nothing more yet.
    assert found.find("deposit") == ()


@pytest.mark.parametrize("wanted", ["nothing like it", "buy", ""])
def test_what_no_single_order_is_called_is_not_found(wanted):
    assert names(busy_desk()).find(wanted) is None


def test_a_mistyped_id_is_answered_with_what_looks_like_it():
    found = names(busy_desk())
    assert BUY in found.near(f"buy:{WETH}:l")
    assert all("WBTC" in id for id in found.near("wbtc"))
    assert found.near("depos") == ["deposit"]
    assert found.near("zzzzzzzz") == []


def test_the_ending_says_what_blocks_an_order_that_is_open():
    desk = busy_desk()
    now_ns = 100 * 10**9
    ends = ending(numbered(desk), now_ns)
    assert len(ends) == len(names(desk).orders)
    unsigned, signed = ends[-1], ends[-2]
    assert "is pending, 0:01:39 of market time after it was decided: no bytes of its swap exist" in unsigned
    assert "is in_progress, 0:01:39 of market time after it was decided: its outcome is not proved" in signed
    assert ends[0] == f"{BUY} is completed, 0:00:00 after it was decided."


def test_a_wish_that_was_refused_leaves_no_story():
    desk = Desk()
    desk.wish(propose(WETH, 1))
    before = len(desk.records)
    desk.wish(propose(WETH, 2))
    assert len(desk.records) == before


def test_what_a_reorg_takes_back_a_cancel_and_finality_are_told():
    desk = Desk()
    desk.append(opening(order("o1", amount=100 * UNIT, max_fee=2 * UNIT)))
    desk.book("o1", HALF)
    desk.reorg("o1")
    desk.sign("o1", cancels=True)
    desk.book("o1", HALF)
    desk.finalize("o1")
    story = " ".join(sentences(desk))
    for words in ("A reorg can still undo it.", "A reorg has undone o1/tx1 (gone)", "is as it was before",
                  "nonce 0, to cancel the order, by paper", "is final (block 9)"):  # fmt: skip
        assert words in story, words


def test_how_long_bytes_can_land_is_told_in_the_words_of_their_chain():
    signed = Signed("o1", 1, "00", "tx", 0, 1, NEVER, "public")
    opened = opening(order("o1"))
    for body, words in ((signed, "until its nonce is used"),
                        (replace(signed, last_valid_height=150), "up to block height 150")):  # fmt: skip
        records = (*opened.records, trade(Id("o1"), Status.IN_PROGRESS, body, 0))
        (*_, last) = told(enumerate(records, 1), DECIMALS)
        assert words in last.sentence


def test_a_halt_and_its_end_are_told():
    records = (
        *halting(Id("h"), "wallet", "a rumour", 0).records,
        *lifting(Id("l"), "wallet", "gone", 1).records,
    )
    halt, lift = told(enumerate(records, 1), DECIMALS)
    assert halt.sentence == "Halted (wallet): a rumour."
    assert lift.sentence == "The halt (wallet) is lifted: gone."
