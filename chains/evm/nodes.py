"""Several nodes of one chain: the healthiest is asked first, a second confirms, all of them get our bytes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from chains.evm import pacing
from chains.evm.connection import Limits, Paces, WrongChain
from chains.evm.evidence import View
from chains.evm.networks import PLACE, Network, network_of
from chains.evm.node import Node
from chains.evm.sight import Query, Read, Sight, Torn, sight, view
from chains.evm.wire import Block
from chains.venue import Taken, Unanswered
from storage.config_evm import Evm
from storage.evidence import Channel
from storage.strict_toml import refusal

T = TypeVar("T")
LOOKS = 3  # At a torn sight.
NODE_TRIES = 2  # Before another node is asked instead.
GRACE_SECONDS = 1.0  # After the first node has answered, for the others.


class Views(Struct, frozen=True):
    """Two nodes on the same block, for chains/evm/evidence.py; `sentence` says why one is missing."""

    first: View | None
    second: View | None
    sentence: str = ""


class Health(Struct, frozen=True):
    failures: int  # In a row.
    head: int | None  # The last that it told; None: nothing yet.


def ranked(healths: Sequence[Health], lag_blocks: int) -> list[int]:
    """Positions, healthiest first: who keeps up, then who answers, then in the given order."""
    newest = reference([each.head for each in healths if each.head is not None])

    def rank(at: int) -> tuple[bool, int, int]:
        health = healths[at]
        return (health.head is None or health.head < newest - lag_blocks, health.failures, at)

    return sorted(range(len(healths)), key=rank)


def reference(heads: Sequence[int]) -> int:
    """The head to compare with: of three or more the second highest, so that one liar alone can not make
    all the others look late.
    """
    return sorted(heads)[-2] if len(heads) > 2 else max(heads, default=0)


class Nodes:
    """`private_url`: where private transactions go, and nothing else does.  All of it in one event loop."""

    def __init__(
        self, network: Network, urls: Sequence[str], limits: Limits, lag_blocks: int, private_url: str = ""
    ) -> None:
        assert urls, "a chain without a node"
        paces = Paces(limits)
        self.network, self._lag_blocks = network, lag_blocks
        self.nodes = [Node(url, network.chain_id, paces, NODE_TRIES) for url in urls]
        self._private = Node(private_url, network.chain_id, paces, NODE_TRIES) if private_url else None
        self._heads: list[int | None] = [None] * len(urls)
        self._resting_until: list[float] = [0.0] * len(urls)
        self._late = [0] * len(urls)  # Looks in a row that had to do without it.
        self._sending: set[asyncio.Task[Taken | Unanswered]] = set()

    async def check(self, channel: str = Channel.PUBLIC) -> tuple[Unanswered, ...]:
        """What is wrong with each node that can not be used, with the private address too if it is to be.

        Empty if all is well; `WrongChain` is worse than the others: its sentence is one for a refusal.
        """
        every = [*self.nodes, *([self._private] if self._private and channel == Channel.PRIVATE else [])]
        found = await asyncio.gather(*(node.check() for node in every))
        return tuple(each for each in found if each is not None)

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        for node in (*self.nodes, *([self._private] if self._private else [])):
            await node.close()

    async def ask(self, question: Callable[[Node], Awaitable[T | Unanswered]]) -> T | Unanswered:
        """The first answer, from the healthiest node that gives one."""
        reasons = []
        for at in self._ranked():
            answer = await question(self.nodes[at])
            if not isinstance(answer, Unanswered):
                return answer
            reasons.append(answer)
        return together(reasons)

    # -- two views of one block --
    async def views(self, query: Query, read: Read) -> Views:
        """Both views are of the same block, the newest that both nodes have; one node alone gives one."""
        reason: Unanswered = Unanswered("no node answers")
        for _ in range(LOOKS):
            looked = await self._look(query)
            if isinstance(looked, Unanswered):
                reason = looked
                continue
            first, second = looked
            if isinstance(second, Sight):
                return Views(view(first, query, read), view(second, query, read))
            return Views(view(first, query, read), None, second.sentence)
        return Views(None, None, reason.sentence)

    async def _look(self, query: Query) -> tuple[Sight, Sight | Unanswered] | Unanswered:
        heads = await self.heads()
        there = [(at, heads[at]) for at in self._ranked() if at in heads]
        there = self._keeping_up(there)[:2]
        if not there:
            return Unanswered("no node answers")
        number = min(head.number for _, head in there)
        sights = await asyncio.gather(*(self._sight(at, query, head, number) for at, head in there))
        first, *others = sights
        if isinstance(first, Unanswered):
            return first
        second = others[0] if others else Unanswered("there is no second node to confirm it")
        if isinstance(second, Torn):
            return second
        if isinstance(second, Sight) and second.head.hash != first.head.hash:
            return Torn(f"two nodes have two blocks {number}: {first.head.hash} and {second.head.hash}")
        return first, second

    async def _sight(self, at: int, query: Query, head: Block, number: int) -> Sight | Unanswered:
        node = self.nodes[at]
        block = head if head.number == number else await node.block(number)
        if isinstance(block, Unanswered):
            return block
        return await sight(node, query, block) if block else Torn(f"{node.name}: block {number} is gone")

    def _keeping_up(self, there: list[tuple[int, Block]]) -> list[tuple[int, Block]]:
        newest = reference([head.number for _, head in there])
        return [(at, head) for at, head in there if head.number >= newest - self._lag_blocks]

    # -- how far each node is --
    async def heads(self) -> dict[int, Block]:
        """The heads of all nodes that answer soon, by position; the others are left alone for a while."""
        now = time.monotonic()
        awake = [at for at, until in enumerate(self._resting_until) if until <= now]
        asked = awake or list(range(len(self.nodes)))
        tasks = {asyncio.create_task(self.nodes[at].head()): at for at in asked}
        done = await _soon(set(tasks))
        found = {}
        for task, at in tasks.items():
            head = task.result() if task in done else None
            if isinstance(head, Block):
                found[at] = head
                self._heads[at], self._late[at] = head.number, 0
            else:
                self._rest(at)
        return found

    def best(self, heads: dict[int, Block]) -> int:
        """The position of the healthiest of these."""
        return next(at for at in self._ranked() if at in heads)

    def _rest(self, at: int) -> None:
        pause = pacing.pause_ns(self._late[at], 0, self.nodes[at].name, at) / pacing.SECOND_NS
        self._late[at] += 1
        self._resting_until[at] = time.monotonic() + pause

    def _ranked(self) -> list[int]:
        failures = [node.failures + self._late[at] for at, node in enumerate(self.nodes)]
        healths = [Health(*each) for each in zip(failures, self._heads, strict=True)]
        return ranked(healths, self._lag_blocks)

    # -- sending --
    async def broadcast(self, raw: str, tx_hash: str, channel: str = Channel.PUBLIC) -> Taken | Unanswered:
        """Public: to all nodes, until one has it.  Private: to the private address, and to no other, ever."""
        if channel == Channel.PRIVATE:
            if self._private is None:
                return Unanswered("it was not sent: there is no evm.private_send_url")
            return await self._private.send_raw(raw, tx_hash)
        assert channel == Channel.PUBLIC, f"no channel {channel}"
        tasks = {asyncio.create_task(self.nodes[at].send_raw(raw, tx_hash)) for at in self._ranked()}
        self._sending |= tasks
        for task in tasks:
            task.add_done_callback(self._sending.discard)
        reasons = []
        for done in asyncio.as_completed(tasks):
            answer = await done
            if isinstance(answer, Taken):
                return answer  # The other nodes get it too, while we go on.
            reasons.append(answer)
        return together(reasons)


def nodes_of(evm: Evm, seed: int = 0) -> Nodes:
    """The nodes that [evm] describes; ConfigError names the key and the fix."""
    network = network_of(evm)
    if not evm.rpc_urls:
        raise refusal(PLACE, "evm.rpc_urls", evm.rpc_urls, "name at least one node, better two")
    limits = Limits(
        connect_seconds=evm.connect_seconds,
        answer_seconds=evm.answer_seconds,
        requests_per_second=evm.requests_per_second,
        seed=seed,
    )
    # Even where new bytes go out in public: older ones may be private, and may go nowhere else.
    return Nodes(network, evm.rpc_urls, limits, evm.lag_blocks, network.private_send_url)


def together(reasons: Sequence[Unanswered]) -> Unanswered:
    """One reason of many, each of them once; a wrong chain stays one."""
    wrong = [each for each in reasons if isinstance(each, WrongChain)]
    kind = WrongChain if wrong else Unanswered
    return kind("; ".join(dict.fromkeys(each.sentence for each in reasons)))


async def _soon(tasks: set[asyncio.Task[T]]) -> set[asyncio.Task[T]]:
    """The tasks that are done soon after the first of them; the others are given up."""
    done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    while late and all(isinstance(task.result(), Unanswered) for task in done):
        more, late = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    if late:
        more, late = await asyncio.wait(late, timeout=GRACE_SECONDS)
        done |= more
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    return done
