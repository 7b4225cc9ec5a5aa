"""``plumbline collect export``: what was collected, in a public format or our own."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.cli import options
from plumbline.cli.collect import flags
from plumbline.cli.console import EXIT_FINDINGS, note, print_json, print_table, progress
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import TermFlags

if TYPE_CHECKING:
    from plumbline.collect.export import Exported


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


@with_options("terms", TermFlags)
def export(
    study: flags.Study,
    out: Annotated[Path, typer.Argument(help="A new folder, or one of an earlier export of the study in this form.")],
    to: Annotated[
        str,
        typer.Option(
            help="hh-rlhf, red-team, beavertails, pku-saferlhf or parquet; judgements for every judgement as it is "
            "stored and all that was said; events for the raw log."
        ),
    ],
    test_share: Annotated[
        float, typer.Option(help="Share of the groups of rows that go to the split test; all are train by default.")
    ] = 0.0,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
    *,
    terms: TermFlags,
) -> None:
    """Write what was collected up to now, while the work goes on. What a form has no place for is counted and told.

    Exit code 1: records could not be made, or not written in this form (a tie in hh-rlhf, say); they are told, and counted by code.

    \b
    Example: plumbline collect export my-study exported --to parquet
    """
    flags.require_extra()
    from plumbline.collect.export import write_export
    from plumbline.collect.export.forms import Form
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.study_file import read_study_name
    from plumbline.collect.study_folder import find_study_place

    place = find_study_place(study, store)
    name = read_study_name(place.file)
    with closing(open_place(place.store)) as opened, progress(f"exporting {name}") as shown:
        exported = write_export(
            opened,
            name,
            out,
            to,
            stated=terms.stated_terms(),
            now=utc_now(),
            command=flags.without_passwords(sys.argv[1:]),
            advance=lambda done, total: shown.of("reading finished work", done, total),
            test_share=test_share,
        )
    if as_json:
        print_json(_json(exported, out))
    else:
        print_table(["file", "rows"], [[file.path, f"{file.rows or 0:,}"] for file in exported.files], right=[1])
    _tell(exported, out)
    if not test_share and exported.form not in (Form.JUDGEMENTS, Form.EVENTS):
        note("all of it is split train: with --test-share 0.1 some prompts are held out, to measure models on")
    if exported.quarantined:
        raise typer.Exit(EXIT_FINDINGS)


def _tell(exported: Exported, out: Path) -> None:
    from plumbline.collect.export.left_out import left_out_lines, unsaid_lines

    for line in left_out_lines(exported.left_out):
        note(f"stays in the store: {line}")
    for kind, counts in exported.columns_not_carried.items():
        columns = ", ".join(f"{name} of {count:,}" for name, count in counts.items())
        note(f"not carried of {kind.replace('_', ' ')}: {columns} ({exported.form} has no place for them)")
    for line in unsaid_lines(exported.quarantined):
        note(f"not written: {line}")
    if exported.quarantined:
        note("what is not written makes the exit code 1; --to judgements has every judgement")
    for told in exported.notes:
        note(f"terms: {told}")
    note(f"wrote {out}, as of {exported.as_of:%Y-%m-%d %H:%M:%S} UTC")


def _json(exported: Exported, out: Path) -> dict[str, object]:
    return {
        "study": exported.study,
        "form": exported.form.value,
        "out": str(out),
        "as_of": exported.as_of.isoformat(),
        "files": [{"path": file.path, "rows": file.rows, "sha256": file.sha256} for file in exported.files],
        "manifest_sha256": exported.manifest_sha256,
        "left_out": exported.left_out,
        "quarantined": exported.quarantined,
        "columns_not_carried": {str(kind): counts for kind, counts in exported.columns_not_carried.items()},
        "terms": exported.terms.to_json(),
        "notes": list(exported.notes),
    }
