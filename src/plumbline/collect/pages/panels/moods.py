"""How people say they feel: means of a day that is over, of five people at the least; never what one of them said."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.pictures.meters import Part, meters
from plumbline.collect.pages.pictures.tables import table
from plumbline.collect.pages.wording import plain
from plumbline.collect.service.wellbeing.mood_summary import LEAST_PEOPLE, MoodDay
from plumbline.collect.service.wellbeing.moods import FEELINGS, SCALE


def moods_section(days: Sequence[MoodDay]) -> Section:
    """The newest day that is told, and all of them as a table."""
    return Section("moods", "How people feel", (moods_panel(days),))


def moods_panel(days: Sequence[MoodDay]) -> Panel:
    """Means by feeling."""
    told = [day for day in days if day.means is not None]
    newest = told[-1] if told else None
    parts = []
    if newest is not None and newest.means is not None:
        most = len(SCALE) - 1
        parts = [Part(plain(name), mean, most, f"{mean:.1f} of {most}") for name, mean in newest.means.items()]
    why = (
        f"Means are told of days that are over and on which at least {LEAST_PEOPLE} people answered. There is none yet."
    )
    rows = [
        (day.day, day.asked, day.people, day.answered, *((day.means or {}).get(name) for name in FEELINGS))
        for day in days
    ]
    return Panel(
        name="moods",
        heading="Feelings",
        says=""
        if newest is None
        else f"Means of {newest.answered} people on {newest.day:%Y-%m-%d}, from 0 ({SCALE[0]}) to {len(SCALE) - 1} ({SCALE[-1]}).",
        picture=meters("Feelings", parts) if parts else None,
        why_none="" if parts else why,
        table=table(("day", "asked", "people", "answered", *map(plain, FEELINGS)), rows),
        notes=("No interval is told: with so few people, its width could tell what one of them said.",)
        if parts
        else (),
    )
