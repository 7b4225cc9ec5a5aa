"""A cascade of a linear model and a transformer, both made up: whole on disk, and each text answered by one of them."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from plumbline.lineage import Manifest, file_digest
from plumbline.models import loading
from plumbline.models.cascade.model import Band, Cascade
from plumbline.models.cascade.saving import SavedPart, save_cascade
from plumbline.models.linear.default_features import training_options
from plumbline.models.training import train_task
from plumbline.records import Kind, MissingExtraError, errors
from tests.models import made_up
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import made, saved


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The models it was made of are gone."""
    place = tmp_path_factory.mktemp("cascade")
    options = training_options("moderation", {})
    training = train_task({Kind.SAFETY_LABELS: made_up.labels_table()}, "moderation", options, place="made-up")
    made_up.saved(place / "linear", training)
    base = tiny.save(place / "llama", tiny.llama(), tiny.tokenizer())
    saved(place / "transformer", made(base, task="moderation", columns=tuple(training.model.heads)))
    parts, models = [], []
    for name in ("linear", "transformer"):
        model, description = loading.load_any_model(place / name)
        models.append(model)
        parts.append(SavedPart(place / name, file_digest(place / name / "model.json"), description))
    cascade = Cascade(models[0], models[1], Band(0.1, 0.9), dict.fromkeys(models[0].heads, 0.5))
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[], uses=[], licence="MIT")
    save_cascade(
        place / "whole",
        cascade,
        tuple(parts),
        manifest,
        name="c",
        synthetic=True,
        training={},
        card="",
        trained_rows=None,
    )
    for name in ("linear", "transformer", "llama"):
        shutil.rmtree(place / name)
    return place / "whole"


def probabilities(model, scores):
    columns = zip(model.heads.values(), scores.T, strict=True)
    return np.stack([head.calibration.probabilities(column) for head, column in columns], axis=1)


def test_each_text_has_the_probabilities_of_the_one_that_answers(folder):
    cascade, _ = loading.load_any_model(folder, tokens_per_batch=200)
    assert cascade.second.scoring.tokens_per_batch == 200
    plain = made_up.labels_table(24)["conversation"].combine_chunks()
    talks = [*plain.to_pylist(), *([{"role": "assistant", "text": f"unheard {n}"}] for n in range(6))]
    conversations = pa.array(talks, plain.type)
    of_first, of_second = (
        probabilities(model, model.read_conversations(conversations).heads) for model in (cascade.first, cascade.second)
    )
    sure = cascade.band.sure(of_first[:, 0])
    assert 0 < sure.sum() < len(sure)
    found = probabilities(cascade, cascade.read_conversations(conversations).heads)
    np.testing.assert_array_equal(found[sure], of_first[sure])
    np.testing.assert_allclose(found[~sure], of_second[~sure], atol=1e-5)
    turns = [[(each["role"], each["text"]) for each in talk] for talk in talks]
    in_groups = cascade.read_groups([turns[:10], [], turns[10:]])
    np.testing.assert_allclose(probabilities(cascade, in_groups.heads), found, atol=1e-5)


def test_without_the_libraries_the_cascade_says_what_is_missing(folder, monkeypatch):
    monkeypatch.setattr(errors, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="PL-MOD-006"):
        loading.load_any_model(folder)
