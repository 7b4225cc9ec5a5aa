"""``plumbline align best-of-n``: what the best of n replies is worth, and the replies as data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

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


@dataclass(frozen=True)
class ChoiceFlags:
    """What is done with what was chosen, and who looks at it beside the scorer."""

    judge: Annotated[
        Path | None,
        typer.Option(
            help="A model that has no part in choosing: its scores show where the choice exploits the scorer."
        ),
    ] = None
    write: Annotated[
        list[str] | None,
        typer.Option(
            help="Rows to train on: comparisons (best against worst) or supervised (the best, for TRL); may be repeated."
        ),
    ] = None
    most_prompts: Annotated[int | None, typer.Option(help="Draw so many prompts where the source has more.", min=1)] = (
        None
    )
    trust_remote_code: options.TrustRemoteCode = False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("best-of-n")(best_of_n)


@with_options("choice", ChoiceFlags)
@with_options("reaching", EndpointFlags)
@with_options("drawing", SamplingFlags)
@with_options("reading", DataFlags)
def best_of_n(
    prompts: Annotated[
        str, typer.Argument(help="A source of prompts; of comparisons and labels, what was replied to is asked.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="A folder: candidates, figures, a page, a manifest.")],
    policy: Annotated[
        str, typer.Option(help="What replies: openai:MODEL@https://HOST/v1, transformers:PATH or retrieval:PATH.")
    ],
    scorer: Annotated[
        Path,
        typer.Option(help="The model that chooses; of a cost or a moderation model the least harmful reply is best."),
    ],
    replies: Annotated[int, typer.Option("-n", "--replies", help="Replies to each prompt.", min=1, max=256)] = 16,
    seed: options.Seed = 0,
    restart: Restart = False,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    choice: ChoiceFlags,
    reaching: EndpointFlags,
    drawing: SamplingFlags,
    reading: DataFlags,
) -> None:
    """Ask for several replies to each prompt, score them, and tell what the best of n is worth. A run that was stopped goes on by itself.

    \b
    Example: plumbline align best-of-n prompts.csv --policy openai:my-model@https://host/v1 --scorer models/helpful -o best
    Example: plumbline align best-of-n hh-rlhf --data-dir helpful-base --split train --policy transformers:my-model --scorer models/helpful --judge models/other --write comparisons -o best
    """
    from plumbline.loop.best_of_n.opening import BestOfNRun
    from plumbline.loop.best_of_n.run import run_best_of_n

    asked = BestOfNRun(
        prompts=prompts,
        policy=policy,
        scorer=scorer,
        out=out,
        sampling=drawing.sampling(seed),
        replies=replies,
        judge=choice.judge,
        write=tuple(dict.fromkeys(choice.write or ())),
        most_prompts=choice.most_prompts,
        key_variable=reaching.key_variable,
        allow_private=reaching.allow_private,
        trust_remote_code=choice.trust_remote_code,
        restart=restart,
        override_uses=override_uses,
        load_options=reading.load_options(),
        command=tuple(sys.argv[1:]),
    )
    with progress_of_asking("best of n") as shown:
        summary = run_best_of_n(asked, step=shown.step)
    if as_json:
        print_json(summary)
    else:
        _print_curve(summary)
        _tell(summary, out)
    _tell_missing(summary, out)


def _print_curve(summary: Mapping[str, Any]) -> None:
    """The curve as a table."""
    from plumbline.measure import Figure, format_figure

    keys = {"score": "score of the best (95 % interval, n)", "gain": "more than one reply"}
    if summary["judge"] is not None:
        keys |= {"judged": "by the judge", "judged_gain": "more, by the judge"}
    rows = [
        [
            str(each["n"]),
            *("-" if each[key] is None else format_figure(Figure.from_json(each[key])) for key in keys),
            f"{each['divergence_bound_nats']:.3f}",
        ]
        for each in summary["curve"]
    ]
    print_table(["n", *keys.values(), "nats at most"], rows, right=(0,))


def _tell(summary: Mapping[str, Any], out: Path) -> None:
    """What was written, and what to beware of."""
    scorer = summary["scorer"]
    note(
        f"wrote {out}: {summary['replies_came']:,} replies of {summary['policy']} to {summary['prompts']:,} prompts, chosen by "
        f"{scorer['name']} ({scorer['axis']}); higher = better"
    )
    for name, count in summary["rows"].items():
        note(f"wrote {name}: {count:,} rows")
    for written, codes in summary["left_out"].items():
        for code, count in codes.items():
            note(f"not in {written}: {count:,} prompts, {code} (docs/errors.md)")
    if summary["cut_best"]:
        note(f"{summary['cut_best']:,} of the best replies were cut at --max-tokens")
    if summary["page"] is None:
        note("no page was drawn: pip install -e '.[report]'")
    if summary["synthetic"]:
        note("the prompts or what a model was trained on are SYNTHETIC: the figures say nothing of people")
    for told in summary["notes"]:
        note(told)
    note(f"may be used for: {', '.join(summary['terms']['uses']) or 'nothing'}; licence: {summary['terms']['licence']}")


_PASSED = {
    "repeated_prompts": ("record holds", "records hold", "a prompt that stands in an earlier one: it was asked once"),
    "waiting_for_none": ("record does", "records do", "not end with the human: there is nothing to reply to"),
    "prompts_not_drawn": ("prompt was", "prompts were", "not drawn (--most-prompts)"),
}


def _tell_missing(summary: Mapping[str, Any], out: Path) -> None:
    """What was not asked, has no reply, was not read or has no score; the command's exit tells the last three too."""
    from plumbline.loop.asked_sources import journal_of

    for key, (one, several, said) in _PASSED.items():
        if summary[key]:
            note(f"{summary[key]:,} {one if summary[key] == 1 else several} {said}")
    for kind, count in summary["passed_over"].items():
        note(f"not asked: {count:,} {kind.replace('_', ' ')}; the prompts were taken from other records")
    for name in ("missing", "judged_missing"):
        for code, count in summary[name].items():
            lacks = "score" if name == "missing" else "judgement"
            note(f"without a {lacks}, so in no figure: {count:,} replies, {code} (docs/errors.md)")
    if journal_of(out).exists():
        note("the replies that came are kept: the same command asks for those alone that did not, and scores all again")
    tell_first_unread(summary["quarantined"], summary["first_unread"])
    exit_where_rows_are_missing({**summary["quarantined"], **summary["missing"], **summary["judged_missing"]})
