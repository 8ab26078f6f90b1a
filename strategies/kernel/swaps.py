"""The arithmetic of chains/pool.py on wide numbers: a test holds the two together.

Reserves of the quote are below 2 ** 59, all else is below 2 ** 120; whoever makes a tape sees to that.
"""

from strategies.compiled import part
from strategies.kernel.wide import (
    Integers,
    Wide,
    add,
    divide,
    gathered,
    multiply,
    narrow,
    root,
    spread,
)

FEE_SCALE = 10**6


@part
def amount_out(rows: Integers, amount_in: Wide, reserve_in: Wide, reserve_out: Wide, fee: int) -> Wide:
    """What an exact amount buys; the fee is in millionths."""
    spread(rows[0], amount_in)
    spread(rows[1], narrow(FEE_SCALE - fee))
    multiply(rows[2], rows[0], rows[1])  # Taxed.
    spread(rows[0], reserve_out)
    multiply(rows[3], rows[2], rows[0])
    spread(rows[0], reserve_in)
    spread(rows[1], narrow(FEE_SCALE))
    multiply(rows[4], rows[0], rows[1])
    add(rows[4], rows[2])
    divide(rows[0], rows[3], rows[4])
    return gathered(rows[0])


@part
def reserves_at(
    rows: Integers, price: Wide, reserve_quote: int, reserve_token: Wide, unit: Wide
) -> tuple[Wide, Wide]:
    """The reserves (quote, token) of the same pool at another price; unit: what a price is divided by."""
    spread(rows[0], narrow(reserve_quote))
    spread(rows[1], reserve_token)
    multiply(rows[5], rows[0], rows[1])  # k
    spread(rows[0], price)
    multiply(rows[1], rows[5], rows[0])
    spread(rows[2], unit)
    divide(rows[0], rows[1], rows[2])
    quote = max(1, root(rows, gathered(rows[0])))
    spread(rows[1], narrow(quote))
    divide(rows[0], rows[5], rows[1])
    token = gathered(rows[0])
    if token[0] == 0 and token[1] == 0:
        token = narrow(1)
    return narrow(quote), token


@part
def price_paid(rows: Integers, cost: int, quantity: Wide, unit: Wide) -> Wide:
    """What was paid a token: cost * unit // quantity."""
    spread(rows[0], narrow(cost))
    spread(rows[1], unit)
    multiply(rows[2], rows[0], rows[1])
    spread(rows[1], quantity)
    divide(rows[0], rows[2], rows[1])
    return gathered(rows[0])


@part
def tokens_of_depth(rows: Integers, depth: int, price: Wide, unit: Wide) -> Wide:
    """The tokens in a pool that holds `depth` of the quote at a price: at least one unit."""
    token = price_paid(rows, depth, price, unit)
    if token[0] == 0 and token[1] == 0:
        return narrow(1)
    return token
