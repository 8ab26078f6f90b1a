"""The arithmetic of chains/pool.py on wide numbers: a test holds the two together.

Amounts and reserves of the quote are below 2 ** 60, all else is below 2 ** 120; whoever makes a tape sees to
that.
"""

from strategies.compiled import inlined, part
from strategies.kernel.long import added, divided, long, multiplied, multiplied_wide, root
from strategies.kernel.wide import Wide, narrow, narrowed

FEE_SCALE = 10**6


@part
def bought(amount: int, quote: int, token: Wide, fee: int) -> Wide:
    """What an exact amount of the quote buys from these reserves; the fee is in millionths."""
    taxed = multiplied(long(narrow(amount)), FEE_SCALE - fee)
    above = multiplied_wide(taxed, token)
    return divided(above, added(multiplied(long(narrow(quote)), FEE_SCALE), taxed))


@part
def sold(amount: Wide, quote: int, token: Wide, fee: int) -> int:
    """What an exact amount of the token brings."""
    taxed = multiplied(long(amount), FEE_SCALE - fee)
    above = multiplied(taxed, quote)
    return narrowed(divided(above, added(multiplied(long(token), FEE_SCALE), taxed)))


@part
def reserves_at(price: Wide, quote: int, token: Wide, unit: Wide) -> tuple[int, Wide]:
    """The reserves (quote, token) of the same pool at another price; unit: what a price is divided by."""
    k = multiplied(long(token), quote)
    after = max(1, root(multiplied_wide(k, price), unit))
    return after, _one_at_least(divided(k, long(narrow(after))))


@inlined
def price_paid(cost: int, quantity: Wide, unit: Wide) -> Wide:
    """What was paid a token: cost * unit // quantity."""
    return divided(multiplied(long(unit), cost), long(quantity))


@inlined
def tokens_of_depth(depth: int, price: Wide, unit: Wide) -> Wide:
    """The tokens in a pool that holds `depth` of the quote at a price: at least one unit."""
    return _one_at_least(price_paid(depth, price, unit))


@inlined
def _one_at_least(number: Wide) -> Wide:
    if number[0] == 0 and number[1] == 0:
        return narrow(1)
    return number
