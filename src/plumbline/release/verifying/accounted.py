"""The notes of a curation that lie in a handed-over release: summary, recipe and ledger, held against each other.

The numbers of the steps are a gate's (`counts.counts_gate`); here is what the ledger lists, row by row, and nobody's name in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.curate.recipe import parse_recipe
from plumbline.curate.split_files import WITHOUT_SPLIT
from plumbline.formats.own_folders import NOTES, SUMMARY_NAME
from plumbline.formats.parquet.batches import open_parquet, parquet_batches
from plumbline.records import PlumblineError
from plumbline.release.handed_over import Finding, HandedOver, shown
from plumbline.release.names import RECIPE
from plumbline.release.notes import REMOVED_NAME, CurationNotes, read_notes
from plumbline.release.plurals import counted
from plumbline.release.verifying.summed import Removed, summary_faults

SUMMARY, LEDGER = f"{NOTES}/{SUMMARY_NAME}", f"{NOTES}/{REMOVED_NAME}"
_MOST_RECIPE_BYTES = 1 << 20
_CODE = "PL-REL-034"
_NAMED = "worker"
_COUNTED = ["step", "rule", "kind", "split", "reason"]


def notes_of(handed: HandedOver, findings: list[Finding]) -> CurationNotes | None:
    """The summary of the curation; None, and a finding where there is one that cannot be read."""
    if SUMMARY not in handed.files:
        findings += [
            Finding(_CODE, each, "there is no summary beside it") for each in (LEDGER, RECIPE) if each in handed.files
        ]
        return None
    try:
        return read_notes(handed.folder)
    except (PlumblineError, OSError) as error:
        code = error.code if isinstance(error, PlumblineError) else "PL-REL-027"
        findings.append(Finding(code, SUMMARY, "these are no notes of a curation"))
        return None


def ledger_rows(handed: HandedOver) -> int | None:
    """Rows of the ledger; None where there is none, or none that can be read."""
    if LEDGER not in handed.files:
        return None
    try:
        return int(open_parquet(handed.files[LEDGER]).metadata.num_rows)
    except (PlumblineError, OSError):
        return None


def checked_notes(handed: HandedOver, notes: CurationNotes, *, same_version: bool) -> Iterator[Finding]:
    """Recipe and ledger are those of the summary.

    Args:
        same_version: whether this version of Plumbline wrote them: another resolves a recipe to other settings.
    """
    if same_version:
        yield from _checked_recipe(handed, notes)
    if LEDGER not in handed.files:
        yield Finding(_CODE, LEDGER, "the list of removed records is not there")
        return
    try:
        removed, problems = _read_ledger(handed)
    except PlumblineError as error:
        yield Finding(error.code, LEDGER, error.problem)
        return
    except OSError:
        yield Finding("PL-REL-027", LEDGER, "it cannot be read to its end")
        return
    yield from (Finding(_CODE, LEDGER, problem) for problem in problems)
    told, listed = _told_removed(notes), _by_split(removed)
    for place in sorted(told.keys() | listed.keys()):
        expected, found = told[place], listed[place]
        if expected != found:
            where = f"{LEDGER}, step {place[0]}" if 0 < place[0] <= len(notes.steps) else LEDGER
            yield Finding(_CODE, where, f"it lists {counted(found, 'record')} where the summary tells {expected:,}")
    yield from (Finding(_CODE, SUMMARY, shown(problem)) for problem in summary_faults(notes, removed))


def _checked_recipe(handed: HandedOver, notes: CurationNotes) -> Iterator[Finding]:
    try:
        recipe = parse_recipe(handed.text(RECIPE, _MOST_RECIPE_BYTES), RECIPE)
    except ValueError as error:
        yield Finding(_CODE, RECIPE, str(error))
    except PlumblineError as error:
        yield Finding(error.code, RECIPE, error.problem)
    else:
        if recipe.digest != notes.recipe.digest:
            yield Finding(_CODE, RECIPE, "it is not the recipe whose digest the summary tells")


def _told_removed(notes: CurationNotes) -> Counter[tuple[int, str, str, str]]:
    """Step, rule, kind and split → records, as the summary tells them."""
    told: Counter[tuple[int, str, str, str]] = Counter()
    for number, step in enumerate(notes.steps, 1):
        for kind, of_splits in step.removed.items():
            told.update({(number, step.rule, kind, split): count for split, count in of_splits.items()})
    return told


def _by_split(removed: Removed) -> Counter[tuple[int, str, str, str]]:
    listed: Counter[tuple[int, str, str, str]] = Counter()
    for (step, rule, kind, split, _), count in removed.items():
        listed[step, rule, kind, split] += count
    return listed


def _read_ledger(handed: HandedOver) -> tuple[Removed, list[str]]:
    """Records by step, rule, kind, split and reason, and what is wrong with the columns.

    Raises:
        SourceError, FaultError: it cannot be read, or unpacks to more than any list would.
    """
    path = handed.files[LEDGER]
    schema = open_parquet(path).schema_arrow
    problems = []
    if schema.names != LEDGER_SCHEMA.names:
        return Counter(), ["it has other columns than the list of a curation"]
    if schema.metadata:
        problems.append("it says something beside its columns")
    removed: Removed = Counter()
    named = 0
    for batch in parquet_batches(path):
        try:
            table = pa.Table.from_batches([batch]).cast(LEDGER_SCHEMA)
        except pa.ArrowException:
            return removed, [*problems, "a column is of another type than in the list of a curation"]
        named += len(table) - table[_NAMED].null_count
        counted = table.select(_COUNTED).group_by(_COUNTED).aggregate([([], "count_all")])
        for row in counted.to_pylist():
            split = WITHOUT_SPLIT if row["split"] is None else row["split"]
            key = (int(row["step"] or 0), str(row["rule"]), str(row["kind"]), split, str(row["reason"]))
            removed[key] += row["count_all"]
    if named:
        problems.append(f"{named:,} of its records name who judged them")
    return removed, problems
