"""Draws are pinned: another value would change which side was shown in every study that runs."""

from plumbline.collect.kinds.draws import drawn_order, drawn_share, reply_seed


def test_draws_are_pinned():
    assert drawn_share(7, "spot check", "a1") == 0.8232746398507383
    assert drawn_order(7, 5, "shown", "a1", "0") == (4, 1, 3, 0, 2)


def test_every_draw_of_replies_has_a_seed_of_its_own():
    seeds = {reply_seed(1, assignment, turn, draw) for assignment in "abc" for turn in range(9) for draw in range(9)}
    assert len(seeds) == 243
    assert max(seeds) < 2**53
    assert reply_seed(1, "a", 1, 1) == reply_seed(1, "a", 1, 1) != reply_seed(2, "a", 1, 1)


def test_shares_are_even():
    shares = [drawn_share(1, "x", str(number)) for number in range(2000)]
    assert all(0 <= share < 1 for share in shares)
    for tenth in range(10):
        assert 150 <= sum(tenth / 10 <= share < (tenth + 1) / 10 for share in shares) <= 250


def test_names_do_not_run_into_each_other():
    assert drawn_share(1, "ab", "c") != drawn_share(1, "a", "bc")
    assert drawn_share(1, "a") != drawn_share(2, "a")
