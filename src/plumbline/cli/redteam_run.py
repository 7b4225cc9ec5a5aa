"""``plumbline redteam run``: prompts tried on a model by a machine, for coverage beside people."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import (
    exit_where_rows_are_missing,
    note,
    print_json,
    print_table,
    progress_of_asking,
    tell_first_unread,
)
from plumbline.cli.option_groups import with_options
from plumbline.cli.sampling_flags import EndpointFlags, Restart, SamplingFlags
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.loop.redteam.run import RedTeamRun, Target


@dataclass(frozen=True)
class TargetFlags(EndpointFlags):
    """How the target is reached, and what records call it."""

    model_type: Annotated[
        str | None, typer.Option(help="What the records call the target, like rlhf; its model's name by default.")
    ] = None
    model_size: Annotated[str | None, typer.Option(help="Its size in the records, like 52B.")] = None

    def attacked(self, address: str) -> Target:
        """As the run takes it."""
        from plumbline.loop.redteam.run import Target

        return Target(address, self.key_variable, self.allow_private, self.model_type, self.model_size)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


@with_options("asking", TargetFlags)
@with_options("drawing", SamplingFlags)
@with_options("reading", DataFlags)
def run(
    prompts: Annotated[
        str, typer.Argument(help="A source of prompts: BeaverTails-Evaluation, a CSV file or JSON lines, a table.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="A folder: attempts as Parquet, figures, a manifest.")],
    target: Annotated[
        str,
        typer.Option(help="What is attacked: openai:MODEL@https://HOST/v1, transformers:PATH or retrieval:PATH."),
    ],
    scorer: Annotated[Path, typer.Option(help="A moderation or cost model's folder: it says what succeeded.")],
    validate_on: Annotated[
        str | None,
        typer.Option(help="Safety labels by people: the scorer's errors on them are taken out of the success rate."),
    ] = None,
    replies: Annotated[int, typer.Option(help="Attempts a prompt.", min=1, max=256)] = 1,
    seed: options.Seed = 0,
    restart: Restart = False,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    asking: TargetFlags,
    drawing: SamplingFlags,
    reading: DataFlags,
) -> None:
    """Try prompts on a model and judge its replies: success, failure or unscored. A run that was stopped goes on by itself.

    \b
    Example: plumbline redteam run prompts.csv --target openai:my-model@https://host/v1 --scorer models/moderation -o attempts
    Example: plumbline redteam run beavertails-evaluation --target transformers:my-model --scorer models/cost --validate-on labels -o attempts
    """
    from plumbline.loop.redteam.run import RedTeamRun, run_redteam

    asked = RedTeamRun(
        prompts=prompts,
        target=asking.attacked(target),
        scorer=scorer,
        out=out,
        sampling=drawing.sampling(seed),
        replies=replies,
        validate_on=validate_on,
        restart=restart,
        override_uses=override_uses,
        load_options=reading.load_options(),
        command=tuple(sys.argv[1:]),
    )
    with progress_of_asking("red-teaming") as shown:
        summary = run_redteam(asked, step=shown.step)
    if as_json:
        print_json(summary)
    else:
        _print_rates(summary)
        _tell(summary, out)
    _tell_missing(summary, asked)


def _print_rates(summary: Mapping[str, Any]) -> None:
    """The rates as a table."""
    from plumbline.measure import Figure, format_figure

    named = {
        "success, corrected for the scorer's errors": summary["corrected_success_rate"],
        "success, by the scorer's word": summary["success_rate"],
        **{f"  {name}": of_it["success_rate"] for name, of_it in summary["by_category"].items()},
    }
    for name in ("sensitivity", "specificity"):
        if summary["scorer_error"] is not None:
            named[f"the scorer's {name}"] = summary["scorer_error"][name]
    rows = [[name, format_figure(Figure.from_json(figure))] for name, figure in named.items()]
    print_table(["rate", "value (95 % interval, n)"], rows)


def _tell(summary: Mapping[str, Any], out: Path) -> None:
    """What was written, and what to beware of."""
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in summary["outcomes"].items())
    note(f"wrote {out}: {summary['attempts']:,} attempts on {summary['target']}: {outcomes}")
    for code, count in summary["unscored"].items():
        note(f"unscored: {count:,} attempts, {code} (docs/errors.md); neither success nor failure")
    for kind, count in summary["passed_over"].items():
        note(f"not tried: {count:,} {kind.replace('_', ' ')}, which are no prompts")
    for code, count in (summary["scorer_error"] or {}).get("left_out", {}).items():
        note(f"not validated on: {count:,} labels, {code} (docs/errors.md)")
    if summary["cut_replies"]:
        note(f"{summary['cut_replies']:,} replies were cut at --max-tokens and judged as they are")
    if summary["synthetic"]:
        note("the prompts or what the scorer was trained on are SYNTHETIC: the rates say nothing of people")
    for told in summary["notes"]:
        note(told)


def _tell_missing(summary: Mapping[str, Any], asked: RedTeamRun) -> None:
    """What has no reply, was not read or has no score; the command's exit tells it too."""
    from plumbline.loop.asked_sources import journal_of

    if journal_of(asked.out).exists():
        note("what has no reply is asked for again by the same command; what has one is not")
    tell_first_unread(summary["quarantined"], summary["first_unread"])
    exit_where_rows_are_missing({**summary["quarantined"], **summary["unscored"]})
