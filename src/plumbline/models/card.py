"""The model card: what a model is, what it was trained on, how good it is, what it may be used for. Markdown."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.lineage import Manifest
from plumbline.models.figures.measured_rows import FIGURE_KEYS
from plumbline.models.linear.model import LinearModel
from plumbline.models.rows.repeated_rows import told_repeats
from plumbline.models.scored_model import ScoredModel

_MEANING = {
    "preference": "Scores a reply: higher = better on **{axis}**. The difference of two scores, calibrated, is the "
    "probability that people prefer the one to the other.",
    "cost": "Scores a reply: higher = more harmful; above 0 it is judged unsafe, below 0 safe.",
    "moderation": "Scores a question with its answer: the probability that the answer is unsafe, and of each harm "
    "category that had enough examples.",
}


@dataclass(frozen=True)
class KindOfModel:
    """What a card says of a kind of model.

    Attributes:
        called: like "A linear".
        figures_note: on which rows the figures were found, and how.
        mechanism: how it works.
        limits: what it cannot do.
    """

    called: str
    figures_note: str
    mechanism: str
    limits: str


def format_card(
    name: str,
    model: LinearModel,
    manifest: Manifest,
    cross_validated: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    synthetic: bool,
) -> str:
    """The card of a linear model, see `format_model_card`."""
    kind = KindOfModel("A linear", _figures_note(summary), _mechanism(model, summary), _LIMITS[model.task])
    return format_model_card(name, model, kind, manifest, cross_validated, summary, synthetic=synthetic)


def format_model_card(
    name: str,
    model: ScoredModel,
    kind: KindOfModel,
    manifest: Manifest,
    cross_validated: Mapping[str, Any],
    summary: Mapping[str, Any],
    *,
    synthetic: bool,
) -> str:
    """The card's Markdown.

    Args:
        name: the model's.
        model: the model.
        kind: what is said of its kind.
        manifest: of the training run: inputs, terms, versions.
        cross_validated: figures of rows scored out of fold.
        summary: counts and convergence.
        synthetic: whether the data are synthetic; then the card says so before anything else.
    """
    parts = [f"# {plain_text(name)}", ""]
    if synthetic:
        parts += [
            "> **Synthetic data.** This model was trained on text made by a program. Its figures say nothing about people.",
            "",
        ]
    meaning = _MEANING[model.task].format(axis=model.axis)
    parts += [f"{kind.called} {model.task} model of Plumbline. {meaning}", ""]
    parts += ["## Figures", "", kind.figures_note, "", *_figure_table(cross_validated), ""]
    if model.task == "moderation" and cross_validated.get("by_category"):
        parts += ["### By category", "", *_category_table(cross_validated["by_category"]), ""]
    if summary.get("by_source"):
        parts += ["### By source", "", *_source_table(summary), ""]
    if summary.get("untrained_categories"):
        parts += ["Without a head:", ""]
        parts += [f"- {plain_text(category)}: {why}" for category, why in summary["untrained_categories"].items()] + [
            ""
        ]
    parts += ["## Data", "", *_data_table(manifest), ""]
    parts += [f"Set aside: {_counts(summary.get('set_aside', {}))}. Quarantined: {_counts(manifest.quarantined)}.", ""]
    if repeats := told_repeats(summary.get("repeats", {})):
        parts += [f"Among the training rows are {repeats}; `plumbline data check` names them.", ""]
    parts += ["## Permitted uses", "", _terms(manifest), ""]
    parts += ["## How it works", "", kind.mechanism, ""]
    parts += ["## Limits", "", kind.limits, ""]
    return "\n".join(parts)


_NAMES = {
    "accuracy": "accuracy",
    "ece": "expected calibration error (ECE; 0 is best)",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "recall_at_fpr_01": "recall at 1 % false positives",
    "recall_at_fpr_05": "recall at 5 % false positives",
    "f1": "F1 at the threshold",
}
_LIMITS = {
    "preference": "It counts words and character runs; it does not understand. It learns what the judges of its data "
    "preferred, their mistakes and their taste for length included.",
    "cost": "It counts words and character runs; it does not understand. Its zero is where its data put it.",
    "moderation": "It counts words and character runs; it does not understand. On text of another origin than its data "
    "expect it to be clearly worse: measure it on your own with `plumbline evaluate`.",
}


def plain_text(text: str) -> str:
    """A name out of the data as Markdown that says just that name: no markup, no table cell, no control character."""
    printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return html.escape(printable).replace("|", "&#124;").replace("[", "&#91;").replace("`", "&#96;")


def _figures_note(summary: Mapping[str, Any]) -> str:
    held = summary["scored_out_of_fold"]
    return (
        f"On {held:,} training rows, each scored by fits that had seen none of its prompts, with word frequencies counted "
        f"without them too ({_deals(summary['deals_of_folds'])}). Intervals are 95 %, by bootstrap over "
        "prompts. Calibration and thresholds are one or two numbers a head, fitted on the same scores."
    )


def _deals(count: int) -> str:
    return "the folds were dealt once" if count == 1 else f"the folds were dealt {count} times"


def _figure_table(figures: Mapping[str, Any]) -> list[str]:
    rows = ["| figure | value | 95 % interval | n |", "|---|---|---|---|"]
    return rows + [_figure_row(_NAMES[key], figures[key]) for key in FIGURE_KEYS if figures[key]["value"] is not None]


def _figure_row(name: str, figure: Mapping[str, Any]) -> str:
    interval = "undefined" if figure["low"] is None else f"{figure['low']:.3f} – {figure['high']:.3f}"
    return f"| {name} | {figure['value']:.3f} | {interval} | {figure['n']:,} |"


def _category_table(categories: Mapping[str, Any]) -> list[str]:
    rows = ["| category | AUPRC | 95 % interval | examples | threshold |", "|---|---|---|---|---|"]
    for name, figures in sorted(categories.items()):
        found = figures["auprc"]
        value = "undefined" if found["value"] is None else f"{found['value']:.3f}"
        interval = "undefined" if found["low"] is None else f"{found['low']:.3f} – {found['high']:.3f}"
        threshold = "none" if figures["threshold"] is None else f"{figures['threshold']:.3f}"
        rows.append(f"| {plain_text(name)} | {value} | {interval} | {figures['positives']:,} | {threshold} |")
    return rows


def _source_table(summary: Mapping[str, Any]) -> list[str]:
    recipe = summary["recipe"]
    rows = [
        f"Trained by the recipe {plain_text(recipe['name'])}, version {recipe['version']}. Rows are weighed: what they count as "
        "stands beside their number. Figures of rows scored out of fold; rates at the model's threshold.",
        "",
        "| source | safe rows, count as | unsafe rows, count as | | AUPRC | recall | false positives |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in summary["by_source"]:
        counts = [f"{each[name]:,}, {each[f'{name}_counts_as']:,.0f}" for name in ("safe", "unsafe")]
        for form in ("with_prompt", "without_prompt"):
            if figures := each[form]:
                told = [_value(figures[key]) for key in ("auprc", "recall", "false_positive_rate")]
                rows.append(f"| {' | '.join([plain_text(each['source']), *counts, form.replace('_', ' '), *told])} |")
    return rows


def _value(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "undefined"
    interval = "" if figure["low"] is None else f" ({figure['low']:.3f} – {figure['high']:.3f})"
    return f"{figure['value']:.3f}{interval}"


def _data_table(manifest: Manifest) -> list[str]:
    rows = ["| file | rows | SHA-256 |", "|---|---|---|"]
    return rows + [
        f"| {plain_text(entry.path)} | {entry.rows or 0:,} | `{entry.sha256}` |" for entry in manifest.inputs
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} × {code}" for code, count in counts.items()) or "none"


def _terms(manifest: Manifest) -> str:
    uses = ", ".join(sorted(manifest.uses or [])) or "none"
    overridden = " **The permitted uses were overridden for this training.**" if manifest.uses_overridden else ""
    return f"The data permit: {uses}. Licence of the data, strictest of its parts: {manifest.licence}.{overridden}"


def _mechanism(model: LinearModel, summary: Mapping[str, Any]) -> str:
    blocks = "; ".join(
        f"{block.text}: {_orders(block.space.word_orders, 'words')}{_orders(block.space.character_orders, 'characters')}"
        f" in {block.space.width:,} buckets"
        for block in model.recipe.blocks
    )
    converged = all(fit["converged"] for fit in summary["fits"].values())
    state = "within its tolerance" if converged else "NOT within its tolerance"
    notes = "\n\n" + "\n".join(f"- {note}" for note in summary["notes"]) if summary["notes"] else ""
    return (
        f"Hashed n-grams ({blocks}), weighed by an L2-regularised logistic fit (l2 = {summary['l2']}), which ended "
        f"{state} of the optimum. Columns with a weight: {summary['columns_used']:,}.{notes}"
    )


def _orders(orders: tuple[int, ...], unit: str) -> str:
    return f"runs of {', '.join(map(str, orders))} {unit} " if orders else ""
