"""``plumbline train export`` and ``import``: transformers to and from the classifiers that other tools read."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from plumbline.cli import options
from plumbline.cli.console import note
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import TermFlags


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("export")(export_model)
    app.command("import")(import_model)


def export_model(
    model: Annotated[Path, typer.Argument(help="A transformer's folder.")],
    out: options.Out,
    head: Annotated[
        str | None, typer.Option(help="One head of the model; its main one, or all of a moderation model, by default.")
    ] = None,
) -> None:
    """Write a folder that AutoModelForSequenceClassification loads, with the same scores, for other tools.

    \b
    Example: plumbline train export models/harmless -o exported/harmless
    """
    from plumbline.loop.training.interchange_run import run_export

    labels, notes = run_export(model, out, head, command=tuple(sys.argv[1:]))
    for told in notes:
        note(told)
    note(f"wrote {out}: {', '.join(labels)}; next: AutoModelForSequenceClassification.from_pretrained({str(out)!r})")


@with_options("terms", TermFlags)
def import_model(
    path: Annotated[str, typer.Argument(help="A folder or hub id of a sequence classifier.")],
    out: options.Out,
    task: Annotated[str, typer.Option(help="What its score is: preference, cost or moderation.")] = "preference",
    on: Annotated[str | None, typer.Option("--on", help="Of a reward: the axis on which higher is better.")] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="hh or chat; by default as an export of Plumbline says, else the tokenizer's chat template if any."
        ),
    ] = None,
    end_of_sequence: Annotated[
        bool, typer.Option("--end-of-sequence", help="Put the end-of-sequence token behind what the template writes.")
    ] = False,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Longer conversations are cut, oldest turns first; by default as an export of Plumbline says, else the "
            "tokenizer's model_max_length or the model's positions, whichever is less."
        ),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Of a hub id: branch, tag or commit.")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the model.")
    ] = False,
    *,
    terms: TermFlags,
) -> None:
    """Make a model of a reward model or classifier that was trained elsewhere; it scores as it did there.

    \b
    Example: plumbline train import owner/reward-model --on overall -o models/theirs
    """
    from plumbline.loop.training.interchange_run import ImportRun, run_import

    run = ImportRun(
        path,
        out,
        task,
        on,
        template,
        end_of_sequence,
        max_tokens,
        revision,
        trust_remote_code,
        terms.stated_terms(),
        tuple(sys.argv[1:]),
    )
    heads, notes = run_import(run)
    for told in notes:
        note(told)
    note(f"wrote {out}: {', '.join(heads)}; it is not calibrated; next: plumbline evaluate {quote(str(out))} SOURCE")
