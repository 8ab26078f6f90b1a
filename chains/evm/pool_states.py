"""What the pools of some routes are at one block, read in as few questions as that takes.

What was near a pool's price the last time is asked for at once the next time; but nothing that was read is
used for another block.
"""

from collections.abc import Iterable, Mapping

from chains.evm.calldata import GET_RESERVES
from chains.evm.node import Ask, Node
from chains.evm.pools import Pools
from chains.evm.routes import PoolKey, Reserves, Route, State, Unread, Version, directions
from chains.evm.v3math import TIERS
from chains.evm.v3state import BASE, Part, further, near, pool_of
from chains.evm.wire import Block
from chains.venue import Unanswered

RESERVES = Part(GET_RESERVES)
ROUNDS = (
    4  # Of questions, until all that is near is read: price, words, ticks; one more if the price has moved.
)

Wanted = Mapping[PoolKey, Iterable[Part]]


class PoolStates:
    """`known` is what has been read so far, or why a pool says nothing."""

    def __init__(self, node: Node, pools: Pools, block: Block) -> None:
        self._node, self._pools, self._block = node, pools, block
        self._answers: dict[PoolKey, dict[Part, bytes]] = {}
        self._down: dict[PoolKey, bool] = {}
        self._odd: dict[PoolKey, Unanswered] = {}
        self.known: dict[PoolKey, State] = {}

    async def begin(self, routes: Iterable[Route]) -> Unanswered | None:
        """All pools of these routes, near their prices.  None: it is done."""
        self._down = directions(routes)
        self._answers = {key: {} for key in self._down}
        wanted: Wanted = {key: self._first(key) for key in self._down}
        for _ in range(ROUNDS):
            if (reason := await self._read(wanted)) is not None:
                return reason
            wanted = {key: self._near(key) for key in self._down}
        self.known = {key: self._state(key) for key in self._down}
        return None

    async def go_on(self, unread: Iterable[Unread]) -> Unanswered | None:
        """Further, where swaps come to what was not read."""
        wanted = {each.key: self._further(each) for each in unread}
        if (reason := await self._read(wanted)) is not None:
            return reason
        self.known |= {key: self._state(key) for key in wanted}
        return None

    # -- what is to be read --
    def _first(self, key: PoolKey) -> tuple[Part, ...]:
        return (RESERVES,) if key.version is Version.V2 else (*BASE, *self._pools.near.get(key, ()))

    def _near(self, key: PoolKey) -> tuple[Part, ...]:
        if key.version is Version.V2 or key in self._odd:
            return ()
        try:
            parts = near(self._answers[key], TIERS[key.fee_pips], self._down[key])
        except ValueError as error:
            self._leave(key, str(error))
            return ()
        self._pools.near[key] = parts
        return parts

    def _further(self, unread: Unread) -> tuple[Part, ...]:
        key = unread.key
        return further(self._answers[key], TIERS[key.fee_pips], self._down[key], unread.tick)

    # -- reading --
    async def _read(self, wanted: Wanted) -> Unanswered | None:
        """All of it in one question."""
        every = [(key, part) for key, parts in wanted.items() for part in dict.fromkeys(parts)]
        asked = [(key, part) for key, part in every if part not in self._answers[key]]
        if not asked:
            return None
        asks = [Ask(to=self._pools.known[key], data=part.method.data(*part.arguments)) for key, part in asked]
        found = await self._node.simulate(asks, self._block.number)
        if isinstance(found, Unanswered):
            return found
        for (key, part), answer in zip(asked, found, strict=True):
            self._answers[key][part] = answer.output
            if not answer.succeeded:
                self._leave(key, f"{part.method.name} reverts")
        return None

    def _leave(self, key: PoolKey, reason: str) -> None:
        self._odd[key] = Unanswered(f"{self._pools.known[key]}: {reason}")

    def _state(self, key: PoolKey) -> State:
        if key in self._odd:
            return self._odd[key]
        answers = self._answers[key]
        try:
            if key.version is Version.V3:
                return pool_of(answers, (key.fee_pips, TIERS[key.fee_pips]))
            first, second, _ = GET_RESERVES.read(answers[RESERVES])
        except ValueError as error:
            return Unanswered(f"{self._pools.known[key]}: {error}")
        assert isinstance(first, int)
        assert isinstance(second, int)
        return Reserves(first, second)
