"""``plumbline curate``: clean, deduplicate, mask, split."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import (
    EXIT_FINDINGS,
    note,
    print_json,
    print_table,
    progress,
    tell_findings,
    tell_unread,
)
from plumbline.cli.curation_told import tell_replaced, tell_splits_not_given, tell_terms
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.curate.recipe import Recipe
    from plumbline.loop.curating.run import CurationResult, CurationRun

RecipeNames = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        help="Which rules: clean, hh-clean, hh-nosafe, beavertails-30k-style, or a file of your own (.toml); several "
        "are put together. clean by default.",
    ),
]
EngineName = Annotated[
    str, typer.Option("--engine", help="Where it runs: local, or ray, which needs the extra ray. Both give the same.")
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="Of a Ray cluster that runs already; without it one is started here."),
]
Work = Annotated[
    Path | None,
    typer.Option("--work", help="Folder for what stages leave until the run is through; beside the output by default."),
]
Scores = Annotated[
    list[Path] | None,
    typer.Option(
        "--scores",
        help="A model's out_of_fold.parquet, or a file of plumbline score: the labels that go worst with it are listed "
        "in curation/label_errors.parquet, to be looked at; none is changed. May be given several times.",
    ),
]
ShowRecipe = Annotated[
    bool, typer.Option("--show-recipe", help="Print the recipe as a file to start your own from, and stop.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("curate")(curate)


@with_options("reading", DataFlags)
def curate(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Files, folders in hub layout, hub ids or Plumbline folders.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Where to write.")] = None,
    recipe: RecipeNames = None,
    axis: options.Axis = None,
    on_error: options.OnError = "quarantine",
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    work: Work = None,
    scores: Scores = None,
    show_recipe: ShowRecipe = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
) -> None:
    """Clean, deduplicate, mask and split data by a recipe; Parquet, with a manifest and a note of each row removed.

    A run that was stopped goes on where it was: give the same command again. Exit code 1: some rows, or files,
    could not be read and are not in the output.

    \b
    Example: plumbline curate hh-rlhf --recipe hh-clean -o curated
    Example: plumbline curate --recipe hh-clean --show-recipe > my-recipe.toml
    """
    chosen = _chosen(_shown(recipe or [], sources or []) if show_recipe else recipe)
    if show_recipe:
        _show(chosen, as_json)
        return
    from plumbline.loop.curating.run import CurationRun

    run = CurationRun(
        tuple(_required(sources)),
        _output(out),
        chosen,
        engine=engine,
        address=ray_address,
        work=work,
        load_options={**reading.said(axis), "on_error": on_error, "stated_terms": reading.stated_terms()},
        command=tuple(sys.argv[1:]),
        scores=tuple(scores or ()),
    )
    result = _run(run)
    if as_json:
        print_json(result.summary)
    else:
        _tell(result, run.out)
    _tell_unread(result, run)


def _chosen(recipes: list[str] | None) -> Recipe:
    from plumbline.curate.recipe import DEFAULT, combined_recipes, read_recipe

    return combined_recipes([read_recipe(name) for name in recipes or [DEFAULT]])


def _show(recipe: Recipe, as_json: bool) -> None:
    if as_json:
        print_json(recipe.to_json())
    else:
        print(_safe_toml(recipe.to_toml()), end="")


def _run(run: CurationRun) -> CurationResult:
    from plumbline.loop.curating.run import run_curation

    try:
        with progress(f"curating by {run.recipe.name}") as shown:
            return run_curation(run, shown.step, note)
    except KeyboardInterrupt:
        _tell_stopped(run.workspace)
        raise


def _shown(recipes: list[str], sources: list[str]) -> list[str]:
    """The recipes to be shown: ``--show-recipe hh-clean`` means ``--recipe hh-clean --show-recipe``."""
    from plumbline.curate.recipe import shipped_recipes

    known = shipped_recipes()
    return recipes + [name for name in sources if not recipes or name in known]  # beside --recipe, data may be named


def _tell_stopped(workspace: Path) -> None:
    if workspace.is_dir():
        note(
            f"stopped: the same command goes on from the stages that are finished. Until then {workspace} holds what was "
            "read, texts that are not masked among it: delete it if you do not go on"
        )


def _safe_toml(text: str) -> str:
    """The same recipe without characters that steer a terminal: such stand in strings only, which know an escape."""
    return "".join(sign if sign.isprintable() or sign == "\n" else f"\\U{ord(sign):08X}" for sign in text)


def _required(sources: list[str] | None) -> list[str]:
    from plumbline.records import UsageError

    if not sources:
        raise UsageError(
            "PL-ARG-006",
            "SOURCES",
            "nothing to curate is named",
            expected="a file, a folder or a hub id",
            advice="plumbline curate SOURCE -o DIR",
        )
    return sources


def _output(out: Path | None) -> Path:
    from plumbline.records import UsageError

    if out is None:
        raise UsageError(
            "PL-ARG-006",
            "-o",
            "nothing says where to write",
            expected="a folder",
            advice="plumbline curate SOURCE -o DIR",
        )
    return out


_LEFT_OUT = "PL-SRC-012"
"""The finding after which the output lacks what the source holds: a file was left out."""


def _tell_unread(result: CurationResult, run: CurationRun) -> None:
    from plumbline.loop.sources import counts_by_source

    loaded = result.loaded
    for source, counts in counts_by_source(loaded, loaded.findings, run.sources).items():
        tell_findings(counts, source, run.load_options)
    for source, counts in counts_by_source(loaded, loaded.faults, run.sources).items():
        tell_unread(counts, source, run.load_options)
    if loaded.quarantined or any(finding.code == _LEFT_OUT for finding in loaded.findings):
        raise typer.Exit(EXIT_FINDINGS)


def _tell(result: CurationResult, out: Path) -> None:
    summary = result.summary
    print_table(["kind", "read", "distinct", "items", "judged both ways"], _census_rows(summary), right=[1, 2, 3, 4])
    print()
    print_table(["", "records", "rule"], list(_waterfall_rows(summary)), right=[1])
    for kind, count in summary["rows"]["not_taken"].items():
        note(f"not taken by this recipe: {count:,} {kind.replace('_', ' ')}")
    _tell_label_errors(summary.get("label_errors"), out)
    for step in summary["steps"]:
        _tell_outvoted(step)
    note(
        f"wrote {out}; every record removed or merged stands in {out}/curation/removed.parquet, every one changed in "
        f"{out}/curation/changed.parquet"
    )
    tell_splits_not_given(summary)
    tell_terms(result)
    tell_replaced(result.replaced, out)
    note(f"next: plumbline release build {quote(str(out))} -o RELEASE")


def _tell_outvoted(step: dict[str, Any]) -> None:
    """How many conclusions the majority of the judges would not have come to."""
    from plumbline.curate.rules.aggregate import MERGING

    labels = _total(step["changed"])
    for reason, count in step["reasons"].items() if step["rule"] == MERGING else ():
        _, _, how = reason.partition(", ")
        if how:
            note(f"{count:,} of {labels:,} labels by {step['settings']['method']} go {_OTHERWISE.get(how, how)}")


_OTHERWISE = {
    "against their majority": "against the majority of their judges",
    "which were as many each way": "one way where as many judges went each way",
}


def _tell_label_errors(listed: dict[str, Any] | None, out: Path) -> None:
    """How many labels are listed and how many a model doubts, of what nothing is known, and what weakens the list."""
    if listed is None:
        return
    doubted = sum(head["doubted"] for head in listed["heads"])
    note(
        f"{listed['n']:,} labels of {listed['scored']:,} records, the most suspicious first, in {out}/{listed['file']}; of "
        f"{doubted:,} the scores find another likelier, with more than 0.5. None was changed: docs/how-to/label-errors.md "
        "says how to go on"
    )
    for count, what in (
        (listed["unscored"], "labelled records without a score"),
        (listed["unlabelled"], "records without a label that a score could be held against"),
        (listed["unknown_ids"], "ids in the scores that are of no record that is left"),
    ):
        if count:
            note(f"not on the list: {count:,} {what}")
    for file in listed["scores"]:
        if not file["out_of_fold"]:
            note(
                f"{file['path']} does not say that its model had not seen these rows: one that has agrees with wrong labels"
            )


def _census_rows(summary: dict[str, Any]) -> list[list[str]]:
    names = ("records", "records_distinct", "items", "judged_both_ways")
    return [[row["family"].replace("_", " "), *(f"{row[name]:,}" for name in names)] for row in summary["census"]]


def _waterfall_rows(summary: dict[str, Any]) -> list[list[str]]:
    from plumbline.curate.rules.aggregate import MERGING

    rows = [["read", f"{_total(summary['records']['read']):,}", ""]]
    for step in summary["steps"]:
        removed, changed = _total(step["removed"]), _total(step["changed"])
        if removed or not changed:
            word = "merged" if step["rule"] == MERGING else "removed"
            rows.append([word if removed else "", f"{removed:,}", step["title"]])
        if changed:
            rows.append(["changed", f"{changed:,}", step["title"]])
    return [*rows, ["written", f"{_total(summary['written']):,}", ""]]


def _total(counts: dict[str, dict[str, int]]) -> int:
    return sum(sum(splits.values()) for splits in counts.values())
