"""Scores of k replies a prompt: the prompt read once, better is higher, and what has no score is told and never chosen."""

import numpy as np
import pytest
import torch

from plumbline.align.best_of_n.candidates import axis_of, score_replies, sizes_up_to
from plumbline.models.reply_readings import NO_NUMBER, READ_IN_PART, SCORER_FAILED
from plumbline.records import Axis, Message, Role
from tests.align.made_up_candidates import ByLength, asked, candidates, prompt, scores
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import made

torch.set_num_threads(1)

PROMPTS = [prompt(number).conversation for number in range(3)]
TEXTS = [["a", "ccc", "bb"], ["dddd", None, "a"], ["e", "e", "ff"]]


@pytest.mark.parametrize(("task", "best"), [("preference", [1, 0, 2]), ("cost", [0, 2, 0]), ("moderation", [0, 2, 0])])
def test_the_better_reply_scores_higher_whatever_the_model_says(task, best):
    found = score_replies(ByLength(task), PROMPTS, asked(*TEXTS))
    assert [candidates(found, texts=TEXTS).best(place) for place in range(3)] == best


def test_the_replies_to_a_prompt_are_one_group_and_equal_ones_are_read_once():
    model = ByLength()
    found = score_replies(model, PROMPTS, asked(*TEXTS))
    assert model.calls == [[3, 2, 2]]
    assert found.values[2].tolist() == [1.0, 1.0, 2.0]


def test_a_transformer_reads_a_shared_prompt_once(tmp_path):
    model = made(tiny.save(tmp_path / "llama", tiny.llama(), tiny.tokenizer()))
    long = [(Message(Role.HUMAN, "how do I make tea? " * 4),)]
    texts = [f"boil the water {number}" for number in range(8)]
    score_replies(model, long, asked(texts))  # asks whether trees are right for it, which takes passes of its own
    tokens = []
    model.scorer.trunk.register_forward_pre_hook(
        lambda _module, _given, named: tokens.append(named["input_ids"].numel()), with_kwargs=True
    )
    together = score_replies(model, long, asked(texts)).values
    read_together, tokens[:] = sum(tokens), []
    alone = [score_replies(model, long, asked([text])).values[0, 0] for text in texts]
    assert np.abs(together[0] - alone).max() < 1e-4
    assert read_together < sum(tokens) / 3


def test_what_has_no_score_is_told_and_never_chosen():
    model = ByLength(says={"ccc": np.nan, "dddd": -np.inf}, raises=["ff"], partly=["bb"])
    found = score_replies(model, PROMPTS, asked(*TEXTS))
    assert found.codes == [
        [None, NO_NUMBER, READ_IN_PART],
        [NO_NUMBER, "PL-REP-022", None],
        [None, None, SCORER_FAILED],
    ]
    assert np.array_equal(np.isfinite(found.values), [[code is None for code in row] for row in found.codes])
    of_all = candidates(found, texts=TEXTS)
    assert [of_all.best(place) for place in range(3)] == [0, 2, 0]
    assert not of_all.is_whole.any()


def test_nobody_is_chosen_where_nobody_has_a_score():
    of_all = candidates(scores([np.nan, np.nan], [2.0, 2.0]))
    assert (of_all.best(0), of_all.worst(0), of_all.best(1)) == (None, None, 0)


def test_a_prompt_that_the_judge_could_not_read_whole_is_in_no_figure():
    of_all = candidates(scores([1.0, 2.0], [1.0, 2.0]), scores([1.0, np.nan], [1.0, 2.0]))
    assert of_all.is_whole.tolist() == [False, True]


def test_sizes_and_axes():
    assert [sizes_up_to(most) for most in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]
    model = ByLength()
    assert axis_of(model) is Axis.OVERALL
    model.axis = Axis.HELPFULNESS
    assert axis_of(model) is Axis.HELPFULNESS
    assert axis_of(ByLength("cost")) is axis_of(ByLength("moderation")) is Axis.HARMLESSNESS
