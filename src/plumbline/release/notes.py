"""What a curation noted beside its data (`curation/summary.json`), as far as a release reads it."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbline.curate.accounting import total
from plumbline.curate.recipe_steps import MASKING
from plumbline.curate.rules.aggregate import MERGING
from plumbline.curate.worker_names import is_name_for_notes
from plumbline.formats.own_folders import NOTES, SUMMARY_NAME
from plumbline.records import SourceError

DEALING = "splits"
"""The rule that gives a split."""
REMOVED_NAME, CHANGED_NAME = "removed.parquet", "changed.parquet"
_MOST_BYTES = 64 << 20

Counts = dict[str, dict[str, int]]
"""Kind of record → split → rows."""


class _Notes(BaseModel):
    """A part of the summary; a key that no curation writes is refused, for it would be published unread."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _name_for_notes(name: str) -> str:
    if not is_name_for_notes(name):
        raise ValueError("a worker by a name that is no pseudonym")
    return name


class RecipeNotes(_Notes):
    """Which recipe was followed."""

    name: str
    version: int | str
    digest: str
    title: str = ""


class RowNotes(_Notes):
    """What was read.

    Attributes:
        read: lines or rows of the sources; one may hold several records.
        quarantined: unreadable ones, by code.
        not_taken: records of kinds that the recipe does not take, by kind.
    """

    read: int
    quarantined: dict[str, int] = Field(default_factory=dict)
    not_taken: dict[str, int] = Field(default_factory=dict)


class RecordNotes(_Notes):
    """How many records came in, of the kinds that the recipe takes, and how many the rules removed."""

    read: Counts
    removed: int | None = None


class StepNotes(_Notes):
    """What one rule did, in the order of the rules.

    Attributes:
        before: rows that it saw. removed: rows that it took away or merged into others. changed: rows that it changed.
        reasons: rows of both by reason. kinds: of personal data, the rows that hold each; None of other rules.
    """

    rule: str
    title: str = ""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    before: Counts = Field(default_factory=dict)
    removed: Counts = Field(default_factory=dict)
    changed: Counts = Field(default_factory=dict)
    reasons: dict[str, int] = Field(default_factory=dict)
    kinds: dict[str, int] | None = None


class LabelErrorNotes(_Notes):
    """How many labels a curation ranked by how unlikely they are, of how many, by which scores."""

    n: int
    file: str = ""
    by: str = ""
    scored: int = 0
    unscored: int = 0
    unlabelled: int = 0
    unknown_ids: int = 0
    heads: JsonValue = None
    scores: JsonValue = None


class WorkerNotes(_Notes):
    """A worker's ability in a family, by a model; the worker by a pseudonym or a number of the list."""

    worker: Annotated[str, AfterValidator(_name_for_notes)]
    family: str
    judgements: int
    model: str
    ability: dict[str, float | str | None]


class CensusNotes(_Notes):
    """What was read of one family of records: a kind, or ``KIND/`` and what it was judged on."""

    family: str
    records: int
    records_distinct: int
    items: int
    judged_both_ways: int


class LeakageNotes(_Notes):
    """Prompts that two splits share, splits by splits; the diagonal is null, and `near` where nothing looked for such."""

    splits: list[str]
    exact: list[list[int | None]]
    near: list[list[int | None]] | None = None


class CurationNotes(_Notes):
    """The summary of a curation. Sections whose rule did not run are absent; those of `JsonValue` are figures that no release counts."""

    recipe: RecipeNotes
    rows: RowNotes
    records: RecordNotes | None = None
    steps: list[StepNotes] = Field(default_factory=list)
    written: Counts = Field(default_factory=dict)
    label_errors: LabelErrorNotes | None = None
    census: list[CensusNotes] = Field(default_factory=list)
    leakage: LeakageNotes | None = None
    workers: list[WorkerNotes] = Field(default_factory=list)
    plumbline: Literal["curation"] = "curation"
    version: int = 1
    clusters: JsonValue = None
    agreement: JsonValue = None
    noise_ceiling: JsonValue = None
    repeated: JsonValue = None

    @property
    def came_in(self) -> Counts:
        """The records that the first rule saw."""
        return self.steps[0].before if self.steps else self.written

    @property
    def looked_for_near_leakage(self) -> bool:
        """Whether prompts of one split that nearly stand in another were looked for: at a threshold of 1 no rule looks for any.

        Not where a later rule dealt prompts that are nearly the same out to several splits, as `splits` does at a threshold of 1.
        """
        looked = False
        for step in self.steps:
            threshold = step.settings.get("threshold")
            is_near = isinstance(threshold, int | float) and threshold < 1
            if step.rule == "leakage":
                looked = looked or is_near
            elif step.rule == DEALING and total(step.changed):
                looked = looked and is_near
        return looked


def changed_by(notes: CurationNotes, rule: str) -> int:
    """Records that a rule changed."""
    return sum(total(step.changed) for step in notes.steps if step.rule == rule)


def masked_by(notes: CurationNotes | None) -> int:
    """Records that the curation masked, those that a later rule removed too; 0 where there was none."""
    return 0 if notes is None else changed_by(notes, MASKING)


def removed_by(notes: CurationNotes, *, merging: bool) -> int:
    """Records that went into others, or those that rules took away."""
    return sum(total(step.removed) for step in notes.steps if (step.rule == MERGING) is merging)


def read_notes(folder: Path) -> CurationNotes | None:
    """The notes beside the data in a folder; None where no curation left any.

    Raises:
        SourceError: the file is there and is no such summary.
    """
    path = folder / NOTES / SUMMARY_NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("longer than 64 MiB")
        return CurationNotes.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise no_notes(path, "what plumbline curate writes", _first_problem(error)) from error


def no_notes(path: Path, expected: str, found: str) -> SourceError:
    """The error for a file among the notes of a folder that is not what a curation writes there."""
    folder = quote(str(path.parent.parent))
    return SourceError(
        "PL-REL-009",
        str(path),
        "these are no notes of a curation",
        expected=expected,
        found=found,
        advice=f"curate again; or release the data without notes: plumbline data convert {folder} OUT --to parquet, then OUT",
    )


def _first_problem(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{first['msg']} at {'.'.join(map(str, first['loc'])) or 'the top'}"
