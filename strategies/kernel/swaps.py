"""The arithmetic of chains/pool.py on wide numbers: a test holds the two together.

Reserves of the quote are below 2 ** 59, all else is below 2 ** 120; whoever makes a tape sees to that.
"""

from strategies.compiled import part
from strategies.kernel.digits import (
    FIFTH,
    FIRST,
    FOURTH,
    SECOND,
    THIRD,
    Integers,
    add,
    divide,
    multiply,
    multiply_short,
)
from strategies.kernel.wide import Wide, gathered, narrow, root, spread

FEE_SCALE = 10**6


@part
def amount_out(work: Integers, amount_in: Wide, reserve_in: Wide, reserve_out: Wide, fee: int) -> Wide:
    """What an exact amount buys; the fee is in millionths."""
    taxed = multiply_short(work, SECOND, FIRST, spread(work, FIRST, amount_in), FEE_SCALE - fee)
    above = multiply(work, THIRD, SECOND, taxed, FIRST, spread(work, FIRST, reserve_out))
    below = multiply_short(work, FOURTH, FIRST, spread(work, FIRST, reserve_in), FEE_SCALE)
    below = add(work, FOURTH, below, SECOND, taxed)
    return gathered(work, FIRST, divide(work, FIRST, THIRD, above, FOURTH, below))


@part
def reserves_at(
    work: Integers, price: Wide, reserve_quote: int, reserve_token: Wide, unit: Wide
) -> tuple[Wide, Wide]:
    """The reserves (quote, token) of the same pool at another price; unit: what a price is divided by."""
    quotes, tokens = spread(work, FIRST, narrow(reserve_quote)), spread(work, SECOND, reserve_token)
    product = multiply(work, FIFTH, FIRST, quotes, SECOND, tokens)
    squared = multiply(work, THIRD, FIFTH, product, FIRST, spread(work, FIRST, price))
    squared = divide(work, SECOND, THIRD, squared, FIRST, spread(work, FIRST, unit))
    quote = max(1, root(gathered(work, SECOND, squared)))
    tokens = divide(work, SECOND, FIFTH, product, FIRST, spread(work, FIRST, narrow(quote)))
    return narrow(quote), _one_at_least(gathered(work, SECOND, tokens))


@part
def price_paid(work: Integers, cost: int, quantity: Wide, unit: Wide) -> Wide:
    """What was paid a token: cost * unit // quantity."""
    first, second = spread(work, FIRST, narrow(cost)), spread(work, SECOND, unit)
    product = multiply(work, THIRD, FIRST, first, SECOND, second)
    paid = divide(work, SECOND, THIRD, product, FIRST, spread(work, FIRST, quantity))
    return gathered(work, SECOND, paid)


@part
def tokens_of_depth(work: Integers, depth: int, price: Wide, unit: Wide) -> Wide:
    """The tokens in a pool that holds `depth` of the quote at a price: at least one unit."""
    return _one_at_least(price_paid(work, depth, price, unit))


@part
def _one_at_least(number: Wide) -> Wide:
    if number[0] == 0 and number[1] == 0:
        return narrow(1)
    return number
