"""A curating run: sources → records through a recipe → a folder with what is left, notes on what is not, a manifest."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from plumbline.curate.accounting import total
from plumbline.curate.curation import Curated, curate
from plumbline.curate.intake import Intake, take_in
from plumbline.curate.recipe import Recipe
from plumbline.curate.redaction import detector_named
from plumbline.curate.rules.aggregate import MERGING
from plumbline.curate.rules.row_rules import PersonalData
from plumbline.curate.rules.splits import Splits
from plumbline.curate.score_files import LabelScores, read_scores
from plumbline.curate.split_files import require_split_names
from plumbline.curate.summary import summary_of
from plumbline.curate.suspected_labels import check_scores, write_label_errors
from plumbline.curate.writing import NOTES_FOLDER, write_ledger, write_records
from plumbline.engine import ENGINES, Dataset, Workspace, open_engine, open_workspace
from plumbline.formats.loading import Loaded
from plumbline.formats.opened import FileTold, OpenedSources, open_sources, refuse_copies
from plumbline.lineage import (
    Fault,
    FileEntry,
    Finding,
    refuse_foreign_folder,
    write_folder_aside,
)
from plumbline.loop.curating.places import Replaced, refuse_places, standing, workspace_of
from plumbline.loop.curating.terms import TermsOfFile, terms_of_files
from plumbline.loop.sources import Step, is_synthetic, without_split
from plumbline.records import Kind, NoDataError, PlumblineError, UsageError, unknown_name

SUMMARY_NAME = "summary.json"
RECIPE_NAME = "recipe.toml"
DUPLICATES = "exact-duplicates"
"""The rule after which no record stands twice."""
COUNTING = frozenset({MERGING, "balance", "conflicts", "moulds"})
"""Rules whose verdict depends on how many records there are."""


@dataclass(frozen=True)
class CurationRun:
    """What to curate, how, and where to put it.

    Attributes:
        sources: files, folders, hub ids.
        out: the output folder.
        recipe: what is done.
        engine: one of `engine.ENGINES`.
        address: of a Ray cluster that runs already.
        work: folder for what stages leave until the run is through; beside the output by default. A run on several
            machines needs one that all of them see. Several runs may share one.
        load_options: data_dir, split, format, axis, on_error, stated_terms, as in `formats.load`.
        command: for the manifest.
        scores: files of probabilities that labels are held against, see `curate.score_files`; the least likely labels are
            listed.
    """

    sources: tuple[str, ...]
    out: Path
    recipe: Recipe
    engine: str = "local"
    address: str | None = None
    work: Path | None = None
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    scores: tuple[Path, ...] = ()

    @property
    def workspace(self) -> Path:
        """Where stages leave what they make."""
        return workspace_of(self.out, self.work)


@dataclass(frozen=True)
class CurationResult:
    """What a run came to.

    Attributes:
        summary: what ``curation/summary.json`` holds.
        loaded: the sources, without their rows; its terms are those of the output.
        files: those that held records which the recipe takes, with their terms.
        replaced: the curation in whose place the output stands; None where there was none.
    """

    summary: dict[str, Any]
    loaded: Loaded
    files: tuple[TermsOfFile, ...] = ()
    replaced: Replaced | None = None


def run_curation(
    run: CurationRun, step: Step = lambda _: None, note: Callable[[str], None] = lambda _: None
) -> CurationResult:
    """Curate, and write the folder aside and rename it; what stages left is removed once the folder stands.

    Args:
        run: what to do.
        step: told what begins.
        note: told what a person should hear beside it.
    Raises:
        PlumblineError: the sources, the recipe or the disk do not allow it. What is finished stays in the workspace, so
            that the same command goes on from there; where there is nothing to curate, nothing stays.
    """
    _refuse_idle_options(run)
    refuse_places(run.out, run.work, run.sources)
    refuse_foreign_folder(run.out, "data")
    _require_detector(run.recipe)
    scores = read_scores(run.scores)
    step("looking at the sources")
    opened = open_sources(run.sources, out=run.out, **run.load_options)
    began = time.monotonic()

    def advance(name: str, done: int, count: int) -> None:
        """How far a stage has come."""
        step(f"{name}: {done:,} of {count:,}" if count else f"{name}: {done:,}")

    with (
        open_workspace(run.workspace, advance, note) as workspace,
        _kept_if_of_use(workspace),
        open_engine(run.engine, run.address) as engine,
    ):
        step("reading")
        intake, told = _read(opened, run.recipe, workspace)
        if intake.taken_over:
            note(
                "goes on where an earlier run of the same sources stopped: what it had read and finished is taken over"
            )
        read = time.monotonic()
        _require_no_copies(opened, told, run.recipe, workspace)
        loaded = opened.loaded(told, run.recipe.takes)
        _require_records(intake, loaded, told, run.recipe)
        curated = curate(intake, run.recipe, workspace, engine, step, partial(_check_scores, scores, run.recipe))
        curated_at = time.monotonic()
        step("writing")
        files = terms_of_files(opened, told, curated, run.recipe)
        apart = {number for number, file in files.items() if file.gave.apart}
        loaded = opened.loaded(told, run.recipe.takes, apart)
        durations = {"read": round(read - began, 3), "rules": round(curated_at - read, 3)}
        replaced = standing(run.out)
        summary = _write(
            run, loaded, told, curated, scores, durations, [files[number].path for number in sorted(apart)]
        )
        workspace.remove()
    return CurationResult(summary, loaded, tuple(files.values()), replaced)


def _check_scores(scores: LabelScores, recipe: Recipe, rows: Dataset) -> None:
    """Refuse scores of other records before the rules are run, as far as that can be known by then.

    Where the recipe makes several judgements one, scores may be of what it will come to.
    """
    if scores.files:
        check_scores(rows, scores.table, all_known=all(step.rule.name != MERGING for step in recipe.steps))


def _refuse_idle_options(run: CurationRun) -> None:
    """Refuse what could only fail once the sources are read, or would mean nothing."""
    if run.engine not in ENGINES:
        raise unknown_name("--engine", run.engine, ENGINES)
    if run.address is not None and run.engine != "ray":
        raise UsageError(
            "PL-ARG-005",
            "--ray-address",
            "it means nothing without --engine ray",
            advice="add --engine ray, or leave it out",
        )


def _require_detector(recipe: Recipe) -> None:
    """Refuse a recipe whose detector of personal data is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    for step in recipe.steps:
        if isinstance(step.settings, PersonalData):
            detector_named(step.settings.detector)


_NOTHING_THERE = frozenset({"PL-CUR-003", "PL-CUR-004"})
"""Errors after which no other options would help: nothing was taken, or nothing was left."""


@contextmanager
def _kept_if_of_use(workspace: Workspace) -> Iterator[None]:
    """Take the workspace away where there is nothing to curate, or nothing in it to go on from."""
    try:
        yield
    except BaseException as error:
        nothing_there = isinstance(error, PlumblineError) and error.code in _NOTHING_THERE
        if nothing_there or not any(path.is_dir() for path in workspace.folder.glob("*")):
            workspace.remove()
        raise


def _read(opened: OpenedSources, recipe: Recipe, workspace: Workspace) -> tuple[Intake, list[FileTold]]:
    """The records of the kinds that the recipe takes, and what reading turned up."""
    told = [FileTold() for _ in opened.files]
    shares = {name for step in recipe.steps if isinstance(step.settings, Splits) for name in step.settings.shares}
    to_be_split = bool(shares) and not opened.tells_splits
    splits: set[str | None] = set()

    def tables() -> Iterator[dict[Kind, pa.Table]]:
        """Block after block of all files."""
        for number, each in enumerate(told):
            for block in opened.tables(number, each):
                taken = {kind: table for kind, table in block.items() if kind in recipe.takes}
                if to_be_split:
                    yield {kind: without_split(table) for kind, table in taken.items()}
                    continue
                for table in taken.values():  # told before the work, not after it
                    splits.update(pc.unique(table["split"]).to_pylist())
                    source = opened.files[number].location.origin.source
                    dealt_out = shares and None in splits
                    require_split_names(splits - {None} | shares if dealt_out else splits, f"{source}, split")
                yield taken

    address: list[JsonValue] = [
        *(list[JsonValue](file.address()) for file in opened.files),
        [kind.value for kind in recipe.takes],
        opened.on_error,
        str(opened.axis or ""),
        to_be_split,
    ]
    intake = take_in(tables, lambda: [_told_json(each) for each in told], address, workspace)
    kept = intake.told if isinstance(intake.told, list) else []
    return intake, [_told(each) for each in kept if isinstance(each, dict)]


def _told_json(told: FileTold) -> JsonValue:
    values: dict[str, Any] = asdict(told)
    return json.loads(json.dumps(values))  # type: ignore[no-any-return]  # enums and dataclasses as plain JSON


def _told(values: Mapping[str, Any]) -> FileTold:
    return FileTold(
        values["rows_read"],
        {Kind(kind): count for kind, count in values["kinds"].items()},
        {Kind(kind): digest for kind, digest in values["content"].items()},
        [Fault(**fault) for fault in values["faults"]],
        [Finding(**finding) for finding in values["findings"]],
    )


def _require_no_copies(opened: OpenedSources, told: list[FileTold], recipe: Recipe, workspace: Workspace) -> None:
    """Refuse copies, but where a rule removes them: there a person is told what will be among the duplicates."""
    try:
        refuse_copies(opened, told, recipe.takes)
    except UsageError as error:
        if _removes_copies(recipe):
            workspace.note(
                f"{error.place}: {error.problem}; what stands there twice is removed as duplicates, but no record that was "
                "made of several judgements is a duplicate of one of these"
            )
            return
        workspace.remove()  # other sources have to be named: nothing that stands there will be asked for again
        raise


def _removes_copies(recipe: Recipe) -> bool:
    """Whether duplicates go before a rule counts records: to such a rule a copy would be as many judgements again."""
    names = [step.rule.name for step in recipe.steps]
    before = names[: names.index(DUPLICATES)] if DUPLICATES in names else None
    return before is not None and not set(before) & COUNTING


def _require_records(intake: Intake, loaded: Loaded, told: list[FileTold], recipe: Recipe) -> None:
    if intake.rows.rows:
        return
    others = sorted({kind for each in told for kind, count in each.kinds.items() if count})
    unread = [f"{count:,} × {code}" for code, count in loaded.quarantined.items()]
    # With another recipe there would be records: a wrong call, not sources without any.
    sort = UsageError if others and not unread else NoDataError
    raise sort(
        "PL-CUR-003",
        f"recipe {recipe.name}",
        "the sources hold no record that the recipe takes",
        expected=", ".join(recipe.takes),
        found=", ".join([*others, *unread]) or "no rows",
        advice="name another recipe, such as --recipe clean, which takes every kind"
        if others
        else "name a source with rows; plumbline data check SOURCE says what is wrong with those that are there",
    )


def _require_left(run: CurationRun, curated: Curated) -> None:
    if not total(curated.waterfall.left):
        raise NoDataError(
            "PL-CUR-004",
            f"recipe {run.recipe.name}",
            "the rules removed every record",
            found="; ".join(
                f"{step.rule.name}: {total(counts.removed):,}"
                for step, counts in zip(run.recipe.steps, curated.waterfall.steps, strict=True)
                if counts.removed
            ),
            advice="look at the counts, and leave out or loosen the rule that removes most, in a recipe of your own",
        )


def _write(
    run: CurationRun,
    loaded: Loaded,
    told: list[FileTold],
    curated: Curated,
    scores: LabelScores,
    durations: dict[str, float],
    not_binding: list[str],
) -> dict[str, Any]:
    _require_left(run, curated)
    not_taken = {
        kind.value: count
        for kind in Kind
        if kind not in run.recipe.takes
        if (count := sum(t.kinds.get(kind, 0) for t in told))
    }
    began = time.monotonic()
    with write_folder_aside(run.out, "data") as aside:
        rules = [step.rule.name for step in run.recipe.steps]
        rows = write_records(curated.rows, curated.fates, loaded.terms, aside, rules)
        notes = aside / NOTES_FOLDER
        removed = write_ledger(curated.ledger, notes / "removed.parquet")
        summary = summary_of(curated, run.recipe, loaded.rows_read, loaded.quarantined, not_taken)
        counts = {**rows, f"{NOTES_FOLDER}/removed.parquet": removed}
        if scores.files:
            listed = write_label_errors(curated.rows, curated.fates, scores, notes)
            summary["label_errors"], counts[listed["file"]] = listed, listed["n"]
        (notes / SUMMARY_NAME).write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (aside / RECIPE_NAME).write_text(run.recipe.to_toml(), encoding="utf-8")
        durations["write"] = round(time.monotonic() - began, 3)
        outputs = [FileEntry(path=name, sha256="", size_bytes=0, rows=count) for name, count in counts.items()]
        told_of = _configuration(run, loaded, summary, scores) | {"terms_not_binding": [*not_binding]}
        manifest = loaded.manifest("data", run.command, told_of)
        manifest.model_copy(update={"outputs": outputs, "durations_seconds": durations}).write(aside)
    return summary


def _configuration(
    run: CurationRun, loaded: Loaded, summary: Mapping[str, Any], scores: LabelScores
) -> dict[str, JsonValue]:
    stated = run.load_options.get("stated_terms")
    asked = {name: value for name, value in run.load_options.items() if name != "stated_terms"}
    return {
        **asked,
        "stated_terms": stated.to_json() if stated is not None else {},
        "sources": list(run.sources),
        "synthetic": is_synthetic(loaded),
        "recipe": run.recipe.name,
        "recipe_version": run.recipe.version,
        "recipe_digest": run.recipe.digest,
        "removed": _removed_by_rule(summary),
        "engine": run.engine,
        "scores": [*scores.to_json()],
    }


def _removed_by_rule(summary: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Records; those of a rule that stands several times together."""
    removed = Counter[str]()
    for step in summary["steps"]:
        removed[step["rule"]] += total(step["removed"])
    return dict(removed)
