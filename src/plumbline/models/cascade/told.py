"""What people are told of a cascade: its card, and one line for whoever serves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.lineage import Manifest
from plumbline.measure import Figure, format_figure
from plumbline.models.card import plain_text
from plumbline.models.cascade.fitting import CASCADE, FIRST, SECOND, FittedCascade
from plumbline.models.cascade.saving import CascadeDescription, CascadePart

FIGURE_NAMES = {
    "auprc": "AUPRC",
    "recall_at_fpr_01": "recall at 1 % false positives",
    "recall_at_fpr_05": "recall at 5 % false positives",
}
MEMBERS = (FIRST, SECOND, CASCADE)


def told_figure(figure: Mapping[str, Any]) -> str:
    """A figure with its interval and n."""
    return format_figure(Figure.from_json(figure))


def told_at_start(description: CascadeDescription) -> str:
    """One line: whom it asks how often, and what it is worth beside its parts."""
    figures, names = description.figures, (description.first.name, description.second.name)
    if not figures:
        return f"cascade: {names[0]} answers what it is sure of, {names[1]} the rest; its folder has no figures"
    models = {name: told_figure(found["auprc"]) for name, found in figures["models"].items()}
    return (
        f"cascade: asks {names[1]} for {_share(figures['asked'])} of texts like those it was measured on; AUPRC "
        f"{models[CASCADE]}, {names[0]} alone {models[FIRST]}, {names[1]} alone {models[SECOND]}"
    )


def _share(figure: Mapping[str, Any]) -> str:
    value = f"{100 * figure['value']:.0f} %"
    if figure["low"] is None:
        return f"{value} (n={figure['n']:,})"
    return f"{value} ({100 * figure['low']:.0f}–{100 * figure['high']:.0f} %, n={figure['n']:,})"


def format_cascade_card(
    name: str, parts: tuple[CascadePart, CascadePart], fitted: FittedCascade, manifest: Manifest, *, synthetic: bool
) -> str:
    """The card: what answers when, what it is worth, what it was fitted to, what it may be used for. Markdown."""
    figures = fitted.figures
    warning = "> **Synthetic data.** Its figures say nothing about people.\n\n" if synthetic else ""
    lines = [
        f"# {plain_text(name)}",
        "",
        warning + "A moderation model of Plumbline made of two. "
        f"The first, {plain_text(parts[0].version)}, answers where its probability of `unsafe` is at most {fitted.band.low:.4f} or at "
        f"least {fitted.band.high:.4f}; the second, {plain_text(parts[1].version)}, answers everything else.",
        "",
        "## Figures",
        "",
        f"On {figures['measured_on']:,} labelled rows that neither model was trained on and on which nothing was chosen; the "
        f"band and the thresholds were chosen on {figures['chosen_on']:,} others, of other prompts. Intervals are 95 %, by "
        "bootstrap over prompts; differences are paired.",
        "",
        "| figure | first alone | second alone | cascade |",
        "|---|---|---|---|",
        *_rows(figures["models"]),
        "",
        f"- Share for which the second is asked: {told_figure(figures['asked'])}",
        f"- AUPRC of the second above the first: {told_figure(figures['gain'])}",
        f"- AUPRC of the second above the cascade (what it loses): {told_figure(figures['loss'])}",
        *(f"- {each[0].upper()}{each[1:]}." for each in fitted.notes),
        "",
        *_categories(figures["by_category"]),
        "## Data",
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *(f"| {plain_text(entry.path)} | `{entry.sha256}` |" for entry in manifest.inputs),
        "",
        "Both models stand in this folder, with cards that name their own data.",
        "",
        "## Permitted uses",
        "",
        f"The strictest of both models and these rows: {', '.join(sorted(manifest.uses or [])) or 'none'}. Licence: "
        f"{manifest.licence}.{' **The permitted uses were overridden.**' if manifest.uses_overridden else ''}",
        "",
        "## Limits",
        "",
        "The share and the loss are those of texts like the rows above. On text of another origin the first model may be as sure "
        "and less right: measure it on your own with `plumbline evaluate`, beside its two parts.",
        "",
    ]
    return "\n".join(lines)


def _rows(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"| {called} | {' | '.join(told_figure(models[member][key]) for member in MEMBERS)} |"
        for key, called in FIGURE_NAMES.items()
    ]


def _categories(by_category: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not by_category:
        return []
    lines = [
        "AUPRC by category:",
        "",
        "| category | rows with it | first | second | cascade |",
        "|---|---|---|---|---|",
    ]
    for name, found in by_category.items():
        told = " | ".join(told_figure(found[member]) for member in MEMBERS)
        lines.append(f"| {plain_text(name)} | {found['positives']:,} | {told} |")
    return [*lines, ""]
