"""Ensembles on disk: the same numbers after loading; damage is noticed; folders without one load as before."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from plumbline.lineage import file_digest
from plumbline.models.calibration import Calibration
from plumbline.models.transformer.frozen.head_ensemble import HeadEnsemble
from plumbline.models.transformer.saving import load_transformer
from plumbline.models.transformer.trunk.identity import weights_digest
from plumbline.records import ModelError
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import TALKS, made, saved
from tests.restating import restate

torch.set_num_threads(1)

NAME = "ensemble.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    base = tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())
    random = np.random.default_rng(0)
    weights, intercepts = (random.normal(size=size).astype(np.float32).astype(float) for size in ((3, 32), 3))
    ensemble = HeadEnsemble(weights, intercepts, Calibration(0.7, 0.2), Calibration(1.5))
    model = replace(made(base), ensemble=ensemble)
    return model, saved(tmp_path_factory.mktemp("whole") / "m", model)


def test_a_saved_ensemble_says_what_it_said(whole):
    model, folder = whole
    again, description = load_transformer(folder)
    assert np.array_equal(again.read_groups([TALKS]).members, model.read_groups([TALKS]).members)
    assert again.ensemble.calibration == model.ensemble.calibration
    assert again.ensemble.pair_calibration == model.ensemble.pair_calibration
    assert description.files[NAME] == file_digest(folder / NAME)


def test_a_model_without_one_has_no_file_and_earlier_folders_load(whole, tmp_path):
    model, _ = whole
    folder = saved(tmp_path / "m", replace(model, ensemble=None))
    assert not (folder / NAME).exists()
    described = json.loads((folder / "model.json").read_text())
    assert described.pop("ensemble") is None
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    assert load_transformer(folder)[0].ensemble is None


def test_an_ensemble_is_no_part_of_the_trunk(whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    before = weights_digest(folder)
    (folder / NAME).unlink()
    assert weights_digest(folder) == before


def test_a_model_of_the_same_trunk_does_not_inherit_it(whole, tmp_path):
    model, folder = whole
    other = saved(tmp_path / "other", replace(model, ensemble=None), twin=folder)
    assert not (other / NAME).exists()
    assert load_transformer(other)[0].ensemble is None


def rewritten(folder, change):
    """The folder with other tensors, their digest stated as it is."""
    tensors = {name: values.copy() for name, values in load_file(folder / NAME).items()}
    change(tensors)
    save_file(tensors, folder / NAME)
    described = json.loads((folder / "model.json").read_text())
    described["files"][NAME] = file_digest(folder / NAME)
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda tensors: tensors.pop("bias"), "KeyError"),
        (lambda tensors: tensors.update(weight=tensors["weight"][:, 1:].copy()), "shape"),
        (lambda tensors: tensors.update(weight=tensors["weight"][:2].copy()), "shape"),
        (lambda tensors: tensors.update(bias=tensors["bias"][:2].copy()), "shape"),
        (lambda tensors: tensors["weight"].fill(np.nan), "not finite"),
    ],
)
def test_tensors_that_are_none_of_an_ensemble_are_refused(whole, tmp_path, change, found):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    rewritten(folder, change)
    with pytest.raises(ModelError, match=f"(?s)PL-MOD-002.*{found}"):
        load_transformer(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-4]),
        lambda folder: (folder / NAME).unlink(),
    ],
)
def test_a_changed_or_missing_file_is_refused(whole, tmp_path, change):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    change(folder)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        load_transformer(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda described: described["files"].pop(NAME),
        lambda described: described["ensemble"].update(scale=-1.0),
        lambda described: described["ensemble"].update(members=1),
        lambda described: described["ensemble"].update(surprise=1),
    ],
)
def test_a_description_that_does_not_fit_is_refused(whole, tmp_path, change):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    described = json.loads((folder / "model.json").read_text())
    change(described)
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        load_transformer(folder)


def test_a_file_that_is_no_tensors_is_refused(whole, tmp_path):
    folder = shutil.copytree(whole[1], tmp_path / "m")
    (folder / NAME).write_bytes(b"not tensors")
    described = json.loads((folder / "model.json").read_text())
    described["files"][NAME] = file_digest(folder / NAME)
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        load_transformer(folder)
