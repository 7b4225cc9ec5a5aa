"""What ``curation/summary.json`` holds: counts of everything read, removed, changed and written. Never texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.curate.accounting import total
from plumbline.curate.curation import Curated
from plumbline.curate.recipe import Recipe
from plumbline.curate.rules.row_rules import PersonalData
from plumbline.curate.split_files import WITHOUT_SPLIT


def summary_of(
    curated: Curated,
    recipe: Recipe,
    rows_read: int,
    quarantined: Mapping[str, int],
    not_taken: Mapping[str, int],
) -> dict[str, Any]:
    """The summary of a curation.

    Args:
        curated: what it came to.
        recipe: what was done.
        rows_read: lines or table rows of the sources.
        quarantined: rows that could not be read, by code.
        not_taken: records of kinds that the recipe does not take.
    """
    waterfall = curated.waterfall
    steps = [
        {
            "rule": step.rule.name,
            "title": step.title,
            "settings": step.settings.model_dump(mode="json"),
            "before": counts.before,
            "removed": counts.removed,
            "changed": counts.changed,
            "reasons": dict(sorted(counts.reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
            # A record with several kinds counts under each: these may sum to more than the records.
            **({"kinds": curated.personal_data} if isinstance(step.settings, PersonalData) else {}),
        }
        for step, counts in zip(recipe.steps, waterfall.steps, strict=True)
    ]
    summary = {
        "plumbline": "curation",
        "version": 1,
        "recipe": {
            "name": recipe.name,
            "version": recipe.version,
            "digest": recipe.digest,
            "title": recipe.title,
        },
        "rows": {"read": rows_read, "quarantined": dict(quarantined), "not_taken": dict(not_taken)},
        "records": {"read": waterfall.read, "removed": sum(total(step.removed) for step in waterfall.steps)},
        "census": curated.census,
        "steps": steps,
        "written": waterfall.left,
    }
    if curated.cluster_sizes:
        summary["clusters"] = {
            name: {"sizes": {str(size): count for size, count in sizes.items()}, "rows": _rows(sizes)}
            for name, sizes in curated.cluster_sizes.items()
        }
    if curated.leakage is not None:
        summary["leakage"] = _matrix(curated.leakage, waterfall.read, looks_near=_looks_near(recipe))
    return {**summary, **curated.repeated}


def _rows(sizes: Mapping[int, int]) -> int:
    return sum(size * count for size, count in sizes.items())


def _looks_near(recipe: Recipe) -> bool:
    """Whether a rule looks for prompts that are nearly the same in two splits: at a threshold of 1 none does."""
    return any(step.rule.name == "leakage" and getattr(step.settings, "threshold", 1) < 1 for step in recipe.steps)


def _matrix(shared: list[dict[str, Any]], read: Mapping[str, Mapping[str, int]], *, looks_near: bool) -> dict[str, Any]:
    """Splits by splits: prompts that both hold; the diagonal is null, and so is all of `near` where nothing looked."""
    splits = sorted({split for counts in read.values() for split in counts} - {WITHOUT_SPLIT})
    found = {(row["first"], row["second"]): row for row in shared}

    def cells(name: str) -> list[list[int | None]]:
        """One row a split."""
        return [
            [
                None if one == other else found.get((min(one, other), max(one, other)), {}).get(name, 0)
                for other in splits
            ]
            for one in splits
        ]

    return {"splits": splits, "exact": cells("exact"), "near": cells("near") if looks_near else None}
