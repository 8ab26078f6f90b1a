"""Uniswap V3's arithmetic: every answer of the real quoter, and properties over any pool."""

import gzip
import json

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from chains.evm import v3math
from chains.evm.calldata import SLOT0, TICKS
from chains.evm.v3math import (
    MAX_ROOT,
    MIN_ROOT,
    Pool,
    Swapped,
    Unread,
    next_tick,
    quote,
    root_after,
    step,
    tick_at,
)
from chains.evm.v3state import BASE, bitmap, further, near, pool_of, snapshot
from chains.tickmath import MAX_TICK, sqrt_price_x96
from chains.venue import Unanswered


@pytest.fixture(scope="session")
def wbtc_weth(recorded):
    """The pool of WBTC and WETH at 0.3 %, block 24407242, with all of its 458 ticks."""
    found = json.loads(
        gzip.decompress(recorded("amm/degenbot__1__uniswap_v3_wbtc_weth_block_24407242.json.gz").read_bytes())
    )
    pool, nets = found["scalars"], {int(tick): net for tick, (_, net, _) in found["tick_data"].items()}
    slot0, tier = (pool["sqrt_price_x96"], pool["tick"]), (pool["fee"], pool["tick_spacing"])
    return snapshot(slot0, pool["liquidity"], tier, bitmap(tier[1]), nets)


@pytest.fixture(scope="session")
def answers(recorded):
    """Of the real QuoterV2: (function, whether WBTC is paid, amount asked for, its answer)."""
    file = "amm/degenbot__test_uniswap_v3_onchain_parity__test_cached_calculations_v3_wbtc_weth.json"
    found = []
    for key, entry in json.loads(recorded(file).read_text())["entries"].items():
        _, function, pair, amount = key.split("|")
        found.append((function, pair.startswith("WBTC"), int(amount), entry["value"]))
    return found


def test_every_answer_to_an_exact_input_is_met_to_the_unit(wbtc_weth, answers):
    asked = [(*rest,) for function, *rest in answers if function == "quoteExactInputSingle"]
    assert len(asked) == 40
    for wbtc_paid, amount, expected in asked:
        assert quote(wbtc_weth, amount, wbtc_paid).amount_out == expected, (wbtc_paid, amount)


def test_every_answer_to_an_exact_output_is_the_least_that_buys_it(wbtc_weth, answers):
    asked = [(*rest,) for function, *rest in answers if function == "quoteExactOutputSingle"]
    assert len(asked) == 40
    dry = 0
    for wbtc_paid, wanted, least in asked:
        found = quote(wbtc_weth, least, wbtc_paid)
        if found.amount_out < wanted:  # More than there is: the quoter answers what empties the pool.
            assert found.pool.liquidity == 0
            dry += 1
        elif least > 2:  # 2 is the least that buys anything: one unit goes to the fee.
            assert quote(wbtc_weth, least - 1, wbtc_paid).amount_out < wanted
    assert dry == 9


def test_a_pool_that_runs_dry_takes_no_more_than_it_can_pay_for(wbtc_weth):
    found = quote(wbtc_weth, 2**255 - 1, True)
    assert found.amount_in < 2**255 - 1
    assert found.pool.sqrt_price_x96 == MIN_ROOT + 1
    assert quote(found.pool, 1, True) == Swapped(0, 0, 0, found.pool)


# -- SwapMath.spec.ts of Uniswap V3 core: (price, target, liquidity, amount, fee) and its answer ------
E18 = 10**18
ONE, TEN = 1 << 96, 250541448375047931186413801569  # sqrt(1), sqrt(10)
STEPS = [
    (
        (ONE, 79623317895830914510639640423, 2 * E18, E18, 600),
        (79623317895830914510639640423, 9975124224178055, 9925619580021728, 5988667735148),
    ),
    ((ONE, TEN, 2 * E18, E18, 600), (None, 999400000000000000, 666399946655997866, 600000000000000)),
    (
        (2, 1, 1, 3915081100057732413702495386755767, 1),
        (1, 39614081257132168796771975168, 0, 39614120871253040049813),
    ),
    ((2413, 79887613182836312, 1985041575832132834610021537970, 10, 1872), (2413, 0, 0, 10)),
]


@pytest.mark.parametrize(("given", "expected"), STEPS)
def test_a_step_is_that_of_the_contracts_own_tests(given, expected):
    after, *amounts = step(*given)
    assert tuple(amounts) == expected[1:]
    assert expected[0] in {after, None}


@pytest.mark.parametrize(
    ("root", "liquidity", "amount", "down", "after"),
    [
        (ONE, E18, E18 // 10, True, 72025602285694852357767227579),  # SqrtPriceMath.spec.ts
        (ONE, E18, E18 // 10, False, 87150978765690771352898345369),
        (ONE, 10 * E18, 2**100, True, 624999999995069620),
        (ONE, 1, 2**255, True, 1),
        # Where 256 bits overflow the contract takes a shorter way, that ends two units higher here.
        (
            4139661761220126483128615563168213593463450745,
            18030700422000699905341334996469137779,
            111515523384070657134179740761351,
            True,
            12810227849228064570646349188628284,
        ),
    ],
)
def test_the_price_after_an_input_is_rounded_as_the_contract_does(root, liquidity, amount, down, after):
    assert root_after(root, liquidity, amount, down) == after


# -- properties --------------------------------------------------------------------------------------
@st.composite
def pools(draw):
    """Positions of any width about the pool's price, over one for all prices."""
    fee, spacing = draw(st.sampled_from(sorted(v3math.TIERS.items())))
    tick, edge = draw(st.integers(-200_000, 200_000)), MAX_TICK // spacing * spacing
    nets = {-edge: 10**9, edge: -(10**9)}
    for _ in range(draw(st.integers(0, 8))):
        low = (tick + draw(st.integers(-3_000, 3_000))) // spacing * spacing
        high = low + draw(st.integers(1, 200)) * spacing
        amount = draw(st.integers(1, 10**24))
        nets[low], nets[high] = nets.get(low, 0) + amount, nets.get(high, 0) - amount
    nets = {each: net for each, net in nets.items() if net}
    liquidity = sum(net for each, net in nets.items() if each <= tick)
    root = draw(st.integers(sqrt_price_x96(tick), sqrt_price_x96(tick + 1) - 1))
    return snapshot((root, tick), liquidity, (fee, spacing), bitmap(spacing), nets)


amounts_in = st.integers(1, 10**30)


@given(pools(), amounts_in, st.booleans())
def test_there_and_back_never_gains(pool, amount, down):
    there = quote(pool, amount, down)
    if there.amount_out:
        assert quote(there.pool, there.amount_out, not down).amount_out <= there.amount_in


@given(pools(), amounts_in, amounts_in, st.booleans())
def test_two_swaps_give_no_more_than_one_of_both(pool, first, second, down):
    one = quote(pool, first, down)
    two = quote(one.pool, second, down)
    assert one.amount_out + two.amount_out <= quote(pool, first + second, down).amount_out


@given(pools(), amounts_in, st.booleans())
def test_a_swap_leaves_a_pool_that_is_of_one_block(pool, amount, down):
    after = quote(pool, amount, down).pool
    words, tier = range(pool.words[0], pool.words[1] + 1), (pool.fee_pips, pool.tick_spacing)
    if abs(after.tick) < MAX_TICK - 1:
        slot0 = after.sqrt_price_x96, after.tick
        assert snapshot(slot0, after.liquidity, tier, words, dict(pool.ticks)) == after
    assert (
        after.sqrt_price_x96 <= pool.sqrt_price_x96 if down else after.sqrt_price_x96 >= pool.sqrt_price_x96
    )


@given(pools(), amounts_in, st.booleans())
def test_with_fewer_ticks_the_answer_is_the_same_or_none(pool, amount, down):
    word = pool.tick // pool.tick_spacing // 256
    near = tuple(each for each in pool.ticks if each[0] // pool.tick_spacing // 256 == word)
    few = Pool(
        pool.sqrt_price_x96, pool.tick, pool.liquidity, pool.fee_pips, pool.tick_spacing, near, (word, word)
    )
    found, whole = quote(few, amount, down), quote(pool, amount, down)
    assert isinstance(found, Unanswered) or (found.amount_in, found.amount_out) == (
        whole.amount_in,
        whole.amount_out,
    )


def contract(pool):
    """What the pool's contract answers to a part."""
    nets = dict(pool.ticks)

    def answer(part):
        match part.method.name, part.arguments:
            case "slot0", ():
                return encode(SLOT0.outputs, [pool.sqrt_price_x96, pool.tick, 0, 1, 1, 0, True])
            case "liquidity", ():
                return pool.liquidity.to_bytes(32)
            case "tickBitmap", (word,):
                places = (tick // pool.tick_spacing for tick in nets)
                return sum(1 << place % 256 for place in places if place // 256 == word).to_bytes(32)
            case "ticks", (tick,):
                return encode(TICKS.outputs, [abs(nets[tick]), nets[tick], 0, 0, 0, 0, 0, True])

    return answer


@settings(max_examples=60)
@given(pools(), amounts_in, st.booleans())
def test_read_bit_by_bit_a_pool_gives_the_same_and_never_more_than_was_foretold(pool, amount, down):
    spacing, tier, ask = pool.tick_spacing, (pool.fee_pips, pool.tick_spacing), contract(pool)
    whole = quote(pool, amount, down)
    answers = {part: ask(part) for part in BASE}
    for _ in range(2):
        answers |= {part: ask(part) for part in near(answers, spacing, down)}
    found = quote(pool_of(answers, tier), amount, down)
    for _ in range(12):
        if not isinstance(found, Unread):
            break
        assert whole.amount_out <= found.most
        wanted = further(answers, spacing, down, found.tick)
        assert wanted, "it does not come on"
        assert wanted[0] not in answers
        answers |= {part: ask(part) for part in wanted}
        found = quote(pool_of(answers, tier), amount, down)
    if isinstance(found, Swapped):
        assert (found.amount_in, found.amount_out) == (whole.amount_in, whole.amount_out)
        assert found.pool.sqrt_price_x96 == whole.pool.sqrt_price_x96


@given(st.integers(MIN_ROOT, MAX_ROOT - 1))
def test_the_tick_of_a_price_is_the_last_one_that_is_not_above_it(root):
    tick = tick_at(root)
    assert sqrt_price_x96(tick) <= root < sqrt_price_x96(tick + 1)


@pytest.mark.parametrize("tick", [-MAX_TICK, -1, 0, 1, MAX_TICK - 1])
def test_the_tick_of_a_ticks_own_price_is_that_tick(tick):
    assert tick_at(sqrt_price_x96(tick)) == tick


@pytest.mark.parametrize("root", [0, MIN_ROOT - 1, MAX_ROOT])
def test_no_pool_has_a_price_beyond_the_limits(root):
    with pytest.raises(ValueError, match="sqrtPriceX96"):
        tick_at(root)


@pytest.mark.parametrize(
    ("tick", "down", "expected"),
    [
        (60, True, (60, True)),  # Downwards the tick itself counts.
        (59, True, (0, False)),  # The word's first tick, where nothing is initialised.
        (60, False, (180, True)),
        (180, False, (15_300, False)),  # The word's last.
        (-1, True, (-15_360, False)),
        (-20_000, True, (None, False)),  # Of a word that was not read.
        (15_300, False, (None, False)),
    ],
)
def test_the_walk_stops_at_initialised_ticks_and_at_the_ends_of_words(tick, down, expected):
    pool = Pool(sqrt_price_x96(tick), tick, 10**18, 3_000, 60, ((60, 1), (180, -1)), (-1, 0))
    assert next_tick(pool, down) == expected


def test_only_initialised_ticks_count_as_crossed():
    """Over 3 words' ends and one position's two ticks, all of which cost nothing to pass."""
    pool = Pool(sqrt_price_x96(100), 100, 10**6, 100, 1, ((200, 7), (300, -7)), (-2, 5))
    found = quote(pool, 60_000, False)
    assert found.pool.tick > 768
    assert found.crossed == 2


@pytest.mark.parametrize("amount", [0, -1])
def test_a_swap_of_nothing_is_refused(amount):
    with pytest.raises(ValueError, match="amount_in"):
        quote(Pool(1 << 96, 0, 1, 3_000, 60, (), (0, 0)), amount, True)
