"""The built-in market: seeded prices of several tokens that trend, calm down and get wild.

Bar number i is a pure function of the seed and i, so a restart reads on wherever it stopped.  Prices are made
in blocks of 1,024 bars; a block needs only its number and the price at its start, which is the end of the
block before.  Everything is sums, products and square roots of drawn numbers, which IEEE 754 makes exact:
the same seed is the same market on every machine.

What makes it like a market: regimes that last for days (rising, falling, calm, wild), volatility that follows
the size of the last shocks (as in ARCH), rare jumps, and a pull towards the first price, so that a year later
there still is a market.
"""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from actors.messages import PRICE_SCALE, Asset, Bar, Instrument, Price, Tick, Units
from chains.amounts import to_units
from chains.chance import Stream, below, chance
from chains.pool import reserves_at, reserves_of_depth
from storage.config import Paper, Simulated

START_NS = 1_735_689_600 * 10**9  # 2025-01-01
BLOCK = 1_024  # Bars made at once.
STEPS = 4  # Prices within a bar.
MEMORY = 24  # Steps over which shocks are remembered.
REGIME_BLOCKS = 3  # A regime lasts so many blocks: about two days of minutes.
DECIMALS = 18

Floats = npt.NDArray[np.float64]


class Regime(Struct, frozen=True):
    drift: float  # Over a whole block.
    volatility: float  # Of one minute's step.


REGIMES = (Regime(0.045, 0.0005), Regime(-0.045, 0.0006), Regime(0.0, 0.0002), Regime(0.0, 0.0013))


class Block(Struct, frozen=True):
    """1,024 bars of one token: four prices each, in whole quote tokens, and the volume in quote tokens."""

    prices: Floats  # Shape (4, BLOCK): open, high, low, close.
    volume: Floats


class Path:
    """One token's prices, made block by block from the first."""

    def __init__(self, seed: int, token: str, bar_seconds: int) -> None:
        self._seed, self._token = seed, token
        self._pace = (bar_seconds / 60 / STEPS) ** 0.5
        self.first = round(10.0 ** below(4, seed, token, "scale") * (0.5 + chance(seed, token, "price")), 4)
        self._starts = [self.first]
        self._recent: dict[int, Block] = {}

    def block(self, number: int) -> Block:
        while len(self._starts) <= number + 1:
            last = self._make(len(self._starts) - 1)
            self._starts.append(float(last.prices[3, -1]))
        if number not in self._recent:
            if len(self._recent) > 1:
                self._recent.pop(min(self._recent))
            self._recent[number] = self._make(number)
        return self._recent[number]

    def _make(self, number: int) -> Block:
        start, stream = self._starts[number], Stream(self._seed, self._token, number)
        regime = REGIMES[below(len(REGIMES), self._seed, self._token, "regime", number // REGIME_BLOCKS)]
        pull = 0.05 * (self.first - start) / max(self.first, start)
        drift = (regime.drift + pull) / (BLOCK * STEPS)
        returns = drift + regime.volatility * self._pace * _clustered(stream, BLOCK * STEPS)
        walk = start * np.cumprod(1.0 + np.maximum(returns, -0.5))
        inside = walk.reshape(BLOCK, STEPS)
        close = inside[:, -1]
        opens = np.concatenate(([start], close[:-1]))
        prices = np.array(
            [opens, np.maximum(opens, inside.max(axis=1)), np.minimum(opens, inside.min(axis=1)), close]
        )
        moves = np.abs(returns).reshape(BLOCK, STEPS).max(axis=1)
        return Block(prices, 2_000.0 + 20_000_000.0 * moves * stream.uniforms(BLOCK))


def _clustered(stream: Stream, count: int) -> Floats:
    """Shocks whose size follows that of the shocks before; one in 300 is a jump."""
    shocks = stream.shocks(count + MEMORY)
    shocks[stream.uniforms(count + MEMORY) < 1 / 300] *= 8.0
    sums = np.concatenate(([0.0], np.cumsum(shocks * shocks)))
    remembered = (sums[MEMORY : MEMORY + count] - sums[:count]) / MEMORY
    clustered: Floats = shocks[MEMORY:] * np.sqrt(0.1 + 0.9 * remembered)
    return clustered


class SimulatedFeed:
    paced = True

    def __init__(self, simulated: Simulated, paper: Paper, seed: int, depth: str, fee_pips: int) -> None:
        self.bar_ns = simulated.bar_seconds * 10**9
        self.total = simulated.bars or None
        self._scale = 10.0**paper.quote_decimals
        self._paths = [Path(seed, token, simulated.bar_seconds) for token in simulated.tokens]
        quote = Asset(f"paper:{paper.quote}")
        self.instruments = tuple(
            Instrument(Asset(f"paper:{token}"), quote, DECIMALS, paper.quote_decimals, fee_pips)
            for token in simulated.tokens
        )
        units = to_units(depth, paper.quote_decimals, "recording.pool_depth")
        self._pools = [reserves_of_depth(units, self._price(path.first), DECIMALS) for path in self._paths]
        length = f"{self.total:,} bars" if self.total else "endless"
        tokens = ", ".join(simulated.tokens)
        self.name = f"simulated market, seed {seed}, {tokens}, {length} of {simulated.bar_seconds} s"

    def read(self, after_ns: int | None, count: int) -> tuple[Tick, ...]:
        first = 0 if after_ns is None else max(0, self.position(after_ns))
        last = first + count if self.total is None else min(first + count, self.total)
        return tuple(self._tick(index) for index in range(first, last))

    def ended(self, after_ns: int) -> bool:
        return self.total is not None and self.position(after_ns) >= self.total

    def position(self, at_ns: int) -> int:
        return max(0, (at_ns - START_NS) // self.bar_ns)

    def _tick(self, index: int) -> Tick:
        return Tick(
            START_NS + (index + 1) * self.bar_ns,
            tuple(self._bar(token, *divmod(index, BLOCK)) for token in range(len(self._paths))),
        )

    def _bar(self, token: int, block_number: int, row: int) -> Bar:
        block = self._paths[token].block(block_number)
        open, high, low, close = map(self._price, block.prices[:, row].tolist())
        reserve_quote, reserve_token = reserves_at(close, *self._pools[token], DECIMALS)
        volume = Units(int(block.volume[row] * self._scale))
        asset = self.instruments[token].token
        return Bar(asset, open, high, low, close, volume, reserve_quote, reserve_token)

    def _price(self, whole: float) -> Price:
        return Price(max(1, int(whole * self._scale * PRICE_SCALE)))
