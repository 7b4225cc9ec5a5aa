"""Which trunk a model stands on: where it was found, at which commit, and the digest of its weights.

Adapters and checkpoints hold differences from one trunk; on another they mean nothing, and nothing would show it.
"""

from __future__ import annotations

import re
from pathlib import Path

from plumbline.lineage import file_digest, json_digest
from plumbline.models.rows.trained_rows import TRAINED_ROWS_NAME
from plumbline.models.transformer.frozen.ensemble_saving import ENSEMBLE_NAME
from plumbline.models.transformer.model import BaseModel
from plumbline.models.transformer.settings import BackboneSettings
from plumbline.records import ModelError, SourceError

HEADS_NAME = "heads.safetensors"
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_OTHERS = {HEADS_NAME, ENSEMBLE_NAME, TRAINED_ROWS_NAME}
_COMMIT = re.compile(r"[0-9a-f]{40}")


def weights_digest(folder: Path) -> str | None:
    """One digest of all weights that a folder's trunk is loaded from; None where there are none.

    Of files, whatever they are called. What a model of Plumbline has beside its trunk plays no part, nor do files that are
    never read (pickles; the ``consolidated`` weights of some hub models, which one cache has and another has not).
    """
    found = {path for pattern in _WEIGHTS for path in folder.glob(pattern)}
    paths = sorted(path for path in found if path.name not in _OTHERS and not path.name.startswith("consolidated"))
    return json_digest([file_digest(path) for path in paths]) if paths else None


def local_folder(name: str) -> Path | None:
    """The folder that a name of a trunk means; None where it is a hub id."""
    folder = Path(name).expanduser()
    return folder if folder.is_dir() else None


def base_of(settings: BackboneSettings, folder: Path) -> BaseModel:
    """What is kept of a trunk so that it is found again, and known.

    Args:
        folder: where `backbone_files.model_folder` found it.
    Returns:
        Of a folder its absolute path, for a relative one means another from elsewhere; of a hub id the commit that was
        loaded, whatever branch was asked for. The digest is of what was loaded.
    """
    digest = weights_digest(folder)
    if local_folder(settings.name) is not None:
        return BaseModel(str(folder.resolve()), None, digest)
    commit = folder.name if _COMMIT.fullmatch(folder.name) else settings.revision
    return BaseModel(settings.name, commit, digest)


def require_findable(base: BaseModel, place: Path) -> None:
    """Refuse to ask the hub for a trunk that was a folder.

    Args:
        place: the folder of the model whose adapters need it.
    Raises:
        SourceError: the folder is gone.
    """
    was_folder = Path(base.name).is_absolute() or (base.sha256 is not None and base.revision is None)
    if was_folder and local_folder(base.name) is None:
        raise SourceError(
            "PL-MOD-007",
            str(place),
            "the trunk that these adapters were trained on is not there",
            expected=f"a model folder at {base.name}",
            found="nothing",
            advice="put the trunk back there; or train again with --merge-adapter, which saves a whole model",
        )


def require_same_weights(base: BaseModel, folder: Path) -> None:
    """Refuse another trunk than the adapters were trained on.

    Args:
        folder: where the trunk was found.
    Raises:
        ModelError: its weights are others. Models of hub ids saved without a digest are let pass.
    """
    found = weights_digest(folder)
    if base.sha256 is not None and found != base.sha256:
        raise ModelError(
            "PL-MOD-004",
            base.name,
            "the adapters were trained on another trunk than stands there now",
            expected=f"weights of digest {base.sha256[:12]}",
            found="no weights" if found is None else found[:12],
            advice="put the trunk back, or save models whole: --merge-adapter",
        )
