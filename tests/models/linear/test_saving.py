"""A model read back scores as the one that was saved, down to weights that look as if nothing had been counted."""

from dataclasses import replace

import numpy as np
import pytest

from plumbline.lineage import Manifest
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.saving import load_model, save_model
from plumbline.models.scored_model import main_head
from plumbline.models.training import train_task
from plumbline.records import Kind, ModelError
from tests.models.made_up import pairs_table


@pytest.fixture
def model():
    options = training_options("preference", {"features": "words"})
    return train_task({Kind.COMPARISONS: pairs_table()}, "preference", options, place="made-up").model


def _saved(model, folder):
    manifest = Manifest.model_validate(
        {"holds": "model", "command": [], "configuration": {}, "inputs": [], "uses": ["preference"], "licence": "MIT"}
    )
    save_model(folder, model, manifest, name="m", synthetic=False, training={}, files={"README.md": b""})
    return load_model(folder)[0]


def test_a_folder_without_its_manifest_is_refused(model, tmp_path):
    _saved(model, tmp_path / "m")
    (tmp_path / "m" / "manifest.json").unlink()
    with pytest.raises(ModelError, match=r"PL-MOD-002(.|\n)*no manifest"):
        load_model(tmp_path / "m")


def test_weights_and_frequencies_come_back(model, tmp_path):
    again = _saved(model, tmp_path / "m")
    assert np.array_equal(main_head(again).weights, main_head(model).weights)
    assert all(np.array_equal(*both) for both in zip(again.frequencies, model.frequencies, strict=True))


def test_a_weight_of_an_ngram_that_was_not_counted_is_kept(model, tmp_path):
    # Frequencies may be counted on fewer rows than the weights are fitted on.
    uncounted = int(np.flatnonzero(model.frequencies[0] == model.frequencies[0].max())[0])
    weights = main_head(model).weights.copy()
    weights[uncounted] = 0.5
    head = replace(main_head(model), weights=weights)
    again = _saved(replace(model, heads={"reward": head}), tmp_path / "m")
    assert main_head(again).weights[uncounted] == 0.5


def test_a_weight_of_the_rarest_ngram_is_kept_where_every_column_was_counted(model, tmp_path):
    frequencies = (np.linspace(1, 5, len(model.frequencies[0]), dtype=np.float32), *model.frequencies[1:])
    weights = np.ones_like(main_head(model).weights)
    full = replace(model, frequencies=frequencies, heads={"reward": replace(main_head(model), weights=weights)})
    again = _saved(full, tmp_path / "m")
    assert np.array_equal(main_head(again).weights, weights)
    assert np.array_equal(again.frequencies[0], frequencies[0])
