"""The page of a best-of-n run: what its summary says, as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.measure import Figure
from plumbline.report.layout import Card, FiguresPage, Section, Table, columns
from plumbline.report.pictures.best_of_n import ScoreLine, draw_best_of_n
from plumbline.report.pictures.drawing import FIRST, SECOND, Caption, drawing
from plumbline.report.pictures.rows import Series
from plumbline.report.templating import load_template, write_page
from plumbline.report.wording import count, figure_cell, number, plural

_FOOTER = (
    "Intervals are at 95 %, by bootstrap over prompts. “undefined” means that there was no data for a figure; it is never "
    "shown as 0. No prompt and no reply is shown in this page."
)
_KINDS = {"preference": "reward", "cost": "cost, turned", "moderation": "harmfulness, turned"}
_INTRO = (
    "The expected best of n follows exactly from the replies that came, over all choices of n of them; no further reply is drawn. "
    "A score is higher = better; what is a cost or a harmfulness is turned."
)


def write_best_of_n_page(summary: Mapping[str, Any], out: Path, *, created: str) -> None:
    """Write the page.

    Args:
        summary: what ``best_of_n.json`` holds.
        out: the page; written aside and renamed.
        created: when it was made, as it is to be shown.
    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    write_page(build_best_of_n_page(summary, created=created), out)


def build_best_of_n_page(summary: Mapping[str, Any], *, created: str) -> str:
    """The page as text; the arguments are those of `write_best_of_n_page`, and the same give the same text."""
    template = load_template("figures.html.j2")
    with drawing():
        curve = _curve_card(summary)
    sections = (
        Section("curve", "What the best of n is worth", _INTRO, (curve,)),
        Section("replies", "Replies", "What came of asking, and what was written.", (_replies_card(summary),)),
    )
    contents = (
        f"{plural(summary['prompts'], 'prompt')} and {count(summary['replies_came'])} replies of {summary['policy']}"
    )
    page = FiguresPage("Best of n", created, contents, summary["synthetic"], sections, _FOOTER)
    return str(template.render(page=page))


def _curve_card(summary: Mapping[str, Any]) -> Card:
    synthetic, curve, judge = summary["synthetic"], summary["curve"], summary["judge"]
    scorer = f"chosen by {summary['scorer']['name']} ({summary['scorer']['axis']})"
    warnings = tuple(f"Note: {note}." for note in summary["notes"])
    if not curve:
        return Card("Expected score", "There is no figure to draw.", synthetic, warnings=warnings, wide=True)
    lines = [_line(summary["scorer"], Series("by the scorer that chooses", FIRST, "o"), "score", curve)]
    if judge is not None:
        lines.append(_line(judge, Series("by the judge", SECOND, "D", filled=False), "judged", curve))
    last = curve[-1]
    reading = f"The best of {last['n']} replies, {scorer}: {figure_cell(_figure(last['score']))}"
    reading += f"; {figure_cell(_figure(last['gain']))} more than a single reply." if last["gain"] else "."
    if judge is not None and last["judged_gain"]:
        reading += f" By {judge['name']} ({judge['axis']}), which had no part in choosing: {figure_cell(_figure(last['judged_gain']))} more."
    caption = Caption("bon-curve", "n against the expected score of the best", reading, synthetic)
    picture = draw_best_of_n(
        [each["n"] for each in curve], [each["divergence_bound_nats"] for each in curve], lines, caption
    )
    return Card(
        "Expected score",
        reading,
        synthetic,
        picture,
        open_tables=(_curve_table(curve, judge),),
        warnings=warnings,
        wide=True,
    )


def _line(model: Mapping[str, Any], series: Series, key: str, curve: list[Mapping[str, Any]]) -> ScoreLine:
    return ScoreLine(series, _KINDS[model["task"]], [Figure.from_json(each[key]) for each in curve])


def _figure(fields: Mapping[str, Any] | None) -> Figure | None:
    return None if fields is None else Figure.from_json(fields)


def _curve_table(curve: list[Mapping[str, Any]], judge: Mapping[str, Any] | None) -> Table:
    keys = ["score", "gain", *(["judged", "judged_gain"] if judge else [])]
    names = ["Expected score", "More than a single reply", *(["By the judge", "More, by the judge"] if judge else [])]
    rows = tuple(
        (
            str(each["n"]),
            *("–" if each[key] is None else figure_cell(_figure(each[key])) for key in keys),
            number(each["divergence_bound_nats"]),
        )
        for each in curve
    )
    return Table("n against the expected score of the best", columns("n#", *names, "Nats at most#"), rows)


def _replies_card(summary: Mapping[str, Any]) -> Card:
    rows = [
        ("asked for", count(summary["replies_asked"])),
        ("came", count(summary["replies_came"])),
        ("different ones to a prompt, mean", figure_cell(_figure(summary["different_replies"]))),
        ("cut at the most tokens", count(summary["cut_replies"])),
        ("best replies that were cut", count(summary["cut_best"])),
        *((f"without a score, {code}", count(number)) for code, number in summary["missing"].items()),
        *((f"without a judgement, {code}", count(number)) for code, number in summary["judged_missing"].items()),
        *((f"rows in {name}", count(number)) for name, number in summary["rows"].items()),
    ]
    terms = summary["terms"]
    note = f"May be used for: {', '.join(terms['uses']) or 'nothing'}. Licence: {terms['licence']}."
    reading = f"{count(summary['replies'])} replies were asked for to each of {plural(summary['prompts'], 'prompt')}."
    return Card(
        "Replies and rows",
        reading,
        summary["synthetic"],
        open_tables=(Table("Replies and rows", columns("What", "Number"), tuple(rows)),),
        note=note,
        wide=True,
    )
