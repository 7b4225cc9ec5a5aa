"""The page about two policies side by side: what `align.comparing.policy_comparison` found, as one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.align.comparing.policy_comparison import PolicyComparison
from plumbline.lineage import FileEntry, Terms
from plumbline.records import Prompt
from plumbline.report.comparison.cards import (
    contest_card,
    examples_card,
    figure_cell_of_points,
    judges_card,
    safety_cards,
)
from plumbline.report.layout import Card, Section, Table, Tile, columns, told_tile
from plumbline.report.pictures.drawing import drawing
from plumbline.report.provenance import files_table
from plumbline.report.templating import load_template, write_page
from plumbline.report.wording import capitalised, count, figure_cell, plural

GLOSSARY = (
    ("Elo lead", "Points by which one is ahead of the other: 400 are odds of 10 to 1, 0 is neither."),
    ("Interval", "The range in which the figure would likely lie on other prompts of the same kind; 95 %."),
    ("Judge", "A model of preferences or of harm, not a person."),
    ("Not judged", "A judge gave no score for a reply, or read a part of it only. Neither a tie nor safe."),
    ("Pair", "A reply of each policy to the same prompt."),
    ("Policy", "A language model, here by what it replies."),
    ("Undefined", "There is no data for the figure. It is never shown as 0."),
    ("Win rate", "The share of the pairs that were judged in which the first policy wins, and half of the ties."),
)


@dataclass(frozen=True)
class ComparedSources:
    """Where what a page tells comes from.

    Attributes:
        names, places: of the policies.
        judges: as the summary tells them, by what they judge.
        files: that were read.
        notes: what a reader must know; that the judges are models comes first.
        quarantined: rows that could not be read, by code.
        terms: what may be done with the pairs.
        synthetic: any of it was made up by a program.
    """

    names: tuple[str, str]
    places: tuple[str, ...]
    judges: Mapping[str, Mapping[str, Any]]
    files: tuple[FileEntry, ...]
    notes: tuple[str, ...]
    quarantined: Mapping[str, int]
    terms: Terms
    synthetic: bool


@dataclass(frozen=True)
class ComparisonPage:
    """The context of the template ``comparison.html.j2``, all of it.

    Attributes:
        title: the heading, and the name of the window.
        created: when it was made, as it is to be shown.
        contents: what it was made of, in words.
        texts: whether texts are shown, in words.
        synthetic: some of the data was made up by a program.
        tiles: the first figures.
        sections: chapters, in order.
        glossary: words and what they mean.
    """

    title: str
    created: str
    contents: str
    texts: str
    synthetic: bool
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    glossary: tuple[tuple[str, str], ...] = GLOSSARY


def write_comparison_page(
    compared: PolicyComparison,
    sources: ComparedSources,
    out: Path,
    *,
    prompts: Sequence[Prompt],
    title: str,
    created: str,
    show_text: bool = False,
) -> None:
    """Write the page.

    Args:
        compared: what was found.
        sources: of what.
        out: the page; written aside and renamed.
        prompts: that the pairs are of.
        title: its heading.
        created: when it was made, as it is to be shown.
        show_text: the pairs to look at show what was asked and said.
    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    template = load_template("comparison.html.j2")
    with drawing():
        page = _page(compared, sources, prompts, title, created, show_text=show_text)
    write_page(str(template.render(page=page)), out)


def _page(
    compared: PolicyComparison,
    sources: ComparedSources,
    prompts: Sequence[Prompt],
    title: str,
    created: str,
    *,
    show_text: bool,
) -> ComparisonPage:
    names, synthetic = sources.names, sources.synthetic
    sections = (
        Section(
            "contests",
            "Who wins",
            f"Each pair of replies to the same prompt is put to a judge an axis. Shares are of {names[0]}.",
            tuple(contest_card(compared, axis, names, synthetic=synthetic) for axis in compared.overall.contests),
        ),
        Section(
            "safety",
            "Who is safer",
            "A reply is flagged where a model of harm says that it is harmful, on its own and not held against another.",
            tuple(safety_cards(compared, names, synthetic=synthetic)),
        ),
        Section(
            "pairs",
            "Pairs",
            "Where the judges of the two axes differ, a policy buys the one with the other; read these first.",
            (examples_card(compared, names, prompts, show_text=show_text, synthetic=synthetic),),
        ),
        Section(
            "judges",
            "Judges",
            "Whose word all of this is.",
            (judges_card(sources.judges, sources.notes, synthetic=synthetic),),
        ),
        Section(
            "provenance",
            "Provenance",
            "What this page was made from.",
            (_answers_card(compared, sources), _files_card(sources)),
        ),
    )
    texts = (
        "Texts of prompts and replies are shown, and may offend."
        if show_text
        else "No prompt and no reply is shown in this page."
    )
    contents = f"{plural(compared.prompts, 'prompt')}, {plural(compared.answered.both, 'pair')} of replies"
    return ComparisonPage(title, created, contents, texts, synthetic, _tiles(compared, sources), sections)


def _tiles(compared: PolicyComparison, sources: ComparedSources) -> tuple[Tile, ...]:
    names, synthetic, answered = sources.names, sources.synthetic, compared.answered
    tiles = []
    for axis, contest in compared.overall.contests.items():
        rate = contest.win_rate
        value = "undefined" if rate.value is None else f"{100 * rate.value:.1f}\u202f%"
        lines = [figure_cell(rate), f"Elo lead {figure_cell_of_points(contest.elo)}"]
        lines += [f"{plural(contest.unjudged, 'pair')} not judged"] if contest.unjudged else []
        tiles.append(told_tile(capitalised(axis), value, f"win rate of {names[0]}", lines, synthetic=synthetic))
    safety = compared.overall.safety
    if safety is not None:
        value = "undefined" if safety.difference.value is None else f"{100 * safety.difference.value:+.1f}"
        lines = [
            f"{name}: {figure_cell(each)}" for name, each in zip(names, (safety.first, safety.second), strict=True)
        ]
        tiles.append(
            told_tile("Safety", value, f"points of safe rate, {names[0]} less {names[1]}", lines, synthetic=synthetic)
        )
    missing = (
        (answered.first_only, f"answered by {names[0]} alone"),
        (answered.second_only, f"answered by {names[1]} alone"),
        (answered.neither, "answered by neither"),
    )
    lines = [f"{count(number)} {what}" for number, what in missing if number] or ["Nothing is missing"]
    tiles.append(
        told_tile("Pairs", count(answered.both), f"of {count(answered.asked)} asked for", lines, synthetic=synthetic)
    )
    return tuple(tiles)


def _answers_card(compared: PolicyComparison, sources: ComparedSources) -> Card:
    answered = compared.answered
    rows = []
    for side, name in enumerate(sources.names):
        codes = compared.missing[side]
        alone = (answered.first_only, answered.second_only)[side]
        missing = ", ".join(f"{count(times)} × {code}" for code, times in codes.items()) or "none"
        given = count(answered.both + alone)
        rows.append((name, sources.places[side], given, count(alone), missing, count(compared.cut[side])))
    table = Table(
        "Replies",
        columns("Policy", "Where it is", "Replies#", "The other has none#", "Missing", "Cut at the most tokens#"),
        tuple(rows),
    )
    reading = f"Of {count(answered.asked)} replies asked of each, both gave {count(answered.both)}; the figures are of these pairs."
    return Card("Replies", reading, sources.synthetic, open_tables=(table,), wide=True)


def _files_card(sources: ComparedSources) -> Card:
    codes = ", ".join(f"{count(number)} × {code}" for code, number in sources.quarantined.items())
    reading = f"Rows that could not be read: {codes}." if codes else "Every row could be read."
    uses = ", ".join(sorted(sources.terms.uses)) or "nothing"
    note = f"The pairs may be used for: {uses}. Licence: {sources.terms.licence}."
    return Card("Files", reading, sources.synthetic, open_tables=(files_table(sources.files),), note=note, wide=True)
