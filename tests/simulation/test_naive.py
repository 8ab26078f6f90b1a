"""The naive books on orders that need approvals and pay gas: they agree with ours, or object."""

from random import Random

import pytest
from msgspec.structs import replace

from actors.messages import Allowed, Append, Deposited, Id, Landed, Leg, Order, Reversed, Reverted, RolledBack
from chains.venue import Receipt
from storage.holdings import holdings
from storage.trades import local, opening, signing, trade
from tests.deals import GAS, UNIT, USDC, WBTC, WETH, Desk, close, order, propose, terms
from tests.simulation.checks import Violation
from tests.simulation.fork_checks import ForkNaive
from tests.storage.test_legs import played


class Told:
    """A chain on which everything happens that is booked, in one block."""

    deep, halted, hash = False, False, "as it was"

    def hash_of(self, _number: int) -> str:
        return self.hash

    def __init__(self) -> None:
        self.ever: dict[str, list[Receipt]] = {}
        self.now: dict[str, Receipt] = {}

    def receipt(self, tx_id: str) -> Receipt | None:
        return self.now.get(tx_id)

    def note(self, body) -> None:
        match body:
            case Reversed(_, tx_id):
                del self.now[tx_id]
            case Landed():
                self._mined(body, True, body.amount_in, body.amount_out)
            case Allowed() | Reverted():
                self._mined(body, isinstance(body, Allowed), 0, 0)

    def _mined(self, body, landed: bool, amount_in: int, amount_out: int) -> None:
        receipt = Receipt(body.tx_id, landed, amount_in, amount_out, body.fee, 0, 1, self.hash)
        self.ever.setdefault(body.tx_id, []).append(receipt)
        self.now[body.tx_id] = receipt


class Books(ForkNaive):
    def open(self, _tx_id: str) -> bool:
        return False


class Pair:
    """Our books and the naive ones, which read what ours have written."""

    def __init__(self, capital: int, gas: int) -> None:
        self.desk, self.naive, self.read = Desk(capital), Books(Told()), 0
        self.desk.note(local("gas", Deposited(GAS, gas), 0))
        start = Append(Id("start"), tuple(self.desk.records))
        self.naive.write(start)

    def compare(self) -> None:
        for append in self.desk.appends[self.read :]:
            for record in append.records:
                self.naive.chain.note(record.body)
            self.naive.write(append)
        self.read = len(self.desk.appends)
        assert self.naive.free() == self.desk.account().free
        assert self.naive.free_gas(GAS) == self.desk.books.ledger.account(GAS).free
        owned = {asset: amount for asset, amount in self.naive.owned().items() if amount}
        assert owned == holdings(self.desk.books)


@pytest.mark.parametrize("tokens", [(WETH, WBTC), (GAS, WBTC)])  # The coin itself can be a position.
@pytest.mark.parametrize("seed", range(6))
def test_they_agree_on_what_is_free_of_both_assets(seed, tokens):
    chance, pair = Random(seed), Pair(1_000 * UNIT, 600)
    desk = pair.desk
    desk.terms = replace(terms(tokens=tokens), fee_asset=GAS, max_fee=9)
    for at_ns in range(1, 50):
        token = chance.choice(tokens)
        verdict = desk.wish(close(token, at_ns) if token in desk.books.positions else propose(token, at_ns))
        if isinstance(verdict, Order):
            pair.compare()
            played(desk, verdict, chance, at_ns)
        pair.compare()
    assert pair.naive.kinds["Allowed"] > 20


def test_they_agree_where_the_quote_pays_for_approvals():
    pair = Pair(1_000, 9)
    pair.desk.append(opening(order("o1", amount=100, max_fee=9)))
    pair.desk.allow("o1", 3)
    pair.compare()
    pair.desk.book("o1", 7, fee=2)
    pair.desk.reorg("o1")
    pair.compare()


def at_approval() -> Pair:
    """An approval is signed, and has landed for a fee of 3."""
    pair = Pair(1_000, 50)
    pair.desk.append(opening(order("o1", amount=100, max_fee=9, fee_asset=GAS)))
    pair.desk.sign("o1", leg=Leg.APPROVE)
    pair.compare()
    pair.naive.chain.note(Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 3))
    return pair


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 2), "settle-from-chain: o1/tx1 is booked for 2"),
        (Allowed("o1", Leg.REVOKE, "o1/tx1", "b", 3), "no-guess: o1/tx1 is to approve"),
        (Allowed("o1", Leg.APPROVE, "o1/tx9", "b", 3), "write-ahead: o1/tx9 is no leg of o1"),
        (RolledBack("o1", "late"), "no-guess: o1 is rolled back, and bytes exist"),
    ],
)
def test_they_object_to_what_an_approval_does_not_mean(body, words):
    with pytest.raises(Violation, match=words):
        at_approval().naive.write(Append(Id("x"), (trade("o1", "in_progress", body, 0),)))


def test_they_object_to_a_swap_that_is_signed_while_its_approval_can_land():
    pair = at_approval()
    swap = replace(pair.desk.books.live["o1"].attempts[0], attempt=2, tx_id="t2", nonce=1, leg=Leg.SWAP)
    with pytest.raises(Violation, match="signed under two nonces"):
        pair.naive.write(signing(swap, 0))


def test_they_object_to_more_gas_than_was_set_aside():
    pair = at_approval()
    pair.naive.chain.note(Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 10))
    with pytest.raises(Violation, match="pays more than it may"):
        pair.naive.write(
            Append(Id("x"), (trade("o1", "x", Allowed("o1", Leg.APPROVE, "o1/tx1", "b", 10), 0),))
        )


def test_they_object_to_gas_that_is_not_there():
    pair = Pair(1_000, 8)
    append = opening(order("o1", amount=100, max_fee=9, fee_asset=GAS))
    with pytest.raises(Violation, match="no-overdraft"):
        pair.naive.write(append)
    assert USDC not in pair.naive.gas


@pytest.mark.parametrize("hash", ["as it was", "another", ""])
def test_they_object_to_whatever_is_signed_once_the_block_of_what_was_final_is_another_or_none(hash):
    pair = Pair(1_000 * UNIT, 600)
    desk, chain = pair.desk, pair.naive.chain
    desk.bought(WETH, 7)
    pair.compare()
    chain.deep, chain.hash = True, hash
    desk.sign(desk.wish(propose(WBTC, 1)).id)
    if hash == "as it was":
        pair.compare()
        return
    with pytest.raises(Violation, match=r"no-guess: Signed of .* on a broken chain"):
        pair.compare()
    assert pair.naive.broken
