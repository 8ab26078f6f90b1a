"""Which pools there are, as their factories say: one that is there stays, one that is not may still come."""

import asyncio
import time
from collections.abc import Iterable

from msgspec import Struct

from chains.evm.calldata import GET_PAIR, GET_POOL, read_address
from chains.evm.networks import Network
from chains.evm.node import Ask, Node, Revert
from chains.evm.routes import PoolKey, Route, Version
from chains.evm.v3state import Part
from chains.venue import Unanswered

MISSING_SECONDS = 60.0  # A new pool is found as late as that.


class Pools(Struct):
    """Grows as pools are found."""

    network: Network
    known: dict[PoolKey, str] = {}
    missing: dict[PoolKey, float] = {}  # Until when nobody asks again: seconds of the monotonic clock.
    near: dict[PoolKey, tuple[Part, ...]] = {}  # What was near the price of a V3 pool when it was last read.

    async def find(self, node: Node, keys: Iterable[PoolKey]) -> Unanswered | None:
        """Ask for those that are not known; None once everything that exists is, or did a moment ago."""
        now = time.monotonic()
        resting = {key for key, until in self.missing.items() if until > now}
        wanted = sorted({*keys} - self.known.keys() - resting)
        found = await asyncio.gather(*(self._address(node, key) for key in wanted))
        for key, address in zip(wanted, found, strict=True):
            if isinstance(address, Unanswered):
                return address
            if address is None:
                self.missing[key] = now + MISSING_SECONDS
            else:
                self.known[key] = address
        return None

    async def addresses(self, node: Node, route: Route) -> tuple[str, ...] | Unanswered:
        """Of the pools of a route that has been traded, so they are there."""
        for key in route.pools:
            self.missing.pop(key, None)  # So it was there when it was traded.
        if (reason := await self.find(node, route.pools)) is not None:
            return reason
        if missing := [key for key in route.pools if key not in self.known]:
            return Unanswered(f"{node.name}: it knows no pool {missing[0]}")
        return tuple(self.known[key] for key in route.pools)

    async def _address(self, node: Node, key: PoolKey) -> str | Unanswered | None:
        if key.version is Version.V2:
            call = GET_PAIR.on(self.network.v2_factory, key.token0, key.token1)
            method = GET_PAIR
        else:
            call = GET_POOL.on(self.network.v3_factory, key.token0, key.token1, key.fee_pips)
            method = GET_POOL
        answer = await node.call(Ask(to=call.to, data=call.data))
        if isinstance(answer, Unanswered):
            return answer
        if isinstance(answer, Revert):
            return Unanswered(f"{node.name}: {method.name} reverts ({answer.reason})")
        try:
            return read_address(method, answer)
        except ValueError as error:
            return Unanswered(f"{node.name}: {error}")
