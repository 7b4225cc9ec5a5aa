"""Cascades on disk: what is read back says the same, stands by itself, and what was swapped or damaged is refused."""

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from plumbline.lineage import FileEntry, Manifest, Use, file_digest
from plumbline.models import loading
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.cascade.saving import CascadeDescription, SavedPart, save_cascade
from plumbline.models.linear.default_features import training_options
from plumbline.models.loading import load_any_model
from plumbline.models.training import train_task
from plumbline.records import Kind, ModelError, UsageError
from tests.models.made_up import labels_table, saved


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Two linear models of made-up rows: one of words, one of characters."""
    folder = tmp_path_factory.mktemp("parts")
    tables = {Kind.SAFETY_LABELS: labels_table()}
    for features in ("words", "characters"):
        options = training_options("moderation", {"features": features})
        saved(folder / features, train_task(tables, "moderation", options, place="made-up"), name=features)
    return folder


def made(parts, out, *, names=("words", "characters")):
    loaded = [load_any_model(parts / name) for name in names]
    told = tuple(
        SavedPart(parts / name, file_digest(parts / name / "model.json"), description)
        for name, (_, description) in zip(names, loaded, strict=True)
    )
    thresholds = dict.fromkeys(loaded[0][0].heads, 0.25)
    cascade = Cascade(loaded[0][0], loaded[1][0], Band(0.4, 0.6), thresholds)
    manifest = Manifest(
        holds="model",
        command=["train", "cascade"],
        configuration={},
        inputs=[FileEntry(path="rows.jsonl", sha256="0" * 64, size_bytes=1)],
        uses=[Use.MODERATION],
        licence="MIT",
    )
    save_cascade(
        out,
        cascade,
        told,
        manifest,
        name="c",
        synthetic=True,
        training={"cascade": {}},
        card="# c\n",
        trained_rows=None,
    )
    return cascade


@pytest.fixture
def folder(parts, tmp_path):
    made(parts, tmp_path / "cascade")
    return tmp_path / "cascade"


def test_what_is_read_back_says_the_same_and_needs_nothing_outside(parts, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(parts, moved)
    cascade = made(moved, tmp_path / "cascade")
    made(moved, tmp_path / "cascade")
    shutil.rmtree(moved)
    loaded, description = load_any_model(tmp_path / "cascade")
    assert isinstance(loaded, Cascade)
    assert isinstance(description, CascadeDescription)
    conversations = labels_table()["conversation"]
    np.testing.assert_array_equal(
        loaded.read_conversations(conversations).heads, cascade.read_conversations(conversations).heads
    )
    assert loaded.band == Band(0.4, 0.6)
    assert {head.threshold for head in loaded.heads.values()} == {0.25}
    assert description.first.version == f"words@{description.first.sha256[:12]}"
    assert description.is_calibrated
    assert description.permitted.licence == "MIT"


def test_notes_beside_a_model_stay_where_they_are(parts, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(parts, own)
    (own / "words" / "notes.txt").write_text("mine")
    made(own, tmp_path / "cascade")
    assert not (tmp_path / "cascade" / "first" / "notes.txt").exists()
    assert (own / "words" / "notes.txt").exists()


def rewritten(path, **fields):
    described = json.loads(path.read_text())
    path.write_text(json.dumps({**described, **fields}))


def test_a_part_that_is_missing_damaged_or_swapped_is_refused(folder):
    first, second = folder / "first", folder / "second"
    for spoil in (
        lambda: shutil.rmtree(second),
        lambda: (second / "model.json").unlink(),
        lambda: (second / "model.safetensors").write_bytes(b"short"),
        lambda: rewritten(second / "model.json", name="other"),
        lambda: (shutil.rmtree(second), shutil.copytree(first, second)),
        lambda: (first.rename(folder / "x"), second.rename(first), (folder / "x").rename(second)),
        lambda: rewritten(folder / "model.json", low=0.0),
        lambda: rewritten(folder / "model.json", low=0.9),
        lambda: (folder / "model.json").write_text('{"plumbline": "cascade-model"}'),
        lambda: (folder / "manifest.json").unlink(),
    ):
        whole = folder.parent / "whole"
        shutil.copytree(folder, whole)
        spoil()
        with pytest.raises(ModelError, match="PL-MOD-002"):
            load_any_model(folder)
        shutil.rmtree(folder)
        whole.rename(folder)
    load_any_model(folder)


def test_a_cascade_within_a_cascade_is_refused_however_it_came_there(folder):
    inner = shutil.copytree(folder, folder.parent / "inner")
    shutil.rmtree(folder / "second")
    shutil.move(inner, folder / "second")
    part = json.loads((folder / "model.json").read_text())["second"]
    rewritten(folder / "model.json", second={**part, "sha256": file_digest(folder / "second" / "model.json")})
    manifest = json.loads((folder / "manifest.json").read_text())
    (entry,) = (each for each in manifest["outputs"] if each["path"] == "model.json")
    entry["sha256"] = file_digest(folder / "model.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="a cascade within a cascade"):
        load_any_model(folder)


def test_tokens_are_counted_of_no_linear_part(folder):
    with pytest.raises(UsageError, match="PL-ARG-003"):
        load_any_model(folder, tokens_per_batch=100)


def test_a_model_that_changes_while_it_is_copied_leaves_nothing_half(parts, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(parts, own)
    loaded = [load_any_model(own / name) for name in ("words", "characters")]
    told = tuple(
        SavedPart(own / name, "f" * 64, description)
        for name, (_, description) in zip(("words", "characters"), loaded, strict=True)
    )
    cascade = Cascade(loaded[0][0], loaded[1][0], Band(0.4, 0.6), dict.fromkeys(loaded[0][0].heads, 0.5))
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[], uses=[], licence="MIT")
    with pytest.raises(ModelError, match="another digest than when it was read"):
        save_cascade(
            tmp_path / "out", cascade, told, manifest, name="c", synthetic=True, training={}, card="", trained_rows=None
        )
    assert [each.name for each in tmp_path.iterdir()] == ["own"]


def test_nothing_of_transformers_is_imported_before_one_is_opened():
    folder = Path(loading.__file__).parent
    files = [folder / "loading.py", *sorted((folder / "cascade").glob("*.py"))]
    assert len(files) == 6
    for file in files:
        first = [each for each in ast.parse(file.read_text()).body if isinstance(each, ast.Import | ast.ImportFrom)]
        names = [getattr(each, "module", "") or "" for each in first]
        names += [alias.name for each in first for alias in each.names]
        assert not [name for name in names if "torch" in name or "transformer" in name], file.name
