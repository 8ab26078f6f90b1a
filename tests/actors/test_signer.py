"""The signer: signs what the log, the order and the caps allow, once an id, and its key goes nowhere else."""

import os

import pytest
from msgspec.structs import replace

from actors.messages import WALLET as ALL_SIGNING
from actors.messages import (
    Address,
    Append,
    Committed,
    Dead,
    Deposited,
    Fatal,
    Id,
    Returned,
    Signed,
    SignedBytes,
    SignRefused,
    Status,
    Unlock,
    Unlocked,
)
from actors.signer import Signer
from chains.evm.local_key import LocalKey
from chains.evm.signed import tx_id_of, unsigned_of
from storage import keystore
from storage.holdings import at_most
from storage.trades import halting, local, opening, signing, trade
from tests.actors.alone import OUTSIDE, alone
from tests.chains.evm.signing_cases import (
    KEY,
    STRANGER,
    WALLET,
    approve,
    asset,
    caps,
    changed,
    honest,
)

SECRET = bytes.fromhex(KEY[2:])
PASSWORD = "correct horse"
HONEST = honest(WALLET)
ORDER = HONEST["v2"].order


def shows_the_key(text):
    text = text.lower()
    return any(form.lower() in text for form in (KEY[2:], str(int(KEY, 16)), PASSWORD))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "wallet.json"
    keystore.create(path, SECRET, PASSWORD, 4096)
    secret = path.with_name("password")
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    return path


def unlock(store, **changes):
    made = Unlock(Id("unlock"), caps(WALLET), str(store), password_file=str(store.with_name("password")))
    return replace(made, **changes)


class Bench:
    """A signer alone with a log of records that its books are told of."""

    def __init__(self, folder, store, mode="live", unlocks=True):
        self.signer = alone(Signer, folder, "signer", "wal", "supervisor", "executor", mode=mode)
        self.signer.monotonic_ns = lambda: HONEST["v2"].evidence.asked_ns + 10**9
        self.lsn = 0
        self.log()
        if unlocks:
            self.said = self.signer.hears(unlock(store))

    def log(self, *appends):
        records = tuple(record for each in appends for record in each.records)
        before, self.lsn = self.lsn, self.lsn + len(records)
        return answers(self.signer.hears(Committed(before, self.lsn, records)))

    def ask(self, request):
        return answers(self.signer.hears(request))


def answers(told):
    return [message for target, message in told if isinstance(message, SignedBytes | SignRefused)]


def opened(order=ORDER, number=1):
    """T1 in the log, and the money for it."""
    money = [
        local(f"deposit:{number}:{asset}", Deposited(asset, amount), 0)
        for asset, amount in at_most(order).items()
    ]
    return Append(Id(""), (*money, *opening(order).records))


def durable(answer, request, attempt=1, cancels=False):
    """T2 in the log."""
    nonce = request.transaction.nonce
    signed = Signed(request.order.id, attempt, answer.raw, answer.tx_id, nonce, 1, 0, "public", cancels)
    return signing(signed, 0)


def dead(request, answer):
    order = request.order
    ended = trade(order.id, Status.FAILED, Dead(order.id, answer.tx_id, ""), 0)
    returned = (
        local(f"{order.id}/return/{asset}", Returned(order.id, asset, amount), 0)
        for asset, amount in at_most(order).items()
    )
    return Append(Id(""), (ended, *returned))


def other(name, id, **fields):
    """An honest request for another order."""
    order = replace(ORDER, id=Id(id), position=Id(f"{id}/p"), token=asset(fields.pop("token", STRANGER)))
    return replace(HONEST[name], id=Id(f"sign:{id}"), order=order)


@pytest.fixture
def bench(tmp_path, store):
    made = Bench(tmp_path, store)
    made.log(opened())
    return made


# -- what it signs -----------------------------------------------------------------------------------
def asked_at(request, nonce=0):
    """The books of a bench have used no nonce yet."""
    return changed(request, nonce=nonce)


@pytest.mark.parametrize("name", ["approve", "v2", "v2 hop", "v3", "v3 hop", "revoke"])
def test_an_honest_request_is_answered_with_the_bytes_and_their_id(bench, name):
    request = asked_at(HONEST[name])
    (answer,) = bench.ask(request)
    assert unsigned_of(answer.raw) == request.transaction
    assert answer == SignedBytes(request.id, answer.raw, tx_id_of(answer.raw))


def test_a_hostile_request_is_refused_in_a_sentence_and_counted(bench):
    (answer,) = bench.ask(changed(HONEST["approve"], nonce=0, data=approve(STRANGER, ORDER.amount_in)))
    assert isinstance(answer, SignRefused)
    assert answer.sentence.startswith(f"spender: {STRANGER}")
    assert bench.signer.facts()["refused"] == 1


def test_the_same_id_gets_the_same_answer_and_for_other_bytes_none(bench):
    request = asked_at(HONEST["v2"])
    first = bench.ask(request)
    assert bench.ask(request) == first
    assert bench.signer.facts()["signed"] == 1
    (other_bytes,) = bench.ask(changed(request, gas=1))
    assert other_bytes == SignRefused(request.id, "id: it was asked for other bytes; take another id")
    (after,) = bench.ask(request)
    assert [after] == first


def test_a_refused_id_stays_refused_when_its_reason_is_gone(bench):
    request = asked_at(HONEST["v2"])
    bench.signer.monotonic_ns = lambda: request.evidence.asked_ns + 10**11
    refused = bench.ask(request)
    bench.signer.monotonic_ns = lambda: request.evidence.asked_ns
    assert bench.ask(request) == refused
    (answer,) = bench.ask(replace(request, id=Id("again")))
    assert isinstance(answer, SignedBytes)


# -- what the log says -------------------------------------------------------------------------------
def test_a_request_waits_for_its_order_to_come_from_the_log(tmp_path, store):
    bench = Bench(tmp_path, store)
    request = asked_at(HONEST["v2"])
    assert bench.ask(request) == bench.ask(request) == []
    (answer,) = bench.log(opened())
    assert isinstance(answer, SignedBytes)


def test_a_request_waits_until_all_of_the_log_is_read(tmp_path, store):
    signer = alone(Signer, tmp_path, "signer", "wal", "supervisor", mode="live")
    signer.monotonic_ns = lambda: HONEST["v2"].evidence.asked_ns
    signer.hears(unlock(store))
    records = opened().records
    assert answers(signer.hears(Committed(0, len(records), records, replay=True))) == []
    assert answers(signer.hears(asked_at(HONEST["v2"]))) == []
    (halted,) = halting(Id("h"), ALL_SIGNING, "a stranger", 0).records
    (refused,) = answers(signer.hears(Committed(len(records), len(records) + 1, (halted,))))
    assert refused.sentence.startswith("order: the wallet is halted")


def test_an_order_that_nobody_approved_is_refused_in_the_end(tmp_path, store):
    bench = Bench(tmp_path, store)
    assert bench.ask(HONEST["v2"]) == []
    (refused,) = answers(bench.signer.wakes())
    assert refused.sentence.startswith("order: o1 is not in the log")


def test_an_order_that_was_approved_on_other_terms_is_refused(bench):
    for change in ({"slippage_bps": 49}, {"max_fee": ORDER.max_fee + 1}, {"deadline_ns": 0}):
        request = replace(asked_at(HONEST["v2"]), id=Id(str(change)), order=replace(ORDER, **change))
        (refused,) = bench.ask(request)
        assert refused.sentence == "order: o1 has other terms in the log; only those are allowed"


def test_nothing_is_signed_while_the_wallet_is_halted(bench):
    bench.log(halting(Id("h"), ALL_SIGNING, "a stranger", 0))
    for name in ("v2", "cancel", "revoke"):
        (refused,) = bench.ask(asked_at(HONEST[name]))
        assert refused.sentence == "order: the wallet is halted (a stranger); lift that first"


def test_an_order_that_is_over_may_only_be_tidied_up(bench):
    request = asked_at(HONEST["v2"])
    (answer,) = bench.ask(request)
    bench.log(durable(answer, request), dead(request, answer))
    (refused,) = bench.ask(replace(asked_at(HONEST["v2"], 1), id=Id("again")))
    assert refused.sentence.startswith("leg: swap, and o1 is over; cancel, revoke is allowed")
    late = other("v2", "o2")
    bench.log(opened(late.order, 2))
    (used,) = bench.ask(asked_at(late))
    assert used.sentence == "nonce: 0; 1 to 1 is allowed"
    (tidy,) = bench.ask(asked_at(HONEST["revoke"], 1))
    assert isinstance(tidy, SignedBytes)


def test_a_nonce_follows_what_is_durable_what_is_signed_and_what_the_chain_has_used(bench):
    request, second = asked_at(HONEST["v2"]), other("approve", "o2")
    bench.log(opened(second.order, 2))
    (answer,) = bench.ask(request)
    (gap,) = bench.ask(replace(asked_at(HONEST["approve"], 2), id=Id("gap")))
    assert gap.sentence == "nonce: 2; 0 to 1 is allowed"
    (ahead,) = bench.ask(changed(HONEST["approve"], nonce=1, gas=50_000))
    assert isinstance(ahead, SignedBytes)
    bench.log(durable(answer, request))
    (taken,) = bench.ask(replace(second, id=Id("taken"), transaction=request.transaction))
    assert taken.sentence == "nonce: 0, which order o1 has; only its own replacement is allowed"
    foreign = replace(asked_at(second, 9), chain_nonce=9)
    (after_a_stranger,) = bench.ask(foreign)
    assert isinstance(after_a_stranger, SignedBytes)


def test_a_successor_lets_an_order_replace_and_cancel_what_its_predecessor_signed(bench, tmp_path, store):
    request = asked_at(HONEST["v2"])
    (answer,) = bench.ask(request)
    successor = Bench(tmp_path, store)
    successor.log(opened(), durable(answer, request))
    for number, again in enumerate(
        (changed(request, max_fee_per_gas=45 * 10**9), asked_at(HONEST["cancel"]))
    ):
        (replaced,) = successor.ask(replace(again, id=Id(f"again {number}")))
        assert isinstance(replaced, SignedBytes)
    (too_much,) = successor.ask(asked_at(HONEST["approve"], 1))
    assert (
        "beside 8000000000000000 for the order's other" in too_much.sentence
        or "beside 9" in too_much.sentence
    )


def test_what_was_signed_dearer_counts_though_something_cheaper_was_signed_later(bench):
    dear = changed(HONEST["v2"], nonce=0, max_fee_per_gas=45 * 10**9)
    bench.ask(dear)
    bench.ask(replace(asked_at(HONEST["v2"]), id=Id("cheaper")))
    assert bench.signer.facts()["signed"] == 2
    (refused,) = bench.ask(asked_at(HONEST["approve"], 1))
    assert f"beside {200_000 * 45 * 10**9} for" in refused.sentence


def test_a_replacement_of_bytes_that_this_key_has_not_signed_needs_a_quote_as_ever(bench):
    request = asked_at(HONEST["v2"])
    raw = LocalKey(b"\x02" * 32).sign(request.transaction)
    bench.log(durable(SignedBytes(request.id, raw, tx_id_of(raw)), request))
    (refused,) = bench.ask(replace(changed(request, max_fee_per_gas=45 * 10**9), evidence=None))
    assert refused.sentence.startswith("evidence: none")


def test_buys_together_keep_to_the_cap_on_capital(tmp_path, store):
    bench = Bench(tmp_path, store, unlocks=False)
    capped = replace(caps(WALLET), capital_cap=2 * ORDER.amount_in - 1, position_cap=ORDER.amount_in)
    bench.signer.hears(unlock(store, caps=capped))
    bench.log(opened())
    (alone_,) = bench.ask(asked_at(HONEST["v2"]))
    assert isinstance(alone_, SignedBytes)
    bench.log(opened(other("v2", "o2").order, 2))
    (beside,) = bench.ask(replace(asked_at(HONEST["v2"]), id=Id("again")))
    assert beside.sentence.startswith("order.amount_in with all that is invested: ")


# -- the key -----------------------------------------------------------------------------------------
def test_it_unlocks_once_for_whoever_began_it_and_tells_the_address_alone(tmp_path, store):
    bench = Bench(tmp_path, store)
    assert bench.said == [("outside", Unlocked(Id("unlock"), WALLET))]
    assert bench.signer.hears(unlock(store)) == bench.said
    ((_, refused),) = bench.signer.hears(unlock(store, caps=caps(WALLET, slippage_bps=9999)))
    assert refused.sentence.startswith("unlock: key and caps stay")


def test_whoever_did_not_begin_it_can_not_unlock_it(tmp_path, store):
    bench = Bench(tmp_path, store, unlocks=False)
    bench.signer.receive(unlock(store), Address("executor"))
    assert bench.signer.key is None
    assert isinstance(bench.signer.told[-1][1], SignRefused)


@pytest.mark.parametrize(
    ("mode", "change", "words"),
    [
        ("paper", {}, "paper mode opens no keystore"),
        ("live", {"keystore": "/nowhere"}, "no such file"),
        ("live", {"password_file": "/nowhere"}, "no such file"),
        ("live", {"password_fd": 9999}, "descriptor 9999"),
        ("live", {"caps": caps(STRANGER)}, f"and the wallet is {STRANGER}"),
    ],
)
def test_a_key_that_can_not_be_unlocked_ends_the_run_with_a_sentence(tmp_path, store, mode, change, words):
    bench = Bench(tmp_path, store, mode=mode, unlocks=False)
    ((target, fatal),) = bench.signer.hears(unlock(store, **change))
    assert target == OUTSIDE.text
    assert isinstance(fatal, Fatal)
    assert words in fatal.sentence
    assert bench.signer.stopped
    assert not shows_the_key(repr(fatal))


def test_a_password_is_taken_from_an_inherited_descriptor(tmp_path, store):
    bench = Bench(tmp_path, store, unlocks=False)
    number = keystore.held(PASSWORD)
    assert bench.signer.hears(unlock(store, password_fd=number, password_file=""))[0][1].address == WALLET
    os.close(number)


def test_a_request_before_the_key_is_there_waits_for_it(tmp_path, store):
    bench = Bench(tmp_path, store, unlocks=False)
    bench.log(opened())
    assert bench.ask(asked_at(HONEST["v2"])) == []
    assert answers(bench.signer.wakes()) == []
    (answer,) = answers(bench.signer.hears(unlock(store)))
    assert isinstance(answer, SignedBytes)
