"""Where people disagreed, how much they thought lay between two sides, and how sure a model is of what it says."""

from __future__ import annotations

from collections.abc import Iterator

from plumbline.measure import Figure
from plumbline.report.inputs import JudgeAgreement, JudgeShare, Telling, Uncertainty
from plumbline.report.layout import Card, Section, Subject, Table, columns, section_of
from plumbline.report.pictures.curves import draw_judge_shares, share_words
from plumbline.report.pictures.rows import MODEL, DotRow, draw_dots
from plumbline.report.wording import comparison, count, figure_cell, number, plural

_LEAST_ITEMS = 10
"""With fewer items judged twice there is nothing to see; ``evaluation.json`` has them all the same."""
_BY = {
    "by_spread": "how far the ensemble's heads lie apart",
    "by_nearness": "nearness of the model's own probability to one half",
}


def where_people_disagreed(subjects: tuple[Subject, ...]) -> Section | None:
    """How the model ranks the two sides where judges agreed and where they did not; None where none judged twice."""
    return section_of(
        "judges",
        "Where people disagreed",
        "Pairs that several people judged. Where they agree the better side is plain, and a good model finds it; where "
        "they do not, accuracy against the majority cannot be high, and a good model should be less sure.",
        (card for subject in subjects for card in _judge_cards(subject)),
    )


def _judge_cards(subject: Subject) -> Iterator[Card]:
    judges = subject.evaluation.judges
    if judges is not None and judges.items >= _LEAST_ITEMS:
        yield _agreement_card(subject, judges)
        if judges.by_share:
            yield _shares_card(subject, judges.by_share)
    if len(subject.evaluation.by_strength) > 1:
        yield _strength_card(subject)


def _agreement_card(subject: Subject, judges: JudgeAgreement) -> Card:
    agreed, split = judges.accuracy_unanimous.figure(), judges.accuracy_split.figure()
    reading = (
        f"{count(judges.items)} pairs with {count(judges.judgements)} judgements that prefer a side; unanimous in "
        f"{figure_cell(judges.unanimous.figure())}. The model sides with the majority in {figure_cell(agreed)} where they "
        f"are unanimous, in {figure_cell(split)} where they are split{_apart(agreed, split)}."
    )
    told = {
        "Share of pairs whose judges are unanimous": judges.unanimous,
        "Accuracy where they are unanimous": judges.accuracy_unanimous,
        "Accuracy against the majority where they are split": judges.accuracy_split,
        "Split: share of the judges in the majority": judges.majority_share,
        "Split: the model's mean probability of the majority's side": judges.majority_probability,
    }
    table = Table(
        f"Where people disagreed, {subject.name}",
        columns("What", "Figure"),
        tuple((name, figure_cell(figure.figure())) for name, figure in told.items()),
    )
    rows = [
        DotRow("judges unanimous", ((MODEL, agreed),)),
        DotRow("judges split, against the majority", ((MODEL, split),)),
    ]
    caption = subject.caption("judges", "Accuracy where people agreed and where they did not", reading)
    evenly = f"{plural(judges.evenly_split, 'pair')} split evenly, without a majority, are not in the accuracy."
    note = f"Judgements of a tie are left out. {evenly if judges.evenly_split else ''}".rstrip()
    picture = draw_dots(rows, caption, unit="accuracy", references=(0.5,))
    return subject.card(reading, picture, tables=(table,), note=note)


def _apart(agreed: Figure, split: Figure) -> str:
    verdict = comparison(agreed, split)
    return (
        ""
        if verdict is None
        else "; the intervals overlap"
        if verdict == "overlapping"
        else "; the intervals lie apart"
    )


def _shares_card(subject: Subject, shares: list[JudgeShare]) -> Card:
    first, last = shares[0], shares[-1]
    reading = (
        f"Of the side shown first the model's mean probability is {figure_cell(first.model_first.figure())} where "
        f"{share_words(first)} of the judges were for it, and {figure_cell(last.model_first.figure())} where {share_words(last)} were."
    )
    table = Table(
        f"The model's probability by share of the judges, {subject.name}",
        columns("Judges for the first side", "Model's mean probability of it"),
        tuple((share_words(each), figure_cell(each.model_first.figure())) for each in shares),
    )
    caption = subject.caption("shares", "The model's probability by share of the judges", reading)
    note = (
        "Which side is shown first is drawn from the pair's id. A few judges who agree do not mean that all would: even a "
        "perfect model lies nearer to one half than they do."
    )
    picture = draw_judge_shares(shares, caption)
    return subject.card(reading, picture, heading=f"{subject.name}: by share of the judges", tables=(table,), note=note)


def _strength_card(subject: Subject) -> Card:
    figures = {strength: figure.figure() for strength, figure in subject.evaluation.by_strength.items()}
    (weakest, low), (strongest, high) = next(iter(figures.items())), list(figures.items())[-1]
    reading = (
        f"Accuracy is {figure_cell(low)} at strength {weakest}, the least, and {figure_cell(high)} at strength "
        f"{strongest}, the most that the judges gave."
    )
    rows = [DotRow(f"strength {strength}", ((MODEL, figure),)) for strength, figure in figures.items()]
    table = Table(
        f"Accuracy by strength of the judgement, {subject.name}",
        columns("Strength#", "Accuracy"),
        tuple((strength, figure_cell(figure)) for strength, figure in figures.items()),
    )
    caption = subject.caption("strength", "Accuracy by strength of the judgement", reading)
    picture = draw_dots(rows, caption, unit="accuracy", references=(0.5,))
    return subject.card(reading, picture, heading=f"{subject.name}: by strength of the judgement", tables=(table,))


def uncertainty(subjects: tuple[Subject, ...]) -> Section | None:
    """Whether the spread of an ensemble tells where the model errs; None where no model has one."""
    return section_of(
        "uncertainty",
        "Uncertainty",
        "Whether the model knows when it may be wrong. Several heads were fitted beside its own, each on another draw of "
        "the prompts; where they lie far apart it should err more often. So should it where its own probability is near "
        "one half, which needs no ensemble: the spread is worth having only where it tells more.",
        (
            _uncertainty_card(each, each.evaluation.uncertainty)
            for each in subjects
            if each.evaluation.uncertainty is not None
        ),
    )


def _uncertainty_card(subject: Subject, found: Uncertainty) -> Card:
    ways: dict[str, Telling] = {"by_spread": found.by_spread, "by_nearness": found.by_nearness}
    spread, nearness = (ways[key].error_auroc.figure() for key in _BY)
    table = Table(
        f"Does doubt tell errors, {subject.name}",
        columns("Surest by", "Errors ranked above right answers (AUROC)", "Accuracy, surest 50 %", "80 %", "90 %"),
        tuple((_BY[key], *(figure_cell(figure.figure()) for figure in ways[key].in_order)) for key in _BY),
        notes=(f"Accuracy on all rows at probability one half: {figure_cell(found.accuracy.figure())}.",),
    )
    return subject.card(_uncertainty_reading(spread, nearness), open_tables=(table,))


def _uncertainty_reading(spread: Figure, nearness: Figure) -> str:
    """One sentence that claims no more than the intervals do."""
    if spread.value is None or nearness.value is None:
        return f"Whether doubt tells errors is undefined: {spread.why_undefined or nearness.why_undefined}."
    verdict = comparison(spread, nearness)
    told = {
        "above": "the spread tells errors better than the model's own probability does",
        "below": "the spread tells errors less well than the model's own probability does: use the probability",
    }.get(verdict or "", "the spread is not shown to tell errors better than the model's own probability does")
    chance = spread.low is None or spread.low <= 0.5
    return (
        f"By AUROC (0.5 says nothing) {number(spread.value)} for the spread against {number(nearness.value)} for nearness "
        f"to one half, {told}{', nor better than chance' if chance and verdict != 'above' else ''}."
    )
