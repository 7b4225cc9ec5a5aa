"""How much rows count: weights by hand, the form without a prompt, and which rows a threshold spares together."""

import numpy as np
import polars as pl
import pytest

from plumbline.models.features.text_features import Replies
from plumbline.models.rows.training_rows import LabelRows, Places
from plumbline.models.rows.weighing import balanced_weights, parts_held_to_rate, row_origins, weighed_rows
from plumbline.models.training_recipe import parse_training_recipe


def recipe(**values):
    lines = {"name": '"made-up"', "version": "1", "task": '"moderation"', **values}
    return parse_training_recipe("\n".join(f"{key} = {value}" for key, value in lines.items()), "here")


def labels(sources, unsafe, prompts):
    count = len(unsafe)
    ids = pl.Series([f"row {row}" for row in range(count)])
    places = Places(ids, pl.Series(sources), pl.Series([""] * count), np.arange(count), np.arange(count).astype(str))
    replies = Replies([f"reply {row}" for row in range(count)], prompts)
    return LabelRows(replies, np.array(unsafe), {}, np.zeros(count, bool), np.full(count, "own"), places, {})


def test_every_class_counts_half_and_every_source_the_same_in_it():
    origins, is_unsafe = np.array(list("aaaaab" + "ab")), np.array([False] * 6 + [True] * 2)
    weights = balanced_weights(origins, is_unsafe, 4.0)
    # 8 rows: 4 for each class, 2 for each source in it; of the five safe rows of a that is 0.4 each.
    assert weights.tolist() == pytest.approx([0.4] * 5 + [2.0] + [2.0, 2.0])
    assert weights.sum() == pytest.approx(8)


def test_what_a_small_source_may_not_take_goes_to_the_others_of_its_class():
    origins, is_unsafe = np.array(list("aaaabc" + "aaaaaa")), np.array([False] * 6 + [True] * 6)
    # 6 for the safe rows: b and c may take 1.5 each and not 2, so the four of a get 3.
    assert balanced_weights(origins, is_unsafe, 1.5).tolist() == pytest.approx([0.75] * 4 + [1.5] * 2 + [1.0] * 6)


def test_a_class_of_a_handful_of_rows_does_not_speak_for_half():
    is_unsafe = np.arange(100) < 2
    weights = balanced_weights(np.full(100, "a"), is_unsafe, 4.0)
    assert weights[:2].tolist() == [4.0, 4.0]
    assert weights[2:] == pytest.approx(50 / 98)


def test_one_class_alone_counts_whole():
    assert balanced_weights(np.array(["a", "a", "b"]), np.zeros(3, bool), 4.0).sum() == pytest.approx(3)


def test_a_source_is_its_first_folder_and_a_hub_id_is_one_source():
    files = pl.Series(["owner/one/a/train.jsonl", "owner/one/b/train.jsonl", "owner/two/t.jsonl", "mine/x.jsonl"])
    named = ["owner/one", "/somewhere/mine", "owner/two"]
    assert row_origins(files, named).tolist() == ["owner/one", "owner/one", "owner/two", "mine"]


def test_rows_stand_a_second_time_without_their_prompt_and_together_weigh_the_same():
    rows = labels(["a/t"] * 3, [True, False, False], ["one?", "two?", " "])
    weighed = weighed_rows(rows, recipe(bare_share="0.25"))
    assert weighed.positions.tolist() == [0, 1, 2, 0, 1, 2]
    assert weighed.is_bare.tolist() == [False] * 3 + [True] * 3
    # The third row has no prompt: it stands there once, with its whole weight.
    assert weighed.weights.tolist() == [0.75, 0.75, 1.0, 0.25, 0.25, 0.0]
    replies = weighed.replies(rows.replies)
    assert replies.prompts.to_pylist() == ["one?", "two?", " ", "", "", ""]
    assert replies.texts.to_pylist() == ["reply 0", "reply 1", "reply 2"] * 2


def test_calibration_takes_sources_alike_and_each_with_its_own_share_of_unsafe_rows():
    rows = labels(["a/t"] * 3 + ["b/t"], [True, False, False, True], ["q"] * 4)
    weighed = weighed_rows(rows, recipe(balance="true", bare_share="0.25"))
    # Two of four for each source, a quarter of every row without its prompt.
    assert weighed.calibration_weights == pytest.approx([0.5] * 3 + [1.5] + [1 / 6] * 3 + [0.5])


def test_without_a_recipe_every_row_counts_once():
    rows = labels(["a/t", "b/t"], [True, False], ["one?", "two?"])
    weighed = weighed_rows(rows, None)
    assert (weighed.positions.tolist(), weighed.weights.tolist()) == ([0, 1], [1.0, 1.0])
    assert weighed.replies(rows.replies) is rows.replies


def test_a_source_with_enough_safe_rows_is_held_to_the_rate_by_itself():
    parts = np.repeat(["a", "b", "c", "d"], [20, 20, 5, 15])
    deals = np.zeros(60, int)
    numbers = parts_held_to_rate(deals, parts, np.ones(60, bool), 0.1)
    # Two false positives must be allowed: 20 rows at a tenth. c and d reach that together.
    assert [len(set(numbers[parts == part])) for part in "abcd"] == [1] * 4
    assert len({*numbers[:20], *numbers[20:40], *numbers[40:]}) == 3
    # Too few even so: with the largest part.
    few = parts_held_to_rate(deals[:45], parts[:45], np.ones(45, bool), 0.1)
    assert few[44] == few[0] != few[20]


def test_two_deals_are_never_held_to_one_rate():
    deals = np.repeat([0, 1], 40)
    numbers = parts_held_to_rate(deals, np.full(80, "a"), np.ones(80, bool), 0.05)
    assert set(numbers[:40]).isdisjoint(numbers[40:])
