"""Curation, the people's part: how far they agree, what that leaves to a model, their abilities, suspected label errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from plumbline.curate.worker_names import is_name_for_notes
from plumbline.measure import Figure
from plumbline.report.contract import FigureJson
from plumbline.report.curation.notes import CeilingNotes, LabelErrorNotes, WorkerNotes
from plumbline.report.curation.subjects import Curated
from plumbline.report.curation.words import family_words, kind_words
from plumbline.report.layout import Card, Table, columns, left_out_note
from plumbline.report.pictures.curation import draw_compact_dots
from plumbline.report.pictures.drawing import FIRST, SECOND, THIRD
from plumbline.report.pictures.rows import DotRow, Series, draw_dots
from plumbline.report.wording import BEST, capitalised, count, figure_cell, listed, number, plural, short_path, shorten

_DRAWN = 20
_WORKERS_DRAWN, _WORKERS_LISTED = 30, 200
_AGREEMENT = Series("agreement", FIRST, "o")
_ESTIMATE = Series("estimate", FIRST, "o")
_LOWER = Series("lower bound", SECOND, "D", filled=False)
_UPPER = Series("upper bound", THIRD, "s", filled=False)
_ABILITIES = {
    "dawid-skene": "the share of a worker's judgements that give the label to which all judgements together point",
    "one-coin": "the share of a worker's judgements that prefer the side to which all judgements together point",
    "bradley-terry": "how surely a worker prefers the better of two replies, by scores fitted to all comparisons: 1 always "
    "as the scores say, 0.5 as a coin would; where the scores are close, so is what anybody prefers",
}


def people_cards(curated: Curated) -> Iterator[Card]:
    """Cards about judgements of items that several people judged, and about labels that may be wrong."""
    notes = curated.curation.notes
    for position, (kind, figures) in enumerate(notes.agreement.items()):
        if figures:
            yield _agreement_card(curated, kind, figures, position)
    if notes.noise_ceiling:
        yield _ceiling_card(curated, notes.noise_ceiling)
    families = dict.fromkeys((worker.family, worker.model) for worker in notes.workers)
    for position, (family, model) in enumerate(families):
        workers = [worker for worker in notes.workers if (worker.family, worker.model) == (family, model)]
        yield _workers_card(curated, family, model, workers, position)
    if notes.label_errors is not None:
        yield _suspected_card(curated, notes.label_errors)


def _doubts(curated: Curated, kinds: Sequence[str]) -> tuple[str, ...]:
    """What to doubt of figures of repeated judgements, where nobody says who judged."""
    repeated = curated.curation.notes.repeated
    if repeated is None or not repeated.note:
        return ()
    families = [each for family, each in repeated.families.items() if family.partition("/")[0] in kinds]
    unknown = sum(each.worker_unknown for each in families)
    if not unknown:
        return ()
    judgements = sum(each.judgements for each in families)
    return (f"Of {count(judgements)} judgements {count(unknown)} do not say who judged: {repeated.note}.",)


# --- agreement ---


def _agreement_card(curated: Curated, kind: str, figures: Mapping[str, FigureJson], position: int) -> Card:
    repeated = curated.curation.notes.repeated
    measure = repeated.measure if repeated else "agreement"
    told = {name: figure.figure() for name, figure in figures.items()}
    defined = sorted((name for name, figure in told.items() if figure.value is not None), key=_falling(told))
    undefined = [name for name in told if name not in defined]
    percents = repeated.percent.get(kind, {}) if repeated else {}
    table = Table(
        f"Agreement of {kind_words(kind)}, {curated.name}",
        columns("What is judged", capitalised(measure), "Pairs of judgements that are equal"),
        tuple((name, figure_cell(told[name]), _percent_cell(percents.get(name))) for name in (*defined, *undefined)),
    )
    reading = _agreement_reading(told, defined)
    picture = None
    if defined:
        caption = curated.caption(f"agreement-{position}", f"Agreement of {kind_words(kind)}", reading)
        rows = [DotRow(name, ((_AGREEMENT, told[name]),)) for name in defined[:_DRAWN]]
        picture = draw_dots(rows, caption, unit=shorten(measure, 60), references=(0.0,))
    card = curated.card(f"agreement, {kind_words(kind)}", reading, picture)
    lines = [
        f"By {measure}, of items that were judged at least twice (n): 1 is full agreement, 0 what chance would give."
    ]
    lines += [f"Undefined: {_by_reason(told, undefined)}."] if undefined else []
    lines += [each for each in (left_out_note(_DRAWN, len(defined), "highest"),) if each]
    return replace(card, tables=(table,), note=" ".join(lines), warnings=_doubts(curated, (kind,)))


def _falling(figures: Mapping[str, Figure]) -> Any:
    return lambda name: (-(figures[name].value or 0.0), name)


def _agreement_reading(told: Mapping[str, Figure], defined: Sequence[str]) -> str:
    if not defined:
        return "Agreement is undefined of all that is judged here."
    first, last = defined[0], defined[-1]
    if first == last:
        return f"Agreement on “{first}” is {figure_cell(told[first])}."
    return (
        f"People agree most on “{first}”, {figure_cell(told[first])}, and least on “{last}”, {figure_cell(told[last])}."
    )


def _percent_cell(figure: FigureJson | None) -> str:
    return figure_cell(figure.figure() if figure else None)


def _by_reason(told: Mapping[str, Figure], names: Sequence[str]) -> str:
    reasons: dict[str, list[str]] = {}
    for name in names:
        reasons.setdefault(told[name].why_undefined or "no reason given", []).append(name)
    return "; ".join(f"{listed(of, len(of))} ({why})" for why, of in reasons.items())


# --- noise ceiling ---


def _ceiling_card(curated: Curated, ceilings: Mapping[str, CeilingNotes]) -> Card:
    reading = (
        "Where people disagree no model can always be right. The most that a perfect one could reach: "
        f"{'; '.join(_ceiling_words(family, each) for family, each in ceilings.items())}."
    )
    rows = [
        DotRow(
            f"{family_words(family)}, against {_against(each)}",
            tuple((series, figure.figure()) for series, figure in _ceiling_marks(each)),
        )
        for family, each in ceilings.items()
    ]
    caption = curated.caption("ceiling", "The accuracy that a perfect model could reach", reading)
    picture = draw_dots(rows, caption, unit="accuracy that a perfect model could reach")
    note = (
        "The bounds hold whatever the items are like; the estimate lies between them and takes how hard items are to follow "
        "a beta distribution. n counts items judged at least twice; ties are set aside."
    )
    kinds = [family.partition("/")[0] for family in ceilings]
    card = curated.card(f"{BEST} (noise ceiling)", reading, picture)
    return replace(card, tables=(_ceiling_table(curated, ceilings),), note=note, warnings=_doubts(curated, kinds))


def _ceiling_table(curated: Curated, ceilings: Mapping[str, CeilingNotes]) -> Table:
    names = (
        "Records",
        "Estimate",
        "Lower bound",
        "Upper bound",
        "Two judgements agree",
        "Judged once#",
        "Ties set aside#",
    )
    return Table(
        f"Noise ceiling, {curated.name}",
        columns(*names),
        tuple(
            (
                f"{family_words(family)}, against {_against(each)}",
                *(figure_cell(figure.figure()) for figure in (each.estimate, each.lower, each.upper, each.agreement)),
                count(each.items_judged_once),
                count(each.ties_set_aside),
            )
            for family, each in ceilings.items()
        ),
    )


def _ceiling_marks(each: CeilingNotes) -> tuple[tuple[Series, FigureJson], ...]:
    return (_ESTIMATE, each.estimate), (_LOWER, each.lower), (_UPPER, each.upper)


def _against(each: CeilingNotes) -> str:
    return "one further judgement" if each.label_votes == 1 else f"the majority of {each.label_votes}"


def _ceiling_words(family: str, each: CeilingNotes) -> str:
    """The estimate, and from where to where the ceiling lies surely."""
    estimate, low, high = each.estimate.figure(), each.lower.figure(), each.upper.figure()
    bounds = ""
    if low.low is not None and high.high is not None:
        bounds = f", in any case from {number(low.low)} to {number(high.high)}"
    return f"{family_words(family)} {figure_cell(estimate)}{bounds}"


# --- workers ---


def _workers_card(curated: Curated, family: str, model: str, workers: Sequence[WorkerNotes], position: int) -> Card:
    busiest = sorted(workers, key=lambda each: (-each.judgements, each.worker))
    drawn = sorted(busiest[:_WORKERS_DRAWN], key=lambda each: (-(each.ability.value or -1.0), each.worker))
    names = _names(workers)
    heading = f"workers, {family_words(family)}"
    defined = [each for each in drawn if each.ability.value is not None]
    reading = f"{plural(len(workers), 'worker')} judged items that others judged too. "
    if defined:
        best, worst = defined[0], defined[-1]
        reading += f"Ability from {figure_cell(worst.ability.figure())} to {figure_cell(best.ability.figure())}."
    else:
        reading += "No ability can be told."
    lines = [f"Ability: {_ABILITIES.get(model, f'by the model {model}')}. It compares within this picture only."]
    if len(workers) > len(drawn):
        lines.append(f"The {len(drawn)} who judged most are drawn, {count(len(workers) - len(drawn))} are not.")
    if unknown := {names[each.worker]: each.ability.figure() for each in drawn if each not in defined}:
        lines.append(f"Undefined: {_by_reason(unknown, list(unknown))}.")
    table = Table(
        f"Workers, {family_words(family)}, {curated.name}",
        columns("Worker", "Judgements#", "Ability"),
        tuple(
            (names[each.worker], count(each.judgements), figure_cell(each.ability.figure()))
            for each in busiest[:_WORKERS_LISTED]
        ),
        notes=(f"{count(len(busiest) - _WORKERS_LISTED)} more are not listed.",)
        if len(busiest) > _WORKERS_LISTED
        else (),
    )
    caption = curated.caption(f"workers-{position}", f"Ability of workers, {family_words(family)}", reading)
    rows = [(names[each.worker], each.ability.figure()) for each in defined]
    picture = draw_compact_dots(rows, caption, unit="ability", reference=0.5) if rows else None
    return replace(curated.card(heading, reading, picture), tables=(table,), note=" ".join(lines))


def _names(workers: Sequence[WorkerNotes]) -> dict[str, str]:
    """Pseudonyms as they are; what may be somebody's name is replaced by its place in the list."""
    return {
        each.worker: each.worker if is_name_for_notes(each.worker) else f"worker no. {place} of the notes"
        for place, each in enumerate(workers, 1)
    }


# --- label errors ---


def _suspected_card(curated: Curated, ranked: LabelErrorNotes) -> Card:
    suspected = curated.curation.suspected
    told = f"{plural(ranked.n, 'label')} ranked by how unlikely the scores of a model make them"
    if ranked.heads:
        doubted = sum(head.doubted for head in ranked.heads)
        told += f"; of {count(doubted)} it finds another label likelier"
    if suspected is None:
        return curated.card("suspected label errors", f"{capitalised(told)}; the list does not stand in this folder.")
    shown = f"the first {len(suspected)} are below" if suspected else "none is listed"
    table = Table(
        f"Suspected label errors, {curated.name}",
        columns("Rank#", "What is judged", "Source", "Line#", "Label given", "Probability of it#", "Suggested label"),
        tuple(
            (
                count(each.rank),
                f"{kind_words(each.kind)}, {each.head}",
                short_path(each.source),
                str(each.row + 1),
                each.label,
                number(each.probability),
                each.suggested,
            )
            for each in suspected
        ),
    )
    seen = [short_path(scores.path) for scores in ranked.scores if not scores.out_of_fold]
    warning = (
        f"{listed(seen)} does not say that its model had not seen these rows: one that has agrees with wrong labels."
    )
    left_out = plural(ranked.unscored, "record")
    aside = f"Not ranked, having no score: {left_out} with a label. " if ranked.unscored else ""
    note = (
        "A suspicion, for people to look at: the model may be wrong, and no label was changed. "
        f"{aside}Look at one with "
        "`plumbline data show FILE --line N`: FILE is the path of your source, then what follows the source's name here."
    )
    card = curated.card("suspected label errors", f"{capitalised(told)}; {shown}.")
    warnings = (warning,) if seen else ()
    return replace(card, open_tables=(table,) if suspected else (), note=note, wide=True, warnings=warnings)
