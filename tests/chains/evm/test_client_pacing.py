"""The line before a host: a steady rate, a burst of one second, and the pauses that it asks for."""

from hypothesis import given
from hypothesis import strategies as st

from chains.evm.pacing import (
    FIRST_PAUSE_NS,
    LONGEST_ASKED_NS,
    LONGEST_PAUSE_NS,
    SECOND_NS,
    Line,
    pause_ns,
    relieved,
    taken,
    troubled,
    turn,
)

NOW = 1_000 * SECOND_NS


def admitted(per_second, arrivals):
    line, times = Line(per_second), []
    for now in arrivals:
        at = turn(line, now)
        line = taken(line, at)
        times.append(at)
    return times


@given(st.integers(1, 200), st.lists(st.integers(0, 3 * SECOND_NS), max_size=300))
def test_no_second_has_more_than_two_seconds_worth_and_nobody_is_let_in_before_he_came(per_second, gaps):
    arrivals, now = [], NOW
    for gap in gaps:
        now += gap // 50
        arrivals.append(now)
    times = admitted(per_second, arrivals)
    assert all(at >= came for at, came in zip(times, arrivals, strict=True))
    for start in times:
        within = sum(start <= at < start + SECOND_NS for at in times)
        assert within <= 2 * per_second + 1


def test_many_at_once_get_a_burst_of_a_second_and_then_the_steady_rate():
    times = admitted(10, [NOW] * 30)
    assert times.count(NOW) == 11  # That of now, and a second's worth ahead.
    assert times[-1] == NOW + 19 * SECOND_NS // 10


def test_a_pause_closes_the_line_for_all_and_doubles_with_each_trouble_in_a_row():
    line, pauses = Line(10), []
    now = NOW
    for _ in range(4):
        line = troubled(line, now, None, 7, "host")
        assert turn(line, now) >= line.closed_until_ns
        pauses.append(line.closed_until_ns - now)
        now = line.closed_until_ns
    for troubles, pause in enumerate(pauses):
        assert FIRST_PAUSE_NS * 2**troubles // 2 <= pause <= FIRST_PAUSE_NS * 2**troubles
    assert relieved(line).troubles == 0


def test_what_the_server_asks_for_is_waited_for_but_not_for_ever():
    assert troubled(Line(10), NOW, 30 * SECOND_NS, 7, "host").closed_until_ns == NOW + 30 * SECOND_NS
    assert troubled(Line(10), NOW, 10**9 * SECOND_NS, 7, "host").closed_until_ns == NOW + LONGEST_ASKED_NS


def test_refusals_of_requests_that_were_under_way_together_are_one_trouble():
    line = troubled(Line(10), NOW, None, 7, "host")
    assert troubled(line, NOW + 1, None, 7, "host") == line
    longer = troubled(line, NOW + 1, 5 * SECOND_NS, 7, "host")
    assert (longer.troubles, longer.closed_until_ns) == (1, NOW + 1 + 5 * SECOND_NS)


def test_after_a_pause_they_come_one_by_one():
    line = troubled(Line(10), NOW, None, 7, "host")
    first = turn(line, line.closed_until_ns)
    second = turn(taken(line, first), line.closed_until_ns)
    assert second - first == SECOND_NS // 10


@given(st.integers(0, 10**6), st.integers(0, 2**32))
def test_a_pause_is_bounded_and_the_same_for_the_same_seed(troubles, seed):
    pause = pause_ns(troubles, seed, "host")
    assert 0 < pause <= LONGEST_PAUSE_NS
    assert pause == pause_ns(troubles, seed, "host")


def test_two_hosts_do_not_pause_alike():
    assert len({pause_ns(3, 1, f"host {n}") for n in range(20)}) == 20
