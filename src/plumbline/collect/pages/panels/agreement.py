"""How far people agree: each main question with its measures, over time, and the other questions together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plumbline.collect.dashboard.agreement import LEAST_ITEMS, AgreementFigures, QuestionAgreement
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.drawn import drawn_points
from plumbline.collect.pages.panels.wordings import level_words, question_words, queue_words, slug, two_digits
from plumbline.collect.pages.pictures.lines import line
from plumbline.collect.pages.pictures.points import Named, lowest
from plumbline.collect.pages.pictures.scales import axis_over
from plumbline.collect.pages.pictures.tables import FIGURE_COLUMNS, Value, figure_values, table
from plumbline.collect.pages.wording import counted
from plumbline.measure import Figure

_LEVELS = ("ordinal", "interval", "nominal")
"""Of those that a question has, the first is the one that is drawn over time."""


def agreement_sections(agreement: Sequence[QuestionAgreement]) -> list[Section]:
    """The main questions, and apart from them those that follow; why there is nothing, once, where nothing can be."""
    why = next((each.why_alone for each in agreement if each.why_alone), None)
    shared = [each for each in agreement if each.why_alone is None]
    if not shared:
        return [Section("agreement", "Agreement", (), f"There is none to tell: {why}.")] if why else []
    panels: list[Panel] = []
    for each in shared:
        if _is_main(each):
            panels += [question_panel(each), over_time_panel(each)]
    sections = [Section("agreement", "Agreement", tuple(panels))]
    others = [each for each in shared if not _is_main(each)]
    if others:
        says = counted(len(others), "more question")
        sections.append(Section("agreement-others", "Agreement in detail", (others_panel(others),), says))
    return sections


def question_panel(each: QuestionAgreement) -> Panel:
    """All measures of one question."""
    name = question_words(each.question)
    named = [
        Named("equal answers, in pairs", each.overall.percent),
        Named("Fleiss’ κ", each.overall.fleiss_kappa),
        *(Named(_alpha(level, each), figure) for level, figure in each.overall.krippendorff_alpha.items()),
    ]
    title = f"Agreement on {name}"
    picture, why_none = drawn_points(title, named, axis_over(lowest(named), 1.0, two_digits), two_digits)
    return Panel(
        name=f"agreement-{slug(each.question)}",
        heading=title,
        says=f"{counted(each.judgements, 'answer')} in {queue_words(each.purpose)}; n counts what several people answered about.",
        picture=picture,
        why_none=why_none,
        table=table(_COLUMNS, [(name, *row) for row in _rows(each.overall)]),
        notes=("1 is full agreement; κ and α are 0 where people agree as often as chance would have it.",)
        if picture
        else (),
    )


def over_time_panel(each: QuestionAgreement) -> Panel:
    """The main measure, over equal numbers of items in the order in which they were judged."""
    name, level = question_words(each.question), _level(each.overall)
    figures = [
        (part.begins + (part.ends - part.begins) / 2, part.agreement.krippendorff_alpha[level])
        for part in each.over_time
    ]
    low = lowest([Named(name, figure) for _, figure in figures])
    rows = [
        (part.begins, part.ends, *row) for part in each.over_time for row in _rows(part.agreement)
    ]  # fmt: skip
    return Panel(
        name=f"agreement-over-time-{slug(each.question)}",
        heading=f"{_alpha(level, each)} over time: {name}",
        says=f"{len(figures)} parts of equally many items, in the order of their last judgements; the band is the interval, of 95 %."
        if figures
        else "",
        picture=line(f"Agreement on {name} over time", figures, axis_over(low, 1.0, two_digits, most=8), two_digits)
        if figures
        else None,
        why_none=""
        if figures
        else f"There are too few items yet that several people judged: it takes {2 * LEAST_ITEMS}.",
        table=table(("from", "to", "measure", "level", *FIGURE_COLUMNS), rows),
    )


def others_panel(others: Sequence[QuestionAgreement]) -> Panel:
    """Questions that follow from a main one: strengths, categories."""
    named = [Named(question_words(each.question), _main_alpha(each.overall)) for each in others]
    named.sort(key=lambda row: row.figure.value is None)
    rows = [(question_words(each.question), *row) for each in others for row in _rows(each.overall)]
    axis = axis_over(lowest(named), 1.0, two_digits)
    picture, why_none = drawn_points("Agreement by question", named, axis, two_digits)
    return Panel(
        name="agreement-others",
        heading="Agreement on what follows from them",
        says="Krippendorff’s α of each; n counts what several people answered about.",
        picture=picture,
        why_none=why_none,
        table=table(_COLUMNS, rows),
    )


_COLUMNS = ("question", "measure", "level", *FIGURE_COLUMNS)


def _is_main(each: QuestionAgreement) -> bool:
    """Questions that follow from another have a name that says from which, or are the success of a rating."""
    return (
        not each.question.endswith(" strength")
        and not each.question.startswith("category: ")
        and ">=" not in each.question
    )


def _rows(figures: AgreementFigures) -> Iterator[tuple[Value, ...]]:
    yield ("equal pairs", None, *figure_values(figures.percent))
    yield ("Fleiss’ κ", None, *figure_values(figures.fleiss_kappa))
    for level, figure in figures.krippendorff_alpha.items():
        yield ("Krippendorff’s α", level_words(level), *figure_values(figure))


def _level(figures: AgreementFigures) -> str:
    return next(level for level in _LEVELS if level in figures.krippendorff_alpha)


def _main_alpha(figures: AgreementFigures) -> Figure:
    return figures.krippendorff_alpha[_level(figures)]


def _alpha(level: str, each: QuestionAgreement) -> str:
    several = len(each.overall.krippendorff_alpha) > 1
    return f"Krippendorff’s α, {level_words(level)}" if several else "Krippendorff’s α"
