"""The Signer holds the wallet's key, and signs what it has read itself and found within order and caps."""

import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, assert_never

from loguru import logger
from msgspec import Struct

from actors.base import Actor, Address, ChildExited, Poisoned
from actors.member import Member
from actors.messages import (
    Begin,
    Committed,
    Drain,
    Drained,
    Fatal,
    Id,
    Offered,
    Role,
    SaveState,
    SignedBytes,
    SignRefused,
    SignRequest,
    Ticks,
    Unlock,
    Unlocked,
)
from actors.processes import shut_in
from chains.evm.caps import most_fee, refusal
from chains.evm.local_key import LocalKey
from chains.evm.signed import checked
from chains.evm.standing import not_ours, standing_of
from chains.signer import Signer as KeyHolder
from chains.signer import SigningError
from storage import keystore
from storage.keystore import KeystoreError

SIGNER = Role("signer")
REMEMBERED = 4096  # Answers; who asks again asks within seconds.
OVERDUE_SECONDS = 5.0  # The log's news of an order come within milliseconds.

Answer = SignedBytes | SignRefused


def begun_by(parent: Actor, begin: Begin, unlock: Unlock) -> Address:
    """A signer as the child of `parent`, told who it is and where its key lies; it answers `Unlocked`, or is
    `Fatal`.  To be called in live mode alone, again for each successor."""
    address = parent.spawn(Signer)
    parent.tell(address, begin)
    parent.tell(address, unlock)
    return address


class Overdue(Struct, frozen=True):
    """Time to refuse what the log still knows nothing of."""

    id: Id


class Signer(Member):
    """It keeps books of its own, so an order that the Portfolio has not approved is not one here either.

    A request for an order that the log has not told of yet waits.  An id is answered once: whoever asks
    for other bytes takes another id.
    """

    def opened(self) -> None:
        shut_in()
        self.unlock: Unlock | None = None
        self.key: KeyHolder | None = None
        self.waiting: dict[Id, tuple[SignRequest, Address]] = {}
        self.answers: OrderedDict[Id, tuple[SignRequest, Answer]] = OrderedDict()
        self.signed: dict[Id, dict[int, int]] = {}  # Order -> nonce -> wei at most.
        self.counts = {"signed": 0, "refused": 0}

    def begun(self) -> None:
        self._look_again()

    def news(self, message: Committed) -> None:  # noqa: ARG002
        self._look_again()

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), **self.counts, "wallet": self.key.address if self.key else ""}

    def receive(self, message: Any, sender: Address) -> None:
        if isinstance(message, Begin):
            self.parent = sender
        super().receive(message, sender)

    def hear(
        self,
        message: (
            Unlock | SignRequest | Overdue | Drain | SaveState | Offered | Ticks | ChildExited | Poisoned
        ),
        sender: Address,
    ) -> None:
        match message:
            case Unlock():
                self._unlock(message, sender)
            case SignRequest():
                self._asked(message, sender)
            case Overdue(id):
                self._overdue(id)
            case Drain():
                self.tell(sender, Drained(self.role))
            case SaveState() | Offered() | Ticks() | ChildExited() | Poisoned():
                logger.debug("the signer hears of {}", message)
            case _:
                assert_never(message)

    # -- the key ----------------------------------------------------------------------------------------
    def _unlock(self, message: Unlock, sender: Address) -> None:
        """Once, by whoever began us.  It takes two seconds, in which there is nothing else to do."""
        if sender != self.parent or message != (self.unlock or message):
            self.tell(sender, SignRefused(message.id, "unlock: key and caps stay as the supervisor set them"))
            return
        if self.key is None:
            try:
                self.key = self._unlocked(message)
            except KeystoreError as error:
                self._give_up(str(error))
                return
            self.unlock = message
            logger.info("holds the key of {}", self.key.address)
        self.tell(sender, Unlocked(message.id, self.key.address))
        self._look_again()

    def _unlocked(self, message: Unlock) -> LocalKey:
        if self.run.mode == "paper":
            raise KeystoreError("paper mode opens no keystore: live trading needs run.mode and [live]")
        if message.password_fd is not None:
            password = keystore.password_of_descriptor(message.password_fd)
        else:
            password = keystore.secret_of_file(Path(message.password_file))
        key = LocalKey(keystore.unlocked(Path(message.keystore), password))
        if key.address != message.caps.wallet:
            raise KeystoreError(
                f"{message.keystore} holds the key of {key.address}, and the wallet is {message.caps.wallet}:"
                f" name its own keystore"
            )
        return key

    def _give_up(self, sentence: str) -> None:
        """Before any directory has come, the parent is all we know."""
        self.tell(self.parent, Fatal(self.role, sentence))
        self.stop()

    # -- requests ---------------------------------------------------------------------------------------
    def _asked(self, request: SignRequest, sender: Address) -> None:
        earlier, answer = self.answers.get(request.id, (None, None))
        waiting, _ = self.waiting.get(request.id, (request, sender))
        if request != waiting or request != (earlier or request):
            self.tell(sender, SignRefused(request.id, "id: it was asked for other bytes; take another id"))
        elif answer is not None:
            self.tell(sender, answer)
        else:
            if request.id not in self.waiting:
                self.wake(OVERDUE_SECONDS, Overdue(request.id))
            self.waiting[request.id] = (request, sender)
            self._look_again()

    def _look_again(self) -> None:
        if self.complete and self.key is not None:
            for request, sender in list(self.waiting.values()):
                if self.replica.books.order(request.order.id) is not None:
                    self._answer(request, self._judged(request), sender)

    def _overdue(self, id: Id) -> None:
        if id not in self.waiting:
            return
        if not self.complete or self.key is None:
            self.wake(OVERDUE_SECONDS, Overdue(id))
            return
        request, sender = self.waiting[id]
        sentence = f"order: {request.order.id} is not in the log; one that the portfolio approved is allowed"
        self._answer(request, SignRefused(id, sentence), sender)

    def _answer(self, request: SignRequest, answer: Answer, sender: Address) -> None:
        del self.waiting[request.id]
        self.answers[request.id] = (request, answer)
        if len(self.answers) > REMEMBERED:
            self.answers.popitem(last=False)
        self.tell(sender, answer)

    def _judged(self, request: SignRequest) -> Answer:
        assert self.unlock is not None
        books = self.replica.books
        sentence = not_ours(request, books)
        if sentence is None:
            standing = standing_of(request, books, self.signed, self.unlock.caps.wallet)
            sentence = refusal(request, self.unlock.caps, standing, self.monotonic_ns())
        return self._signed(request) if sentence is None else self._refused(request, sentence)

    def _signed(self, request: SignRequest) -> Answer:
        assert self.key is not None
        asked = request.transaction
        try:
            raw = self.key.sign(asked)
            tx_id = checked(raw, asked, self.key.address)
        except SigningError as error:
            return self._refused(request, str(error))
        known = {order: fees for order, fees in self.signed.items() if self.replica.books.order(order)}
        before = known.get(request.order.id, {})
        fee = max(most_fee(asked), before.get(asked.nonce, 0))
        self.signed = {**known, request.order.id: {**before, asked.nonce: fee}}
        self.counts["signed"] += 1
        logger.info("signs to {} for {}, nonce {}", request.leg, request.order.id, asked.nonce)
        return SignedBytes(request.id, raw, tx_id)

    def _refused(self, request: SignRequest, sentence: str) -> SignRefused:
        self.counts["refused"] += 1
        logger.warning("refuses to {} for {}: {}", request.leg, request.order.id, sentence)
        return SignRefused(request.id, sentence)

    def monotonic_ns(self) -> int:
        """This host's, the same in all its processes."""
        return time.monotonic_ns()
