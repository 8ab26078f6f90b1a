"""An EVM chain as a venue: Uniswap V2 and V3, through several nodes.  It signs nothing: the signer does.

What a transaction did is read from its own bytes, as they are in the log, and from its receipt.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

from actors.messages import KEY, Asset, Leg, Signed, Tick, Units
from chains.evm import tokens
from chains.evm.connection import WrongChain
from chains.evm.desk import Desk
from chains.evm.evidence import Question, raised, seen, unseen
from chains.evm.fees import Fees
from chains.evm.node import Node
from chains.evm.nodes import Nodes
from chains.evm.pools import Pools
from chains.evm.preparing import Bench, Place, cancelled, drafted, repeated, revoked, swapped_again
from chains.evm.quoting import Disagreement
from chains.evm.reading import receipt_of, route_of, swap_of, trade_of
from chains.evm.receipts import Trade
from chains.evm.sight import Query
from chains.evm.signed import tx_id_of, unsigned_of
from chains.venue import Draft, Foreign, Met, Over, Seen, Taken, Unanswered, torn, used_by_another
from storage.books import Books, LiveOrder
from storage.evidence import Channel, Wallet
from storage.holdings import holdings, of_another
from storage.recovery import Case, unsettled
from storage.shortage import Purse

D = TypeVar("D")


class EvmVenue:
    at_hand, shares_allowances, parallel = False, True, True

    def __init__(self, nodes: Nodes, desk: Desk) -> None:
        self._nodes, self._desk = nodes, desk
        self._pools = Pools(desk.network)
        self.disputed = 0

    # -- the start ------------------------------------------------------------------------------------
    async def meet(self, books: Books) -> Met | Unanswered:
        """The wallet at the head: what it has must be what the books say, and its nonce no stranger's."""
        if others := of_another(books, self._desk.wallet, self._desk.network.name):
            return Met(0, {}, others)
        wrong = await self._nodes.check(self._desk.channel)
        if refusal := next((each for each in wrong if isinstance(each, WrongChain)), None):
            return Met(0, {}, f"{refusal.sentence}.")
        return await self._nodes.ask(lambda node: self._met(node, books))

    async def _met(self, node: Node, books: Books) -> Met | Unanswered:
        desk, held = self._desk, {asset for asset, amount in holdings(books).items() if amount}
        head = await node.head()
        if isinstance(head, Unanswered):
            return head
        balances: dict[Asset, Units] = {}
        for asset in sorted({desk.quote, desk.native, *held}):
            amount = await self._balance(node, asset, head.number)
            if isinstance(amount, Unanswered):
                return amount
            balances[asset] = Units(amount)
        nonce = await node.count(desk.wallet, head.number)
        if isinstance(nonce, Unanswered):
            return nonce
        if nonce < books.nonce and not unsettled(books):
            return Unanswered(
                f"{node.name}: the wallet's next nonce is {nonce}, and in the log {books.nonce}: it is behind"
            )
        foreign = self._foreign(books, nonce)
        strange = "" if foreign else self._short(books, balances)
        if desk.capital_cap is not None:  # What is over it is not the bot's.
            balances[desk.quote] = min(balances[desk.quote], desk.capital_cap)
        return Met(head.at_ns, balances, strange, desk.wallet, nonce, foreign)

    async def _balance(self, node: Node, asset: Asset, at: int) -> int | Unanswered:
        if asset == self._desk.native:
            return await node.balance(self._desk.wallet, at)
        return await tokens.balance_of(node, self._desk.address(asset), self._desk.wallet, at)

    def _foreign(self, books: Books, nonce: int) -> str:
        """While something is under way nobody can say what it must be; the resolver finds out."""
        if not books.ledger.accounts or unsettled(books) or nonce <= books.nonce:
            return ""
        return (
            f"the wallet's next nonce is {nonce}, and in the log {books.nonce}: somebody else uses it, or "
            f"the log is an old copy.  Move what it holds to a new wallet, and begin anew with --data-dir"
        )

    def _short(self, books: Books, balances: dict[Asset, Units]) -> str:
        """Of a wallet that a stranger has the key of it is no news."""
        if not books.ledger.accounts or unsettled(books) or KEY in books.halts:
            return ""
        short = [asset for asset, amount in holdings(books).items() if balances[asset] < amount]
        return torn(f"the wallet has less {', '.join(short)} than the log says") if short else ""

    # -- bytes ----------------------------------------------------------------------------------------
    async def prepare(self, live: LiveOrder, nonce: int, tick: Tick) -> Draft | Foreign | Over | Unanswered:  # noqa: ARG002
        """A nonce that the log does not know of is a stranger's; a node that is behind shows fewer."""
        asked: Awaitable[Draft | Over | Unanswered]
        asked = self._nodes.ask(lambda node: self._counted(drafted(self._bench(node, live, Place(nonce)))))
        used, draft = await asyncio.gather(
            self._nodes.ask(lambda node: node.count(self._desk.wallet, "latest")), asked
        )
        if isinstance(used, Unanswered):
            return used
        if used > nonce:
            return Foreign(used_by_another(self._desk.wallet, used, nonce))
        return draft

    async def replacement(self, live: LiveOrder, cancel: bool, at_ns: int) -> Draft | Unanswered:  # noqa: ARG002
        newest = live.attempts[-1]
        old = unsigned_of(newest.raw)
        place = Place(newest.nonce, Fees(old.max_fee_per_gas, old.max_priority_fee_per_gas))
        if cancel and raised(old.max_fee_per_gas) > self._fees(live)[1]:
            place = Place(newest.nonce)  # E27, E28: nothing was seen that it would have to outbid.

        async def again(node: Node) -> Draft | Unanswered:
            bench = self._bench(node, live, place)
            if cancel:
                return await cancelled(bench)
            if swap_of(newest) is not None:
                return await self._counted(swapped_again(bench, old.to))
            return await repeated(bench, Leg(newest.leg), old)

        return await self._nodes.ask(again)

    async def _counted(self, asked: Awaitable[D]) -> D:
        draft = await asked
        self.disputed += isinstance(draft, Disagreement)
        return draft

    async def revocation(self, live: LiveOrder, nonce: int) -> Draft | Unanswered | None:
        return await self._nodes.ask(lambda node: revoked(self._bench(node, live, Place(nonce))))

    async def leftover(self, asset: Asset) -> int | Unanswered:
        address, desk, most = self._desk.address(asset), self._desk, 0
        if asset == desk.native:
            return 0  # It goes with the swap: what is allowed of its wrapped form is none of ours.
        for router in desk.routers.values():
            question = partial(tokens.allowance, token=address, owner=desk.wallet, spender=router)
            found = await self._nodes.ask(question)
            if isinstance(found, Unanswered):
                return found
            most = max(most, found)
        return most

    async def purse(self, asset: Asset) -> Purse | Unanswered:
        return await self._nodes.ask(lambda node: self._purse(node, asset))

    async def _purse(self, node: Node, asset: Asset) -> Purse | Unanswered:
        head = await node.head()
        if isinstance(head, Unanswered):
            return head
        at_k = max(0, head.number - self._desk.network.final_depth + 1)
        nonce, amount = await asyncio.gather(
            node.count(self._desk.wallet, at_k), self._balance(node, asset, at_k)
        )
        if isinstance(nonce, Unanswered):
            return nonce
        return amount if isinstance(amount, Unanswered) else Purse(nonce, amount)

    def _bench(self, node: Node, live: LiveOrder, place: Place) -> Bench:
        return Bench(node, self._desk, self._pools, live, place)

    async def broadcast(self, raw: str, at_ns: int, channel: str = Channel.PUBLIC) -> Taken | Unanswered:  # noqa: ARG002
        return await self._nodes.broadcast(raw, tx_id_of(raw), channel)

    # -- what became of it ----------------------------------------------------------------------------
    async def look(self, case: Case, wallet: Wallet, at_ns: int) -> Seen:
        """Two nodes on the same block.  A receipt that contradicts its own transaction is no answer."""
        attempts, desk = case.live.attempts, self._desk
        question = Question(case, wallet, at_ns, *self._fees(case.live))
        trades = await self._trades(attempts)
        if isinstance(trades, Unanswered):
            return unseen(desk.depths, question, trades.sentence)
        done = tuple(each.tx_id for leg in case.live.legs_done for each in leg.attempts)
        final = case.last_final.number if case.last_final else None
        hashes = tuple(each.tx_id for each in attempts)
        query = Query(desk.wallet, hashes, desk.network.final_depth, done, final)
        try:
            l1_fee = bool(desk.network.l1_fee_oracle)
            views = await self._nodes.views(
                query, lambda mined: receipt_of(mined, desk.wallet, trades, l1_fee)
            )
        except ValueError as error:
            return unseen(desk.depths, question, str(error))
        if views.first is None:
            return unseen(desk.depths, question, views.sentence)
        return seen(desk.depths, question, views.first, views.second)

    def _fees(self, live: LiveOrder) -> tuple[int, int]:
        """What a unit of gas may cost by the newest bytes, and by the cap and what the order may pay."""
        if not live.attempts:
            return 0, self._desk.gas_cap
        newest = unsigned_of(live.attempts[-1].raw)
        return newest.max_fee_per_gas, min(self._desk.gas_cap, live.fee_left // newest.gas)

    async def _trades(self, attempts: tuple[Signed, ...]) -> dict[str, Trade] | Unanswered:
        swaps = [(each, swap) for each in attempts if (swap := swap_of(each)) is not None]
        trades = {}
        for signed, swap in swaps:
            pools = await self._nodes.ask(partial(self._pools.addresses, route=route_of(swap)))
            if isinstance(pools, Unanswered):
                return pools
            trades[signed.tx_id] = trade_of(swap, pools, unsigned_of(signed.raw).to)
        return trades

    # -- a chain goes on by itself ----------------------------------------------------------------------
    def advance(self, tick: Tick) -> None:
        """Its blocks come whatever our market does."""

    def head_ns(self) -> int:
        return 0

    def close(self) -> None:
        """Its connections end with the process, and nothing waits in them."""
