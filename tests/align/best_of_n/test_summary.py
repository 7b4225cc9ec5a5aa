"""What a run came to: one set of prompts for every n, what is missing counted, a judge who disagrees told."""

import numpy as np

from plumbline.align.best_of_n.summary import summarise
from plumbline.measure import Bootstrap
from tests.align.made_up_candidates import candidates, reply, scores

DRAWS = Bootstrap(seed=0, resamples=200)


def random_scores(count=40, replies=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, replies))


def test_all_sizes_speak_of_the_prompts_that_have_every_score():
    values = random_scores()
    values[3, 2] = np.nan
    found = summarise(candidates(scores(*values)), DRAWS)
    assert [each["n"] for each in found["curve"]] == [1, 2, 4, 8]
    assert {each["score"]["n"] for each in found["curve"]} == {found["prompts_in_curve"]} == {39}
    whole = np.delete(values, 3, axis=0)
    assert np.isclose(found["curve"][0]["score"]["value"], whole.mean())
    assert np.isclose(found["curve"][-1]["gain"]["value"], (whole.max(axis=1) - whole.mean(axis=1)).mean())
    assert found["curve"][0]["gain"] is None
    assert found["missing"] == {"PL-SCO-005": 1}
    assert any("1 prompts of 40 are in no figure" in note for note in found["notes"])


def test_where_no_prompt_is_whole_there_is_no_figure_and_no_zero():
    found = summarise(candidates(scores([1.0, np.nan], [np.nan, 2.0])), DRAWS)
    assert (found["curve"], found["prompts_in_curve"]) == ([], 0)
    assert any("there are no figures" in note for note in found["notes"])


def test_a_judge_who_likes_the_chosen_less_is_told():
    values = random_scores()
    fallen = summarise(candidates(scores(*values), scores(*-values)), DRAWS)
    assert any("by the judge the best of 1 is better than the best of 8" in note for note in fallen["notes"])
    assert fallen["curve"][-1]["judged_gain"]["high"] < 0
    assert not any("do not tell the two apart" in note for note in fallen["notes"])
    agreed = summarise(candidates(scores(*values), scores(*values)), DRAWS)
    assert not any("by the judge" in note for note in agreed["notes"])


def test_a_judge_whose_intervals_hold_both_is_not_said_to_prefer_one():
    values = random_scores()
    hardly = 5 * random_scores(seed=1) - 0.05 * values
    notes = summarise(candidates(scores(*values), scores(*hardly)), DRAWS)["notes"]
    assert any("do not tell the two apart" in note for note in notes)
    assert not any("is better than" in note for note in notes)


def test_replies_that_repeat_are_counted_and_told():
    found = summarise(candidates(scores([1.0, 1.0, 1.0, 2.0]), texts=[["a", "a", "a", "b"]]), DRAWS)
    assert found["different_replies"]["value"] == 2.0
    assert any("of 4 to a prompt 2.0 are different" in note for note in found["notes"])


def test_replies_that_did_not_come_are_none_that_repeat():
    texts = [["a", None, None, None], [None] * 4]
    found = summarise(candidates(scores([1.0, *[np.nan] * 3], [np.nan] * 4), texts=texts), DRAWS)
    assert (found["different_replies"]["value"], found["different_replies"]["n"]) == (1.0, 1)
    assert not any("repeat" in note for note in found["notes"])
    nothing = summarise(candidates(scores([np.nan] * 4), texts=texts[1:]), DRAWS)
    assert nothing["different_replies"]["value"] is None


def test_replies_that_were_cut_are_counted_and_so_are_the_best_of_them():
    of_all = candidates(scores([1.0, 2.0], [2.0, 1.0]))
    of_all.asked[0][1] = of_all.asked[1][1] = reply("cut", 1, "length", "v2")
    found = summarise(of_all, DRAWS)
    assert (found["cut_replies"], found["cut_best"]) == (2, 1)
    assert found["snapshots"] == {"v1": 2, "v2": 2}
    assert any("several versions of the policy" in note for note in found["notes"])
