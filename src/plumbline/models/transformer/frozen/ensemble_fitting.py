"""An ensemble beside a trained model's main head: heads on its trunk, each fitted on another draw of the prompts.

The heads are those of `training` (logistic regressions on features of variance 1, with a penalty chosen by
cross-validation over prompts), whichever way the trunk was trained. They are calibrated on held-out rows and tell how
far they lie apart; the model's scores stay those of its own head. A trunk that was fine-tuned on these rows tells them
apart too well, so that its heads agree more than they should: the calibration mends the scale of that, not the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plumbline.models.figures.evaluation import RowScores
from plumbline.models.figures.measured_rows import Json
from plumbline.models.scored_model import better_sign
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.frozen.features import FeatureSettings, frozen_features
from plumbline.models.transformer.frozen.head_ensemble import (
    EnsembleSettings,
    HeadEnsemble,
    calibrate_members,
    fit_heads,
)
from plumbline.models.transformer.frozen.training import HeadDesign, HeadRows, chosen_penalty, head_rows, too_few
from plumbline.models.transformer.model import TransformerModel
from plumbline.records import NoDataError


@dataclass(frozen=True, slots=True)
class EnsembleOptions:
    """How an ensemble is fitted.

    Attributes:
        members: k heads, at least 2.
        seed: of folds and draws.
        cache: folder that features are kept in; None keeps none.
        progress: told how many sequences have features, of how many.
    """

    members: int
    seed: int
    cache: Path | None = None
    progress: Callable[[int, int], None] | None = None
    tokens_per_batch: int = FeatureSettings().tokens_per_batch


@dataclass(frozen=True, slots=True)
class FittedEnsemble:
    """What fitting came to.

    Attributes:
        ensemble: not calibrated; None where it could not be fitted, and `notes` say why.
        penalty: of each head; None where there are none.
        notes: what a person should know, a sentence each.
    """

    ensemble: HeadEnsemble | None
    penalty: float | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> Json | None:
        """What ``model.json`` and the card tell; None where there are no heads."""
        if self.ensemble is None:
            return None
        return {"members": len(self.ensemble.weights), "penalty": self.penalty}


def fit_ensemble(
    model: TransformerModel, examples: Sequence[Example], group_ids: Sequence[str], options: EnsembleOptions
) -> FittedEnsemble:
    """Fit heads to what the model's main head learned from.

    A model that is trained is not lost for want of an ensemble: where rows are too few, the notes say so.

    Args:
        model: trained; its trunk is read as it stands.
        examples: n examples that the model was trained on.
        group_ids: n strings; the unit of folds and draws.
    Raises:
        UsageError: fewer than two heads are asked for.
        ModelError: the trunk gives features that are no numbers.
    """
    EnsembleSettings(options.members)  # refuses fewer than two before anything is computed
    column = model.scorer.head_names.index(next(iter(model.heads.values())).column)
    told = [number for number, example in enumerate(examples) if _tells(example, column)]
    chosen = [examples[number] for number in told]
    rows = head_rows(column, chosen, [group_ids[number] for number in told])
    if why := too_few(rows):
        return FittedEnsemble(None, None, (f"no ensemble: {why}",))
    features = frozen_features(
        model.scorer,
        [sequence for example in chosen for sequence in example.sequences],
        padding_id=model.padding_id,
        settings=FeatureSettings(tokens_per_batch=options.tokens_per_batch),
        cache=options.cache,
        reading=model.encoder.description(),
        progress=options.progress,
    )
    design = HeadDesign.of(rows, features)
    try:
        penalty, ensemble = _fit(design, rows, options)
    except NoDataError as error:
        return FittedEnsemble(None, None, (*features.notes, f"no ensemble: {error.problem}"))
    return FittedEnsemble(ensemble, penalty, features.notes)


def _tells(example: Example, column: int) -> bool:
    """Whether an example says something of the head."""
    of_heads = (
        *(pair.head for pair in example.preferences),
        *(each.head for each in (*example.labels, *example.signs)),
    )
    return column in of_heads


def _fit(design: HeadDesign, rows: HeadRows, options: EnsembleOptions) -> tuple[float, HeadEnsemble]:
    """Penalty, and heads on the features themselves, rounded to what is saved."""
    penalty = chosen_penalty(design.matrix, rows, options.seed)
    alone = rows.is_alone
    fitted = fit_heads(
        design.matrix,
        rows.is_positive,
        rows.group_ids,
        EnsembleSettings(options.members, penalty, options.seed, with_intercept=bool(alone.any())),
        row_weights=rows.weights,
        intercept_column=alone.astype(np.float64),
    )
    weights, intercepts = design.on_features(fitted.weights, fitted.intercepts)
    if not alone.any():  # what pairs share is no matter to them
        intercepts = np.zeros_like(intercepts)
    weights, intercepts = (each.astype(np.float32).astype(np.float64) for each in (weights, intercepts))
    return penalty, HeadEnsemble(weights, intercepts)


def calibrated_ensemble(model: TransformerModel, scored: RowScores) -> HeadEnsemble | None:
    """The model's ensemble with calibrations fitted on rows that training had not seen; None where it has none.

    Args:
        scored: held-out rows of the kinds that the model's task needs, with what the model says of them.
    """
    ensemble = model.ensemble
    if ensemble is None:
        return None
    of_pairs = of_labels = None
    if scored.pairs is not None and scored.pair_scores is not None and scored.pair_scores.members is not None:
        members = scored.pair_scores.members
        leads = better_sign(model) * (members[:, 0] - members[:, 1])
        pairs = scored.pairs
        of_pairs = calibrate_members(leads, pairs.first_is_better, weights=pairs.weights, with_offset=False)
    if scored.labels is not None and scored.label_scores is not None and scored.label_scores.members is not None:
        members, is_unsafe = scored.label_scores.members, scored.labels.is_unsafe
        of_labels = calibrate_members(members, is_unsafe, with_offset=model.task == "moderation")
    if model.task == "preference":
        return replace(ensemble, calibration=of_pairs or ensemble.calibration)
    return replace(ensemble, calibration=of_labels or ensemble.calibration, pair_calibration=of_pairs)
