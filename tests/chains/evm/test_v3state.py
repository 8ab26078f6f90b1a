"""The state of a V3 pool out of its contract's answers, and what contradicts itself in them."""

import gzip
import json

import pytest
from eth_abi.abi import encode

from chains.evm.calldata import SLOT0, TICK_BITMAP, TICKS
from chains.evm.v3math import quote
from chains.evm.v3state import (
    BASE,
    Part,
    bitmap,
    further,
    near,
    pool_of,
    read_net,
    read_slot0,
    snapshot,
    ticks_of,
)
from chains.tickmath import sqrt_price_x96
from chains.venue import Unanswered

ROOT = sqrt_price_x96(100)
NETS = {-600: 500, 600: -500}
TIER = (3_000, 60)


def test_a_real_bitmap_names_just_the_ticks_that_have_liquidity(recorded):
    raw = recorded("amm/degenbot__wbtc_weth__17600000.json.gz").read_bytes()
    found = json.loads(gzip.decompress(raw))
    nets = {int(tick): entry["liquidity_net"] for tick, entry in found["tick_data"].items()}
    ticks = ticks_of(16, found["tick_bitmap"]["16"]["bitmap"], found["tick_spacing"])
    assert set(ticks) == set(nets)
    assert len(ticks) == 238
    slot0, tier = (found["sqrt_price_x96"], found["tick"]), (found["fee"], found["tick_spacing"])
    pool = snapshot(slot0, found["liquidity"], tier, range(16, 17), nets)
    assert 15 * 10**18 < quote(pool, 10**8, True).amount_out < 16 * 10**18
    assert isinstance(quote(pool, 10**20, True), Unanswered)


def test_the_words_of_another_real_pool_name_the_ticks_that_are_recorded(recorded):
    raw = recorded("amm/degenbot__fixtures__wbtc_weth_v3_snapshot.json.gz").read_bytes()
    found = json.loads(gzip.decompress(raw))
    ticks = [ticks_of(int(word), entry["bitmap"], 60) for word, entry in found["tick_bitmap"].items()]
    unnamed = {int(tick) for tick in found["tick_data"]} - {tick for each in ticks for tick in each}
    assert unnamed == {887_160}  # The recording's own gap: 1 of 408.


def test_the_words_of_a_bitmap_hold_all_ticks():
    assert bitmap(60) == range(-58, 58)
    assert bitmap(10) == range(-347, 347)


def test_a_bit_is_a_tick_of_its_word():
    assert ticks_of(-1, 1 | 1 << 255, 10) == (-2_560, -10)
    assert ticks_of(0, 1 | 1 << 255, 10) == (0, 2_550)


def slot0_answer(root, tick):
    return encode(SLOT0.outputs, [root, tick, 0, 1, 1, 0, True])


def ticks_answer(gross, net, initialised=True):
    return encode(TICKS.outputs, [gross, net, 0, 0, 0, 0, 0, initialised])


def test_answers_are_read():
    assert read_slot0(slot0_answer(ROOT, 100)) == (ROOT, 100)
    assert read_net(60, ticks_answer(9, -5)) == -5


@pytest.mark.parametrize("answer", [ticks_answer(0, 0, False), ticks_answer(4, 5), ticks_answer(4, -5)])
def test_a_tick_that_is_not_there_or_contradicts_itself_is_refused(answer):
    with pytest.raises(ValueError, match=r"ticks\(60\)"):
        read_net(60, answer)


def test_a_pool_that_was_never_initialised_is_refused():
    with pytest.raises(ValueError, match="never initialised"):
        read_slot0(slot0_answer(0, 0))


def test_a_pool_that_came_down_onto_a_tick_stands_below_it():
    assert snapshot((sqrt_price_x96(60), 59), 500, TIER, range(-1, 1), NETS).tick == 59


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"slot0": (ROOT, 99)}, "slot0 has tick 99"),
        ({"slot0": (ROOT, 101)}, "slot0 has tick 101"),
        ({"liquidity": 499}, "a range would hold < 0"),
        ({"words": range(1, 3)}, "do not hold the pool's own tick"),
        ({"nets": {-600: 500, 601: -500}}, "no multiples of 60"),
        ({"nets": {-600: 500, 60_000: -500}}, "within the words"),
        ({"nets": {-600: 500, 600: -501}}, "a range would hold < 0"),
        ({"words": range(-58, 58), "liquidity": 501}, "add up to 500"),
        ({"tier": (3_000, 0)}, "no pool has these"),
        ({"tier": (10**6, 60)}, "no pool has these"),
    ],
)
def test_parts_that_contradict_one_another_are_no_pool(changed, sentence):
    parts = {"slot0": (ROOT, 100), "liquidity": 500, "tier": TIER, "words": range(-1, 1), "nets": NETS}
    assert snapshot(**parts).ticks == ((-600, 500), (600, -500))
    with pytest.raises(ValueError, match=sentence):
        snapshot(**parts | changed)


# -- reading it bit by bit ---------------------------------------------------------------------------
def word(at, *ticks):
    return {Part(TICK_BITMAP, (at,)): sum(1 << tick // 60 % 256 for tick in ticks).to_bytes(32)}


def base(tick, liquidity=500):
    return {BASE[0]: slot0_answer(sqrt_price_x96(tick), tick), BASE[1]: liquidity.to_bytes(32)}


def parts(method, *places):
    return tuple(Part(method, (place,)) for place in places)


@pytest.mark.parametrize(
    ("tick", "down", "words"),
    [(100, True, (0, -1)), (100, False, (0, 1)), (-1, True, (-1, -2)), (887_271, False, (57,)),
     (-887_272, True, (-58,))],
)  # fmt: skip
def test_at_first_the_word_of_the_price_is_wanted_and_the_one_that_it_moves_to(tick, down, words):
    assert near(base(tick), 60, down) == parts(TICK_BITMAP, *words)


@pytest.mark.parametrize(("down", "ticks"), [(True, (60, 0, -60, -1200)), (False, (120, 180))])
def test_then_the_ticks_are_wanted_that_the_price_comes_to_in_their_order(down, ticks):
    answers = base(100) | word(0, 0, 60, 120, 180) | word(-1, -60, -1200) | word(1)
    assert near(answers, 60, down)[2:] == parts(TICKS, *ticks)


def test_no_more_ticks_are_wanted_than_most_orders_cross():
    many = range(0, 60 * 200, 60)
    answers = base(60 * 199) | word(0, *many) | word(-1)
    assert near(answers, 60, True)[2:] == parts(TICKS, *range(60 * 199, 60 * 191, -60))
    read = answers | dict.fromkeys(near(answers, 60, True)[2:], b"")
    assert further(read, 60, True, 60 * 192) == parts(TICKS, *range(60 * 191, 60 * 159, -60))


def test_further_on_a_word_is_wanted_before_its_ticks():
    answers = base(100) | word(0) | word(-1, -60)
    assert further(answers, 60, True, -15_420) == parts(TICK_BITMAP, -2, -3)
    assert further(answers, 60, True, -15_360) == parts(TICK_BITMAP, -2)


def test_a_pool_is_known_as_far_as_its_words_hang_together():
    answers = base(100) | word(0, 60, 600) | word(-2, -16_000 // 60 * 60) | word(1)
    found = pool_of(answers | {Part(TICKS, (600,)): ticks_answer(900, -500)}, TIER)
    assert found.words == (0, 1)
    assert found.ticks == ((60, None), (600, -500))


def test_a_pool_without_the_word_of_its_own_price_is_refused():
    with pytest.raises(ValueError, match="the word 0 of its tick 100 was not read"):
        pool_of(base(100) | word(1), TIER)
