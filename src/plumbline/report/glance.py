"""The first screen: how good the data are, how good the models are."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline.measure import Figure
from plumbline.report.inputs import FIGURE_NAMES, Check, Evaluation, ReportInputs
from plumbline.report.layout import Card, State, Subject, Table, Tile, columns
from plumbline.report.pictures.drawing import Caption
from plumbline.report.pictures.rows import BASELINE, CROSS_VALIDATED, HELD_OUT, MODEL, DotRow, Series, draw_dots
from plumbline.report.wording import (
    BEST,
    capitalised,
    count,
    figure_cell,
    marked,
    per_thousand,
    plural,
    rate_cell,
    verdict,
)

_FEW = 10
_OF_LABELS = "of labels"
_GROUPS = ("clearly above", "not clearly above", "below", "without a comparison")


@dataclass(frozen=True)
class MainFigure:
    """The figure that answers how good a model is, beside what it must beat.

    Attributes:
        subject: the evaluation.
        figure: accuracy or AUPRC, as its task has it.
        baseline_name, baseline: the highest baseline of the same measure; None where none is defined.
        on_train: the same figure on training rows that what scored them had not seen; None where it was not measured.
    """

    subject: Subject
    figure: Figure
    baseline_name: str | None
    baseline: Figure | None
    on_train: Figure | None


def tiles_of(inputs: ReportInputs) -> tuple[Tile, ...]:
    """One tile for each check."""
    return tuple(_tile(found.content) for found in inputs.checks)


def _tile(check: Check) -> Tile:
    findings = sum(finding.count for finding in check.findings)
    return Tile(
        name=check.name,
        rows=count(check.rows_read),
        rows_noun="row read" if check.rows_read == 1 else "rows read",
        states=(
            _state(findings, check.rows_read, "finding", "findings"),
            _state(check.rows_quarantined, check.rows_read, "row quarantined", "rows quarantined"),
        ),
        synthetic=check.synthetic,
    )


def _state(found: int, rows: int, one: str, several: str) -> State:
    if not found:
        return State("none", f"No {several}")
    rate = per_thousand(found, rows)
    told = f"{count(found)} {one if found == 1 else several}"
    if rate is None:
        return State("many", f"Many: {told}, of no rows read")
    grade = "few" if rate < _FEW else "many"
    return State(grade, f"{grade.capitalize()}: {told}, {rate_cell(rate)} per 1,000 rows read")


def main_figure(subject: Subject) -> MainFigure:
    """The main figure of an evaluation with the best baseline of the same measure."""
    evaluation = subject.evaluation
    key = evaluation.main_key
    best = best_baseline(evaluation, key)
    on_train = evaluation.on_train
    return MainFigure(
        subject,
        getattr(evaluation, key).figure(),
        best[0] if best else None,
        best[1] if best else None,
        getattr(on_train, key).figure() if on_train else None,
    )


def best_baseline(evaluation: Evaluation, key: str) -> tuple[str, Figure] | None:
    """Name and figure of the highest defined baseline of this measure; None where there is none."""
    best: tuple[float, str, Figure] | None = None
    for name, found in evaluation.baselines.items():
        figure = found.figure()
        if baseline_measure(name, evaluation.task) != key or figure.value is None:
            continue
        if _OF_LABELS in name.lower() and key == "accuracy" and evaluation.length is not None:
            continue  # a cost model's accuracy is that of its pairs where it met some
        if best is None or figure.value > best[0]:
            best = (figure.value, name, figure)
    return (best[1], best[2]) if best else None


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
    marks = [each.subject.evaluation.synthetic for each in figures]
    labels_only = any(each.subject.evaluation.labels_only for each in figures)
    reading = _reading(key, figures)
    heading = f"{whose}: {_in_sentence(key)}"
    caption = Caption(
        f"glance-{key}", f"{heading}, with intervals, baselines and figures on train", reading, all(marks)
    )
    picture = draw_dots(
        [DotRow(_name_in_picture(each, wholly=all(marks)), _marks(each)) for each in figures],
        caption,
        unit=_unit(key, labels_only),
        references=(0.5,) if key == "accuracy" and not labels_only else (),
    )
    return Card(
        heading,
        reading,
        all(marks),
        picture,
        tables=(_table(key, figures),),
        partly=any(marks) and not all(marks),
        warnings=tuple(
            f"{each.subject.name} – {line}"
            for each in figures
            for line in (*each.subject.warnings, *no_better_than_trivial(each.subject.evaluation))
        ),
    )


def no_better_than_trivial(evaluation: Evaluation) -> tuple[str, ...]:
    """A line for each figure beside the main one that a rule without a model reaches too."""
    lines = []
    for key in ("accuracy", "f1"):
        figure, best = getattr(evaluation, key).figure(), best_baseline(evaluation, key)
        if key != evaluation.main_key and best is not None and verdict(figure, best[1]) == "below":
            lines.append(
                f"{FIGURE_NAMES[key]} at its threshold, {figure_cell(figure)}, is no better than “{best[0]}” at "
                f"{figure_cell(best[1])}: look at the thresholds before you use it."
            )
    return tuple(lines)


def _unit(key: str, labels_only: bool) -> str:
    if key != "accuracy":
        return "AUPRC"
    return "accuracy" if labels_only else "accuracy (share of pairs)"


def _in_sentence(key: str) -> str:
    name = FIGURE_NAMES[key]
    return name if name.isupper() else name[0].lower() + name[1:]


def _marked_name(each: MainFigure) -> str:
    return marked(each.subject.name, each.subject.evaluation.synthetic)


def _name_in_picture(each: MainFigure, *, wholly: bool) -> str:
    """The name, marked where it needs to be: a wholly synthetic picture says so once, and room for names is short."""
    name = each.subject.name if wholly else _marked_name(each)
    return f"⚠ {name}" if each.subject.warnings else name


def _marks(each: MainFigure) -> tuple[tuple[Series, Figure], ...]:
    marks = [(MODEL, each.figure)]
    if each.on_train is not None:
        crossed = each.subject.evaluation.cross_validated is not None
        marks.append((CROSS_VALIDATED if crossed else HELD_OUT, each.on_train))
    if each.baseline is not None:
        marks.append((BASELINE, each.baseline))
    return tuple(marks)


def _reading(key: str, figures: list[MainFigure]) -> str:
    name = _in_sentence(key)
    if len(figures) == 1:
        alone = figures[0]
        alone_told = (
            f"{alone.subject.name}: {name} {figure_cell(alone.figure)}{_against(alone)}.{_at_its_threshold(alone)}"
        )
        return alone_told + _ceiling(key, alone)
    groups: dict[str, list[str]] = {}
    for each in figures:
        told = _verdict(each)
        group = "without a comparison" if told is None else told
        groups.setdefault(group, []).append(f"{each.subject.name}{_baseline_aside(each, told)}")
    parts = [f"{group.capitalize()}: {'; '.join(groups[group])}." for group in _GROUPS if group in groups]
    told = "".join(f"{_at_its_threshold(each, named=True)}" for each in figures)
    heading = f"{name[0].upper()}{name[1:]} of {len(figures)} evaluations, each against its best baseline."
    return f"{heading} {' '.join(parts)}{told}"


def _ceiling(key: str, each: MainFigure) -> str:
    """A sentence on what a perfect model could reach; empty where that is not known."""
    ceiling = each.subject.evaluation.noise_ceiling
    if key != "accuracy" or ceiling is None or ceiling.lower.value is None:
        return ""
    return f" {capitalised(BEST)} on these judgements: {ceiling.told}."


def _at_its_threshold(each: MainFigure, *, named: bool = False) -> str:
    """How the figures beside the main one stand to their baselines; empty where there is nothing to compare."""
    evaluation, parts = each.subject.evaluation, []
    for key in ("accuracy", "f1"):
        figure, best = getattr(evaluation, key).figure(), best_baseline(evaluation, key)
        told = verdict(figure, best[1]) if best and key != evaluation.main_key else None
        if best is not None and told is not None:
            stands = "no better than" if told == "below" else told
            parts.append(f"{_in_sentence(key)} {figure_cell(figure)}, {stands} “{best[0]}” at {figure_cell(best[1])}")
    if not parts:
        return ""
    return f" At its threshold{f', {each.subject.name}' if named else ''}: {'; '.join(parts)}."


def _verdict(each: MainFigure) -> str | None:
    return None if each.baseline is None else verdict(each.figure, each.baseline)


def _baseline_aside(each: MainFigure, told: str | None) -> str:
    if each.baseline is None or told is None:
        return ""
    against = f"“{each.baseline_name}” at {figure_cell(each.baseline)}"
    return f", no better than {against}" if told == "below" else f", against {against}"


def _against(each: MainFigure) -> str:
    if each.baseline is None or each.baseline_name is None:
        return ", with no baseline to compare it with"
    told = _verdict(each)
    against = f"the best baseline, {each.baseline_name}, at {figure_cell(each.baseline)}"
    if told == "below":
        return f"; below: no better than {against}"
    return f"; {told} {against}" if told else f"; {against}"


def _table(key: str, figures: list[MainFigure]) -> Table:
    rows = []
    for each in figures:
        evaluation, name = each.subject.evaluation, _marked_name(each)
        rows.append((name, "model", figure_cell(each.figure)))
        if key == "accuracy" and evaluation.noise_ceiling is not None and each.figure.value is not None:
            rows.append((name, BEST, evaluation.noise_ceiling.told))
        on_train = "not given" if each.on_train is None else figure_cell(each.on_train)
        rows.append((name, evaluation.measured_on_train, on_train))
        rows += [
            (
                name,
                f"{'best baseline' if told == each.baseline_name else 'baseline'}: {told}",
                figure_cell(one.figure()),
            )
            for told, one in evaluation.baselines.items()
        ]
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
        text = f"{plural(rows.evaluated, 'pair')}, {plural(rows.labels_evaluated, 'label')}"
    aside = "; ".join(f"{count(number)} set aside, {code}" for code, number in rows.set_aside.items())
    truncated = each.subject.evaluation.truncated_replies
    cut = f"{count(truncated)} replies read in part, the conversation being too long" if truncated else ""
    return "; ".join(part for part in (text, aside, cut) if part)
