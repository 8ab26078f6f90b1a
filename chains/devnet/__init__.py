"""Real chains on this machine: a node, the contracts of Uniswap, and somebody who trades on them."""
