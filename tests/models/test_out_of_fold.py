"""Out-of-fold scores as columns: whose probability they are, every row where it is asked for, and the same model with it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.figures.evaluation import RowScores
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.model import Head, LinearModel
from plumbline.models.linear.training import Trained, train_cost, train_moderation, train_preference
from plumbline.models.out_of_fold import OUT_OF_FOLD_SCHEMA, held_out_table, out_of_fold_content, out_of_fold_table
from plumbline.models.rows import folds
from plumbline.models.scored_model import Scores
from plumbline.records import Axis
from tests.models.linear.test_training import labels, pairs

OPTIONS = {task: training_options(task, {}) for task in ("preference", "cost", "moderation")}


def frame(table: pa.Table, head: str) -> pl.DataFrame:
    assert table.schema == OUT_OF_FOLD_SCHEMA
    found = pl.DataFrame(pl.from_arrow(table)).filter(pl.col("head") == head)
    return found.with_columns(row=pl.col("id").str.strip_prefix("row ").cast(pl.Int64)).sort("row")


def test_of_a_pair_it_is_the_chance_that_the_first_side_is_better_whatever_was_judged() -> None:
    rows = pairs()
    first_is_kind = rows.first_is_better
    # Judged the other way round throughout, a model learns the opposite; the probability is of the first side still.
    for judged in (first_is_kind, ~first_is_kind):
        told = replace(rows, first_is_better=judged)
        found = frame(out_of_fold_table(train_preference(told, OPTIONS["preference"]), told, None), "harmlessness")
        assert ((found["probability"] > 0.5).to_numpy() == judged).all()
        assert (found["side"] == 0).all()
        assert found["kind"].unique().to_list() == ["comparisons"]
        assert sorted(found["fold"].unique()) == [0, 1, 2, 3, 4]


def test_a_label_that_is_flipped_is_not_what_the_probability_is_of() -> None:
    rows, wrong = pairs(), np.arange(60) == 17
    told = replace(rows, first_is_better=rows.first_is_better ^ wrong)
    found = frame(out_of_fold_table(train_preference(told, OPTIONS["preference"]), told, None), "harmlessness")
    assert ((found["probability"] > 0.5).to_numpy() == rows.first_is_better).all()


def test_costs_are_told_of_pairs_and_of_labels_with_the_polarity_of_each() -> None:
    of_pairs, of_labels = pairs(), labels()
    table = out_of_fold_table(train_cost(of_pairs, of_labels, OPTIONS["cost"]), of_pairs, of_labels)
    assert ((frame(table, "harmlessness")["probability"] > 0.5).to_numpy() == of_pairs.first_is_better).all()
    assert ((frame(table, "unsafe")["probability"] > 0.5).to_numpy() == of_labels.is_unsafe).all()


def test_of_categories_the_rows_stand_there_that_know_of_them() -> None:
    rows = replace(labels(), has_categories=np.arange(80) < 60)
    table = out_of_fold_table(train_moderation(rows, OPTIONS["moderation"]), None, rows)
    assert ((frame(table, "unsafe")["probability"] > 0.5).to_numpy() == rows.is_unsafe).all()
    rudeness = frame(table, "rudeness")
    assert rudeness["row"].to_list() == list(range(60))
    assert ((rudeness["probability"] > 0.5).to_numpy() == rows.is_unsafe[:60]).all()


def test_a_record_that_stands_twice_has_one_row() -> None:
    rows = pairs()
    twice = rows.take(np.array([*range(60), 3, 3]))
    found = frame(out_of_fold_table(train_preference(twice, OPTIONS["preference"]), twice, None), "harmlessness")
    assert found["row"].to_list() == list(range(60))


def of_many(task: str, trained: Trained) -> tuple[int, int]:
    """Rows of pairs and of labels in the table."""
    table = out_of_fold_table(
        trained, None if task == "moderation" else pairs(), None if task == "preference" else labels()
    )
    return len(frame(table, "harmlessness")), len(frame(table, "unsafe"))


@pytest.mark.parametrize("task", ["preference", "cost", "moderation"])
def test_of_many_rows_every_one_is_scored_where_that_is_asked_for_and_the_model_stays(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "LARGEST_FOR_FOLDS", 50)
    monkeypatch.setattr(folds, "LEAST_GROUPS", 2)
    arguments = {"preference": [pairs()], "cost": [pairs(), labels()], "moderation": [labels()]}[task]
    train = {"preference": train_preference, "cost": train_cost, "moderation": train_moderation}[task]
    some, all_of_them = (train(*arguments, replace(OPTIONS[task], every_row=asked)) for asked in (False, True))
    assert 0 < sum(of_many(task, some)) < 30
    assert of_many(task, all_of_them) == {"preference": (60, 0), "cost": (60, 80), "moderation": (0, 80)}[task]
    for name, head in some.model.heads.items():
        assert np.array_equal(head.weights, all_of_them.model.heads[name].weights)
        assert head.calibration == all_of_them.model.heads[name].calibration


@pytest.mark.parametrize(("task", "first"), [("preference", 0.9), ("cost", 0.1)])
def test_held_out_rows_of_a_model_trained_once_are_one_fold(task: str, first: float) -> None:
    reading = Calibration(scale=float(np.log(9)))
    head = Head(np.zeros(1, np.float32), 0.0, reading, pair_calibration=reading if task == "cost" else None)
    model = LinearModel(task, Axis.HARMLESSNESS, OPTIONS["preference"].recipe, (), {"head": head})
    rows = pairs().take(np.arange(3))
    table = held_out_table(model, RowScores(rows, Scores(np.tile([[[2.0], [1.0]]], (3, 1, 1))), None, None))
    assert frame(table, "harmlessness")["probability"].to_list() == pytest.approx([first] * 3)
    assert table["fold"].to_pylist() == [0, 0, 0]
    assert pl.read_parquet(io.BytesIO(out_of_fold_content(table))).equals(pl.DataFrame(pl.from_arrow(table)))
