"""A model and what tells it from others; a model of another task is refused at its flag."""

import json

import pytest

from plumbline.lineage import Manifest, file_digest
from plumbline.loop.opened_models import open_model, open_model_of
from plumbline.records import SourceError, UsageError
from tests.models.made_up import pairs_table
from tests.redteam.small_models import saved


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved("preference", pairs_table(60), tmp_path_factory.mktemp("models") / "kind")


def test_a_model_is_named_as_it_was_when_it_was_opened(folder):
    """Whatever takes its place while a long run goes on."""
    opened, description = open_model(folder), folder / "model.json"
    digest = file_digest(description)
    assert (opened.folder, opened.model.task, opened.digest) == (folder, "preference", digest)
    assert opened.name == f"{opened.description.name}@{digest[:12]}"
    before = description.read_text()
    description.write_text(json.dumps({**json.loads(before), "name": "another"}))  # trained again meanwhile
    manifest = opened.trace.in_manifest(
        Manifest(holds="data", command=[], configuration={}, inputs=[], uses=None, licence=None)
    )
    description.write_text(before)
    assert opened.digest == digest
    assert [entry.sha256 for entry in manifest.inputs] == [digest]
    assert manifest.parents == [file_digest(folder / "manifest.json")]


def test_a_model_of_another_task_is_refused(folder, tmp_path):
    assert open_model_of("--reward", folder, ["preference"]).model.task == "preference"
    with pytest.raises(UsageError, match="PL-PTR-002") as refused:
        open_model_of("--cost", folder, ["cost", "moderation"])
    assert "--cost" in str(refused.value)
    assert "cost or moderation" in str(refused.value)
    with pytest.raises(SourceError, match="PL-MOD-001"):
        open_model_of("--cost", tmp_path, ["cost"])
