"""Models that judge replies, opened from their folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.models.loading import load_any_model
from plumbline.models.model_folder import FolderDescription, ModelTrace
from plumbline.models.scored_model import ScoredModel, Task
from plumbline.records import UsageError

_DIGEST = 12


@dataclass(frozen=True)
class OpenedModel:
    """A model, and the folder that it came from.

    Attributes:
        folder: where it stands.
        model, description: as loaded.
        trace: of the folder as it then stood: another model may stand there once a long run is done.
    """

    folder: Path
    model: ScoredModel
    description: FolderDescription
    trace: ModelTrace

    @property
    def digest(self) -> str:
        """Of its description, which tells it from every other."""
        return self.trace.description.sha256

    @property
    def name(self) -> str:
        """Name and digest: two models of one name are told apart."""
        return f"{self.description.name}@{self.digest[:_DIGEST]}"


def open_model(folder: Path, *, trust_remote_code: bool = False) -> OpenedModel:
    """Load a model of any task.

    Args:
        folder: a model's.
        trust_remote_code: run code that comes with a transformer.
    Raises:
        SourceError, ModelError, MissingExtraError: it cannot be loaded.
    """
    model, description = load_any_model(folder, trust_remote_code=trust_remote_code)
    return OpenedModel(folder, model, description, ModelTrace.of(folder))


def open_model_of(flag: str, folder: Path, tasks: Sequence[Task]) -> OpenedModel:
    """Load a model of certain tasks.

    Args:
        flag: that names it, for errors.
        folder: a model's.
        tasks: that fit.
    Raises:
        UsageError: PL-PTR-002, it is a model of another task.
        SourceError, ModelError, MissingExtraError: it cannot be loaded.
    """
    opened = open_model(folder)
    if opened.model.task not in tasks:
        raise UsageError(
            "PL-PTR-002",
            flag,
            "this model says something else",
            expected=f"a {' or '.join(tasks)} model",
            found=f"a {opened.model.task} model",
            advice=f"name the folder of another with {flag}",
        )
    return opened
