"""Any saved model, whatever its kind; what a kind needs is imported only where one is loaded."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from plumbline.models.model_folder import DESCRIPTION_NAME, FolderDescription
from plumbline.models.saving import load_model
from plumbline.models.scored_model import ScoredModel
from plumbline.records import MissingExtraError, UsageError

TRANSFORMER_KIND = "transformer-model"
_EXTRA = ("torch", "transformers", "accelerate", "peft")


def load_any_model(
    folder: Path, *, trust_remote_code: bool = False, tokens_per_batch: int | None = None
) -> tuple[ScoredModel, FolderDescription]:
    """A saved model, linear or a transformer.

    Args:
        folder: a model's.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time, padding included; None takes its default.
    Raises:
        UsageError: tokens are counted for a model that has none.
        SourceError: there is no model in the folder.
        ModelError: it is damaged, changed since it was written, or of another version.
        MissingExtraError: it is a transformer, and the libraries for these are not installed.
    """
    if model_kind(folder) != TRANSFORMER_KIND:
        loaded = load_model(folder)
        if tokens_per_batch is not None:
            raise UsageError(
                "PL-ARG-003",
                "--tokens-per-batch",
                "it means nothing for linear models",
                found=str(folder),
                advice="leave --tokens-per-batch out",
            )
        return loaded
    require_transformers(str(folder))
    from plumbline.models.transformer.model import ScoringSettings
    from plumbline.models.transformer.saving import load_transformer

    scoring = None if tokens_per_batch is None else ScoringSettings(tokens_per_batch=tokens_per_batch)
    return load_transformer(folder, scoring=scoring, trust_remote_code=trust_remote_code)


def model_kind(folder: Path) -> str | None:
    """What ``model.json`` calls the model; None where it does not say, which loading explains."""
    try:
        described = json.loads((folder / DESCRIPTION_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    kind = described.get("plumbline") if isinstance(described, dict) else None
    return kind if isinstance(kind, str) else None


def require_transformers(place: str) -> None:
    """Refuse to go on without the libraries that transformers need.

    Raises:
        MissingExtraError: one is not installed.
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            "PL-MOD-006",
            place,
            f"{missing[0]} is not installed",
            expected="the extra that trains and runs transformers",
            advice="pip install -e '.[train]'",
        )
