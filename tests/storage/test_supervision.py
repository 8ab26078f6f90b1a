"""Restarts: soon at first, later with patience, and not for ever."""

from storage.supervision import BACK_OFF_SECONDS, MOST, WINDOW_NS, Restarts, allowed


def waits(times, restarts=None, role="market"):
    found, restarts = [], restarts or Restarts()
    for now_ns in times:
        restarts, seconds = allowed(restarts, role, now_ns)
        found.append(seconds)
    return found, restarts


def test_the_wait_grows_to_its_largest_and_one_too_many_is_refused():
    found, restarts = waits(range(MOST + 1))
    assert found == [*BACK_OFF_SECONDS, *[BACK_OFF_SECONDS[-1]] * (MOST - len(BACK_OFF_SECONDS)), None]
    assert restarts.counts == {"market": MOST + 1}


def test_what_is_older_than_the_window_is_forgotten_but_counted():
    _, restarts = waits(range(MOST))
    found, restarts = waits([MOST + WINDOW_NS], restarts)
    assert found == [BACK_OFF_SECONDS[0]]
    assert restarts.counts == {"market": MOST + 1}


def test_one_actors_restarts_are_not_held_against_another():
    _, restarts = waits(range(MOST))
    assert waits([MOST], restarts, "wal")[0] == [BACK_OFF_SECONDS[0]]
