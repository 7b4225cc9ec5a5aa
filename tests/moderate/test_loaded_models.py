"""Models from folders: what they are called, which versions they are of, and what is refused."""

import json
import shutil

import pytest

from plumbline.lineage import file_digest
from plumbline.moderate import loaded_models
from plumbline.moderate.failures import ServingError
from plumbline.moderate.loaded_models import read_models
from plumbline.records import ModelError, SourceError


def test_a_model_is_called_as_its_folder_and_names_its_versions(moderation_folder, tmp_path):
    shutil.copytree(moderation_folder, tmp_path / "other")
    first, other = read_models([moderation_folder, tmp_path / "other"])
    assert (first.name, other.name) == ("mod", "other")
    assert first.digest == other.digest == file_digest(moderation_folder / "model.json")
    assert first.version == f"mod@{first.digest[:12]}"
    assert first.data_digest == other.data_digest
    assert first.cascade is None
    assert first.is_synthetic
    assert first.task == "moderation"


def test_two_of_one_name_are_refused(moderation_folder, tmp_path):
    shutil.copytree(moderation_folder, tmp_path / "mod")
    with pytest.raises(ServingError, match="PL-MDR-002"):
        read_models([moderation_folder, tmp_path / "mod"])


def test_a_folder_that_is_replaced_while_it_is_read_is_refused(moderation_folder, tmp_path, monkeypatch):
    folder = shutil.copytree(moderation_folder, tmp_path / "m")
    load = loaded_models.load_any_model

    def replaced_meanwhile(path, **options):
        loaded = load(path, **options)
        (path / "model.json").write_text((path / "model.json").read_text() + " ")
        return loaded

    monkeypatch.setattr(loaded_models, "load_any_model", replaced_meanwhile)
    with pytest.raises(ModelError, match=r"PL-MOD-002(.|\n)*replaced meanwhile"):
        read_models([folder])


def test_a_folder_that_is_damaged_swapped_or_none_of_a_model_is_refused(moderation_folder, tmp_path):
    with pytest.raises(SourceError, match="PL-MOD-001"):
        read_models([tmp_path])
    damaged = shutil.copytree(moderation_folder, tmp_path / "damaged")
    weights = damaged / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="PL-MOD-002"):
        read_models([damaged])
    swapped = shutil.copytree(moderation_folder, tmp_path / "swapped")
    described = json.loads((swapped / "model.json").read_text())
    described["heads"][0]["threshold"] = 1.0
    (swapped / "model.json").write_text(json.dumps(described))
    with pytest.raises(ModelError, match="PL-MOD-002"):
        read_models([swapped])
