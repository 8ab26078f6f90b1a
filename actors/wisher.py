"""What Positions and the Strategist share: wishes at a tick, told to the portfolio until they are decided."""

from actors.base import Address
from actors.member import Member
from actors.messages import AlreadyClosing, Approved, Close, Decided, Id, Propose, Refused, Role

PORTFOLIO = Role("portfolio")
Wish = Propose | Close
Answer = Approved | Refused | AlreadyClosing


class Wisher(Member):
    """Approved wishes are orders in the books; a refusal leaves no record, so only we can tell it again."""

    def opened(self) -> None:
        self.wishes: dict[Id, Wish] = {}
        self.decided: dict[Id, Decided] = {}  # Of a tick that may not be done yet.

    def met(self, role: Role) -> None:
        """Its predecessor may have answered and died before the tick was done."""
        if role == PORTFOLIO:
            for decided in self.decided.values():
                self.send_to(PORTFOLIO, decided)

    def wish(self, wish: Wish) -> None:
        self.wishes[wish.id] = wish
        self.ask(wish.id, PORTFOLIO, wish)

    def wishes_at(self, at_ns: int) -> tuple[Id, ...]:
        return tuple(id for id, wish in self.wishes.items() if wish.at_ns == at_ns)

    def heard(self, answer: Answer, sender: Address) -> Wish | None:
        """The wish that this answers; None if nobody waits for it any more, or nobody should have answered.

        The last words of a dead portfolio are not heard: its successor is asked, and may decide otherwise.
        """
        if sender != self.peers.get(PORTFOLIO):
            return None
        self.answered(answer.id)
        wish = self.wishes.pop(answer.id, None)
        if wish is not None:
            self.decided[answer.id] = Decided(wish, answer)
        return wish

    def passed(self, first_ns: int) -> list[Wish]:
        """The market is past the tick of these wishes: they are orders in the books, or refused."""
        self.decided = {}
        past = [wish for wish in self.wishes.values() if wish.at_ns < first_ns]
        for wish in past:
            del self.wishes[wish.id]
            self.answered(wish.id)
        return past
