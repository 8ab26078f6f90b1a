"""When a server may be asked."""

import pytest

from chains.feeds.pacing import LONGEST_PAUSE_NS, MINUTE_NS, SECOND_NS, new_pacing, relieved, taken, troubled

NOW = 1_700_000_000 * SECOND_NS


def drained(count: int):
    pacing = new_pacing(count, 10 * SECOND_NS)
    for _ in range(count):
        pacing, wait = taken(pacing, NOW)
        assert wait == 0
    return pacing


def test_a_full_bucket_gives_a_minutes_requests_and_then_one_at_a_time():
    pacing = drained(25)
    _, at_ns = taken(pacing, NOW)
    assert NOW + MINUTE_NS // 25 <= at_ns <= NOW + MINUTE_NS // 25 + 2
    pacing, wait = taken(pacing, at_ns)
    assert wait == 0
    assert taken(pacing, at_ns)[1] > at_ns


def test_no_minute_sees_more_requests_than_a_bucket_and_its_filling():
    pacing, made = new_pacing(25, 10 * SECOND_NS), 0
    for tenth in range(600):
        pacing, wait = taken(pacing, NOW + tenth * SECOND_NS // 10)
        made += wait == 0
    assert made <= 50


def test_a_clock_that_steps_back_fills_nothing():
    assert taken(drained(25), NOW - 60 * MINUTE_NS)[1] > 0


@pytest.mark.parametrize(("seconds", "pause"), [(0, 0), (7, 7 * SECOND_NS), (86_400, LONGEST_PAUSE_NS)])
def test_the_pause_is_what_the_server_asks_for_within_reason(seconds, pause):
    assert troubled(new_pacing(25, SECOND_NS), NOW, seconds).closed_until_ns == NOW + pause


def test_without_a_word_from_the_server_pauses_double_until_an_answer():
    pacing = new_pacing(25, 10 * SECOND_NS)
    pauses = []
    for _ in range(40):
        pacing = troubled(pacing, NOW)
        pauses.append(pacing.closed_until_ns - NOW)
    assert pauses[:4] == [10 * SECOND_NS, 20 * SECOND_NS, 40 * SECOND_NS, 80 * SECOND_NS]
    assert pauses[-1] == LONGEST_PAUSE_NS
    again = troubled(relieved(pacing), NOW + LONGEST_PAUSE_NS)
    assert again.closed_until_ns == NOW + LONGEST_PAUSE_NS + 10 * SECOND_NS


def test_nothing_is_asked_during_a_pause():
    pacing = troubled(new_pacing(25, 10 * SECOND_NS), NOW)
    assert taken(pacing, NOW + 9 * SECOND_NS) == (pacing, NOW + 10 * SECOND_NS)
    assert taken(pacing, NOW + 10 * SECOND_NS)[1] == 0
