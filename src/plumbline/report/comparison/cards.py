"""The cards of a page about two policies: contests, safe rates, the layout of the evaluation, pairs to look at, judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plumbline.align.comparing.head_to_head import HeadToHead, Safety
from plumbline.align.comparing.policy_comparison import Cell, Example, PolicyComparison
from plumbline.measure import Figure
from plumbline.records import Prompt
from plumbline.report.layout import Card, Table, columns
from plumbline.report.pictures.comparison import MOST_CELLS_IN_LINE, ContestRow, LayoutRow, draw_contests, draw_layout
from plumbline.report.pictures.drawing import FIRST, SECOND, Caption
from plumbline.report.pictures.rows import DotRow, Series, draw_dots
from plumbline.report.wording import capitalised, count, figure_cell, number, plural, shorten

ALL = "all prompts"
_MOST_ROWS = 40
_LETTERS = 600


def caption(key: str, title: str, reading: str, *, synthetic: bool) -> Caption:
    """What a picture of the page is called."""
    return Caption(f"cmp-{key}", title, reading, synthetic)


def unjudged_line(codes: Mapping[str, int], what: str) -> str | None:
    """How many pairs a judge gave no word on, and why; None where there are none."""
    if not codes:
        return None
    told = ", ".join(f"{count(times)} × {code}" for code, times in codes.items())
    return f"{plural(sum(codes.values()), 'pair')} not judged on {what} ({told}): in no figure here, neither ties nor safe."


# --- contests ---


def contest_card(compared: PolicyComparison, axis: str, names: tuple[str, str], *, synthetic: bool) -> Card:
    """Wins, ties and losses on an axis, of all prompts and by category."""
    parts = [(ALL, compared.overall), *_categories(compared)]
    contest = compared.overall.contests[axis]
    reading = _contest_words(contest.win_rate, names)
    if contest.elo.value is not None:
        reading += f" Elo lead of {names[0]}: {figure_cell_of_points(contest.elo)}."
    rows = [ContestRow(name, found.contests[axis]) for name, found in parts[:_MOST_ROWS]]
    title = f"{capitalised(axis)}: {names[0]} against {names[1]}"
    unjudged = unjudged_line(compared.unjudged.get(axis, {}), axis)
    note = (
        f"A tie is a pair for which the judge's probability lies within {compared.margin:g} of one half. "
        "The dashed line is where neither wins more often."
    )
    if len(parts) > _MOST_ROWS:
        note += f" The first {_MOST_ROWS} of {len(parts)} rows are drawn; the table has all."
    return Card(
        capitalised(axis),
        reading,
        synthetic,
        draw_contests(rows, names, caption(axis, title, reading, synthetic=synthetic)),
        tables=_contest_tables(parts, axis, names),
        note=note,
        warnings=(unjudged,) if unjudged else (),
    )


def _contest_words(rate: Figure, names: tuple[str, str]) -> str:
    told = f"win rate of {names[0]}, ties counted half: {figure_cell(rate)}"
    if rate.value is None:
        return f"Undefined: {rate.why_undefined}."
    if rate.low is None or rate.high is None:
        return f"{capitalised(told)}; who is ahead cannot be told."
    if rate.low > 0.5:
        return f"By the judge's word {names[0]} is ahead: {told}."
    if rate.high < 0.5:
        return f"By the judge's word {names[1]} is ahead: {told}."
    return f"Who is ahead is not shown: {told}."


def _contest_tables(parts: Sequence[tuple[str, HeadToHead]], axis: str, names: tuple[str, str]) -> tuple[Table, Table]:
    """The shares that are drawn, and what is not drawn."""
    contests = [(name, found.contests[axis]) for name, found in parts]
    shares = Table(
        f"{capitalised(axis)}, by category",
        columns("Prompts", f"{names[0]} wins", "Ties", f"{names[1]} wins", "Win rate"),
        tuple(
            (name, *(figure_cell(each) for each in (contest.wins, contest.ties, contest.losses, contest.win_rate)))
            for name, contest in contests
        ),
        marked=frozenset({0}),
    )
    leads = Table(
        f"{capitalised(axis)}, leads of {names[0]} by category",
        columns("Prompts", "Elo lead", "Mean probability", "Not judged#"),
        tuple(
            (name, figure_cell_of_points(contest.elo), figure_cell(contest.probability), count(contest.unjudged))
            for name, contest in contests
        ),
        marked=frozenset({0}),
    )
    return shares, leads


def figure_cell_of_points(figure: Figure) -> str:
    """A lead in Elo points, which have no decimals."""
    if figure.value is None:
        return figure_cell(figure)
    if figure.low is None or figure.high is None:
        return f"{figure.value:+.0f} (no interval: {figure.why_undefined}, n={figure.n})"
    return f"{figure.value:+.0f} ({figure.low:+.0f} to {figure.high:+.0f}, n={figure.n})"


def _categories(compared: PolicyComparison) -> list[tuple[str, HeadToHead]]:
    return list(compared.by_category.items()) if len(compared.by_category) > 1 else []


# --- safety ---


def safety_cards(compared: PolicyComparison, names: tuple[str, str], *, synthetic: bool) -> Iterator[Card]:
    """Safe rates, then the layout of each policy."""
    safety = compared.overall.safety
    if safety is None or compared.layout is None:
        yield Card(
            "Safe rates", "No judge tells safe from unsafe: name a cost or moderation model at --safety.", synthetic
        )
        return
    yield _safe_rates_card(compared, safety, names, synthetic=synthetic)
    for side, (name, layout) in enumerate(zip(names, compared.layout, strict=True)):
        yield _layout_card(f"layout-{side}", name, layout, synthetic=synthetic)


def _safe_rates_card(compared: PolicyComparison, safety: Safety, names: tuple[str, str], *, synthetic: bool) -> Card:
    first, second = (
        Series(shorten(name, 24), colour, marker, filled)
        for name, (colour, marker, filled) in zip(names, ((FIRST, "o", True), (SECOND, "D", False)), strict=True)
    )
    parts = [
        (name, found.safety)
        for name, found in [(ALL, compared.overall), *_categories(compared)]
        if found.safety is not None
    ]
    rows = [DotRow(name, ((first, each.first), (second, each.second))) for name, each in parts[:_MOST_ROWS]]
    difference = safety.difference
    reading = f"Called safe: {names[0]} {figure_cell(safety.first)}, {names[1]} {figure_cell(safety.second)}."
    if difference.value is not None:
        reading += f" Difference, pair by pair: {figure_cell(difference)}."
    table = Table(
        "Safe rates, by category",
        columns("Prompts", names[0], names[1], "Difference", "Not judged#"),
        tuple(
            (
                name,
                figure_cell(each.first),
                figure_cell(each.second),
                figure_cell(each.difference),
                count(each.unjudged),
            )
            for name, each in parts
        ),
        marked=frozenset({0}),
    )
    unjudged = unjudged_line(compared.unjudged.get("safety", {}), "safety")
    agree = compared.judges_agree
    note = "Shares are of pairs of which both replies were judged. Numbers on the right are those of the first."
    if agree is not None:
        note += (
            " Where exactly one reply of a pair is called safe, the judge of harmlessness prefers that one in "
            f"{figure_cell(agree)} of the pairs: near one half the two judges do not mean the same."
        )
    picture = draw_dots(
        rows,
        caption("safe", f"Safe rates of {names[0]} and {names[1]}", reading, synthetic=synthetic),
        unit="share of replies called safe",
    )
    return Card(
        "Safe rates",
        reading,
        synthetic,
        picture,
        tables=(table,),
        note=note,
        wide=True,
        warnings=(unjudged,) if unjudged else (),
    )


def _layout_card(key: str, name: str, layout: Mapping[str, Sequence[Cell]], *, synthetic: bool) -> Card:
    cells = [cell for row in layout.values() for cell in row]
    tally = {kind: sum(cell is kind for cell in cells) for kind in Cell}
    reading = f"{count(tally[Cell.FLAGGED])} of {plural(len(cells), 'cell')} are flagged, {count(tally[Cell.SAFE])} called safe"
    reading += f", {count(tally[Cell.UNJUDGED])} not judged" if tally[Cell.UNJUDGED] else ""
    reading += f", {count(tally[Cell.MISSING])} have no reply" if tally[Cell.MISSING] else ""
    rows = [LayoutRow(category, row) for category, row in list(layout.items())[:_MOST_ROWS]]
    title = f"Every reply of {name}: a row a category, a cell a reply in the order of the prompts"
    note = "Cells stand in the order of the prompts; the same place is the same prompt in both."
    if max(map(len, layout.values())) > MOST_CELLS_IN_LINE:
        note += f" A row of more than {MOST_CELLS_IN_LINE} goes on below itself."
    if len(layout) > _MOST_ROWS:
        note += f" The first {_MOST_ROWS} of {len(layout)} categories are drawn; the table has all."
    return Card(
        f"Every reply of {name}",
        f"{reading}.",
        synthetic,
        draw_layout(rows, caption(key, title, f"{reading}.", synthetic=synthetic)),
        tables=(_layout_table(name, layout),),
        note=note,
    )


def _layout_table(name: str, layout: Mapping[str, Sequence[Cell]]) -> Table:
    """The picture as a table: which cells of a category are other than safe."""
    return Table(
        f"Cells of {name}: numbers count from 1 in each category, all others are called safe",
        columns("Category", "Cells#", "Called safe#", "Flagged", "Not judged", "No reply"),
        tuple(
            (
                category,
                count(len(row)),
                count(sum(cell is Cell.SAFE for cell in row)),
                *(_places(row, kind) for kind in (Cell.FLAGGED, Cell.UNJUDGED, Cell.MISSING)),
            )
            for category, row in layout.items()
        ),
    )


def _places(row: Sequence[Cell], kind: Cell) -> str:
    """``3: 1, 4–5``: how many, and which."""
    found = [at for at, cell in enumerate(row, 1) if cell is kind]
    if not found:
        return "0"
    runs: list[list[int]] = []
    for at in found:
        if runs and at == runs[-1][1] + 1:
            runs[-1][1] = at
        else:
            runs.append([at, at])
    return f"{count(len(found))}: " + ", ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in runs)


# --- pairs ---


def examples_card(
    compared: PolicyComparison,
    names: tuple[str, str],
    prompts: Sequence[Prompt],
    *,
    show_text: bool,
    synthetic: bool,
) -> Card:
    """Pairs on which the judges differ most."""
    axes = list(compared.overall.contests)
    if not compared.examples:
        return Card("Pairs to look at", "There is none: on no pair the judges say anything different.", synthetic)
    if len(axes) > 1:
        reading = (
            f"{plural(len(compared.examples), 'pair')} on which {axes[0]} and {axes[1]} say the most different things."
        )
    else:
        reading = f"{plural(len(compared.examples), 'pair')} on which the judge is surest."
    table = Table(
        "Pairs, the most different first",
        columns(
            "Prompt",
            "Category",
            *(f"{names[0]} is better on {axis}#" for axis in axes),
            f"{names[0]} is",
            f"{names[1]} is",
            *(name if show_text else f"{name}, characters#" for name in ("Asked", *(f"{name} said" for name in names))),
        ),
        tuple(_example_row(each, prompts[each.pair.prompt], axes, show_text=show_text) for each in compared.examples),
    )
    note = (
        "Texts are shown as they are, and may offend."
        if show_text
        else "Texts are masked; plumbline align compare --show-text shows them."
    )
    return Card("Pairs to look at", reading, synthetic, open_tables=(table,), note=note, wide=True)


def _example_row(each: Example, prompt: Prompt, axes: Sequence[str], *, show_text: bool) -> tuple[str, ...]:
    cells = ("nobody says", "nobody says") if each.cells is None else each.cells
    asked = prompt.conversation[-1].text if prompt.conversation else ""
    return (
        f"row {count(prompt.row + 1)}" + (f", reply {each.pair.number + 1}" if each.pair.number else ""),
        ", ".join(sorted(prompt.categories)) if prompt.categories else "none",
        *(number(each.probabilities[axis], 2) for axis in axes),
        *(str(cell) for cell in cells),
        *(_text(said, show_text=show_text) for said in (asked, each.pair.first, each.pair.second)),
    )


def _text(text: str, *, show_text: bool) -> str:
    return shorten(" ".join(text.split()), _LETTERS) if show_text else count(len(text))


# --- judges ---


def judges_card(judges: Mapping[str, Mapping[str, Any]], notes: Sequence[str], *, synthetic: bool) -> Card:
    """Who judges, and what to beware of."""
    table = Table(
        "Judges",
        columns("Judges", "Model", "Kind", "Calibrated", "Trained on these prompts", "Trained on these replies"),
        tuple(
            (
                role,
                str(each["name"]),
                f"{each['task']} model" + (f" on {each['axis']}" if each["axis"] else ""),
                "yes" if each["calibrated"] else "no",
                *_trained_cells(each["trained_on"]),
            )
            for role, each in judges.items()
        ),
    )
    reading = (
        "The judges are models. A win is a model's word: let people judge some of the pairs before you rely on it."
    )
    return Card(
        "Judges",
        reading,
        synthetic,
        open_tables=(table,),
        wide=True,
        warnings=tuple(f"{capitalised(note)}." for note in notes[1:]),
    )


def _trained_cells(trained: Mapping[str, int] | None) -> tuple[str, str]:
    if trained is None:
        return "nothing says", "nothing says"
    return (
        f"{count(trained['prompts'])} of {count(trained['of_prompts'])}",
        f"{count(trained['replies'])} of {count(trained['of_replies'])}",
    )
