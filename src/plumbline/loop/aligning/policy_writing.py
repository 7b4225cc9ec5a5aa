"""What runs that train a policy say of it: the pieces of ``policy.json``, its card, and its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from plumbline.align.lagrangian import Lagrangian
from plumbline.formats import Loaded
from plumbline.lineage import Manifest, Terms, count_by_code, strictest_terms
from plumbline.loop.aligning.policy_training import Origin
from plumbline.loop.opened_models import OpenedModel
from plumbline.loop.sources import first_unread, unread_of

_AVERAGED_STEPS = 10
"""Steps whose means are told, at the beginning and at the end; half of them all where there are fewer, so that the two tell apart."""
_VERSIONED = ("torch", "transformers", "accelerate", "peft", "trl")


def terms_of_policy(sources: Sequence[Loaded], origin: Origin, judges: Sequence[OpenedModel]) -> Terms:
    """The strictest of rows, judges, and the policy that it was trained from; with an unknown licence where nothing tells of that."""
    known = [*(each.terms for each in sources), *(each.description.permitted for each in judges)]
    return strictest_terms([*known, *([origin.terms] if origin.terms else [])])


def told_data(sources: Sequence[Loaded], origin: Origin, terms: Terms, *, is_synthetic: bool) -> dict[str, Any]:
    """What a description says of the rows: what could not be read of them, what may be done with what was made of them."""
    return {
        "quarantined": unread_of(sources),
        "first_unread": first_unread(sources),
        "terms": terms.to_json(),
        "terms_of_its_origin_known": origin.are_terms_known,
        "synthetic": is_synthetic,
    }


def told_lagrangian(lagrangian: Lagrangian | None) -> dict[str, Any] | None:
    """The multiplier's settings, where it ended, and whether the limit is kept; None without one."""
    if lagrangian is None:
        return None
    mean, settings = lagrangian.mean_cost, lagrangian.settings
    return {
        **asdict(settings),
        "multiplier": lagrangian.multiplier,
        "mean_cost": mean,
        "replies": len(lagrangian.costs),
        "is_kept": None if mean is None else mean <= settings.cost_limit,
    }


def told_alarm(step: int, kind: str, told: str) -> dict[str, Any]:
    """What went wrong, and when."""
    return {"kind": kind, "step": step, "told": told}


def told_means(steps: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Means of the first and of the last steps, and of how many."""
    count = max(1, min(_AVERAGED_STEPS, len(steps) // 2))
    return {"averaged_steps": count, "first": _means_of(steps[:count]), "last": _means_of(steps[-count:])}


def _means_of(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means of what steps tell; None of what none of them tells."""
    names = dict.fromkeys(name for row in rows for name in row)
    known = {name: [value for row in rows if (value := row.get(name)) is not None] for name in names}
    return {name: sum(values) / len(values) if values else None for name, values in known.items()}


def format_card(summary: Mapping[str, Any], opening: str, *further: str) -> str:
    """A policy's card, Markdown.

    Args:
        summary: what ``policy.json`` holds.
        opening: what it is, a sentence.
        further: paragraphs and tables of its method.
    """
    kept = summary.get("lagrangian")
    lines = [f"# {summary['name']}", "", opening]
    lines += ["", "**Synthetic**: data or judges were made up by a program."] if summary["synthetic"] else []
    for each in further:
        lines += ["", each]
    if kept is not None and kept["mean_cost"] is not None:
        told = "within" if kept["is_kept"] else "ABOVE"
        lines += [
            "",
            f"Mean cost of the last {kept['replies']:,} replies: {kept['mean_cost']:.3f}, {told} the limit of "
            f"{kept['cost_limit']:g}; λ {kept['multiplier']:.3f}. The cost is what that model says, and no person's judgement.",
        ]
    for alarm in summary.get("alarms", ()):
        lines += ["", f"Alarm at step {alarm['step']:,}: {alarm['told']}."]
    uses = ", ".join(summary["terms"]["uses"]) or "none"
    if not summary["terms_of_its_origin_known"]:
        lines += [
            "",
            f"Nothing tells what may be done with `{summary['trained_from']}`, or with what that came from: see its licence.",
        ]
    lines += ["", f"Licence: {summary['terms']['licence']}. Permitted uses of what it was made with: {uses}.", ""]
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    """Of the libraries that train, those that are installed."""
    return {name: metadata.version(name) for name in _VERSIONED if find_spec(name) is not None}


def policy_manifest(
    sources: Sequence[Loaded],
    origin: Origin,
    judges: Sequence[OpenedModel],
    terms: Terms,
    configuration: Mapping[str, Any],
    *,
    command: Sequence[str],
    seed: int,
    overridden: bool,
    seconds: float,
) -> Manifest:
    """A run's manifest: all sources, the policy it came from and its judges are inputs and, where they have manifests, parents.

    Counts of rows are of all sources.

    Args:
        sources: the rows that are trained on first, then other texts.
        overridden: a use was not permitted, and the user went on.
    """
    manifest = sources[0].manifest("policy", command, configuration, seed=seed)
    for judge in reversed(judges):
        manifest = judge.trace.in_manifest(manifest)
    others = sources[1:]
    parents = [*manifest.parents, *(parent for each in others for parent in each.parents), origin.parent]
    ancestors = [*manifest.ancestors, *(digest for each in others for digest in sorted(each.derived_from))]
    return manifest.model_copy(
        update={
            "configuration": {**configuration, "policy_snapshot": origin.snapshot},
            "inputs": [*manifest.inputs, *(entry for each in others for entry in each.files), *origin.files],
            "parents": [each for each in dict.fromkeys(parents) if each is not None],
            "ancestors": list(dict.fromkeys(ancestors)),
            "rows_read": sum(each.rows_read for each in sources),
            "quarantined": unread_of(sources),
            "findings": count_by_code([finding for each in sources for finding in each.findings]),
            "uses": sorted(terms.uses),
            "licence": terms.licence,
            "uses_overridden": manifest.uses_overridden or overridden,
            "durations_seconds": {"all": round(seconds, 3)},
            "versions": {**manifest.versions, **_versions()},
        }
    )
