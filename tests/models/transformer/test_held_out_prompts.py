"""Which prompts are held out, and what is refused before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from plumbline.formats import load, merge_loaded
from plumbline.loop.synthetic_corpus import write_synthetic_corpus
from plumbline.models.transformer.goals import TaskData, goals_of
from plumbline.models.transformer.held_out_prompts import (
    held_out_groups,
    held_positions,
    require_calibratable,
)
from plumbline.models.transformer.held_out_reading import HeldOutScores, calibrated_heads
from plumbline.models.transformer.model import TransformerHead
from plumbline.models.transformer.side_safety import judged_sides
from plumbline.records import Kind, NoDataError

TASKS = ("preference", "cost", "moderation")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    names = ("preferences-synthetic", "labels-synthetic")
    return merge_loaded([load(folder / name, split="train", cache=False) for name in names]).tables


def goals(tables, *tasks):
    return goals_of(TaskData(tables, tasks or TASKS, None, "here", together=True))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.4, 0.5])
def test_the_share_asked_for_is_the_share_held_out(tables, share):
    found = goals(tables)
    rows = [goal.rows for goal in found]
    held = held_out_groups(rows, share, 0)
    every = {group for each in rows for part in (each.pairs, each.labels) if part for group in part.places.group_ids}
    assert held < every
    assert len(held) == round(share * len(every))
    assert held == held_out_groups(rows, share, 0)
    assert held != held_out_groups(rows, share, 1)


def test_one_prompt_cannot_be_divided(tables):
    rows = goals(tables, "moderation")[0].rows
    one = replace(rows, labels=rows.labels.take(np.array([0])))
    with pytest.raises(NoDataError, match="PL-TRN-013"):
        held_out_groups([one], 0.1, 0)


def test_what_could_not_be_calibrated_is_refused_before_training_with_a_share_that_is_enough(tables):
    found = goals(tables, "moderation")
    labels = found[0].rows.labels
    unsafe, safe = np.flatnonzero(labels.is_unsafe), np.flatnonzero(~labels.is_unsafe)
    few = replace(found[0], rows=replace(found[0].rows, labels=labels.take(np.concatenate([unsafe[:40], safe]))))
    held = held_out_groups([few.rows], 0.05, 0)
    with pytest.raises(NoDataError) as refused:
        require_calibratable([few], held, 0.05)
    assert refused.value.code == "PL-TRN-021"
    share = float(refused.value.advice.split("--held-out ")[1].split(";")[0])
    require_calibratable([few], held_out_groups([few.rows], share, 0), share)
    hopeless = replace(few, rows=replace(few.rows, labels=labels.take(np.concatenate([unsafe[:5], safe]))))
    with pytest.raises(NoDataError) as refused:
        require_calibratable([hopeless], held_out_groups([hopeless.rows], 0.5, 0), 0.5)
    assert "--held-out" not in refused.value.advice


def test_sides_say_what_is_safe_where_there_are_no_labels(tables):
    pairs_alone = {Kind.COMPARISONS: tables[Kind.COMPARISONS]}
    (goal,) = goals(pairs_alone, "cost")
    require_calibratable([goal], held_out_groups([goal.rows], 0.3, 0), 0.3)
    judged = judged_sides(goal.rows.pairs)
    said = goal.rows.pairs.records.rows()["is_safe"].to_pylist()
    assert len(judged.rows) == sum(value is not None for sides in said for value in sides or ())
    for row, side, is_unsafe in zip(judged.rows, judged.sides, judged.is_unsafe, strict=True):
        assert said[row][side] is (not is_unsafe)


class CostModel:
    """As far as calibration looks."""

    task = "cost"
    heads = {"cost": TransformerHead("cost")}  # noqa: RUF012  read only


def test_a_costs_sign_is_not_calibrated_on_one_class(tables):
    (goal,) = goals({Kind.COMPARISONS: tables[Kind.COMPARISONS]}, "cost")
    pairs = goal.rows.pairs
    costs = np.random.default_rng(0).normal(size=(len(pairs), 2, 1))
    judged = judged_sides(pairs)
    costs[judged.rows, judged.sides, 0] += np.where(judged.is_unsafe, 1.0, -1.0)
    heads, _ = calibrated_heads(CostModel(), HeldOutScores(pairs, costs, None, None), 0.05)
    assert 0.5 < heads["cost"].calibration.scale < 20
    unsafe_rows = np.setdiff1d(np.unique(judged.rows[judged.is_unsafe]), judged.rows[~judged.is_unsafe])
    with pytest.raises(NoDataError, match="PL-TRN-021"):
        calibrated_heads(CostModel(), HeldOutScores(pairs.take(unsafe_rows), costs[unsafe_rows], None, None), 0.05)


def test_held_rows_are_those_of_held_prompts(tables):
    labels = goals(tables, "moderation")[0].rows.labels
    held = held_out_groups([goals(tables, "moderation")[0].rows], 0.3, 0)
    chosen = held_positions(labels, held)
    assert set(labels.places.group_ids[chosen]) == held & set(labels.places.group_ids)
