"""The benchmark of transfer: what it counts, on made-up rows whose truth is known."""

import numpy as np
import pytest

from benchmarks.models import transfer_figures as figures
from benchmarks.rows.transfer_rows import Flagged, Labelled, Ranked, alone
from benchmarks.transfer import AFTER, BEFORE, LEFT_OUT, ways
from plumbline.models.features.text_features import Replies
from plumbline.models.linear.default_features import training_options
from plumbline.models.rows.training_rows import label_rows
from plumbline.models.training import train_task
from plumbline.records import Kind
from tests.models.made_up import labels_table

KIND, RUDE = ["happy to help with that", "of course see below"], ["no go away", "that is a silly thing"]


@pytest.fixture(scope="module")
def model():
    tables = {Kind.SAFETY_LABELS: labels_table(120)}
    return train_task(tables, "moderation", training_options("moderation", {}), place="made-up").model


def test_every_way_differs_from_the_shipped_recipe_by_the_part_it_is_named_after():
    before, after, *less = ways(without=True)
    assert (before.name, before.options([]).training) == (BEFORE, None)
    assert (after.name, after.recipe) == (AFTER, training_options("moderation", {"recipe": "transfer"}).training)
    for way, values in zip(less, LEFT_OUT.values(), strict=True):
        of_way, shipped = way.options([]).training.model_dump(), after.recipe.model_dump()
        assert {key: value for key, value in of_way.items() if value != shipped[key]} == values


def test_unsafe_rows_are_found_and_flipped_labels_are_not(model):
    rows = label_rows(labels_table(100, seed=4), place="x")
    found = figures.of_labelled(model, model, Labelled("x", rows.replies, rows.is_unsafe, rows.places.group_ids))
    assert set(found) == {*figures.COLUMNS["labelled"]}
    assert found["auprc"].value > 0.95
    assert found["auprc_above"].value == 0
    flipped = figures.of_labelled(model, None, Labelled("x", rows.replies, ~rows.is_unsafe, rows.places.group_ids))
    assert flipped["auroc"].value == pytest.approx(1 - found["auroc"].value)


def test_shares_flagged_and_pairs_ranked_rightly(model):
    names = np.array(["a", "b"])
    kind, rude = alone(Replies(KIND)), alone(Replies(RUDE))
    assert figures.of_flagged(model, None, Flagged("x", kind, names))["flagged"].value == 0
    assert figures.of_flagged(model, model, Flagged("x", rude, names))["flagged"].value == 1
    for first_is_better, right in ((True, 1.0), (False, 0.0)):
        pairs = Ranked("x", kind, rude, np.full(2, first_is_better), names)
        assert figures.of_ranked(model, None, pairs)["accuracy"].value == right
