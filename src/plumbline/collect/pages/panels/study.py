"""All of a study's figures as sections of panels, in the order in which a manager asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plumbline.collect.dashboard.figures import Basis, StudyFigures
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.agreement import agreement_section
from plumbline.collect.pages.panels.answers import answer_sections
from plumbline.collect.pages.panels.comparisons import comparison_sections
from plumbline.collect.pages.panels.moods import moods_section
from plumbline.collect.pages.panels.progress import progress_section
from plumbline.collect.pages.panels.times import times_section
from plumbline.collect.service.wellbeing.mood_summary import MoodDay


def study_sections(figures: StudyFigures, moods: Sequence[MoodDay] | None) -> tuple[Section, ...]:
    """Everything.

    Args:
        moods: None where the study does not ask.
    """
    sections = [progress_section(figures.progress, figures.basis.as_of.date())]
    if figures.agreement:
        sections.append(agreement_section(figures.agreement))
    sections += comparison_sections(figures.axes)
    sections += answer_sections(figures.labels, figures.grades, figures.known_answers)
    sections.append(times_section(figures.item_times, figures.judgement_times))
    if moods is not None:
        sections.append(moods_section(moods))
    return tuple(sections)


def panel_named(sections: Iterable[Section], name: str) -> Panel | None:
    """The panel of this name."""
    return next((panel for section in sections for panel in section.panels if panel.name == name), None)


def basis_notes(basis: Basis) -> tuple[str, ...]:
    """What is in none of the figures, and why."""
    said = (
        (basis.corrections, "of them stand in the place of earlier ones, which are left out"),
        (basis.uncounted, "more are of work that is not finished or was erased, and count for nothing"),
        (basis.late, "submissions came when the item was somebody else's by then: kept, and not counted"),
        (basis.unreadable, "judgements cannot be read; look at them with `plumbline collect status`"),
    )
    return tuple(f"{number:,} {what}." for number, what in said if number)
