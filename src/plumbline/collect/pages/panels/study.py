"""All of a study's figures as sections of panels, in the order in which a manager asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from plumbline.collect.dashboard.figures import Basis, StudyFigures
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.agreement import agreement_sections
from plumbline.collect.pages.panels.answers import answer_sections
from plumbline.collect.pages.panels.comparisons import comparison_sections
from plumbline.collect.pages.panels.moods import moods_section
from plumbline.collect.pages.panels.progress import progress_section
from plumbline.collect.pages.panels.times import times_section
from plumbline.collect.pages.panels.wordings import slug
from plumbline.collect.pages.wording import counted
from plumbline.collect.service.wellbeing.mood_summary import MoodDay
from plumbline.records import Axis

SHOWN_AT_FIRST = 3
"""Sections that are shown open where nobody says which: progress, agreement, and the first of what was answered."""
_DETAIL = "agreement-others"
SECTION_NAMES = (
    *("progress", "agreement", *(f"comparisons-{slug(axis)}" for axis in Axis), "known-answers"),
    *(*(f"labels-{slug(purpose)}" for purpose in Purpose), "grades", _DETAIL, "times", "moods"),
)
"""Of every section that a study may have: an address names those that are open by these, and by nothing else."""


def study_sections(figures: StudyFigures, moods: Sequence[MoodDay] | None) -> tuple[Section, ...]:
    """Everything, in the order in which a manager asks.

    Args:
        moods: None where the study does not ask.
    """
    agreement = agreement_sections(figures.agreement)
    sections = [progress_section(figures.progress, figures.basis.as_of.date())]
    sections += [each for each in agreement if each.name != _DETAIL]
    sections += comparison_sections(figures.axes)
    sections += answer_sections(figures.labels, figures.grades, figures.known_answers)
    sections += [each for each in agreement if each.name == _DETAIL]
    sections.append(times_section(figures.item_times, figures.judgement_times))
    if moods is not None:
        sections.append(moods_section(moods))
    return tuple(sections)


def folded(sections: Sequence[Section], opened: Collection[str] | None) -> tuple[Section, ...]:
    """The same, each open or folded; those without panels have nothing to fold.

    Args:
        opened: names of those that are open; None for the first few.
    """
    wanted = {each.name for each in sections[:SHOWN_AT_FIRST]} if opened is None else opened
    return tuple(replace(each, is_open=each.name in wanted) if each.panels else each for each in sections)


def panel_named(sections: Iterable[Section], name: str) -> Panel | None:
    """The panel of this name."""
    return next((panel for section in sections for panel in section.panels if panel.name == name), None)


def basis_notes(basis: Basis) -> tuple[str, ...]:
    """What is in none of the figures, and why."""
    said = (
        (basis.corrections, "of them stands in the place of an earlier one, which is left out",
         "of them stand in the place of earlier ones, which are left out"),
        (basis.uncounted, "more is of work that is not finished, and counts for nothing",
         "more are of work that is not finished, and count for nothing"),
        (basis.late, "submission came when the item was somebody else’s by then: kept, and not counted",
         "submissions came when the item was somebody else’s by then: kept, and not counted"),
        (basis.unreadable, "judgement cannot be read; look at it with `plumbline collect status`",
         "judgements cannot be read; look at them with `plumbline collect status`"),
    )  # fmt: skip
    return tuple(f"{counted(number, one, many)}." for number, one, many in said if number)
