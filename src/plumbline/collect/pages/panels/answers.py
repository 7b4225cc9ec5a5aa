"""What was answered: harm labels, ratings, and items whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.collect.dashboard.distributions import GradeFigures, KnownAnswerFigures, LabelFigures
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.wordings import grade_words, percents, queue_words, slug
from plumbline.collect.pages.pictures.bars import bars
from plumbline.collect.pages.pictures.points import Named, points
from plumbline.collect.pages.pictures.scales import share_axis
from plumbline.collect.pages.pictures.tables import FIGURE_COLUMNS, figure_values, table
from plumbline.collect.pages.wording import counted, plain


def answer_sections(
    labels: Sequence[LabelFigures], grades: Sequence[GradeFigures], known: Sequence[KnownAnswerFigures]
) -> list[Section]:
    """Sections of what the study has."""
    sections = []
    if known:
        sections.append(
            Section("known-answers", "Items with known answers", (known_panel(known),), _known_words(known))
        )
    for each in labels:
        heading = "Labels" if each.purpose == Purpose.WORK.value else f"Labels in {queue_words(each.purpose)}"
        sections.append(Section(f"labels-{slug(each.purpose)}", heading, (labels_panel(each),), _labels_words(each)))
    if grades:
        total = counted(sum(value.count for each in grades for value in each.values), "answer")
        sections.append(Section("grades", "Ratings", tuple(grades_panel(each) for each in grades), total))
    return sections


def labels_panel(each: LabelFigures) -> Panel:
    """How often each harm was named."""
    named = [Named("unsafe", each.unsafe)]
    ranked = sorted(each.categories.items(), key=lambda pair: (-(pair[1].value or 0.0), pair[0]))
    named += [Named(plain(name), figure) for name, figure in ranked]
    title = f"Labels in {queue_words(each.purpose)}"
    return Panel(
        name=f"labels-{slug(each.purpose)}",
        heading=title,
        says=f"{counted(each.judgements, 'judgement')}; the share of them that name a harm.",
        picture=points(title, named, share_axis(), percents) if each.judgements else None,
        why_none="" if each.judgements else "Nothing was labelled yet.",
        table=table(("label", *FIGURE_COLUMNS), [(row.name, *figure_values(row.figure)) for row in named]),
    )


def grades_panel(each: GradeFigures) -> Panel:
    """How often each number was given."""
    total = sum(value.count for value in each.values)
    return Panel(
        name=f"grades-{slug(each.question)}-{slug(each.purpose)}",
        heading=f"{grade_words(each.question).capitalize()} in {queue_words(each.purpose)}",
        says=f"{counted(total, 'answer')}.",
        picture=bars(grade_words(each.question), [(str(value.value), value.count) for value in each.values])
        if total
        else None,
        why_none="" if total else "Nobody has answered yet.",
        table=table(
            ("value", "count", "share", *FIGURE_COLUMNS[1:]),
            [(value.value, value.count, *figure_values(value.share)) for value in each.values],
        ),
    )


def known_panel(known: Sequence[KnownAnswerFigures]) -> Panel:
    """How often the known answer was given."""
    named = [Named(queue_words(each.purpose), each.accuracy) for each in known]
    rows = [(queue_words(each.purpose), each.finished, *figure_values(each.accuracy)) for each in known]
    return Panel(
        name="known-answers",
        heading="Right answers",
        says="The share of the answers asked for that were right; n counts finished items.",
        picture=points("Right answers", named, share_axis(), percents) if named else None,
        why_none="" if named else "Nobody has finished one yet.",
        table=table(("items", "finished", *FIGURE_COLUMNS), rows),
    )


def _labels_words(each: LabelFigures) -> str:
    said = counted(each.judgements, "judgement")
    return said if each.unsafe.value is None else f"{said}, {percents(each.unsafe.value)} unsafe"


def _known_words(known: Sequence[KnownAnswerFigures]) -> str:
    told = [
        f"{queue_words(each.purpose)} {percents(each.accuracy.value)} right"
        for each in known
        if each.accuracy.value is not None
    ]
    return ", ".join(told)
