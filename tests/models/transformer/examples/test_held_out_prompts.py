"""Which prompts are held out, and what is refused before anything is trained."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from plumbline.formats import load, merge_loaded
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.models.figures.evaluation import RowScores
from plumbline.models.rows.trained_rows import TrainedRows
from plumbline.models.scored_model import Scores
from plumbline.models.transformer.examples.goals import TaskData, goals_of
from plumbline.models.transformer.examples.held_out_prompts import (
    held_out_from,
    held_out_groups,
    held_positions,
    require_calibratable,
)
from plumbline.models.transformer.examples.side_safety import judged_sides
from plumbline.models.transformer.model import TransformerHead
from plumbline.models.transformer.training.held_out_reading import calibrated_heads
from plumbline.records import Axis, Kind, NoDataError

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


def learned_of(groups):
    """What a trunk has learned that knows these prompts."""
    shortened = sorted(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in groups)
    prompts = np.array(shortened, np.uint64)
    return TrainedRows(prompts, prompts)


def test_prompts_that_a_trunk_has_learned_are_held_out_only_where_others_are_too_few(tables):
    found = goals(tables, "moderation")
    rows = [goal.rows for goal in found]
    every = sorted(set(rows[0].labels.places.group_ids.tolist()))
    known = every[: len(every) // 2]
    held = held_out_from(found, 0.3, 0, learned_of(known))
    assert not held & set(known)
    assert len(held) == round(0.3 * len(every))
    most = every[: int(0.65 * len(every))]
    assert held_out_from(found, 0.3, 0, learned_of(most)) == held_out_groups(rows, 0.3, 0)
    assert held_out_from(found, 0.3, 0, learned_of([])) == held_out_from(found, 0.3, 0, None)


def test_prompts_new_to_a_trunk_are_of_no_use_where_models_cannot_be_calibrated_on_them(tables):
    found = goals(tables, "moderation")
    labels = found[0].rows.labels
    unsafe = set(labels.places.group_ids[labels.is_unsafe].tolist())
    every = set(labels.places.group_ids.tolist())
    share = 0.7 * len(every - unsafe) / len(every)
    assert held_out_groups([found[0].rows], share, 0, learned=learned_of(unsafe)) <= every - unsafe
    held = held_out_from(found, share, 0, learned_of(unsafe))
    assert held == held_out_groups([found[0].rows], share, 0)
    require_calibratable(found, held, share)


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
    heads = {"cost": TransformerHead("cost")}  # noqa: RUF012 - read only


def test_a_costs_sign_is_not_calibrated_on_one_class(tables):
    (goal,) = goals({Kind.COMPARISONS: tables[Kind.COMPARISONS]}, "cost")
    pairs = goal.rows.pairs
    costs = np.random.default_rng(0).normal(size=(len(pairs), 2, 1))
    judged = judged_sides(pairs)
    costs[judged.rows, judged.sides, 0] += np.where(judged.is_unsafe, 1.0, -1.0)
    heads, _ = calibrated_heads(CostModel(), RowScores(pairs, Scores(costs), None, None), 0.05)
    assert 0.5 < heads["cost"].calibration.scale < 20
    unsafe_rows = np.setdiff1d(np.unique(judged.rows[judged.is_unsafe]), judged.rows[~judged.is_unsafe])
    with pytest.raises(NoDataError, match="PL-TRN-021"):
        calibrated_heads(CostModel(), RowScores(pairs.take(unsafe_rows), Scores(costs[unsafe_rows]), None, None), 0.05)


def test_held_rows_are_those_of_held_prompts(tables):
    labels = goals(tables, "moderation")[0].rows.labels
    held = held_out_groups([goals(tables, "moderation")[0].rows], 0.3, 0)
    chosen = held_positions(labels, held)
    assert set(labels.places.group_ids[chosen]) == held & set(labels.places.group_ids)


def test_pairs_too_few_to_calibrate_on_are_refused_too(tables):
    (goal,) = goals_of(TaskData(tables, ("preference",), Axis.HELPFULNESS, "here"))
    few = replace(goal, rows=replace(goal.rows, pairs=goal.rows.pairs.take(np.arange(40))))
    held = held_out_groups([few.rows], 0.05, 0)
    with pytest.raises(NoDataError, match=r"comparisons with --held-out 0\.05"):
        require_calibratable([few], held, 0.05)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.5])
def test_what_is_expected_of_the_number_of_prompts_is_enough(tables, share):
    rows = goals(tables, "moderation")[0].rows

    def with_prompts(count):
        names = np.unique(rows.labels.places.group_ids)[:count]
        return replace(rows, labels=rows.labels.take(np.flatnonzero(np.isin(rows.labels.places.group_ids, names))))

    with pytest.raises(NoDataError) as refused:
        held_out_groups([with_prompts(1)], share, 0)
    wanted = int(refused.value.expected.removeprefix("at least "))
    assert held_out_groups([with_prompts(wanted)], share, 0)
    if wanted > 2:
        with pytest.raises(NoDataError, match="PL-TRN-013"):
            held_out_groups([with_prompts(wanted - 1)], share, 0)
