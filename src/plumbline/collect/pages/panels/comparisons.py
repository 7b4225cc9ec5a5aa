"""Comparisons of replies: steps of the scale, strengths, what places on the screen do, and model against model."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.collect.dashboard.comparing import AxisFigures, Count
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.drawn import drawn_points
from plumbline.collect.pages.panels.wordings import elo_points, percents, slug
from plumbline.collect.pages.pictures.bars import bars
from plumbline.collect.pages.pictures.matrix import matrix, turned
from plumbline.collect.pages.pictures.points import Named, points
from plumbline.collect.pages.pictures.scales import axis_over, share_axis
from plumbline.collect.pages.pictures.tables import FIGURE_COLUMNS, Table, figure_values, table
from plumbline.collect.pages.scale_words import better_word, degree_words, strength_words, word_of
from plumbline.collect.pages.wording import counted, plain


def comparison_sections(axes: Sequence[AxisFigures]) -> list[Section]:
    """A section for each axis."""
    return [
        Section(f"comparisons-{slug(axis.axis)}", f"Comparisons: {plain(axis.axis)}", _panels(axis), _words(axis))
        for axis in axes
    ]


def _words(axis: AxisFigures) -> str:
    said = counted(axis.comparisons, "comparison")
    shown = axis.shown_first.value
    word = word_of(axis.axis, axis.question)
    return said if shown is None else f"{said}; what was shown first was said to be {word} in {percents(shown)}"


def _panels(axis: AxisFigures) -> tuple[Panel, ...]:
    panels = []
    if axis.steps:
        panels += [steps_panel(axis), strengths_panel(axis)]
    panels.append(sides_panel(axis))
    if axis.models.pairs or axis.models.elo:
        panels += [elo_panel(axis), wins_panel(axis)]
    return tuple(panels)


def steps_panel(axis: AxisFigures) -> Panel:
    """The scale as workers saw it, in the words that they saw: where the worse one is asked for, its ends name that."""
    steps, word = len(axis.steps), word_of(axis.axis, axis.question)
    half = steps // 2
    sides = [1] * half + [2] * (steps - half)
    said = {each.value: strength_words(each.value, steps, word) for each in axis.steps}
    counts = [(str(each.value), each.count) for each in axis.steps]
    picture = bars("Steps of the scale as shown", counts, ends=(said[1], said[steps]), sides=sides)
    rows = [(each.value, said[each.value], each.count, *figure_values(each.share)) for each in axis.steps]
    return Panel(
        name=f"steps-{slug(axis.axis)}",
        heading="Steps, as shown on the screen",
        says=f"{counted(axis.comparisons, 'comparison')}. Which reply stands at A is drawn for each: both halves should be alike.",
        picture=picture if axis.comparisons else None,
        why_none="" if axis.comparisons else _NONE,
        table=table(("step", "what it says", "count", "share", *FIGURE_COLUMNS[1:]), rows),
    )


def strengths_panel(axis: AxisFigures) -> Panel:
    """How strongly, whichever side: both directions of a strength put together."""
    levels = sorted({abs(each.value) for each in axis.strengths})
    total = {level: sum(each.count for each in axis.strengths if abs(each.value) == level) for level in levels}
    ends = (degree_words(1, len(levels)), degree_words(len(levels), len(levels)))
    picture = bars("Strength of preference", [(str(level), total[level]) for level in levels], ends=ends)
    side = f"strength, positive where the first stored side is {better_word(axis.axis)}"
    return Panel(
        name=f"strengths-{slug(axis.axis)}",
        heading="Strength",
        says=f"{counted(axis.comparisons, 'comparison')}, whichever side was {better_word(axis.axis)}.",
        picture=picture if axis.comparisons else None,
        why_none="" if axis.comparisons else _NONE,
        table=_counts(side, axis.strengths),
    )


def sides_panel(axis: AxisFigures) -> Panel:
    """Whether places draw answers."""
    named = [
        Named(f"what was shown first was said to be {word_of(axis.axis, axis.question)}", axis.shown_first),
        Named(f"the first stored side is {better_word(axis.axis)}", axis.first_better),
    ]
    # A scale has no middle: whoever answers on one names a side.
    can_tie = not axis.steps
    named += [Named("ties", axis.ties)] if can_tie else []
    rows = [(each.name, *figure_values(each.figure)) for each in named]
    return Panel(
        name=f"sides-{slug(axis.axis)}",
        heading="Sides",
        says="The line stands at one half, where what is shown first would be named as often as the other.",
        picture=points("Shares of sides", named, share_axis(), percents, mark=0.5),
        why_none="",
        table=table(("share", *FIGURE_COLUMNS), rows),
        notes=("Ties are left out of the first line, and count one half in the second.",) if can_tie else (),
    )


def elo_panel(axis: AxisFigures) -> Panel:
    """Models by rating."""
    models = axis.models
    ranked = sorted(models.elo.items(), key=lambda each: -(each[1].value if each[1].value is not None else -1e9))
    named = [Named(name, figure) for name, figure in ranked]
    ends = [0.0, *(end for _, each in ranked for end in (each.value, each.low, each.high) if end is not None)]
    # Where all models are alike there is no distance to fit an axis to.
    low, high = (min(ends), max(ends)) if max(map(abs, ends)) >= 1 else (-100.0, 100.0)
    axis_, none_yet = axis_over(low, high, elo_points), "No two models have met yet."
    picture, why_none = drawn_points("Models by Elo", named, axis_, elo_points, mark=0.0, why_none=none_yet)
    return Panel(
        name=f"elo-{slug(axis.axis)}",
        heading="Models by Elo",
        says=f"{counted(models.n, 'comparison')} of two different models, in Elo points; the mean of all models is 0.",
        picture=picture,
        why_none=why_none,
        table=table(("model", *FIGURE_COLUMNS), [(name, *figure_values(figure)) for name, figure in ranked]),
        notes=_left_out(axis),
    )


def wins_panel(axis: AxisFigures) -> Panel:
    """Who wins against whom."""
    pairs = axis.models.pairs
    shares = {(pair.first, pair.second): pair.first_rate for pair in pairs}
    shares |= {(pair.second, pair.first): turned(pair.first_rate) for pair in pairs}
    names = sorted({name for pair in pairs for name in (pair.first, pair.second)})
    rows = [
        (pair.first, pair.second, pair.first_wins, pair.second_wins, pair.ties, *figure_values(pair.first_rate))
        for pair in pairs
    ]
    columns = ("first", "second", "first won", "second won", "ties", *FIGURE_COLUMNS)
    description = "Share of comparisons that the row's model won against the column's, a tie one half."
    return Panel(
        name=f"wins-{slug(axis.axis)}",
        heading="Model against model",
        says=description,
        picture=matrix("Model against model", description, names, shares) if names else None,
        why_none="" if names else "No two models have met yet.",
        table=table(columns, rows),
        wide=True,
    )


_NONE = "Nothing was compared yet."


def _counts(name: str, counts: Sequence[Count]) -> Table:
    rows = [(each.value, each.count, *figure_values(each.share)) for each in counts]
    return table((name, "count", "share", *FIGURE_COLUMNS[1:]), rows)


def _left_out(axis: AxisFigures) -> tuple[str, ...]:
    models, notes = axis.models, []
    if models.same_model:
        notes.append(f"Left out: {counted(models.same_model, 'comparison')} of a model with itself.")
    if models.unknown_model:
        notes.append(f"Left out: {counted(models.unknown_model, 'comparison')} of a model that is not known.")
    if models.left_out:
        notes.append(f"Left out: {counted(models.left_out, 'comparison')} with rarer models.")
    return tuple(notes)
