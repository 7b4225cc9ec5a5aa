"""A model's ensemble on disk: ``ensemble.safetensors``, and how it is read in ``model.json``, which binds it by digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from plumbline.models.calibration import Calibration
from plumbline.models.model_folder import damaged
from plumbline.models.transformer.frozen.head_ensemble import HeadEnsemble

ENSEMBLE_NAME = "ensemble.safetensors"


class EnsembleDescription(BaseModel):
    """How the scores of an ensemble's heads are read; a scale below 0 would turn every probability round."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    members: int = Field(ge=2)
    scale: float = Field(gt=0, le=1000)
    offset: float
    pair_scale: float | None = Field(gt=0, le=1000)

    @classmethod
    def of(cls, ensemble: HeadEnsemble | None) -> EnsembleDescription | None:
        """What ``model.json`` says of it; None of none."""
        if ensemble is None:
            return None
        of_pairs = ensemble.pair_calibration
        return cls(
            members=len(ensemble.weights),
            scale=ensemble.calibration.scale,
            offset=ensemble.calibration.offset,
            pair_scale=of_pairs.scale if of_pairs else None,
        )


def write_ensemble(folder: Path, ensemble: HeadEnsemble | None) -> None:
    """Write the heads, in 32 bits, into a folder; nothing where there are none."""
    if ensemble is not None:
        tensors = {"weight": ensemble.weights, "bias": ensemble.intercepts}
        save_file({name: values.astype(np.float32) for name, values in tensors.items()}, folder / ENSEMBLE_NAME)


def read_ensemble(
    folder: Path, description: EnsembleDescription | None, files: dict[str, str], width: int
) -> HeadEnsemble | None:
    """The ensemble of a model's folder; None where its description tells of none.

    Args:
        files: file → digest, as ``model.json`` states and its reader has checked them.
        width: d, of the features that the heads read.
    Raises:
        ModelError: the file is missing, damaged, of another shape, or ``model.json`` does not state its digest.
    """
    if description is None:
        return None
    path = folder / ENSEMBLE_NAME
    if ENSEMBLE_NAME not in files:
        raise damaged(path, "no digest of it in model.json")
    try:
        tensors: dict[str, Any] = load_file(path)
        weights, intercepts = tensors["weight"].astype(np.float64), tensors["bias"].astype(np.float64)
    except (OSError, KeyError, SafetensorError) as error:
        raise damaged(path, type(error).__name__) from error
    if weights.shape != (description.members, width) or intercepts.shape != (description.members,):
        raise damaged(path, f"heads of shape {weights.shape} and {intercepts.shape}")
    if not (np.isfinite(weights).all() and np.isfinite(intercepts).all()):
        raise damaged(path, "weights that are not finite")
    of_pairs = None if description.pair_scale is None else Calibration(description.pair_scale)
    return HeadEnsemble(weights, intercepts, Calibration(description.scale, description.offset), of_pairs)
