"""Who has looked at which tick, and what may happen next.  Pure: the core of the Market actor.

A tick is closed when every subscriber is done with it.  What was wished for at it is then decided, and only
after that does anybody hear of what comes later: so the order of all events is the market's.
"""

from collections.abc import Iterable

from msgspec import Struct

from actors.messages import Id, Role

BATCH = 64  # Ticks read ahead while nothing is under way.


class Follower(Struct, frozen=True):
    through_ns: int  # Done with everything up to here.
    wishes: tuple[Id, ...] = ()  # For that tick.
    asked: bool = False  # Has ticks, and has not answered.


class Round(Struct, frozen=True):
    """`done_ns`: everything up to here is decided and durable."""

    done_ns: int
    followers: dict[Role, Follower] = {}
    lsn: int = 0

    def slowest(self) -> int:
        return min([each.through_ns for each in self.followers.values()], default=self.done_ns)


def awaited(round: Round, roles: Iterable[Role]) -> bool:
    """Whether one of these has ticks, and has not answered."""
    for role in roles:  # noqa: SIM110  Asked after every answer: as a loop it takes half the time.
        if round.followers[role].asked:
            return True
    return False


def followed(round: Round, role: Role, after_ns: int | None, wishes: tuple[Id, ...] = ()) -> Round:
    """A subscriber, new or reborn; None: it wants to see the tick that is done last once more.

    `wishes` are those that it made at `after_ns`, to a market that died, and has not heard of.
    """
    through_ns = round.done_ns - 1 if after_ns is None else after_ns
    return with_follower(round, role, Follower(through_ns, wishes))


def left(round: Round, role: Role) -> Round:
    """Its successor is given nothing before it has said from where on."""
    return Round(
        round.done_ns, {name: each for name, each in round.followers.items() if name != role}, round.lsn
    )


def handled(round: Round, role: Role, through_ns: int, wishes: tuple[Id, ...], lsn: int) -> Round:
    after = with_follower(round, role, Follower(through_ns, wishes))
    return Round(after.done_ns, after.followers, max(round.lsn, lsn))


def with_follower(round: Round, role: Role, follower: Follower) -> Round:
    return Round(round.done_ns, {**round.followers, role: follower}, round.lsn)


def asked(round: Round, role: Role) -> Round:
    follower = round.followers[role]
    return with_follower(round, role, Follower(follower.through_ns, follower.wishes, asked=True))


def wishes_at(round: Round, at_ns: int) -> tuple[Id, ...]:
    """Everything that was wished for at a tick."""
    found = [each.wishes for each in round.followers.values() if each.through_ns == at_ns]
    return tuple(sorted(id for wishes in found for id in wishes))


def hungry(round: Round) -> list[Role]:
    """Who needs ticks to go on.  Whoever has read ahead waits until the others have caught up: its wishes may
    still be undecided, and more ticks would wait unanswered behind them.
    """
    return [role for role, each in round.followers.items() if each.through_ns <= round.done_ns]


def done(round: Round, at_ns: int, lsn: int) -> Round:
    """Something has happened at this tick, so what was read past it is read again."""
    followers = {
        role: Follower(min(each.through_ns, at_ns)) if not each.asked else each
        for role, each in round.followers.items()
    }
    return Round(at_ns, followers, max(round.lsn, lsn))


def passed(round: Round, at_ns: int) -> Round:
    """Nothing has happened up to this tick."""
    return Round(at_ns, round.followers, round.lsn)
