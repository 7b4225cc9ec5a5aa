"""How the figures of a training or an evaluation look on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline.cli.console import print_table

_HEADER = "value (95 % interval, n)"
_CALLED = {"ece": "ece (calibration error)"}
_AT_THRESHOLD = {
    "false_positive_rate": "safe rows flagged (false positive rate)",
    "recall": "unsafe rows flagged (recall)",
    "precision": "flagged rows that are unsafe (precision)",
}
"""F1 stands among the seven figures: it is at this threshold, too."""


def print_figures(result: Mapping[str, Any], title: str) -> None:
    """The seven figures with their intervals, those by subset, what undefined ones lack, and those at the threshold."""
    from plumbline.measure import Figure, format_ceiling, format_figure
    from plumbline.models.figures.measured_rows import FIGURE_KEYS
    from plumbline.models.figures.pair_figures import RANKED

    print(title)
    figures = {key: Figure.from_json(result[key]) for key in FIGURE_KEYS}
    called = _CALLED | _at_threshold(result)
    rows = [[called.get(key, key), format_figure(each)] for key, each in figures.items() if each.value is not None]
    ceiling = result.get("noise_ceiling")
    if ceiling is not None and figures["accuracy"].value is not None:
        bounds = (Figure.from_json(ceiling[key]) for key in ("lower", "upper"))
        rows.insert(1, ["the best any model could reach", format_ceiling(*bounds)])
    for subset, of_subset in result["by_subset"].items():
        rows += [
            [f"{subset}: {called.get(key, key)}", format_figure(Figure.from_json(figure))]
            for key, figure in of_subset.items()
            if len(result["by_subset"]) > 1 and figure["value"] is not None
        ]
    for name, figure in result["baselines"].items():
        rows.append([f"to compare: {name}", format_figure(Figure.from_json(figure))])
    print_table(["figure", _HEADER], rows)
    undefined: dict[str, list[str]] = {}
    for key, figure in figures.items():
        # Nobody misses what a preference model never has; a cost model has it, of rows that are labelled.
        if figure.value is None and (figure.why_undefined != RANKED or result.get("task") == "cost"):
            undefined.setdefault(figure.why_undefined or "", []).append(key)
    if undefined:
        print("undefined: " + "; ".join(f"{', '.join(keys)} ({why})" for why, keys in undefined.items()))
    for row in result["thresholds"]:
        if row["chosen"]:
            _print_at_threshold(row)
    if ceiling is not None and ceiling["note"]:
        print(f"the best any model could reach: {ceiling['note']}")
    if result.get("note"):
        print(f"NOTE: {result['note']}")


def _at_threshold(result: Mapping[str, Any]) -> dict[str, str]:
    """The figures that hold at the model's own threshold alone, with its value; of pairs accuracy needs none."""
    chosen = next((row["threshold"] for row in result["thresholds"] if row["chosen"]), None)
    if chosen is None:
        return {}
    of_pairs = "labels_evaluated" in result["rows"]  # a cost model's accuracy is; the other figures are of labels
    keys = ("f1",) if of_pairs else ("accuracy", "f1")
    return {key: f"{key} at the threshold {chosen:.3f}" for key in keys}


def _print_at_threshold(row: Mapping[str, Any]) -> None:
    """What the model's own threshold means, with intervals where the evaluation has them."""
    from plumbline.measure import Figure, format_figure

    figures = row.get("figures") or {}
    rows = [
        [called, format_figure(Figure.from_json(figures[key])) if key in figures else _bare(row[key])]
        for key, called in _AT_THRESHOLD.items()
    ]
    print_table([f"at the model's threshold {row['threshold']:.3f}", _HEADER], rows)


def _bare(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
