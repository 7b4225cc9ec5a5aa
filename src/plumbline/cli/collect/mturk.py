"""``plumbline collect hit`` and ``collect codes``: a study on Amazon Mechanical Turk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from plumbline.cli import options
from plumbline.cli.collect import flags
from plumbline.cli.console import EXIT_FINDINGS, print_json, visible


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(hit)
    app.command()(codes)


def hit(
    study: flags.Study,
    public_url: flags.PublicUrl = None,
    height: Annotated[
        int, typer.Option(help="Of the frame, in pixels; 0 fits it to the window.", min=0, max=10_000)
    ] = 0,
) -> None:
    """The question of a HIT (ExternalQuestion, XML) that leads to a study with [mturk]: what CreateHIT takes.

    \b
    Example: plumbline collect hit my-study --public-url https://judge.example.org
    """
    flags.require_extra()
    from plumbline.collect.service.identity.hit_question import hit_question
    from plumbline.collect.service.public_address import checked_public_url
    from plumbline.collect.study_file import read_study_settings
    from plumbline.collect.study_folder import find_study_file

    address = None if public_url is None else checked_public_url(public_url)
    settings = read_study_settings(find_study_file(study))
    typer.echo(hit_question(settings, address, height))


def codes(
    study: flags.Study,
    code: Annotated[list[str] | None, typer.Argument(help="Codes that workers handed in.", show_default=False)] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="A file of MTurk's results instead: what aws mturk list-assignments-for-hit prints, or CSV with the "
            "columns AssignmentId and Answer.code.",
            show_default=False,
        ),
    ] = None,
    store: flags.StorePlace = None,
    as_json: options.Json = False,
) -> None:
    """Look completion codes of MTurk up: complete, incomplete, unknown, given twice; with --results also
    whether it is another HIT's code.

    Exit code 1: not all are complete.

    \b
    Example: plumbline collect codes my-study --results results.json
    """
    flags.require_extra()
    from plumbline.collect.service.identity.hit_codes import Given, Verdict, check_codes
    from plumbline.collect.service.identity.hit_results import read_results
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.studies import find_study
    from plumbline.collect.study_file import read_study_settings
    from plumbline.collect.study_folder import find_study_file, store_of

    _require_one(code or (), results)
    given = [Given(each) for each in code or ()] if results is None else read_results(results)
    name = read_study_settings(find_study_file(study)).name
    with closing(open_place(store_of(study, store), connections=1)) as opened:
        verdicts = check_codes(opened, find_study(opened, name), given)
    if as_json:
        lines = [
            {"line": line, "assignment": each.assignment, "code": each.code, "verdict": verdict.value}
            for line, (each, verdict) in enumerate(zip(given, verdicts, strict=True), start=1)
        ]
        print_json({"study": name, "codes": lines})
    else:
        for each, verdict in zip(given, verdicts, strict=True):
            typer.echo(f"{verdict.value:<11} {visible(each.assignment or each.code)}")
    if any(verdict is not Verdict.COMPLETE for verdict in verdicts):
        raise typer.Exit(EXIT_FINDINGS)


def _require_one(codes: Sequence[str], results: Path | None) -> None:
    """Codes or a file of them: of both one would be looked up and the other not, and of none all would seem complete."""
    from plumbline.records import UsageError

    if codes and results is not None:
        raise UsageError(
            "PL-ARG-005",
            "--results",
            "it means nothing beside codes",
            found=f"{len(codes)} of them",
            advice="give the codes, or the file",
        )
    if not codes and results is None:
        raise UsageError(
            "PL-ARG-006",
            "CODE",
            "no code is named",
            expected="codes, or a file of results",
            advice="plumbline collect codes STUDY --results FILE",
        )
