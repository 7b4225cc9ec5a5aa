"""How good models are beyond one number: by subset, calibration, distribution of scores, bias for length."""

from __future__ import annotations

from plumbline.measure import Figure
from plumbline.report.inputs import FIGURE_NAMES, LengthBin, ReliabilityPoint, SomeFigures
from plumbline.report.layout import Card, Section, Subject, Table, columns
from plumbline.report.pictures_curves import draw_histogram, draw_length_bins, draw_reliability
from plumbline.report.pictures_rows import JUDGES, MODEL, Caption, DotRow, draw_dots
from plumbline.report.wording import comparison, count, figure_cell, listed, number, plural

_DRAWN = 20


def by_subset(subjects: tuple[Subject, ...]) -> Section:
    """The main figure of each subset."""
    return Section(
        "subsets",
        "By subset",
        "The same figure on parts of the data: one number for all may hide a part where the model fails.",
        tuple(_subset_card(subject) for subject in subjects),
    )


def _subset_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    key = evaluation.main_key
    name = FIGURE_NAMES[key]
    figures = {subset: _one(some, key) for subset, some in evaluation.by_subset.items()}
    measured = {subset: figure for subset, figure in figures.items() if figure is not None}
    reading = _subset_reading(name, measured)
    picture = None
    if measured:
        caption = Caption(f"{subject.key}-subset", f"{name} by subset, {subject.name}", reading, evaluation.synthetic)
        rows = [DotRow(subset, ((MODEL, figure),)) for subset, figure in measured.items()]
        picture = draw_dots(rows[:_DRAWN], caption, unit=name, references=_chance(subject))
    given = [each for each in FIGURE_NAMES if any(_one(some, each) for some in evaluation.by_subset.values())]
    table = Table(
        f"Figures by subset, {subject.name}",
        columns("Subset", *(FIGURE_NAMES[each] for each in given)),
        tuple(
            (subset, *(figure_cell(_one(some, each)) for each in given))
            for subset, some in evaluation.by_subset.items()
        ),
    )
    tables = (table, _seven(subject)) if measured else ((table,) if evaluation.by_subset else ())
    note = f"The first {_DRAWN} of {len(measured)} are drawn; the table has all." if len(measured) > _DRAWN else None
    return Card(
        subject.name,
        reading,
        evaluation.synthetic,
        picture,
        tables=tables,
        open_tables=() if measured else (_seven(subject),),
        note=note,
        warnings=subject.warnings,
    )


def _chance(subject: Subject) -> tuple[float, ...]:
    """Where guessing lands, for the accuracy of pairs; for labels it depends on how many are unsafe."""
    evaluation = subject.evaluation
    return (0.5,) if evaluation.main_key == "accuracy" and not evaluation.labels_only else ()


def _one(some: SomeFigures, key: str) -> Figure | None:
    figure = getattr(some, key)
    return None if figure is None else figure.figure()


def _seven(subject: Subject) -> Table:
    evaluation = subject.evaluation
    crossed = evaluation.cross_validated
    return Table(
        f"All figures, {subject.name}",
        columns("Figure", "On these rows", "Cross-validated on train"),
        tuple(
            (
                name,
                figure_cell(getattr(evaluation, key).figure()),
                "not given" if crossed is None else figure_cell(getattr(crossed, key).figure()),
            )
            for key, name in FIGURE_NAMES.items()
        ),
    )


def _subset_reading(name: str, figures: dict[str, Figure]) -> str:
    defined = {subset: figure for subset, figure in figures.items() if figure.value is not None}
    if not defined:
        return (
            f"{name} is not given by subset; here are the figures on all rows."
            if not figures
            else f"{name} is undefined on every subset."
        )
    lowest = min(defined, key=lambda subset: (defined[subset].value or 0.0, subset))
    if len(defined) == 1:
        return f"{name} on the only subset, {lowest}, is {figure_cell(defined[lowest])}."
    highest = max(defined, key=lambda subset: (defined[subset].value or 0.0, subset))
    apart = comparison(defined[highest], defined[lowest]) == "above"
    return (
        f"{name} is lowest on {lowest}, {figure_cell(defined[lowest])}, and highest on {highest}, "
        f"{figure_cell(defined[highest])}; their intervals {'lie apart' if apart else 'overlap or are missing'}."
    )


def calibration(subjects: tuple[Subject, ...]) -> Section | None:
    """Reliability diagrams; None where no evaluation has bins."""
    shown = [each for each in subjects if each.evaluation.reliability]
    if not shown:
        return None
    return Section(
        "calibration",
        "Calibration",
        "Whether a predicted probability means what it says: on the dashed line, of the rows given 70 % the judges "
        "agree on 70 %. Above the line more is observed than was predicted, below it less.",
        tuple(_calibration_card(subject) for subject in shown),
    )


def _calibration_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    points = evaluation.reliability
    ece = figure_cell(evaluation.ece.figure())
    reading = f"Expected calibration error {ece}; {_bins_apart(points)}."
    caption = Caption(
        f"{subject.key}-reliability", f"Reliability diagram, {subject.name}", reading, evaluation.synthetic
    )
    table = Table(
        f"Bins of the reliability diagram, {subject.name}",
        columns("Mean predicted#", "Observed#", "Low#", "High#", "n#"),
        tuple(
            (number(each.mean_predicted), number(each.observed), number(each.low), number(each.high), count(each.n))
            for each in points
        ),
    )
    picture = draw_reliability(points, caption)
    return Card(subject.name, reading, evaluation.synthetic, picture, tables=(table,), warnings=subject.warnings)


def _bins_apart(points: list[ReliabilityPoint]) -> str:
    missing = [each for each in points if not each.low <= each.mean_predicted <= each.high]
    if not missing:
        return f"the interval of each bin ({len(points)} in all) holds what was predicted"
    return (
        f"in {len(missing)} of {plural(len(points), 'bin')} the interval of what was observed misses what was predicted"
    )


def score_distributions(subjects: tuple[Subject, ...]) -> Section | None:
    """Histograms of scores by class; None where no evaluation has one."""
    cards = tuple(card for subject in subjects for card in _score_cards(subject))
    if not cards:
        return None
    return Section(
        "scores",
        "Score distributions",
        "How far apart the model's scores put the two classes: the less they overlap, the better it tells them apart.",
        cards,
    )


def _score_cards(subject: Subject) -> list[Card]:
    evaluation = subject.evaluation
    histogram = evaluation.score_histogram
    if histogram is None or not histogram.series or len(histogram.edges) < 2:
        return []
    sizes = [f"{count(sum(counts))} {name}" for name, counts in histogram.series.items()]
    bins = len(histogram.edges) - 1
    low, high = number(histogram.edges[0], 2), number(histogram.edges[-1], 2)
    reading = f"Scores of {listed(sizes)} in {plural(bins, 'bin')} from {low} to {high}."
    caption = Caption(f"{subject.key}-scores", f"Distribution of scores, {subject.name}", reading, evaluation.synthetic)
    rows = tuple(
        (
            number(histogram.edges[at]),
            number(histogram.edges[at + 1]),
            *(count(each[at]) for each in histogram.series.values()),
        )
        for at in range(bins)
    )
    table = Table(
        f"Rows by score, {subject.name}",
        columns("From#", "To#", *(f"{name}#" for name in histogram.series)),
        rows,
    )
    unit = "probability" if evaluation.task == "moderation" else "score"
    picture = draw_histogram(histogram, caption, unit=unit)
    return [Card(subject.name, reading, evaluation.synthetic, picture, tables=(table,), warnings=subject.warnings)]


def length_bias(subjects: tuple[Subject, ...]) -> Section | None:
    """Whether the model likes long replies more than the judges do; None where no evaluation looked at it."""
    cards = tuple(card for subject in subjects for card in _length_cards(subject))
    if not cards:
        return None
    return Section(
        "length",
        "Length",
        "Whether the model prefers the longer side more often than the judges do: a reward that grows with length is "
        "a reward that a policy learns to talk for.",
        cards,
    )


def _length_cards(subject: Subject) -> list[Card]:
    evaluation = subject.evaluation
    length = evaluation.length
    if length is None:
        return []
    judges, model = length.judges_prefer_longer.figure(), length.model_prefers_longer.figure()
    reading = f"The model prefers the longer side in {figure_cell(model)}, the judges in {figure_cell(judges)}"
    verdict = comparison(model, judges)
    told = {
        "above": "; the model does so more often, and the intervals lie apart",
        "below": "; the model does so less often, and the intervals lie apart",
        "overlapping": "; the intervals overlap",
    }
    reading += f"{told[verdict] if verdict else ''}."
    caption = Caption(
        f"{subject.key}-longer", f"Share preferring the longer side, {subject.name}", reading, evaluation.synthetic
    )
    picture = draw_dots(
        [DotRow("model", ((MODEL, model),)), DotRow("judges", ((JUDGES, judges),))],
        caption,
        unit="share preferring the longer side",
        references=(0.5,),
    )
    table = Table(
        f"Preference for the longer side, {subject.name}",
        columns("Who", "Share"),
        (("model", figure_cell(model)), ("judges", figure_cell(judges))),
    )
    card = Card(subject.name, reading, evaluation.synthetic, picture, tables=(table,), warnings=subject.warnings)
    return [card, _length_bins_card(subject, length.by_length_difference)] if length.by_length_difference else [card]


def _length_bins_card(subject: Subject, bins: list[LengthBin]) -> Card:
    evaluation = subject.evaluation
    heading = f"{subject.name}: by difference in length"
    apart = sum(
        comparison(each.model_first.figure(), each.judges_first.figure()) in ("above", "below") for each in bins
    )
    reading = f"In {apart} of {plural(len(bins), 'bin')} of length the intervals of model and judges lie apart."
    caption = Caption(
        f"{subject.key}-length",
        f"Share preferring the first side by length, {subject.name}",
        reading,
        evaluation.synthetic,
    )
    table = Table(
        f"Share preferring the first side, by how much longer it is, {subject.name}",
        columns("From characters#", "To characters#", "Model", "Judges"),
        tuple(
            (
                str(each.low),
                str(each.high),
                figure_cell(each.model_first.figure()),
                figure_cell(each.judges_first.figure()),
            )
            for each in bins
        ),
    )
    picture = draw_length_bins(bins, caption)
    return Card(heading, reading, evaluation.synthetic, picture, tables=(table,), warnings=subject.warnings)
