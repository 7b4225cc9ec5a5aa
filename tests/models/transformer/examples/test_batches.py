"""Plans of steps: nothing lost, nothing twice, within the budget, counted as it is packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.models.transformer.examples.batches import Sizes, plan_evaluation, plan_steps
from plumbline.models.transformer.examples.collation import lay_out
from plumbline.models.transformer.settings import TrainerSettings
from plumbline.models.tree_batch import pack_trees
from tests.models.transformer.toy import make_pairs

PLANS = {
    "lengths": st.lists(st.integers(1, 60), min_size=1, max_size=70),
    "rows_per_step": st.integers(1, 20),
    "budget": st.integers(1, 200),
    "bucket_steps": st.integers(0, 4),
    "processes": st.integers(1, 4),
    "packs": st.booleans(),
    "seed": st.integers(0, 5),
}


def sizes_of(lengths, packs):
    own = np.array(lengths, np.int64)
    rows = np.ones(len(own), np.int64) if packs else 1 + own % 3
    return Sizes(rows, own, own * rows, own * rows, packs=packs)


@settings(max_examples=60, deadline=None)
@given(**PLANS)
def test_every_row_is_in_one_batch_of_one_step(lengths, rows_per_step, budget, bucket_steps, processes, packs, seed):
    sizes = sizes_of(lengths, packs)
    chosen = TrainerSettings(rows_per_step=rows_per_step, tokens_per_batch=budget, bucket_steps=bucket_steps, seed=seed)
    steps = plan_steps(sizes, chosen, epoch=1, processes=processes)
    assert sorted(row for step in steps for row in step.examples) == list(range(len(lengths)))
    assert sorted(len(step.examples) for step in steps)[1:] == [rows_per_step] * (len(steps) - 1)
    for step in [*steps, plan_evaluation(sizes, chosen, processes=processes)]:
        batches = [batch for mine in step.batches for batch in mine]
        assert sorted(row for batch in batches for row in batch.examples) == sorted(step.examples)
        assert len(step.batches) == processes
        assert len({len(mine) for mine in step.batches}) == 1
        assert all(batch.processed_tokens <= budget or len(batch.examples) == 1 for batch in batches)
        assert all((batch.processed_tokens == 0) == (not batch.examples) for batch in batches)
        assert step.own_tokens == sizes.own_tokens[list(step.examples)].sum() <= step.processed_tokens
    assert plan_steps(sizes, chosen, epoch=1, processes=processes) == steps


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 30), budget=st.integers(10, 400), as_trees=st.booleans())
def test_tokens_are_counted_as_they_are_packed(count, budget, as_trees):
    rows = lay_out(make_pairs(count, seed=count), padding_id=0, as_trees=as_trees)
    for step in plan_steps(rows.sizes, TrainerSettings(rows_per_step=8, tokens_per_batch=budget), epoch=0):
        for batch in step.batches[0]:
            inputs = rows.inputs(batch.examples, "cpu")
            assert inputs.tokens.numel() == batch.processed_tokens
        if as_trees:
            packed = pack_trees([rows.trees[row] for row in step.examples], padding_id=0)
            assert (packed.own_tokens, packed.sequence_tokens) == (step.own_tokens, step.sequence_tokens)


def test_epochs_and_seeds_differ_and_the_rest_is_the_same():
    sizes = sizes_of(list(range(1, 60)), packs=True)
    chosen = TrainerSettings(rows_per_step=4)
    first, second = (plan_steps(sizes, chosen, epoch=epoch) for epoch in (0, 1))
    assert [step.examples for step in first] != [step.examples for step in second]
    other = plan_steps(sizes, TrainerSettings(rows_per_step=4, seed=1), epoch=0)
    assert [step.examples for step in first] != [step.examples for step in other]
    many = plan_steps(sizes, chosen, epoch=0, processes=3)
    assert [step.examples for step in first] == [step.examples for step in many], "devices change no step"


def test_rows_of_like_size_need_less_padding():
    sizes = sizes_of(np.random.default_rng(0).integers(10, 400, 800).tolist(), packs=False)

    def processed(bucket_steps):
        steps = plan_steps(sizes, TrainerSettings(bucket_steps=bucket_steps), epoch=0)
        return sum(step.processed_tokens for step in steps)

    assert processed(50) < 0.7 * processed(0)


def test_steps_of_like_sizes_come_in_no_order_of_size():
    sizes = sizes_of(list(range(1, 801)), packs=True)
    longest = [max(step.examples) for step in plan_steps(sizes, TrainerSettings(), epoch=0)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.5


def test_processes_get_about_the_same_to_do():
    sizes = sizes_of(np.random.default_rng(0).integers(10, 400, 512).tolist(), packs=True)
    for step in plan_steps(sizes, TrainerSettings(rows_per_step=64, tokens_per_batch=2000), epoch=0, processes=4):
        tokens = [sum(batch.processed_tokens for batch in mine) for mine in step.batches]
        assert min(tokens) > 0.75 * max(tokens)


def test_a_step_with_fewer_rows_than_processes_leaves_some_without():
    (step,) = plan_steps(sizes_of([5, 7], packs=True), TrainerSettings(), epoch=0, processes=4)
    assert [[len(batch.examples) for batch in mine] for mine in step.batches] == [[1], [1], [0], [0]]


@pytest.mark.parametrize("as_trees", [True, False])
def test_no_row_at_all_is_one_token_of_padding(as_trees):
    rows = lay_out([], padding_id=3, as_trees=as_trees)
    assert rows.inputs((), "cpu").tokens.tolist() == [[3]]
