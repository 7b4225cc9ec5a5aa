"""What a model decides: precision and recall, thresholds, harm categories, and where it is surest and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from plumbline.report.inputs import CategoryFigures, ThresholdRow
from plumbline.report.layout import (
    Card,
    Section,
    Subject,
    Table,
    columns,
    left_out_note,
    section_of,
    threshold_cell,
)
from plumbline.report.pictures.curves import draw_precision_recall
from plumbline.report.pictures.rows import MODEL, DotRow, draw_dots
from plumbline.report.wording import count, figure_cell, number, plural, short_path

Row = TypeVar("Row")

_CURVE_ROWS = 21
_CATEGORIES_DRAWN = 24
_DISAGREEMENTS = 25
_NONE_FLAGGED, _NONE_UNSAFE = "no row is flagged", "no row is unsafe"


def precision_and_recall(subjects: tuple[Subject, ...]) -> Section | None:
    """Curves with the chosen threshold, and what other thresholds would mean; None where no evaluation has either."""
    return section_of(
        "thresholds",
        "Precision, recall and thresholds",
        "What is gained and lost by flagging more. The ring marks the threshold the model was saved with. "
        "A rate's n is the rows it is a share of: the safe ones, the unsafe ones, those flagged. Intervals say how "
        "sure the rate is at that threshold, not how sure the threshold is.",
        (_curve_card(each) for each in subjects if each.evaluation.precision_recall or each.evaluation.thresholds),
    )


def _curve_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    chosen = next((row for row in evaluation.thresholds if row.chosen), None)
    reading = _threshold_reading(subject, chosen)
    if not evaluation.precision_recall:
        return subject.card(reading, open_tables=_threshold_tables(subject))
    caption = subject.caption("curve", "Precision and recall", reading)
    picture = draw_precision_recall(evaluation.precision_recall, chosen, caption)
    return subject.card(reading, picture, tables=(_curve_table(subject),), open_tables=_threshold_tables(subject))


def _threshold_reading(subject: Subject, chosen: ThresholdRow | None) -> str:
    figures = f"AUPRC {figure_cell(subject.evaluation.auprc.figure())}."
    if chosen is None:
        return f"No threshold was chosen. {figures}"
    false_positive_rate, recall, precision, _ = _rates(chosen)
    told = "" if chosen.figures else f" ({_rows_of(subject)})"
    return (
        f"At the chosen threshold {number(chosen.threshold)} the model finds {recall} of what is unsafe, "
        f"with precision {precision}, and flags {false_positive_rate} of "
        f"what is safe{told}; F1 {figure_cell(subject.evaluation.f1.figure())}. {figures}"
    )


def _rates(row: ThresholdRow) -> tuple[str, str, str, str]:
    """False-positive rate, recall, precision and F1 of a threshold, with intervals where the evaluation gives them."""
    given = row.figures
    if given is None:
        precision, f1 = _rate(row.precision, _NONE_FLAGGED), _rate(row.f1, _NONE_UNSAFE)
        return number(row.false_positive_rate), number(row.recall), precision, f1
    shown = (given.false_positive_rate, given.recall, given.precision, given.f1)
    false_positive_rate, recall, precision, f1 = (figure_cell(each.figure()) for each in shown)
    return false_positive_rate, recall, precision, f1


def _curve_table(subject: Subject) -> Table:
    curve = subject.evaluation.precision_recall
    points = _evenly(curve, _CURVE_ROWS)
    told = "" if len(points) == len(curve) else f", {len(points)} points of the curve"
    return Table(
        f"Precision and recall, {subject.name}{told} ({_rows_of(subject)})",
        columns("Threshold#", "Recall#", "Precision#"),
        tuple((number(each.threshold), number(each.recall), number(each.precision)) for each in points),
    )


def _threshold_tables(subject: Subject) -> tuple[Table, ...]:
    thresholds = subject.evaluation.thresholds
    if not thresholds:
        return ()
    rows = tuple(
        (
            f"{number(row.threshold)} (chosen)" if row.chosen else number(row.threshold),
            *_rates(row),
        )
        for row in thresholds
    )
    marked = frozenset(at for at, row in enumerate(thresholds) if row.chosen)
    if all(row.figures for row in thresholds):
        names = columns("Threshold", "False-positive rate", "Recall", "Precision", "F1")
        return (Table(f"Thresholds, {subject.name}", names, rows, marked),)
    names = columns("Threshold", "False-positive rate#", "Recall#", "Precision#", "F1#")
    return (Table(f"Thresholds, {subject.name} ({_rows_of(subject)})", names, rows, marked),)


def _rate(value: float | None, why_undefined: str) -> str:
    return f"undefined: {why_undefined}" if value is None else number(value)


def _rows_of(subject: Subject) -> str:
    """How many labels the rates at a threshold rest on: ``n=3021, no intervals``."""
    rows = subject.evaluation.rows
    return f"n={rows.evaluated if rows.labels_evaluated is None else rows.labels_evaluated}, no intervals"


def _evenly(points: Sequence[Row], most: int) -> list[Row]:
    """At most so many of the points, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(at * (len(points) - 1) / (most - 1))] for at in range(most)]


def by_category(subjects: tuple[Subject, ...]) -> Section | None:
    """AUPRC of each harm category, best first; None where no evaluation has categories."""
    return section_of(
        "categories",
        "Harm categories",
        "Each category is a question of its own. A rare category has a low AUPRC by chance alone: read it beside the "
        "number of rows it applies to, given as “positives of n”.",
        (_category_card(each) for each in subjects if each.evaluation.by_category),
    )


def _category_card(subject: Subject) -> Card:
    ordered = sorted(subject.evaluation.by_category.items(), key=_best_first)
    reading = _category_reading(ordered)
    rows = [DotRow(name, ((MODEL, figures.auprc.figure()),), figures.positives) for name, figures in ordered]
    caption = subject.caption("category", "AUPRC by harm category", reading)
    picture = draw_dots(rows[:_CATEGORIES_DRAWN], caption, unit="AUPRC")
    table = Table(
        f"Harm categories, {subject.name}",
        columns("Category", "Positives#", "AUPRC", "AUROC", "Recall at 5 % false positives", "Threshold#"),
        tuple(
            (
                name,
                count(figures.positives),
                figure_cell(figures.auprc.figure()),
                figure_cell(figures.auroc.figure()),
                figure_cell(figures.recall_at_fpr_05.figure()),
                threshold_cell(figures.threshold),
            )
            for name, figures in ordered
        ),
    )
    return subject.card(reading, picture, tables=(table,), note=left_out_note(_CATEGORIES_DRAWN, len(ordered)))


def _category_reading(ordered: Sequence[tuple[str, CategoryFigures]]) -> str:
    defined = [(name, figures.auprc.figure()) for name, figures in ordered if figures.auprc.value is not None]
    if not defined:
        return f"AUPRC is undefined for each category ({len(ordered)})."
    (best, highest), (worst, lowest) = defined[0], defined[-1]
    reading = f"AUPRC is highest for {best}, {figure_cell(highest)}"
    if best != worst:
        reading += f", and lowest for {worst}, {figure_cell(lowest)}"
    missing = len(ordered) - len(defined)
    return f"{reading}; {missing} of {len(ordered)} {'is' if missing == 1 else 'are'} undefined."


def _best_first(item: tuple[str, CategoryFigures]) -> tuple[bool, float, str]:
    value = item[1].auprc.value
    return value is None, -(value or 0.0), item[0]


def disagreements(subjects: tuple[Subject, ...]) -> Section | None:
    """Rows where the model is surest and the judges say otherwise; None where no evaluation lists any."""
    return section_of(
        "disagreements",
        "Where model and judges disagree most",
        "Rows worth a second look: either the model has learnt something wrong or the label is. "
        "Look a row up with `plumbline data show FILE --line N`: FILE is the path of your source, then what follows the "
        "source's name here; a row of a table that Plumbline made names the file it was first read from. "
        "The model gave the judges' label the probability shown: the lower, the surer it was of another.",
        (_disagreement_card(each) for each in subjects if each.evaluation.disagreements),
    )


def _disagreement_card(subject: Subject) -> Card:
    rows = subject.evaluation.disagreements
    shown = rows[:_DISAGREEMENTS]
    reading = f"{plural(len(rows), 'row')} listed, the surest first"
    reading += f"; {len(shown)} shown." if len(shown) < len(rows) else "."
    table = Table(
        f"Strongest disagreements, {subject.name}",
        columns("Probability the model gave to the judges' label#", "Judges' label", "File", "Line#", "Id"),
        # Rows are counted from 0, lines from 1.
        tuple(
            (number(each.probability), each.label, short_path(each.source), str(each.row + 1), each.id)
            for each in shown
        ),
    )
    return subject.card(reading, tables=(table,))
