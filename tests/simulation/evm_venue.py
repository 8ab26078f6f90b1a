"""Our client of two EVM nodes: silent at times, behind at times, and sometimes of two minds."""

import json
from functools import lru_cache

from msgspec.structs import replace

from actors.messages import NEVER, Leg, Side, Units
from chains.evm.evidence import Question, View, in_doubt, is_undone, raised, seen
from chains.venue import Attempt, Draft, Foreign, Met, Over, Seen, Unanswered
from storage.shortage import Purse
from tests.simulation.evm import DEPTHS
from tests.simulation.outside import GAS, USDC, ForkVenue, chance_of, drawn, swap_of


@lru_cache(maxsize=4_096)
def _hole(seed: int, tx_id: str) -> int:
    hole = chance_of(seed, tx_id, "hole")
    return hole.randint(0, 1) if hole.random() < 0.15 else -1


class EvmVenue(ForkVenue):
    @property
    def shares_allowances(self) -> bool:
        return self.chain.approves

    async def meet(self, _books: object) -> Met:
        balances = {asset: Units(amount) for asset, amount in self.chain.balance.items()}
        return Met(self.chain.head_ns, balances, wallet="a wallet", nonce=self.chain.count())

    # -- bytes -----------------------------------------------------------------------------------------------
    async def prepare(self, live, nonce, tick) -> Draft | Foreign | Unanswered:
        """An approval first, where this node knows of none over just as much."""
        order = live.order
        if order.side is Side.REVOKE:
            return self._taken_back(live, nonce)
        quote = self.quote(order.side, order.token, order.amount_in, tick)
        if isinstance(quote, Unanswered):
            return quote
        if self.chain.approves and (used := self.chain.count()) > nonce:
            return Foreign(f"{used} nonces are used, and the log knows of {nonce}")
        leg = self._leg(live)
        dear = leg is Leg.SWAP and drawn(self.chain.seed, order.id) < 0.15
        fee = live.fee_left * 19 // 20 if dear else GAS
        if fee > live.fee_left:
            return Unanswered(f"it costs {fee}, and the order may pay {live.fee_left} more")
        minimum = quote.amount_out * (10_000 - order.slippage_bps) // 10_000
        return Draft(self._attempt(order, nonce, minimum, fee, leg), leg)

    def _leg(self, live) -> Leg:
        """What another order was allowed does not serve this one.  Some tokens take a new amount only where
        none is left of an old one.
        """
        asset, amount = _paid(live.order), live.order.amount_in
        allowance = self._told_allowance()
        if asset not in allowance or (live.allows and allowance[asset] == amount):
            return Leg.SWAP
        return Leg.REVOKE if allowance[asset] and self.chain.zero_first(asset) else Leg.APPROVE

    def _told_allowance(self) -> dict:
        """By a node that is behind, at times, or still on the branch that all others have left."""
        if self._happens(0.1):
            return self.chain.blocks[-1].allowed
        return self.chain.given_up if self._happens(0.1) and self.chain.given_up else self.chain.allowance

    def _taken_back(self, live, nonce) -> Draft | Foreign | Over | Unanswered:
        if (used := self.chain.count()) > nonce:
            return Foreign(f"{used} nonces are used, and the log knows of {nonce}")
        if live.legs_done or not self.chain.allowance.get(live.order.token):
            return Over("nothing is left")
        if self._happens(0.1):
            return Unanswered("timed out")
        return Draft(self._attempt(live.order, nonce, 1, GAS, Leg.REVOKE), Leg.REVOKE)

    async def leftover(self, asset) -> int | Unanswered:
        if self._happens(0.1):
            return Unanswered("timed out")
        allowance = self.chain.blocks[-1].allowed if self._happens(0.1) else self.chain.allowance  # Behind.
        return allowance.get(asset, 0)

    async def purse(self, asset) -> Purse | Unanswered:
        """At a block that is final, as far as this node has come."""
        if self._happens(0.1):
            return Unanswered("timed out")
        behind = self.chain.chance.randint(1, 5) if self._happens(0.1) else 0
        at = max(0, self.chain.head.number - behind - DEPTHS.final_depth + 1)
        return Purse(self.chain.count(at), self.chain.balance_at(at).get(asset, 0))

    async def revocation(self, live, nonce) -> Draft | Unanswered | None:
        if not self.chain.allowance.get(_paid(live.order)) or live.fee_left < GAS:
            return None
        if self._happens(0.1):
            return Unanswered("timed out")
        return Draft(self._attempt(live.order, nonce, 1, GAS, Leg.REVOKE), Leg.REVOKE)

    def build(self, order, quote, nonce, now_ns) -> Attempt:  # noqa: ARG002
        """A swap, as a planted bug would send it."""
        return self._attempt(order, nonce, quote.amount_out, GAS, Leg.SWAP)

    async def replacement(self, live, cancel, at_ns) -> Draft | Unanswered:  # noqa: ARG002
        newest = live.attempts[-1]
        fee = raised(swap_of(newest.raw)["fee"])
        fee = min(fee, live.fee_left)  # Nothing was seen that it would have to outbid.
        return Draft(
            self._attempt(live.order, newest.nonce, newest.min_amount_out, fee, newest.leg, cancel),
            newest.leg,
        )

    def _attempt(self, order, nonce, minimum, fee, leg, cancel=False) -> Attempt:
        raw = json.dumps(
            {"order": order.id, "token": order.token, "side": order.side, "amount_in": order.amount_in,
             "minimum": minimum, "nonce": nonce, "fee": fee, "cancel": cancel, "leg": leg,
             "asset": _paid(order), "allows": order.amount_in if leg is Leg.APPROVE else 0,
             "deadline_ns": order.deadline_ns}
        )  # fmt: skip
        channel = "private" if self.chain.private else "public"
        return Attempt(raw, f"tx {raw}", nonce, Units(minimum), NEVER, channel)

    # -- what became of it -----------------------------------------------------------------------------------
    def see(self, case, wallet, at_ns) -> Seen:
        newest = case.live.attempts[-1] if case.live.attempts else None
        fee = swap_of(newest.raw)["fee"] if newest else GAS
        question = Question(case, wallet, at_ns, fee, case.live.fee_left)
        node = self.chain.chance.randint(0, 1)
        first, second = self._view(case, node), None
        unexplained = first and newest and not first.receipts and first.count > newest.nonce
        legs = [each.allowed.tx_id for each in case.live.legs_done]
        gone = first and not {*legs} <= {each.tx_id for each in first.done}
        self._remember(case.live.order.id, legs)
        if first and (unexplained or gone or in_doubt(case, first) or is_undone(case, first)):
            second = self._view(case, 1 - node)
        return seen(DEPTHS, question, first, second)

    def _remember(self, order: str, legs: list[str]) -> None:
        """Whether it could be seen that a swap has what it needs."""
        there = [each for id in legs if (each := self.chain.receipt(id)) and each.landed]
        self.chain.stood.discard(order)
        if len(there) == len(legs):
            self.chain.stood.add(order)

    def _hole(self, tx_id: str) -> int:
        """One of the two nodes may not have a receipt at all."""
        return _hole(self.chain.seed, tx_id) if self.chain.faults else -1

    def _view(self, case, node: int) -> View | None:
        if self._happens(0.08):
            return None
        behind = self.chain.chance.randint(1, 5) if self._happens(0.1) else 0
        at = max(0, self.chain.head.number - behind)
        ids = [each.tx_id for each in case.live.attempts]
        kept = [id for id in ids if self._hole(id) != node]
        receipts = tuple(each for id in kept if (each := self.chain.receipt(id, at)))
        legs = [each.tx_id for leg in case.live.legs_done for each in leg.attempts]
        done = tuple(each for id in legs if (each := self.chain.receipt(id, at)))
        if self._happens(0.03):
            receipts = tuple(replace(each, block=at + 1) for each in receipts)  # Torn: of another block.
        pooled = frozenset() if self.chain.private else frozenset(id for id in ids if id in self.chain.pool)
        at_ns = self.chain.blocks[at].at_ns
        final = at - DEPTHS.final_depth + 1
        counted = at - self.chain.chance.randint(1, 3) if self._happens(0.03) else at  # Torn: an older count.
        count = max(self.chain.count(counted), self.chain.count(final))
        last_final = self.chain.hash_of(case.last_final.number, at) if case.last_final else ""
        return View(at, at_ns, count, self.chain.count(final), receipts, pooled, done, last_final)


def _paid(order) -> str:
    return USDC if order.side is Side.BUY else order.token
