"""A stop waits for what is under way: nobody's silence is taken for nothing."""

import pytest

from actors.base import ChildExited
from actors.messages import Address, Drain, Id, Pong, Ready, Role, RunState, SaveState, Start, Stop
from actors.supervisor import SETTLE_PINGS, Beat, Revive, Supervisor
from storage.config import Run, Settings
from tests.actors.alone import OUTSIDE

PORTFOLIO, WAL = Role("portfolio"), Role("wal")
PATIENCE = 40  # Beats.
NOBODY = 2**22  # More than Linux numbers a process with.


class Watched(Supervisor):
    """Its children are their names and numbers; what it says to them is kept."""

    def __init__(self, folder):
        super().__init__()
        self.told, self.gone, self.born = [], [], 0
        run = Run(data_dir=str(folder), drain_seconds=PATIENCE // 4)
        self.receive(Start(Id("start"), Settings(), run), OUTSIDE)
        for role in self.cast:
            self.receive(Ready(role, 1), self.actors[role])

    address = Address("supervisor")

    def spawn(self, kind):
        self.born += 1
        return Address(f"{kind.__name__}.{self.born}")

    def tell(self, target, message):
        self.told.append((target.text, message))

    def wake(self, *_):
        pass

    def kill(self, address):
        self.gone.append(address)

    def now_ns(self):
        return 10**18

    def beats(self, count, orders=None):
        """The Portfolio answers with so many orders, or says nothing."""
        for _ in range(count):
            self.receive(Beat(), OUTSIDE)
            if orders is not None:
                self.pong(orders)

    def pong(self, orders, number=None):
        facts = {"pid": NOBODY, "open_orders": ["o"] * orders, "open_positions": 7}
        self.receive(Pong(PORTFOLIO, number or self.number, facts), self.actors[PORTFOLIO])

    def saving(self):
        return any(isinstance(message, SaveState) for _, message in self.told)


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def stop(watched, close=False):
    watched.receive(Stop(Id("stop"), close), OUTSIDE)


def test_what_is_under_way_is_waited_for_and_then_all_save_and_go(watched):
    watched.beats(5, 1)
    stop(watched)
    watched.beats(5, 1)
    assert not watched.saving()
    watched.beats(2, 0)
    assert watched.saving()
    watched.beats(SETTLE_PINGS, 0)
    assert (watched.state, watched.sentence) == (RunState.STOPPED, "stopped")
    assert len(watched.gone) == len(watched.cast)


def test_what_a_portfolio_said_before_the_stop_says_nothing_of_what_it_did_since(watched):
    watched.beats(5, 0)
    stop(watched)
    watched.pong(0, watched.number)
    watched.beats(10)
    assert not watched.saving()
    watched.beats(1, 0)
    watched.beats(1)
    assert watched.saving()


def test_a_portfolio_that_says_nothing_leaves_what_is_open_unknown(watched):
    stop(watched)
    watched.beats(PATIENCE + SETTLE_PINGS)
    assert watched.state is RunState.STOPPED
    assert watched.sentence.startswith("the portfolio does not say what stays open: the next start")


def test_orders_that_stay_open_when_patience_is_over_are_counted(watched):
    stop(watched, close=True)
    watched.beats(PATIENCE + SETTLE_PINGS, 2)
    assert watched.sentence == "2 orders and 7 positions stay open: the next start goes on with them"


def test_a_stop_that_sells_after_one_that_does_not_is_heard(watched):
    stop(watched)
    watched.beats(2, 1)
    stop(watched, close=True)
    drained = [message.close for to, message in watched.told if isinstance(message, Drain)]
    assert True in drained
    watched.beats(10, 0)  # Seven positions are held.
    assert not watched.saving()
    stop(watched)  # It is not taken back.
    assert watched.stopping.close_positions


def test_a_successor_of_the_portfolio_is_believed_once_it_has_its_books(watched):
    stop(watched)
    watched.beats(1, 0)
    watched.receive(ChildExited(watched.actors[PORTFOLIO]), OUTSIDE)
    watched.receive(Revive(PORTFOLIO), OUTSIDE)
    watched.beats(10, 0)
    assert not watched.saving()
    watched.receive(Ready(PORTFOLIO, 1), watched.actors[PORTFOLIO])
    watched.beats(2, 0)
    assert watched.saving()
