"""Models from their folders, with the versions that every result names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.lineage import file_digest, json_digest
from plumbline.models.cascade.saving import CascadeDescription
from plumbline.models.loading import load_any_model
from plumbline.models.model_folder import DESCRIPTION_NAME, damaged
from plumbline.models.scored_model import ScoredModel, Task
from plumbline.moderate.failures import ServingError

_SHORT = 12
"""Characters of a digest in results: enough to tell versions apart; the whole stands in ``GET /v1/models``."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that is served.

    Attributes:
        name: as requests and results call it.
        digest: SHA-256 of its ``model.json``, which binds its weights.
        data_digest: SHA-256 over the files that it was trained on: their paths, digests and row counts.
        is_synthetic: it was trained on made-up data.
        cascade: what a cascade says of itself; None of a model by itself.
    """

    name: str
    digest: str
    data_digest: str
    is_synthetic: bool
    model: ScoredModel
    cascade: CascadeDescription | None = None

    @property
    def task(self) -> Task:
        """What it is for."""
        return self.model.task

    @property
    def version(self) -> str:
        """Name and digest, as results tell them."""
        return f"{self.name}@{self.digest[:_SHORT]}"

    @property
    def data_version(self) -> str:
        """The digest of its data, as results tell it."""
        return self.data_digest[:_SHORT]


def read_models(
    folders: Sequence[Path], *, trust_remote_code: bool = False, in_half: bool = False
) -> list[LoadedModel]:
    """The models of folders, each checked against the digests of its manifest.

    Args:
        folders: one a model.
        trust_remote_code: run code that comes with a transformer.
        in_half: see `load_any_model`.
    Raises:
        ServingError: two of them have one name.
        SourceError, ModelError, MissingExtraError: see `models.loading`.
    """
    models = [_read_model(folder, trust_remote_code=trust_remote_code, in_half=in_half) for folder in folders]
    names = [each.name for each in models]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise ServingError(
            "PL-MDR-002",
            doubled,
            "two models of this name would be served",
            expected="each model under a name of its own",
            advice="rename one of the folders: a model is served under its folder's name",
        )
    return models


def _read_model(folder: Path, *, trust_remote_code: bool, in_half: bool) -> LoadedModel:
    described = folder / DESCRIPTION_NAME
    digest = file_digest(described) if described.is_file() else ""  # loading says what is wrong where there is none
    model, description = load_any_model(folder, trust_remote_code=trust_remote_code, in_half=in_half)
    if file_digest(described) != digest:
        raise damaged(described, "another digest than when loading began: the folder was replaced meanwhile")
    return LoadedModel(
        folder.resolve().name,
        digest,
        json_digest(description.data),
        description.synthetic,
        model,
        description if isinstance(description, CascadeDescription) else None,
    )
