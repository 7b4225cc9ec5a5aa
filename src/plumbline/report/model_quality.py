"""How good models are beyond one number: by subset, calibration, distribution of scores, bias for length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from plumbline.measure import Figure
from plumbline.report.glance import best_baseline
from plumbline.report.inputs import (
    FIGURE_NAMES,
    Evaluation,
    Found,
    LengthBias,
    LengthBin,
    ModelDescription,
    ReliabilityPoint,
    ScoreHistogram,
    SevenFigures,
    SomeFigures,
)
from plumbline.report.layout import Card, Section, Subject, Table, columns, left_out_note, section_of
from plumbline.report.pictures.curves import draw_histogram, draw_length_bins, draw_reliability
from plumbline.report.pictures.rows import JUDGES, MODEL, DotRow, draw_dots
from plumbline.report.wording import BEST, capitalised, comparison, count, figure_cell, listed, number, plural

_DRAWN = 20
_APART = {
    "above": "the model does so more often, and the intervals lie apart",
    "below": "the model does so less often, and the intervals lie apart",
    "overlapping": "the intervals overlap",
}


def trained_cards(models: Sequence[Found[ModelDescription]]) -> tuple[Card, ...]:
    """What training itself measured of each model, a card each: for pages that have models and no evaluation."""
    return tuple(
        _trained_card(found, *measured) for found in models if (measured := found.content.trained_figures) is not None
    )


def _trained_card(found: Found[ModelDescription], how: str, figures: SevenFigures) -> Card:
    model, name = found.content, found.content.name or found.place
    key = "auprc" if model.task == "moderation" else "accuracy"
    main = figure_cell(getattr(figures, key).figure())
    rows = tuple((called, figure_cell(getattr(figures, each).figure())) for each, called in FIGURE_NAMES.items())
    return Card(
        f"{name}: as training measured it",
        f"No evaluation was given. {capitalised(how)}: {FIGURE_NAMES[key]} {main}.",
        model.synthetic,
        open_tables=(Table(f"Figures of training, {name}", columns("Figure", capitalised(how)), rows),),
        note="Rows that the model was not trained on tell more: plumbline evaluate MODEL SOURCE -o FOLDER.",
    )


def by_subset(subjects: tuple[Subject, ...]) -> Section | None:
    """The main figure of each subset; None where there is no evaluation."""
    return section_of(
        "subsets",
        "By subset",
        "The same figure on parts of the data: one number for all may hide a part where the model fails.",
        _subset_cards(subjects),
    )


def _subset_cards(subjects: tuple[Subject, ...]) -> Iterator[Card]:
    """A card for each evaluation of several subsets, and one for all the others: a picture would repeat the headline."""
    several = [subject for subject in subjects if len(_measured(subject)) > 1]
    yield from map(_subset_card, several)
    others = [subject for subject in subjects if subject not in several]
    if others:
        yield _whole_card(others)


def _measured(subject: Subject) -> dict[str, Figure]:
    """The main figure of each subset that gives it, undefined ones too."""
    key = subject.evaluation.main_key
    figures = {subset: _one(some, key) for subset, some in subject.evaluation.by_subset.items()}
    return {subset: figure for subset, figure in figures.items() if figure is not None}


def _whole_card(subjects: Sequence[Subject]) -> Card:
    """Evaluations of one subset or none: all their figures, on all rows."""
    marks = [subject.evaluation.synthetic for subject in subjects]
    names = listed([subject.name for subject in subjects], len(subjects))
    are = "is" if len(subjects) == 1 else "are"
    return Card(
        "Not divided into subsets",
        f"{names} {are} not divided into several subsets; here are all figures, on all rows.",
        all(marks),
        tables=tuple(_seven(subject) for subject in subjects),
        wide=True,
        partly=any(marks) and not all(marks),
        warnings=tuple(f"{subject.name} – {line}" for subject in subjects for line in subject.warnings),
    )


def _subset_card(subject: Subject) -> Card:
    evaluation = subject.evaluation
    name, measured = FIGURE_NAMES[evaluation.main_key], _measured(subject)
    reading = _subset_reading(name, measured)
    by_subset, on_all_rows = (_subset_table(subject),), (_seven(subject),)
    rows = [DotRow(subset, ((MODEL, figure),)) for subset, figure in measured.items()]
    caption = subject.caption("subset", f"{name} by subset", reading)
    picture = draw_dots(rows[:_DRAWN], caption, unit=name, references=_chance(subject))
    return subject.card(reading, picture, tables=by_subset + on_all_rows, note=left_out_note(_DRAWN, len(rows)))


def _subset_table(subject: Subject) -> Table:
    subsets = subject.evaluation.by_subset
    given = [each for each in FIGURE_NAMES if any(_one(some, each) for some in subsets.values())]
    return Table(
        f"Figures by subset, {subject.name}",
        columns("Subset", *(FIGURE_NAMES[each] for each in given)),
        tuple((subset, *(figure_cell(_one(some, each)) for each in given)) for subset, some in subsets.items()),
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
    on_train = evaluation.on_train
    return Table(
        f"All figures, {subject.name}",
        columns("Figure", "On these rows", capitalised(evaluation.measured_on_train), "Best baseline"),
        tuple(
            (
                name,
                figure_cell(getattr(evaluation, key).figure()),
                "not given" if on_train is None else figure_cell(getattr(on_train, key).figure()),
                _baseline_cell(subject, key),
            )
            for key, name in FIGURE_NAMES.items()
        ),
        notes=_ceiling_notes(evaluation),
    )


def _ceiling_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """The accuracy beside the best that any model could reach; nothing where an evaluation has no accuracy or no ceiling."""
    ceiling, accuracy = evaluation.noise_ceiling, evaluation.accuracy.figure()
    if ceiling is None or accuracy.value is None:
        return ()
    if ceiling.lower.value is None:
        return (f"{capitalised(BEST)} is {ceiling.told}.",)
    told = f"Accuracy {figure_cell(accuracy)}; {BEST} on these judgements: {ceiling.told}."
    return (told,) if ceiling.note is None else (told, f"{capitalised(ceiling.note)}.")


def _baseline_cell(subject: Subject, key: str) -> str:
    best = best_baseline(subject.evaluation, key)
    return "none" if best is None else f"{best[0]}: {figure_cell(best[1])}"


def _subset_reading(name: str, figures: dict[str, Figure]) -> str:
    defined = {subset: figure for subset, figure in figures.items() if figure.value is not None}
    if not defined:
        return f"{name} is undefined on every subset."
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
    return section_of(
        "calibration",
        "Calibration",
        "Whether a predicted probability means what it says: on the dashed line, of the rows given 70 % the judges "
        "agree on 70 %. Above the line more is observed than was predicted, below it less. Chance alone makes the "
        "expected calibration error (ECE) of few rows large, so its interval reaches further down than up, often to 0.",
        (_calibration_card(each) for each in subjects if each.evaluation.reliability),
    )


def _calibration_card(subject: Subject) -> Card:
    points = subject.evaluation.reliability
    ece = subject.evaluation.ece.figure()
    reading = f"Expected calibration error {figure_cell(ece)}; {_bins_apart(points, ece)}."
    table = Table(
        f"Bins of the reliability diagram, {subject.name}",
        columns("Mean predicted#", "Observed#", "Low#", "High#", "n#"),
        tuple(
            (number(each.mean_predicted), number(each.observed), number(each.low), number(each.high), count(each.n))
            for each in points
        ),
    )
    picture = draw_reliability(points, subject.caption("reliability", "Reliability diagram", reading))
    return subject.card(reading, picture, tables=(table,))


def _bins_apart(points: list[ReliabilityPoint], ece: Figure) -> str:
    """What single bins show, in words that go with what the error over all of them shows."""
    missing = [each for each in points if not each.low <= each.mean_predicted <= each.high]
    told = (
        f"in {len(missing)} of {plural(len(points), 'bin')} the interval of what was observed misses what was predicted"
        if missing
        else f"the interval of each bin ({len(points)} in all) holds what was predicted"
    )
    if ece.low is None:
        return f"the rows are too few to tell, though {told}" if missing else "the rows are too few to tell"
    if missing:
        return told if ece.low else f"{told}, but over all bins no miscalibration is shown"
    return f"no bin shows it alone ({told}), all together do" if ece.low else told


def score_distributions(subjects: tuple[Subject, ...]) -> Section | None:
    """Histograms of scores by class; None where no evaluation has one."""
    return section_of(
        "scores",
        "Score distributions",
        "How far apart the model's scores put the two classes: the less they overlap, the better it tells them apart.",
        (card for subject in subjects for card in _score_cards(subject)),
    )


def _score_cards(subject: Subject) -> list[Card]:
    evaluation = subject.evaluation
    histogram = evaluation.score_histogram
    if histogram is None or not histogram.series or len(histogram.edges) < 2:
        return []
    sizes = [f"{count(sum(counts))} {name}" for name, counts in histogram.series.items()]
    bins = len(histogram.edges) - 1
    digits = _digits(histogram)
    low, high = number(histogram.edges[0], digits), number(histogram.edges[-1], digits)
    middles = listed([_middle(histogram, name) for name in histogram.series], len(histogram.series))
    reading = f"Scores of {listed(sizes)} in {plural(bins, 'bin')} from {low} to {high}. The middle score of {middles}."
    rows = tuple(
        (
            number(histogram.edges[at], max(3, digits)),
            number(histogram.edges[at + 1], max(3, digits)),
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
    picture = draw_histogram(histogram, subject.caption("scores", "Distribution of scores", reading), unit=unit)
    return [subject.card(reading, picture, tables=(table,))]


def _middle(histogram: ScoreHistogram, name: str) -> str:
    """In which bin the middle one of a class's scores lies: ``preferred lies from 0.76 to 0.98``."""
    running = list(accumulate(histogram.series[name]))
    if not running[-1]:
        return f"{name} is undefined: no rows"
    at = next(position for position, below in enumerate(running) if 2 * below >= running[-1])
    low, high = (number(edge, _digits(histogram)) for edge in histogram.edges[at : at + 2])
    return f"{name} lies from {low} to {high}"


def _digits(histogram: ScoreHistogram) -> int:
    """Decimals, two at least, that tell the ends of a bin apart."""
    width = histogram.edges[1] - histogram.edges[0]
    return max(2, 1 - math.floor(math.log10(width))) if width > 0 else 2


def length_bias(subjects: tuple[Subject, ...]) -> Section | None:
    """Whether the model likes long replies more than the judges do; None where no evaluation looked at it."""
    return section_of(
        "length",
        "Length",
        "Whether the model prefers the longer side more often than the judges do: a reward that grows with length is "
        "a reward that a policy learns to talk for.",
        (card for subject in subjects for card in _length_cards(subject)),
    )


def _length_cards(subject: Subject) -> list[Card]:
    length = subject.evaluation.length
    if length is None:
        return []
    cards = [_longer_card(subject, length)]
    if length.by_length_difference:
        cards.append(_length_bins_card(subject, length.by_length_difference))
    return cards


def _longer_card(subject: Subject, length: LengthBias) -> Card:
    judges, model = length.judges_prefer_longer.figure(), length.model_prefers_longer.figure()
    verdict = comparison(model, judges)
    told = f"; {_APART[verdict]}" if verdict else ""
    reading = f"The model prefers the longer side in {figure_cell(model)}, the judges in {figure_cell(judges)}{told}."
    picture = draw_dots(
        [DotRow("model", ((MODEL, model),)), DotRow("judges", ((JUDGES, judges),))],
        subject.caption("longer", "Share preferring the longer side", reading),
        unit="share preferring the longer side",
        references=(0.5,),
    )
    table = Table(
        f"Preference for the longer side, {subject.name}",
        columns("Who", "Share"),
        (("model", figure_cell(model)), ("judges", figure_cell(judges))),
    )
    return subject.card(reading, picture, tables=(table,))


def _length_bins_card(subject: Subject, bins: list[LengthBin]) -> Card:
    compared = [comparison(each.model_first.figure(), each.judges_first.figure()) for each in bins]
    apart = sum(each in ("above", "below") for each in compared)
    reading = f"In {apart} of {plural(len(bins), 'bin')} of length the intervals of model and judges lie apart."
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
    picture = draw_length_bins(bins, subject.caption("length", "Share preferring the first side by length", reading))
    return subject.card(reading, picture, heading=f"{subject.name}: by difference in length", tables=(table,))
