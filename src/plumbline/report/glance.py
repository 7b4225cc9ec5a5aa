"""The first screen: how good the data are, how good the models are."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.measure import Figure
from plumbline.report.inputs import FIGURE_NAMES, Check, ReportInputs
from plumbline.report.layout import Card, Subject, Table, columns
from plumbline.report.pictures_rows import BASELINE, CROSS_VALIDATED, MODEL, Caption, DotRow, Series, draw_dots
from plumbline.report.wording import comparison, count, figure_cell, listed


@dataclass(frozen=True)
class Tile:
    """A data set in a few numbers."""

    name: str
    rows: str
    quarantined: str
    findings: str
    clean: bool
    synthetic: bool


@dataclass(frozen=True)
class MainFigure:
    """The figure that answers how good a model is, beside what it must beat."""

    subject: Subject
    figure: Figure
    baseline_name: str | None
    baseline: Figure | None
    cross_validated: Figure | None


def tiles_of(inputs: ReportInputs) -> tuple[Tile, ...]:
    """One tile for each check."""
    return tuple(_tile(found.content) for found in inputs.checks)


def _tile(check: Check) -> Tile:
    findings = sum(finding.count for finding in check.findings)
    return Tile(
        name=check.name,
        rows=count(check.rows_read),
        quarantined=count(check.rows_quarantined),
        findings=count(findings),
        clean=not findings and not check.rows_quarantined,
        synthetic=check.synthetic,
    )


def main_figure(subject: Subject) -> MainFigure:
    """The main figure of an evaluation with the best baseline of the same measure."""
    evaluation = subject.evaluation
    key = evaluation.main_key
    comparable = {
        name: figure.figure()
        for name, figure in evaluation.baselines.items()
        if baseline_measure(name, evaluation.task) == key
    }
    best: tuple[float, str, Figure] | None = None
    for name, figure in comparable.items():
        if figure.value is not None and (best is None or figure.value > best[0]):
            best = (figure.value, name, figure)
    crossed = evaluation.cross_validated
    return MainFigure(
        subject,
        getattr(evaluation, key).figure(),
        best[1] if best else None,
        best[2] if best else None,
        getattr(crossed, key).figure() if crossed else None,
    )


def baseline_measure(name: str, task: str) -> str | None:
    """Which of the seven figures a baseline is: as its name says; else accuracy for pairs, None for labels."""
    lowered = name.lower()
    for key in ("auprc", "auroc", "accuracy", "f1"):
        if key in lowered:
            return key
    return None if task == "moderation" else "accuracy"


def glance_cards(subjects: tuple[Subject, ...]) -> tuple[Card, ...]:
    """A forest plot for each main figure: accuracy of preference and cost models, AUPRC of moderation models."""
    cards = []
    for key, whose in (("accuracy", "Preference and cost models"), ("auprc", "Moderation models")):
        figures = [main_figure(subject) for subject in subjects if subject.evaluation.main_key == key]
        if figures:
            cards.append(_forest_card(key, whose, figures))
    return tuple(cards)


def _forest_card(key: str, whose: str, figures: list[MainFigure]) -> Card:
    synthetic = any(each.subject.evaluation.synthetic for each in figures)
    reading = _reading(key, figures)
    heading = f"{whose}: {_in_sentence(key)}"
    caption = Caption(f"glance-{key}", f"{heading}, with intervals, baselines and cross-validation", reading, synthetic)
    picture = draw_dots(
        [DotRow(_marked_name(each), _marks(each)) for each in figures],
        caption,
        unit="accuracy (share of pairs)" if key == "accuracy" else "AUPRC",
        references=(0.5,) if key == "accuracy" else (),
    )
    return Card(heading, reading, synthetic, picture, tables=(_table(key, figures),))


def _in_sentence(key: str) -> str:
    name = FIGURE_NAMES[key]
    return name if name.isupper() else name[0].lower() + name[1:]


def _marked_name(each: MainFigure) -> str:
    return f"{each.subject.name} (synthetic)" if each.subject.evaluation.synthetic else each.subject.name


def _marks(each: MainFigure) -> tuple[tuple[Series, Figure], ...]:
    marks = [(MODEL, each.figure)]
    if each.cross_validated is not None:
        marks.append((CROSS_VALIDATED, each.cross_validated))
    if each.baseline is not None:
        marks.append((BASELINE, each.baseline))
    return tuple(marks)


def _reading(key: str, figures: list[MainFigure]) -> str:
    name = _in_sentence(key)
    if len(figures) == 1:
        return f"{figures[0].subject.name}: {name} {figure_cell(figures[0].figure)}{_against(figures[0])}."
    groups: dict[str, list[str]] = {}
    for each in figures:
        verdict = None if each.baseline is None else comparison(each.figure, each.baseline)
        groups.setdefault(verdict or "without", []).append(each.subject.name)
    told = {
        "above": "wholly above the best baseline's interval",
        "overlapping": "overlapping it",
        "below": "wholly below it",
        "without": "without a comparison",
    }
    parts = [f"{told[verdict]}: {listed(groups[verdict])}" for verdict in told if verdict in groups]
    return f"Intervals of {name} of {len(figures)} evaluations – {'; '.join(parts)}."


def _against(each: MainFigure) -> str:
    if each.baseline is None or each.baseline_name is None:
        return ", with no baseline to compare it with"
    verdict = comparison(each.figure, each.baseline)
    told = {
        "above": "wholly above",
        "overlapping": "overlapping",
        "below": "wholly below",
    }
    against = f"the best baseline, {each.baseline_name}, at {figure_cell(each.baseline)}"
    return f"; {told[verdict]} {against}" if verdict else f"; {against}"


def _table(key: str, figures: list[MainFigure]) -> Table:
    rows = []
    for each in figures:
        evaluation, name = each.subject.evaluation, _marked_name(each)
        rows.append((name, "model", figure_cell(each.figure)))
        crossed = each.cross_validated
        rows.append((name, "cross-validated on train", "not given" if crossed is None else figure_cell(crossed)))
        rows += [(name, f"baseline: {told}", figure_cell(one.figure())) for told, one in evaluation.baselines.items()]
        rows.append((name, "rows evaluated", _rows_cell(each)))
    return Table(
        f"{FIGURE_NAMES[key]} of each evaluation",
        columns("Evaluation", "What", FIGURE_NAMES[key]),
        tuple(rows),
        frozenset(at for at, row in enumerate(rows) if row[1] == "model"),
    )


def _rows_cell(each: MainFigure) -> str:
    rows = each.subject.evaluation.rows
    text = count(rows.evaluated)
    if rows.labels_evaluated is not None:
        text += f" pairs, {count(rows.labels_evaluated)} labels"
    aside = "; ".join(f"{count(number)} set aside, {code}" for code, number in rows.set_aside.items())
    return f"{text}; {aside}" if aside else text
