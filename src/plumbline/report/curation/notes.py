"""The contract of ``curation/summary.json``, what a curation notes beside its data, and the list of suspected label errors.

The keys below are checked to the letter, and what is removed must add up with what was read and what was written; other
keys are left to `plumbline.curate`, which may note more. A section whose rule did not run is absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from plumbline.lineage import Manifest
from plumbline.measure import format_ceiling
from plumbline.records import SourceError
from plumbline.report.contract import Count, FigureJson, Share, WholeNumber

NOTES_FOLDER = "curation"
SUMMARY_NAME = "summary.json"
SUSPECTED_NAME = "label_errors.parquet"
SUSPECTED_SHOWN = 20

Counts = dict[str, dict[str, Count]]
"""Kind of record → split → records."""
Figures = dict[str, dict[str, FigureJson]]
"""Kind of record → what is judged → figure."""

_SIZE = re.compile("[1-9][0-9]{0,15}")


class Part(msgspec.Struct, frozen=True):
    """A JSON object of which the keys named here are read."""


class RecipeNotes(Part, frozen=True):
    """Which recipe was followed."""

    name: str
    version: Count
    digest: str
    title: str


class RowNotes(Part, frozen=True):
    """Lines or table rows of the sources: read, unreadable by code, and records of kinds that the recipe does not take."""

    read: Count
    quarantined: dict[str, Count] = {}
    not_taken: dict[str, Count] = {}


class RecordNotes(Part, frozen=True):
    """The records that came in."""

    read: Counts


class CensusRow(Part, frozen=True):
    """A family: records, how many of them differ, items, and items of which there is a judgement each way."""

    family: str
    records: Count
    records_distinct: Count
    items: Count
    judged_both_ways: Count


class StepNotes(Part, frozen=True):
    """What one rule found, removed and changed. `reasons` count both; `kinds` of personal data count a record under each."""

    rule: str
    title: str
    before: Counts
    removed: Counts
    changed: Counts
    reasons: dict[str, Count]
    kinds: dict[str, Count] = {}
    settings: dict[str, Any] = {}


class ClusterNotes(Part, frozen=True):
    """Clusters of near-duplicates: size → how many there are, and the records in them."""

    sizes: dict[str, Count]
    rows: Count

    def __post_init__(self) -> None:
        wrong = [size for size in self.sizes if not _SIZE.fullmatch(size)]
        if wrong:
            raise ValueError(f"sizes: expected whole numbers above 0, found {wrong[0]!r}")
        if sum(size * number for size, number in self.by_size) != self.rows:
            raise ValueError("rows: expected what the sizes add up to")

    @property
    def by_size(self) -> list[tuple[int, int]]:
        """Size and clusters, the smallest first."""
        return sorted((int(size), number) for size, number in self.sizes.items() if number)


class LeakageNotes(Part, frozen=True):
    """Prompts that each two splits shared when the rule looked, before it removed any; the diagonal is null, and so is all where nobody looked."""

    splits: list[str]
    exact: list[list[Count | None]] | None
    near: list[list[Count | None]] | None

    def __post_init__(self) -> None:
        for name, rows in (("exact", self.exact), ("near", self.near)):
            if rows is not None and [len(row) for row in rows] != [len(self.splits)] * len(self.splits):
                raise ValueError(f"{name}: expected {len(self.splits)} rows of {len(self.splits)}, one a split")


class WorkerNotes(Part, frozen=True):
    """A worker's ability in a family, by a model: abilities of two models, or of two families, do not compare."""

    worker: str
    judgements: Count
    ability: FigureJson
    family: str
    model: str


class CeilingNotes(Part, frozen=True):
    """The accuracy that a perfect model could reach, against one further judgement or the majority of several."""

    estimate: FigureJson
    lower: FigureJson
    upper: FigureJson
    agreement: FigureJson
    label_votes: Count
    items_judged_once: Count
    ties_set_aside: Count

    @property
    def told(self) -> str:
        """The bounds in words, or why there are none."""
        return format_ceiling(self.lower.figure(), self.upper.figure())


class RepeatedFamily(Part, frozen=True):
    """The judgements of a family that others of the same item stand beside."""

    items: Count
    judgements: Count
    worker_unknown: Count
    set_aside: dict[str, Count] = {}


class RepeatedNotes(Part, frozen=True):
    """What agreement and abilities rest on; `note` says what is to be doubted."""

    measure: str
    percent: Figures
    families: dict[str, RepeatedFamily]
    note: str | None


class HeadNotes(Part, frozen=True):
    """Of one thing that is judged: labels ranked, and how many of them the model finds less likely than another."""

    kind: str
    head: str
    n: Count
    doubted: Count


class ScoreNotes(Part, frozen=True):
    """A file of scores, and whether it says that the model had not seen the rows."""

    path: str
    out_of_fold: bool


class LabelErrorNotes(Part, frozen=True):
    """How many labels are ranked by how unlikely they are, and how many records have none that was scored."""

    n: Count
    unscored: Count = 0
    heads: list[HeadNotes] = []
    scores: list[ScoreNotes] = []


class CurationNotes(Part, frozen=True):
    """``curation/summary.json``."""

    plumbline: Literal["curation"]
    version: Literal[1]
    recipe: RecipeNotes
    rows: RowNotes
    records: RecordNotes
    steps: list[StepNotes]
    written: Counts
    census: list[CensusRow] = []
    clusters: dict[str, ClusterNotes] = {}
    leakage: LeakageNotes | None = None
    agreement: Figures = {}
    workers: list[WorkerNotes] = []
    noise_ceiling: dict[str, CeilingNotes] = {}
    repeated: RepeatedNotes | None = None
    label_errors: LabelErrorNotes | None = None

    def __post_init__(self) -> None:
        left = by_kind(self.records.read)
        for number, step in enumerate(self.steps, 1):
            if by_kind(step.before) != left:
                raise ValueError(f"rule {number} of steps found other records than the one before it left")
            removed = by_kind(step.removed)
            left = {kind: left.get(kind, 0) - removed.get(kind, 0) for kind in {*left, *removed}}
            if min(left.values(), default=0) < 0:
                raise ValueError(f"rule {number} of steps removed more records than it found")
            left = {kind: count for kind, count in left.items() if count}
        if by_kind(self.written) != left:
            raise ValueError("records read less records removed are not the records written")


def by_kind(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Records of each kind that there are any of."""
    sums = {kind: sum(splits.values()) for kind, splits in counts.items()}
    return {kind: records for kind, records in sums.items() if records}


class Suspected(Part, frozen=True):
    """A label that a model which never saw it finds unlikely; named by its place, never by its text."""

    rank: Count
    source: str
    row: WholeNumber
    label: str
    probability: Share
    suggested: str
    kind: str
    head: str


@dataclass(frozen=True)
class Curation:
    """A folder that was curated, or a release of one.

    Attributes:
        name: of the folder.
        notes: what the summary says.
        suspected: the first of the label errors; None where the list does not stand beside the summary.
        manifest: of the folder; None where there is none.
    """

    name: str
    notes: CurationNotes
    suspected: tuple[Suspected, ...] | None = None
    manifest: Manifest | None = None

    @property
    def synthetic(self) -> bool:
        """Whether the manifest says so, or any file says in its name that a program made it up."""
        if self.manifest is None:
            return False
        entries = [*self.manifest.inputs, *self.manifest.outputs]
        return self.manifest.configuration.get("synthetic") is True or any(
            "synthetic" in each.path.lower() for each in entries
        )


def is_summary(path: Path) -> bool:
    """Whether a file is called and placed as a curation's summary is."""
    return path.name == SUMMARY_NAME and path.resolve().parent.name == NOTES_FOLDER


def read_suspected(notes_folder: Path) -> tuple[Suspected, ...] | None:
    """The first rows of the list of label errors, by rank; None where there is no list.

    Raises:
        SourceError: PL-RPT-003, the file is no such list.
    """
    path = notes_folder / SUSPECTED_NAME
    if not path.is_file():
        return None
    import polars as pl

    try:
        rows = pl.scan_parquet(path)
        names = [name for name in Suspected.__struct_fields__ if name in rows.collect_schema()]
        first = rows.select(names).sort("rank").head(SUSPECTED_SHOWN).collect().to_dicts()
        return tuple(msgspec.convert(first, list[Suspected]))
    except (pl.exceptions.PolarsError, msgspec.ValidationError, OSError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise SourceError(
            "PL-RPT-003",
            str(path),
            "this is no list of label errors",
            expected=f"the columns {', '.join(Suspected.__struct_fields__)}",
            found=told[:160],
            advice="curate again with this version of plumbline, or leave its folder out of the report",
        ) from error
