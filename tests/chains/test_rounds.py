"""Who has looked at which tick: the slowest decides, and nobody keeps what was read too early."""

from chains.rounds import Follower, Round, asked, done, followed, handled, hungry, left, passed, wishes_at


def both():
    return followed(followed(Round(100), "a", 100), "b", 100)


def test_nobody_following_holds_nobody_up():
    assert Round(100).slowest() == 100


def test_a_follower_without_a_place_sees_the_last_tick_once_more():
    assert followed(Round(100), "a", None).slowest() == 99
    assert followed(Round(100), "a", 40).slowest() == 40


def test_the_slowest_is_who_is_waited_for():
    round = handled(both(), "a", 160, (), 7)
    assert round.slowest() == 100
    assert handled(round, "b", 130, (), 5).slowest() == 130


def test_the_highest_lsn_that_anybody_named_is_kept():
    round = handled(handled(both(), "a", 160, (), 7), "b", 160, (), 5)
    assert round.lsn == 7
    assert done(round, 160, 3).lsn == 7
    assert done(round, 160, 9).lsn == 9


def test_the_wishes_of_a_tick_are_those_of_all_who_are_there_in_one_order():
    round = handled(handled(both(), "b", 160, ("z", "c"), 0), "a", 160, ("d",), 0)
    assert wishes_at(round, 160) == ("c", "d", "z")
    assert wishes_at(handled(round, "a", 220, ("e",), 0), 160) == ("c", "z")
    assert wishes_at(round, 100) == ()


def test_an_answer_ends_the_question():
    round = asked(both(), "a")
    assert round.followers["a"].asked
    assert not handled(round, "a", 160, (), 0).followers["a"].asked


def test_what_was_read_past_a_tick_at_which_something_happened_is_read_again():
    round = handled(handled(both(), "a", 160, ("w",), 0), "b", 400, (), 0)
    after = done(round, 160, 1)
    assert after.done_ns == 160
    assert after.followers == {"a": Follower(160), "b": Follower(160)}


def test_who_has_ticks_and_has_not_answered_keeps_its_place():
    after = done(asked(both(), "a"), 160, 1)
    assert after.followers["a"] == Follower(100, asked=True)


def test_a_quiet_stretch_moves_only_the_end():
    round = handled(both(), "a", 160, (), 2)
    assert passed(round, 160) == Round(160, round.followers, 2)


def test_who_has_read_ahead_gets_no_more_until_the_others_have_caught_up():
    """A reborn subscriber reads a stretch again; nobody else is handed ticks past an undecided wish."""
    round = handled(handled(both(), "a", 160, (), 0), "b", 140, ("wish",), 0)
    reborn = followed(round, "a", 40)
    assert hungry(reborn) == ["a"]
    assert hungry(handled(reborn, "a", 160, (), 0)) == []
    assert hungry(done(handled(reborn, "a", 160, (), 0), 140, 0)) == ["a", "b"]


def test_a_successor_is_given_nothing_before_it_has_said_from_where_on():
    assert left(both(), "b") == followed(Round(100), "a", 100)
    assert hungry(left(both(), "b")) == ["a"]
    assert left(left(both(), "b"), "b") == left(both(), "b")
