"""Which trunk a model stands on: digests of what is loaded, commits of hub ids; and what a trunk learned before."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from plumbline.lineage import Manifest, Terms, Use
from plumbline.models.rows.trained_rows import TrainedRows
from plumbline.models.transformer.saving import load_transformer
from plumbline.models.transformer.settings import BackboneSettings, LoraSettings
from plumbline.models.transformer.trunk.backbone import load_trunk
from plumbline.models.transformer.trunk.history import (
    TrunkHistory,
    learned_before,
    read_history,
    require_permitted_trunk,
)
from plumbline.models.transformer.trunk.identity import base_of, weights_digest
from plumbline.records import ModelError, PermittedUseError, SourceError
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import made, saved
from tests.restating import restate

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(layers=1), tiny.tokenizer())


@pytest.fixture
def hub(base, tmp_path, monkeypatch):
    """A cache with one snapshot of owner/name; what was asked for."""
    snapshot = shutil.copytree(base, tmp_path / "models--owner--name" / "snapshots" / COMMIT)
    asked = []

    def answer(name, *, revision, **_):
        asked.append((name, revision))
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", answer)
    return snapshot, asked


def test_the_digest_is_of_weights_that_are_read(base, tmp_path):
    folder = shutil.copytree(base, tmp_path / "m")
    before = weights_digest(folder)
    assert before is not None
    for name in ("heads", "ensemble", "trained_rows", "consolidated.00"):
        save_file({"x": torch.zeros(1)}, folder / f"{name}.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    (folder / "pytorch_model.bin.index.json").write_text("{}")
    (folder / "config.json").write_text("{}")
    assert weights_digest(folder) == before
    save_file({"x": torch.zeros(1)}, folder / "model-00002.safetensors")
    assert weights_digest(folder) != before
    assert weights_digest(tmp_path) is None


def test_a_folder_is_kept_by_its_absolute_path_a_hub_id_by_its_commit(base, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(base.parent)
    kept = base_of(BackboneSettings("llama", "a-branch"), load_trunk(BackboneSettings("llama")).folder)
    assert (kept.name, kept.revision, kept.sha256) == (str(base.resolve()), None, weights_digest(base))
    settings = BackboneSettings("owner/name", "main")
    found = base_of(settings, load_trunk(settings).folder)
    assert (found.name, found.revision, found.sha256) == ("owner/name", COMMIT, weights_digest(base))
    assert found.origin == {"trunk weights": found.sha256, "trunk revision": COMMIT}


def of_hub(base, folder):
    """A model with adapters whose trunk came from the hub."""
    model = made(base, lora=LoraSettings(rank=2))
    object.__setattr__(
        model, "base", base_of(BackboneSettings("owner/name"), load_trunk(BackboneSettings("owner/name")).folder)
    )
    return saved(folder, model)


def test_adapters_of_a_hub_id_ask_for_its_commit_and_know_its_weights(base, hub, tmp_path):
    snapshot, asked = hub
    folder = of_hub(base, tmp_path / "m")
    load_transformer(folder)
    assert asked[-1] == ("owner/name", COMMIT)
    other = tiny.llama(layers=1)
    with torch.no_grad():
        other.norm.weight.add_(1)
    tiny.save(snapshot, other)
    with pytest.raises(ModelError, match="PL-MOD-004"):
        load_transformer(folder)


def test_a_folder_of_the_same_name_does_not_stand_in_for_a_hub_id(base, hub, tmp_path, monkeypatch):
    folder = of_hub(base, tmp_path / "m")
    other = tiny.llama(layers=1)
    with torch.no_grad():
        other.norm.weight.add_(1)
    tiny.save(tmp_path / "owner" / "name", other, tiny.tokenizer())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="PL-MOD-004"):
        load_transformer(folder)


def restated(folder, **changes):
    """The folder with another description of its trunk."""
    described = json.loads((folder / "model.json").read_text())
    described["base"] |= changes
    (folder / "model.json").write_text(json.dumps(described))
    restate(folder)
    return folder


def test_a_name_that_was_a_folder_is_never_asked_of_the_hub(base, hub, tmp_path):
    _, asked = hub
    folder = saved(tmp_path / "m", made(base, lora=LoraSettings(rank=2)))
    for name in ("owner/name", str(tmp_path / "gone")):  # as it was typed once, and as it is kept now
        with pytest.raises(SourceError, match=r"PL-MOD-007(.|\n)*--merge-adapter"):
            load_transformer(restated(folder, name=name))
    assert not asked
    load_transformer(restated(folder, name="owner/name", sha256=None))  # an earlier model of a hub id
    assert asked


# --- what a trunk learned ---


def rows(*prompts):
    numbers = np.array(sorted(prompts), np.uint64)
    return TrainedRows(numbers, numbers)


def history(*uses, licence="MIT", overridden=False, trained_rows=None):
    return TrunkHistory("d" * 64, Terms(frozenset(uses), licence), overridden, False, trained_rows)


def manifest(**rest):
    terms = {"uses": [Use.ANALYSIS, Use.PREFERENCE], "licence": "CC-BY-4.0"}
    return Manifest(holds="model", command=[], configuration={}, inputs=[], **{**terms, **rest})


def test_both_trainings_terms_hold():
    found = history(Use.PREFERENCE, Use.POLICY, licence="CC-BY-NC-4.0").carried_into(manifest(parents=["a"]))
    assert (found.uses, found.licence, found.parents) == ([Use.PREFERENCE], "CC-BY-NC-4.0", ["a", "d" * 64])
    assert not found.uses_overridden
    assert history(Use.PREFERENCE, overridden=True).carried_into(manifest()).uses_overridden
    assert history(Use.PREFERENCE).carried_into(manifest(uses_overridden=True)).uses_overridden


def test_what_earlier_data_do_not_permit_needs_an_override():
    asked = {Use.PREFERENCE, Use.MODERATION}
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*moderation(.|\n)*--override-uses"):
        require_permitted_trunk(history(Use.PREFERENCE), asked, "m", override_uses=False)
    require_permitted_trunk(history(Use.PREFERENCE), asked, "m", override_uses=True)
    require_permitted_trunk(history(Use.PREFERENCE, overridden=True), asked, "m", override_uses=False)
    require_permitted_trunk(history(licence="unknown"), asked, "m", override_uses=False)  # as imported models are
    require_permitted_trunk(None, asked, "m", override_uses=False)


def test_trained_rows_are_united():
    assert rows(1, 2).united(rows(2, 7)).prompts.tolist() == [1, 2, 7]
    assert rows(1, 2).united(rows(2, 7)).items.tolist() == [1, 2, 7]
    assert rows(1).united(None).prompts.tolist() == [1]


def test_a_trunk_without_rows_tells_nothing_of_them():
    assert learned_before(None, frozenset("ab")) == {}
    assert learned_before(history(), frozenset("ab")) == {}
    assert learned_before(history(trained_rows=rows(1)), frozenset("ab")) == {
        "held_out_prompts": 2,
        "held_out_prompts_of_trunk": 0,
    }


def test_a_history_is_read_of_what_is_ours_alone(base, tmp_path):
    folder = saved(tmp_path / "m", made(base))
    found = read_history(folder)
    assert (found.terms, found.overridden, found.synthetic) == (Terms(frozenset({Use.ANALYSIS}), "MIT"), False, True)
    assert found.trained_rows is None
    assert read_history(base) is None
    foreign = shutil.copytree(base, tmp_path / "foreign")
    (foreign / "manifest.json").write_text('{"name": "another tool\'s"}')
    assert read_history(foreign) is None
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(SourceError, match="PL-MAN-001"):
        read_history(folder)
