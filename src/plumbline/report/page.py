"""The page: sections put together and drawn by a template into one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plumbline.report.curation.chapter import curation, curation_tiles
from plumbline.report.curation.subjects import Curated, curated_of
from plumbline.report.data_health import data_health
from plumbline.report.decisions import by_category, disagreements, precision_and_recall
from plumbline.report.finding import file_counts, read_inputs
from plumbline.report.glance import glance_cards, tiles_of
from plumbline.report.glossary import GLOSSARY
from plumbline.report.inputs import ReportInputs
from plumbline.report.layout import Card, Section, Subject, Tile, subjects_of
from plumbline.report.model_quality import by_subset, calibration, length_bias, score_distributions, trained_cards
from plumbline.report.people import uncertainty, where_people_disagreed
from plumbline.report.pictures.drawing import drawing
from plumbline.report.provenance import provenance
from plumbline.report.templating import load_template, write_page
from plumbline.report.wording import listed, plural


@dataclass(frozen=True)
class ReportSummary:
    """What a report was made of.

    Attributes:
        path: the page.
        checks, evaluations, models, manifests, curations: files read of each kind.
        synthetic: whether any of the data was made by a program.
        size_bytes: of the page.
        passed_over: files that are called like ours and are not.
    """

    path: Path
    checks: int
    evaluations: int
    models: int
    manifests: int
    synthetic: bool
    size_bytes: int
    curations: int = 0
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """The context of the template, all of it.

    Attributes:
        title: the heading, and the name of the window.
        created: when it was made, in words.
        contents: how many files of each kind it was made of, in words.
        synthetic: all inputs are synthetic.
        synthetic_names: where only some are: which, by kind and name.
        tiles: the data sets of the first screen.
        glance: the cards of the first screen.
        sections: the chapters below it, in order.
        glossary: words and what they mean.
    """

    title: str
    created: str
    contents: str
    synthetic: bool
    synthetic_names: tuple[str, ...]
    tiles: tuple[Tile, ...]
    glance: tuple[Card, ...]
    sections: tuple[Section, ...]
    glossary: tuple[tuple[str, str], ...] = GLOSSARY

    @property
    def graded(self) -> bool:
        """Whether any tile says few or many."""
        return any(state.grade != "told" for tile in self.tiles for state in tile.states)


def write_report(folders: Sequence[Path], out: Path, *, title: str, created: str) -> ReportSummary:
    """Read what stands below the folders and write one HTML page about it.

    Args:
        folders: what `plumbline data check`, `train`, `evaluate`, `curate` and `release build` wrote; at least one.
        out: the page; written aside and renamed.
        title: the heading of the page.
        created: when it was made, as it is to be shown; the only thing that is not taken from the inputs.
    Raises:
        UsageError: no folder, no such folder, or nothing to report on in one.
        SourceError: a file is unreadable or not what its name says.
        MissingExtraError: jinja2 or matplotlib is not installed.
        WriteError: the page could not be written.
    """
    inputs = read_inputs(folders)
    size_bytes = write_page(build_report(inputs, title=title, created=created), out)
    counts = dict(file_counts(inputs))
    return ReportSummary(
        path=out, synthetic=inputs.synthetic, size_bytes=size_bytes, passed_over=inputs.passed_over, **counts
    )


def build_report(inputs: ReportInputs, *, title: str, created: str) -> str:
    """The page as text; the same arguments give the same text.

    Args:
        inputs: what was found; may be empty.
        title: the heading of the page.
        created: when it was made, as it is to be shown.
    Returns:
        HTML that loads nothing from elsewhere.
    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    template = load_template("page.html.j2")
    with drawing():
        page = _page(inputs, title, created)
    return str(template.render(page=page))


def _page(inputs: ReportInputs, title: str, created: str) -> Page:
    subjects = subjects_of(inputs)
    curated = curated_of(inputs)
    sections: list[Section | None] = [data_health(inputs), curation(curated)]
    if subjects:
        sections += [
            by_subset(subjects),
            calibration(subjects),
            uncertainty(subjects),
            score_distributions(subjects),
            length_bias(subjects),
            where_people_disagreed(subjects),
            precision_and_recall(subjects),
            by_category(subjects),
            disagreements(subjects),
        ]
    sections.append(provenance(inputs, subjects, curated))
    return Page(
        title=title,
        created=created,
        contents=listed([plural(number, kind.removesuffix("s")) for kind, number in file_counts(inputs)], 5),
        synthetic=inputs.wholly_synthetic,
        synthetic_names=() if inputs.wholly_synthetic else _synthetic_names(inputs, subjects, curated),
        tiles=(*tiles_of(inputs), *curation_tiles(curated)),
        glance=glance_cards(subjects) or trained_cards(inputs.models),
        sections=tuple(section for section in sections if section is not None),
    )


def _synthetic_names(
    inputs: ReportInputs, subjects: tuple[Subject, ...], curated: tuple[Curated, ...]
) -> tuple[str, ...]:
    """Which inputs are synthetic, a line for each kind that has some: ``evaluation: a and b``."""
    kinds = {
        "check": [found.content.name for found in inputs.checks if found.content.synthetic],
        "evaluation": [subject.name for subject in subjects if subject.evaluation.synthetic],
        "model": [found.content.name or found.place for found in inputs.models if found.content.synthetic],
        "curation": [each.name for each in curated if each.curation.synthetic],
    }
    return tuple(f"{plural(len(names), kind)}: {listed(names, len(names))}" for kind, names in kinds.items() if names)
