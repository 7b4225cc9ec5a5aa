"""``plumbline train cascade``: two moderation models as one, measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import (
    exit_where_rows_are_missing,
    note,
    print_json,
    print_table,
    progress,
    tell_set_aside,
    tell_unread,
)
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.loop.training.cascade_run import CascadeResult

First = Annotated[
    Path, typer.Argument(help="The folder of the quick moderation model, which answers what it is sure of.")
]
Second = Annotated[Path, typer.Argument(help="The folder of the better one, a transformer, which answers the rest.")]
Loss = Annotated[
    float,
    typer.Option("--loss", help="Choose a band that loses at most so much AUPRC against the second model alone."),
]
FalsePositiveRate = Annotated[
    float, typer.Option(help="Thresholds let at most this share of harmless rows be flagged.")
]
Anyway = Annotated[
    bool,
    typer.Option("--anyway", help="Write it even where the second model is not 0.01 AUPRC better than the first."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(cascade)


@with_options("reading", DataFlags)
def cascade(
    first: First,
    second: Second,
    source: options.Source,
    out: options.Out,
    loss: Loss = 0.005,
    false_positive_rate: FalsePositiveRate = 0.05,
    anyway: Anyway = False,
    seed: options.Seed = 0,
    override_uses: options.OverrideUses = False,
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
) -> None:
    """Make one moderation model of two: a linear one answers what it is sure of, a transformer the rest.

    Needs labelled rows that neither was trained on: split test, or a file. On half of their prompts it chooses of what the
    first is sure, on the other half it measures the share asked and what is lost. Writes a model folder like others.

    \b
    Example: plumbline train cascade models/linear models/transformer beavertails -o models/cascade
    """
    from plumbline.loop.training.cascade_run import CascadeRun, run_cascade
    from plumbline.models.cascade.fitting import CascadeSettings

    how = reading.load_options()
    run = CascadeRun(
        first,
        second,
        source,
        out,
        CascadeSettings(loss, false_positive_rate, seed),
        anyway,
        how,
        override_uses,
        trust_remote_code,
        tokens_per_batch,
        tuple(sys.argv[1:]),
    )
    with progress("making a cascade") as shown:
        result = run_cascade(run, step=shown.step)
    if as_json:
        print_json(_as_json(result))
    else:
        _tell(result)
    note(f"wrote {out}: a cascade of {result.names[0]} and {result.names[1]}")
    if not as_json:
        tell_unread(result.quarantined, source, how)
        tell_set_aside(result.set_aside)
    exit_where_rows_are_missing(result.quarantined)


def _as_json(result: CascadeResult) -> dict[str, Any]:
    first, second = result.names
    return {
        "first": first,
        "second": second,
        "band": {"low": result.fitted.band.low, "high": result.fitted.band.high},
        "thresholds": result.fitted.thresholds,
        **result.fitted.figures,
        "milliseconds_per_text": dict(zip(("first", "second"), result.milliseconds_per_text, strict=True)),
        "notes": list(result.fitted.notes),
        "rows": {"held_out": result.rows, "set_aside": {**result.quarantined, **result.set_aside}},
    }


def _tell(result: CascadeResult) -> None:
    """Who answers when, what that is worth beside each model alone, and what to beware of."""
    from plumbline.models.cascade.told import FIGURE_NAMES, MEMBERS, told_figure

    first, second = result.names
    band, figures = result.fitted.band, result.fitted.figures
    print(f"{first} answers where its probability of unsafe is at most {band.low:.4f} or at least {band.high:.4f},")
    print(f"{second} the rest; chosen on {figures['chosen_on']:,} rows, measured on {figures['measured_on']:,} others")
    columns = [f"{first} alone", f"{second} alone", "cascade"]
    rows = [
        [called, *(told_figure(figures["models"][member][key]) for member in MEMBERS)]
        for key, called in FIGURE_NAMES.items()
    ]
    rows += [
        [f"AUPRC, {name} ({found['positives']:,} rows)", *(told_figure(found[member]) for member in MEMBERS)]
        for name, found in figures["by_category"].items()
    ]
    print_table(["figure", *columns], rows)
    print(f"share for which {second} is asked: {told_figure(figures['asked'])}")
    print(f"AUPRC of {second} above {first}: {told_figure(figures['gain'])}")
    print(f"AUPRC of {second} above the cascade: {told_figure(figures['loss'])}")
    quick, slow = result.milliseconds_per_text
    print(f"measured here, a text: {first} {quick:.2g} ms, {second} {slow:.2g} ms")
    for told in result.fitted.notes:
        print(f"NOTE: {told}")
