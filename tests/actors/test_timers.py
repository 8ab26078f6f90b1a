"""Later is later: what is due first comes first."""

from hypothesis import given
from hypothesis import strategies as st

from actors.timers import Timers


@given(st.lists(st.integers(0, 5)), st.integers(0, 5))
def test_what_is_due_comes_in_order_of_its_moment_and_then_of_asking(moments, now):
    timers: Timers[tuple[int, int]] = Timers()
    for number, moment in enumerate(moments):
        timers.add(moment, (moment, number))
    taken = timers.take_due(now)
    assert taken == sorted((moment, number) for number, moment in enumerate(moments) if moment <= now)
    assert timers.moments() == sorted(moment for moment in moments if moment > now)
    assert timers.next_due() == min(timers.moments(), default=None)
    assert timers.take_due(now) == []
