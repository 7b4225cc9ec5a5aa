"""The page about red-team attempts: what `redteam.analysis` measured, as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from plumbline.lineage import FileEntry, Terms
from plumbline.redteam.analysis import RedTeamAnalysis
from plumbline.report.layout import Card, Section, Tile, told_tile
from plumbline.report.pictures.drawing import drawing
from plumbline.report.provenance import files_table
from plumbline.report.redteam.people import family_cards, reviewers_card, tag_cards, worker_cards
from plumbline.report.redteam.success import WAYS, by_model_card, map_card, relation_cards, spread_card, ways_card
from plumbline.report.templating import load_template, write_page
from plumbline.report.wording import count, figure_cell, listed, percent, plural

GLOSSARY = (
    ("Attempt", "One conversation in which somebody, or a program, tries to make a model do harm."),
    ("Cluster", "Attempts on the map whose words are alike, found without anybody's judgement."),
    ("Fleiss' kappa", "How far several raters agree beyond chance: 1 is full agreement, 0 what chance would give."),
    (
        "Harmlessness",
        "A model's score of what the assistant said: lower is more harmful. Scores of one model compare; those of two do not.",
    ),
    (
        "Interval",
        "The range in which the figure would likely lie with other workers and prompts of the same kind; 95 %.",
    ),
    ("Krippendorff's alpha, ordinal", "Agreement beyond chance in which a rating one step off is nearly right."),
    ("Least harmlessness", "The score of a transcript: that of the assistant's most harmful turn."),
    ("Mould", "An opening that a worker uses again and again, its names, numbers and quotations filled anew."),
    ("Near-duplicate", "A transcript whose words are much the same as another's, though not all of them."),
    (
        "Rank correlation",
        "How far two quantities rise together: 1 always, 0 not at all, −1 one falls as the other rises.",
    ),
    ("Undefined", "There is no data for the figure. It is never shown as 0."),
)


@dataclass(frozen=True)
class RedTeamSources:
    """Where the attempts of a page come from.

    Attributes:
        files: that were read.
        rows_read: rows of them.
        quarantined: rows that could not be read, by code.
        terms: what may be done with the attempts.
        scorers: names of the models that the scores are by; none where there are no scores.
        synthetic: any of it was made up by a program.
    """

    files: tuple[FileEntry, ...]
    rows_read: int
    quarantined: Mapping[str, int]
    terms: Terms
    scorers: tuple[str, ...]
    synthetic: bool


@dataclass(frozen=True)
class RedTeamPage:
    """The context of the template ``redteam.html.j2``, all of it.

    Attributes:
        title: the heading, and the name of the window.
        created: when it was made, as it is to be shown.
        contents: what it was made of, in words.
        success: what counts as success, in words.
        synthetic: some of the data was made up by a program.
        tiles: the first figures.
        sections: chapters, in order.
        glossary: words and what they mean.
    """

    title: str
    created: str
    contents: str
    success: str
    synthetic: bool
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]
    glossary: tuple[tuple[str, str], ...] = GLOSSARY


def write_red_team_report(
    found: RedTeamAnalysis, sources: RedTeamSources, out: Path, *, title: str, created: str
) -> None:
    """Write the page.

    Args:
        found: what was measured.
        sources: of what.
        out: the page; written aside and renamed.
        title: its heading.
        created: when it was made, as it is to be shown.
    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    write_page(build_red_team_report(found, sources, title=title, created=created), out)


def build_red_team_report(found: RedTeamAnalysis, sources: RedTeamSources, *, title: str, created: str) -> str:
    """The page as text; the arguments are those of `write_red_team_report`, and the same give the same text."""
    template = load_template("redteam.html.j2")
    with drawing():
        page = _page(found, sources, title, created)
    return str(template.render(page=page))


def _page(found: RedTeamAnalysis, sources: RedTeamSources, title: str, created: str) -> RedTeamPage:
    synthetic = sources.synthetic
    sections = (
        Section(
            "map",
            "What was tried",
            "Every point is an attempt; where many of one colour stand together, models were strong or weak on a subject.",
            (map_card(found, synthetic=synthetic),),
        ),
        Section(
            "success",
            "Success",
            "How often attempts made a model do harm, by who says so and by the model attacked.",
            (by_model_card(found, synthetic=synthetic), ways_card(found, synthetic=synthetic)),
        ),
        Section(
            "harmlessness",
            "Harmlessness",
            "What a model of harmlessness says of the assistant's most harmful turn. Scores that came with the data and "
            "scores of a model of your own do not compare.",
            tuple(
                _by_scorers(card, sources.scorers)
                for card in (spread_card(found, synthetic=synthetic), *relation_cards(found, synthetic=synthetic))
            ),
        ),
        Section(
            "tags",
            "Kinds of harm",
            "Tags that attempts were given, by reviewers or with the data.",
            tuple(tag_cards(found, synthetic=synthetic)),
        ),
        Section(
            "people",
            "People",
            "Who reviewed and who attacked. Workers are named by pseudonyms; no name and no text of theirs is shown.",
            (reviewers_card(found, synthetic=synthetic), *worker_cards(found, synthetic=synthetic)),
        ),
        Section(
            "families",
            "Families",
            "Attempts that resemble each other. Where many come from one mould, n counts the mould again and again.",
            tuple(family_cards(found, synthetic=synthetic)),
        ),
        Section("provenance", "Provenance", "What this page was made from.", (_files_card(sources),)),
    )
    contents = f"{plural(found.attempts, 'attempt')} of {plural(len(sources.files), 'file')}"
    tiles = _tiles(found, sources.scorers, synthetic)
    return RedTeamPage(title, created, contents, WAYS[found.success.by], synthetic, tiles, sections)


def _by_scorers(card: Card, scorers: tuple[str, ...]) -> Card:
    """The card of scores with the model that they are by; nothing but a warning where there are several."""
    if not scorers:
        return card
    if len(scorers) == 1:
        return replace(card, note=f"{card.note or ''} Scores by {scorers[0]}.".strip())
    warning = f"The scores are by {len(scorers)} models and do not compare: {listed(scorers, len(scorers))}."
    return Card(card.heading, "Nothing is drawn: make a page of each source.", card.synthetic, warnings=(warning,))


def _tiles(found: RedTeamAnalysis, scorers: tuple[str, ...], synthetic: bool) -> tuple[Tile, ...]:
    rate = found.success.rates[found.success.by]
    judged, succeeded = rate.n, round((rate.value or 0.0) * rate.n)
    models, mean = found.models, found.models.everything.scores.mean
    named = [model for model in models.models if model.type is not None or model.size is not None]
    lines = [figure_cell(rate), *([] if rate.value is None else [f"{count(succeeded)} of {count(judged)} judged"])]
    share = "undefined" if rate.value is None else percent(succeeded, judged)
    return (
        told_tile(
            "Attempts", count(found.attempts), "attempts", (f"On {plural(len(named), 'model')}",), synthetic=synthetic
        ),
        told_tile("Success", share, "succeeded", lines, synthetic=synthetic),
        told_tile(
            "Harmlessness",
            count(found.scored),
            "transcripts scored",
            (
                f"Mean least harmlessness {figure_cell(mean)}"
                if len(scorers) <= 1
                else f"No mean: the scores are by {len(scorers)} models",
            ),
            synthetic=synthetic,
        ),
        told_tile(
            "People",
            count(found.workers.workers),
            "workers",
            (
                f"{plural(found.reviewers.reviewed, 'transcript')} reviewed",
                f"{plural(found.tags.tagged, 'attempt')} tagged",
            ),
            synthetic=synthetic,
        ),
    )


def _files_card(sources: RedTeamSources) -> Card:
    unread = sum(sources.quarantined.values())
    reading = f"{count(sources.rows_read)} rows read, {count(unread)} of them set aside because they could not be read"
    codes = ", ".join(f"{count(number)} × {code}" for code, number in sources.quarantined.items())
    uses = ", ".join(sorted(sources.terms.uses)) or "nothing"
    note = f"The attempts may be used for: {uses}. Licence: {sources.terms.licence}."
    told = f"{reading} ({codes})." if codes else f"{reading}."
    return Card("Files", told, sources.synthetic, open_tables=(files_table(sources.files),), note=note, wide=True)
