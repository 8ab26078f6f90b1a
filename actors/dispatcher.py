"""From a draft to bytes on their way: the signer signs, the log remembers (T2), then they are sent."""

import itertools
from functools import partial
from hashlib import blake2b

from loguru import logger
from msgspec import Struct, json
from msgspec.structs import replace

from actors.member import WAL
from actors.messages import (
    KEY,
    NEVER,
    Append,
    Id,
    Refusal,
    Role,
    Signed,
    SignedBytes,
    SignRefused,
    SignRequest,
    Tick,
)
from actors.venue_keeper import VenueKeeper
from chains.venue import Attempt, Draft, Foreign, Over, Taken, Unanswered
from storage.books import LiveOrder
from storage.recovery import landed_legs
from storage.trades import halting, signing

SIGNER = Role("signer")


class Wanted(Struct, frozen=True):
    """Bytes that are to be made of a draft."""

    live: LiveOrder
    tick: Tick
    cancels: bool
    draft: Draft


class Dispatcher(VenueKeeper):
    """Write-ahead: nobody but the signer sees the bytes before they are durable.

    A subclass says what is next once something is durable, and what becomes of an order that is put off.
    """

    def opened(self) -> None:
        super().opened()
        self.requested: dict[Id, Wanted] = {}  # Of the signer.
        self.signing: dict[Id, Signed] = {}  # On its way to the log, by the id of the append.
        self.booking: dict[Id, Id] = {}  # Append -> order.
        self.not_signed: set[Id] = set()  # Requests that the signer has refused.
        self.why: dict[Id, str] = {}  # An order is put off.

    def _put_off(self, id: Id) -> None:
        """To the next tick."""
        raise NotImplementedError

    def _end(self, live: LiveOrder, tick: Tick, reason: str) -> None:
        """An order that has no bytes which could still land."""
        raise NotImplementedError

    def _next(self) -> None:
        """One thing is done: go on with the next."""
        raise NotImplementedError

    def _busy(self) -> bool:
        return bool(self.signing or self.booking or self.asked or self.requested)

    def _replace(self, live: LiveOrder, cancel: bool, tick: Tick) -> None:
        """T2': other bytes under the same nonce."""
        assert self.venue is not None
        work = self.venue.replacement(live, cancel, tick.at_ns)
        self._ask(work, partial(self._drafted, live, tick, cancel))

    def _drafted(
        self, live: LiveOrder, tick: Tick, cancels: bool, draft: Draft | Foreign | Over | Unanswered
    ) -> None:
        match draft:
            case Draft() if draft.attempt.min_amount_out < 1:
                self._put_off(live.order.id)  # A fill of nothing would be a position that nobody can sell.
            case Draft() if self._too_late(live):
                self._put_off(live.order.id)
            case Draft(unsigned=None):
                self._journal(Wanted(live, tick, cancels, draft), draft.attempt)
            case Draft():
                self._request(Wanted(live, tick, cancels, draft))
            case Over(sentence):
                self._end(live, tick, sentence)
            case Foreign(sentence):
                self._put_off(live.order.id)
                self._halt(live, KEY, sentence, tick)
            case Unanswered(sentence):
                logger.info("{} is put off: {}", live.order.id, sentence)
                self.why[live.order.id] = sentence
                if not live.attempts:
                    self._put_off(live.order.id)

    def _request(self, wanted: Wanted) -> None:
        """The same bytes are asked for under the same id, whoever asks; once refused, under another, for the
        reason may be gone.
        """
        draft = wanted.draft
        assert draft.unsigned is not None
        request = SignRequest(
            Id(""), wanted.live.order, draft.leg, draft.unsigned, draft.quoted, draft.chain_nonce
        )
        digest = blake2b(json.encode(request), digest_size=8).hexdigest()
        id = f"{request.order.id}/{draft.leg}/{digest}"
        free = (Id(f"{id}/{again}" if again else id) for again in itertools.count())
        request = replace(request, id=next(each for each in free if each not in self.not_signed))
        self.requested[request.id] = wanted
        self.ask(request.id, SIGNER, request)

    def _signed(self, signed: SignedBytes) -> None:
        self.answered(signed.id)
        if wanted := self.requested.pop(signed.id, None):
            attempt = replace(wanted.draft.attempt, raw=signed.raw, tx_id=signed.tx_id)
            if self._too_late(wanted.live):
                self._put_off(wanted.live.order.id)
            else:
                self._journal(wanted, attempt)
            self._next()

    def _too_late(self, live: LiveOrder) -> bool:
        """While its first bytes were made, a stop came: before T2 they are nothing."""
        return not live.begun and self._stopped(live)

    def _not_signed(self, refused: SignRefused) -> None:
        """What the signer does not sign is not sent; another draft may be within its caps."""
        self.answered(refused.id)
        if wanted := self.requested.pop(refused.id, None):
            self.not_signed.add(refused.id)
            logger.error("the signer refuses {}: {}", refused.id, refused.sentence)
            if not wanted.live.attempts:
                self._put_off(wanted.live.order.id)
            self._next()

    def _journal(self, wanted: Wanted, attempt: Attempt) -> None:
        """T2: the bytes are durable before anybody else can see them."""
        live = wanted.live
        signed = Signed(
            live.order.id, live.next_attempt, attempt.raw, attempt.tx_id, attempt.nonce,
            attempt.min_amount_out, attempt.valid_until_ns, attempt.channel, wanted.cancels,
            attempt.last_valid_height, attempt.slot, live.leg or wanted.draft.leg,
        )  # fmt: skip
        append = signing(signed, wanted.tick.at_ns)
        self.signing[append.id] = signed
        self.ask(append.id, WAL, append)

    def _refused(self, append_id: Id, reason: Refusal) -> None:
        """Between our decision and its record the wallet was halted: the log lets nothing be signed then."""
        signed = self.signing.get(append_id)
        if not self.asking(append_id):
            return  # Asked twice, answered twice.
        if signed is None or reason is not Refusal.HALTED:
            raise RuntimeError(f"the log refuses {append_id}: {reason}")
        self.answered(append_id)
        del self.signing[append_id]
        self._put_off(signed.order)
        self._next()

    def _send(self, live: LiveOrder) -> None:
        assert self.venue is not None
        if not self.replica.books.signs:
            logger.warning("{} is not sent: the wallet is halted", live.order.id)
            return
        newest = live.attempts[-1]
        self._send_legs(live, newest.nonce)
        self._send_bytes(live, newest)

    def _send_legs(self, live: LiveOrder, below: int = NEVER) -> None:
        """What landed before this nonce, for a reorg may have lost an approval."""
        for signed in landed_legs(self.replica.books):
            if signed.nonce < below:
                self._send_bytes(live, signed)

    def _send_bytes(self, live: LiveOrder, signed: Signed) -> None:
        assert self.venue is not None
        work = self.venue.broadcast(signed.raw, live.since_ns, signed.channel)
        self._ask(work, partial(self._sent, live.order.id))

    def _sent(self, id: Id, answer: Taken | Unanswered) -> None:
        if isinstance(answer, Unanswered):
            logger.warning("{} may have been sent or not: {}", id, answer.sentence)

    def _halt(self, live: LiveOrder, scope: str, sentence: str, tick: Tick) -> None:
        """The wallet signs nothing any more: somebody else uses it (single-writer), or what the books were
        made from is gone, and nothing is signed on what comes in its stead.

        Of several orders that see it at once, the first books it.
        """
        id = Id(f"halt/{scope}/{self.replica.lsn}")
        if scope in self.replica.books.halts or id in self.booking:
            return
        logger.critical("the wallet is halted: {}", sentence)
        self._book(halting(id, scope, sentence, tick.at_ns), live.order.id)

    def _book(self, append: Append, order: Id) -> None:
        self.booking[append.id] = order
        self.ask(append.id, WAL, append)
