"""What a model decides: precision and recall, thresholds, harm categories, and where it is surest and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from plumbline.report.inputs import CategoryFigures, ThresholdRow
from plumbline.report.layout import Card, Section, Subject, Table, columns, threshold_cell
from plumbline.report.pictures_curves import draw_precision_recall
from plumbline.report.pictures_rows import MODEL, Caption, DotRow, draw_dots
from plumbline.report.wording import count, figure_cell, number, plural

Row = TypeVar("Row")

_CURVE_ROWS = 21
_CATEGORIES_DRAWN = 24
_DISAGREEMENTS = 25


def precision_and_recall(subjects: tuple[Subject, ...]) -> Section | None:
    """Curves with the chosen threshold, and what other thresholds would mean; None where no evaluation has either."""
    shown = [each for each in subjects if each.evaluation.precision_recall or each.evaluation.thresholds]
    if not shown:
        return None
    return Section(
        "thresholds",
        "Precision, recall and thresholds",
        "What is gained and lost by flagging more. The ring marks the threshold the model was saved with.",
        tuple(_curve_card(subject) for subject in shown),
    )


def _curve_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    chosen = next((row for row in evaluation.thresholds if row.chosen), None)
    reading = _threshold_reading(chosen)
    reading += f" AUPRC {figure_cell(evaluation.auprc.figure())}."
    picture = None
    tables: tuple[Table, ...] = ()
    if evaluation.precision_recall:
        caption = Caption(
            f"{subject.key}-curve", f"Precision and recall, {subject.name}", reading, evaluation.synthetic
        )
        picture = draw_precision_recall(evaluation.precision_recall, chosen, caption)
        points = _evenly(evaluation.precision_recall, _CURVE_ROWS)
        told = "" if len(points) == len(evaluation.precision_recall) else f", {len(points)} points of the curve"
        tables = (
            Table(
                f"Precision and recall, {subject.name}{told}",
                columns("Threshold#", "Recall#", "Precision#"),
                tuple((number(each.threshold), number(each.recall), number(each.precision)) for each in points),
            ),
        )
    return Card(
        subject.name,
        reading,
        evaluation.synthetic,
        picture,
        tables=tables,
        open_tables=_threshold_tables(subject),
        warnings=subject.warnings,
    )


def _threshold_reading(chosen: ThresholdRow | None) -> str:
    if chosen is None:
        return "No threshold was chosen."
    precision = number(chosen.precision)
    return (
        f"At the chosen threshold {number(chosen.threshold)} the model finds {number(chosen.recall)} of what is unsafe, "
        f"with precision {precision}, and flags {number(chosen.false_positive_rate)} of what is safe."
    )


def _threshold_tables(subject: Subject) -> tuple[Table, ...]:
    thresholds = subject.evaluation.thresholds
    if not thresholds:
        return ()
    rows = tuple(
        (
            f"{number(row.threshold)} (chosen)" if row.chosen else number(row.threshold),
            number(row.false_positive_rate),
            number(row.recall),
            number(row.precision),
            number(row.f1),
        )
        for row in thresholds
    )
    marked = frozenset(at for at, row in enumerate(thresholds) if row.chosen)
    caption = f"Thresholds (n={subject.evaluation.rows.labels_evaluated or subject.evaluation.rows.evaluated})"
    names = columns("Threshold", "False-positive rate#", "Recall#", "Precision#", "F1#")
    return (Table(caption, names, rows, marked),)


def _evenly(points: Sequence[Row], most: int) -> list[Row]:
    """At most so many of the points, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(at * (len(points) - 1) / (most - 1))] for at in range(most)]


def by_category(subjects: tuple[Subject, ...]) -> Section | None:
    """AUPRC of each harm category, best first; None where no evaluation has categories."""
    shown = [each for each in subjects if each.evaluation.by_category]
    if not shown:
        return None
    return Section(
        "categories",
        "Harm categories",
        "Each category is a question of its own. A rare category has a low AUPRC by chance alone: read it beside the "
        "number of rows it applies to, given as “positives of n”.",
        tuple(_category_card(subject) for subject in shown),
    )


def _category_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    ordered = sorted(evaluation.by_category.items(), key=_best_first)
    defined = [(name, figures) for name, figures in ordered if figures.auprc.value is not None]
    if defined:
        (best, best_figures), (worst, worst_figures) = defined[0], defined[-1]
        reading = f"AUPRC is highest for {best}, {figure_cell(best_figures.auprc.figure())}"
        if best != worst:
            reading += f", and lowest for {worst}, {figure_cell(worst_figures.auprc.figure())}"
        missing = len(ordered) - len(defined)
        reading += f"; {missing} of {len(ordered)} {'is' if missing == 1 else 'are'} undefined."
    else:
        reading = f"AUPRC is undefined for each category ({len(ordered)})."
    caption = Caption(
        f"{subject.key}-category", f"AUPRC by harm category, {subject.name}", reading, evaluation.synthetic
    )
    rows = [DotRow(name, ((MODEL, figures.auprc.figure()),), figures.positives) for name, figures in ordered]
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
    left_out = len(ordered) > _CATEGORIES_DRAWN
    note = f"The first {_CATEGORIES_DRAWN} of {len(ordered)} are drawn; the table has all." if left_out else None
    return Card(
        subject.name, reading, evaluation.synthetic, picture, tables=(table,), note=note, warnings=subject.warnings
    )


def _best_first(item: tuple[str, CategoryFigures]) -> tuple[bool, float, str]:
    value = item[1].auprc.value
    return value is None, -(value or 0.0), item[0]


def disagreements(subjects: tuple[Subject, ...]) -> Section | None:
    """Rows where the model is surest and the judges say otherwise; None where no evaluation lists any."""
    shown = [each for each in subjects if each.evaluation.disagreements]
    if not shown:
        return None
    return Section(
        "disagreements",
        "Where model and judges disagree most",
        "Rows worth a second look: either the model has learnt something wrong or the label is. "
        "Look a row up by its line of the file named, with `plumbline data show FILE --line N`. "
        "The model gave the judges' label the probability shown: the lower, the surer it was of another.",
        tuple(_disagreement_card(subject) for subject in shown),
    )


def _disagreement_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    rows = evaluation.disagreements
    shown = rows[:_DISAGREEMENTS]
    reading = f"{plural(len(rows), 'row')} listed, the surest first"
    reading += f"; {len(shown)} shown." if len(shown) < len(rows) else "."
    table = Table(
        f"Strongest disagreements, {subject.name}",
        columns("Probability the model gave to the judges' label#", "Judges' label", "File", "Line#", "Id"),
        # Rows are counted from 0, lines from 1.
        tuple((number(each.probability), each.label, each.source, str(each.row + 1), each.id) for each in shown),
    )
    return Card(subject.name, reading, evaluation.synthetic, tables=(table,), warnings=subject.warnings)
