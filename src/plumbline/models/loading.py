"""Any saved model, whatever its kind; what a kind needs is imported only where one is loaded."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from plumbline.models.cascade.saving import CASCADE_KIND, load_cascade
from plumbline.models.linear.saving import load_model
from plumbline.models.model_folder import DESCRIPTION_NAME, FolderDescription, damaged
from plumbline.models.scored_model import ScoredModel
from plumbline.records import UsageError, require_libraries

TRANSFORMER_KIND = "transformer-model"
_EXTRA = ("torch", "transformers", "accelerate", "peft")


def load_any_model(
    folder: Path, *, trust_remote_code: bool = False, tokens_per_batch: int | None = None, in_half: bool = False
) -> tuple[ScoredModel, FolderDescription]:
    """A saved model: linear, a transformer, or a cascade of two.

    Args:
        folder: a model's.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time, padding included; None takes its default.
        in_half: let the trunk of a transformer compute in bfloat16; scores move by a hundredth or so. Other models compute as ever.
    Raises:
        UsageError: tokens are counted for a model that has none.
        SourceError: there is no model in the folder.
        ModelError: it is damaged, changed since it was written, or of another version.
        MissingExtraError: it is a transformer, or has one in it, and the libraries for these are not installed.
    """
    kind = model_kind(folder)
    if kind == CASCADE_KIND:
        how = partial(
            load_part, trust_remote_code=trust_remote_code, tokens_per_batch=tokens_per_batch, in_half=in_half
        )
        cascade = load_cascade(folder, how)
        if tokens_per_batch is not None:
            require_tokens(*folder.iterdir())
        return cascade
    if kind != TRANSFORMER_KIND:
        loaded = load_model(folder)
        if tokens_per_batch is not None:
            require_tokens(folder)
        return loaded
    require_transformers(str(folder))
    from plumbline.models.transformer.model import ScoringSettings
    from plumbline.models.transformer.saving import load_transformer

    scoring = None if tokens_per_batch is None else ScoringSettings(tokens_per_batch=tokens_per_batch)
    model, description = load_transformer(folder, scoring=scoring, trust_remote_code=trust_remote_code)
    if in_half:
        model.compute_in_half()
    return model, description


def load_part(
    folder: Path, *, trust_remote_code: bool = False, tokens_per_batch: int | None = None, in_half: bool = False
) -> tuple[ScoredModel, FolderDescription]:
    """A model for a cascade, as `load_any_model`; tokens are counted where it has some.

    Raises:
        ModelError: it is a cascade itself.
    """
    if model_kind(folder) == CASCADE_KIND:
        raise damaged(folder / DESCRIPTION_NAME, "a cascade within a cascade")
    tokens = tokens_per_batch if model_kind(folder) == TRANSFORMER_KIND else None
    return load_any_model(folder, trust_remote_code=trust_remote_code, tokens_per_batch=tokens, in_half=in_half)


def require_tokens(*folders: Path) -> None:
    """Refuse to count the tokens of models that have none.

    Raises:
        UsageError: none of the folders holds a transformer.
    """
    if not any(model_kind(folder) == TRANSFORMER_KIND for folder in folders):
        raise UsageError(
            "PL-ARG-003",
            "--tokens-per-batch",
            "it means nothing for linear models",
            found=", ".join(str(folder) for folder in folders[:2]),
            advice="leave --tokens-per-batch out",
        )


def model_kind(folder: Path) -> str | None:
    """What ``model.json`` calls the model; None where it does not say, which loading explains."""
    try:
        described = json.loads((folder / DESCRIPTION_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    kind = described.get("plumbline") if isinstance(described, dict) else None
    return kind if isinstance(kind, str) else None


def require_transformers(place: str) -> None:
    """Refuse to go on without the libraries that transformers need.

    Raises:
        MissingExtraError: one is not installed.
    """
    require_libraries(
        _EXTRA,
        "PL-MOD-006",
        place,
        expected="the extra that trains and runs transformers",
        advice="pip install -e '.[train]'",
    )
