"""What a trunk learned before, where it is itself a model of Plumbline: rows, terms, and the manifest that says so.

A model trained on such a trunk has learned from both: its own rows and those of the trunk, and of the trunk's trunk, whose
rows the trunk's own file holds already.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.lineage import FoundManifest, Manifest, Terms, Use, strictest_terms
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.models.loading import TRANSFORMER_KIND, model_kind
from plumbline.models.model_folder import read_description
from plumbline.models.rows.trained_rows import TrainedRows, read_trained_rows
from plumbline.models.transformer.saving import TransformerDescription
from plumbline.records import PermittedUseError, SourceError

_UNKNOWN = Terms(frozenset(), UNKNOWN_LICENCE)


@dataclass(frozen=True, slots=True)
class TrunkHistory:
    """What is known of a trunk's own training.

    Attributes:
        digest: of its manifest, which the manifests of models trained on it name as a parent.
        terms: what its data permitted; None where its manifest says nothing.
        overridden: the permitted uses were overridden for it.
        synthetic: it learned from synthetic data.
        trained_rows: that it learned from; None where nothing tells, as of imported models and exports.
    """

    digest: str
    terms: Terms | None
    overridden: bool
    synthetic: bool
    trained_rows: TrainedRows | None

    def carried_into(self, manifest: Manifest) -> Manifest:
        """The manifest of a model trained on this trunk: a further parent, the strictest of both terms, the override."""
        terms = strictest_terms([each for each in (manifest.terms, self.terms) if each is not None] or [_UNKNOWN])
        return manifest.model_copy(
            update={
                "parents": sorted({*manifest.parents, self.digest}),
                "uses": sorted(terms.uses),
                "licence": terms.licence,
                "uses_overridden": manifest.uses_overridden or self.overridden,
            }
        )

    def forbids(self, use: Use) -> bool:
        """Whether its data are known not to permit a use; an override of its own training was a decision on that."""
        return self.terms is not None and self.terms != _UNKNOWN and not self.overridden and use not in self.terms.uses


def read_history(folder: Path) -> TrunkHistory | None:
    """The history of the trunk in a folder; None where it is no model of Plumbline.

    Raises:
        SourceError, ModelError: it is one, and its manifest, its description or the file of its rows is damaged.
    """
    is_model = model_kind(folder) == TRANSFORMER_KIND
    found = None
    with suppress(*(() if is_model else (SourceError,))):  # others have files of this name too
        found = FoundManifest.at(folder / MANIFEST_NAME)
    if found is None:
        return None
    description = read_description(folder, TransformerDescription) if is_model else None
    return TrunkHistory(
        found.digest,
        found.manifest.terms,
        found.manifest.uses_overridden,
        description is not None and description.synthetic,
        None if description is None else read_trained_rows(folder, description),
    )


def require_permitted_trunk(history: TrunkHistory | None, uses: set[Use], name: str, *, override_uses: bool) -> None:
    """Refuse a trunk whose own training data do not permit what is to be trained on it.

    Raises:
        PermittedUseError: they do not, and nobody overrode it.
    """
    wrong = [] if history is None or override_uses else sorted(use for use in uses if history.forbids(use))
    if history is None or history.terms is None or not wrong:
        return
    raise PermittedUseError(
        "PL-USE-001",
        name,
        f"the data that this trunk was trained on do not permit their use for {', '.join(wrong)}",
        expected=f"{', '.join(wrong)} among the permitted uses of the model",
        found=", ".join(sorted(history.terms.uses)) or "none",
        advice="start from another model, or pass --override-uses; the override is written to the manifest",
    )


def learned_before(history: TrunkHistory | None, held_groups: frozenset[str]) -> dict[str, Any]:
    """For a model's summary: how many of the held-out prompts the trunk had learned from, where its rows are known."""
    if history is None or history.trained_rows is None:
        return {}
    learned, held = int(history.trained_rows.prompts_among(sorted(held_groups)).sum()), len(held_groups)
    counts = {"held_out_prompts": held, "held_out_prompts_of_trunk": learned}
    if not learned:
        return counts
    told = (
        f"the model it started from had been trained on {learned:,} of the {held:,} held-out prompts, since too few others are "
        "there: the figures FLATTER it; measure it on prompts that neither training saw"
    )
    return {**counts, "figures_flatter": told}
