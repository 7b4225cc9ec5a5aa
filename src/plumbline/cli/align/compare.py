"""``plumbline align compare``: replies of two policies side by side, judged by models on both axes."""

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
from plumbline.cli.sampling_flags import Restart, SamplingFlags
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.loop.comparing.judges import JudgeFolders
    from plumbline.loop.comparing.opening import CompareRun
    from plumbline.loop.comparing.policies import PolicyPlace


@dataclass(frozen=True)
class ReachingFlags:
    """How both policies are reached, where they are sources."""

    key_variable_a: Annotated[
        str | None, typer.Option(help="The environment variable that holds the key of A's endpoint; none by default.")
    ] = None
    key_variable_b: Annotated[str | None, typer.Option(help="The same of B's endpoint.")] = None
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Endpoints may stand at private or loopback addresses.")
    ] = False

    def places(self, first: str, second: str) -> tuple[PolicyPlace, PolicyPlace]:
        """As the run takes them."""
        from plumbline.loop.comparing.policies import PolicyPlace

        return (
            PolicyPlace(first, self.key_variable_a, self.allow_private),
            PolicyPlace(second, self.key_variable_b, self.allow_private),
        )


@dataclass(frozen=True)
class JudgeFlags:
    """Who judges, and when a pair is a tie."""

    helpfulness: Annotated[Path | None, typer.Option(help="A preference model on helpfulness.")] = None
    harmlessness: Annotated[Path | None, typer.Option(help="A preference model on harmlessness, or a cost model.")] = (
        None
    )
    safety: Annotated[
        Path | None,
        typer.Option(
            help="A cost or moderation model, for safe rates; that of --harmlessness where it is a cost model."
        ),
    ] = None
    margin: Annotated[float, typer.Option(help="A pair is a tie where the judge is within this of one half.")] = 0.05
    trust_remote_code: options.TrustRemoteCode = False

    def folders(self) -> JudgeFolders:
        """As the run takes them."""
        from plumbline.loop.comparing.judges import JudgeFolders

        return JudgeFolders(self.helpfulness, self.harmlessness, self.safety, self.trust_remote_code)


@dataclass(frozen=True)
class PageFlags:
    """What the page says beside the figures."""

    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Two policies side by side"
    show_text: Annotated[
        bool, typer.Option("--show-text", help="The page's pairs show their texts; they can be offensive.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)


@with_options("page", PageFlags)
@with_options("judging", JudgeFlags)
@with_options("reaching", ReachingFlags)
@with_options("drawing", SamplingFlags)
@with_options("reading", DataFlags)
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="openai:MODEL@https://HOST/v1, transformers:PATH, retrieval:PATH, or a file or folder of replies.",
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="What A is held against, named in the same way.")],
    prompts: Annotated[
        str,
        typer.Option(
            help="A source of prompts: BeaverTails-Evaluation, CSV, JSON lines; of pairs or labels, what was asked."
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="A folder: figures, a page, the pairs as Parquet, a manifest.")
    ],
    replies: Annotated[int, typer.Option(help="Replies of each to a prompt.", min=1, max=256)] = 1,
    seed: options.Seed = 0,
    restart: Restart = False,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    page: PageFlags,
    judging: JudgeFlags,
    reaching: ReachingFlags,
    drawing: SamplingFlags,
    reading: DataFlags,
) -> None:
    """Hold two policies against each other, models judging: wins, ties, losses, Elo and safe rates, by category, with a page. A run that was stopped goes on by itself.

    \b
    Example: plumbline align compare transformers:new transformers:old --prompts beavertails-evaluation --helpfulness models/helpful --harmlessness models/cost -o compared
    Example: plumbline align compare new.jsonl old.jsonl --prompts prompts.csv --helpfulness models/helpful --safety models/moderation -o compared
    """
    from plumbline.loop.comparing.opening import CompareRun
    from plumbline.loop.pages import moment_shown

    first, second = reaching.places(a, b)
    run = CompareRun(
        first=first,
        second=second,
        prompts=prompts,
        judges=judging.folders(),
        out=out,
        sampling=drawing.sampling(seed),
        created=moment_shown(),
        replies=replies,
        margin=judging.margin,
        show_text=page.show_text,
        title=page.title,
        restart=restart,
        override_uses=override_uses,
        load_options=reading.load_options(),
        command=tuple(sys.argv[1:]),
    )
    _compare(run, as_json=as_json)


def _compare(run: CompareRun, *, as_json: bool) -> None:
    from plumbline.loop.comparing.run import run_comparison

    with progress_of_asking("comparing") as shown:
        summary = run_comparison(run, step=shown.step)
    if as_json:
        print_json(summary)
    else:
        _print_figures(summary)
        _tell(summary, run.out)
    _tell_missing(summary, run)


def _print_figures(summary: Mapping[str, Any]) -> None:
    """The figures of all prompts, and the win and safe rates of each category."""
    from plumbline.measure import Figure, format_figure

    def told(figure: Mapping[str, Any], digits: int = 3) -> str:
        """As a cell."""
        return format_figure(Figure.from_json(figure), digits)

    rows = []
    for axis, contest in summary["contests"].items():
        named = {"wins": "A wins", "ties": "ties", "losses": "B wins", "win_rate": "win rate of A"}
        rows += [[f"{axis}: {words}", told(contest[name])] for name, words in named.items()]
        rows.append([f"{axis}: Elo lead of A", told(contest["elo"], 0)])
    if summary["safety"] is not None:
        named = {"first": "A", "second": "B", "difference": "A less B"}
        rows += [[f"called safe: {words}", told(summary["safety"][name])] for name, words in named.items()]
    if summary["judges_agree"] is not None:
        rows.append(["where one of two is safe, preferred on harmlessness", told(summary["judges_agree"])])
    for name, of_it in summary["by_category"].items() if len(summary["by_category"]) > 1 else ():
        rows += [
            [f"  {name}: {axis}, win rate of A", told(contest["win_rate"])]
            for axis, contest in of_it["contests"].items()
        ]
        if of_it["safety"] is not None:
            rows.append([f"  {name}: called safe, A less B", told(of_it["safety"]["difference"])])
    print_table(["figure", "value (95 % interval, n)"], rows)


def _tell(summary: Mapping[str, Any], out: Path) -> None:
    """What was written, and what to beware of."""
    first, second = (summary[side]["name"] for side in ("first", "second"))
    answered = summary["answered"]
    if summary["page"] is None:
        note("no page was drawn: pip install -e '.[report]'")
    note(f"wrote {out}: A is {first}, B is {second}; {answered['both']:,} pairs on {summary['prompts']:,} prompts")
    for key, words in (("first_only", "A alone"), ("second_only", "B alone"), ("neither", "neither")):
        if answered[key]:
            note(f"answered by {words}: {answered[key]:,}, in no figure")
    for side, policy in (("first", "A"), ("second", "B")):
        for code, count in summary["missing"][side].items():
            note(f"no reply of {policy}: {count:,}, {code} (docs/errors.md)")
        for what, count in summary[side]["unused"].items():
            note(f"replies of {policy} that play no part: {count:,}, {_UNUSED[what]}")
        if summary["cut_replies"][side]:
            note(
                f"{summary['cut_replies'][side]:,} replies of {policy} were cut at --max-tokens and judged as they are"
            )
    for role, codes in summary["unjudged"].items():
        for code, count in codes.items():
            note(f"not judged on {role}: {count:,} pairs, {code} (docs/errors.md); neither ties nor safe")
    for why, count in summary["left_out"].items():
        told = f"rows {_LEFT_OUT[why]}" if why in _LEFT_OUT else f"{why.replace('_', ' ')}, which hold no prompts here"
        note(f"not asked: {count:,} {told}")
    if summary["synthetic"]:
        note(
            "prompts, replies or what a judge was trained on are SYNTHETIC: the figures say nothing of people or models"
        )
    for told in summary["notes"]:
        note(told)


_LEFT_OUT = {
    "repeated": "whose prompt stands in an earlier one",
    "waiting_for_none": "whose prompt does not end with the human",
}
_UNUSED = {
    "to_other_prompts": "to other prompts",
    "beyond_replies": "beyond --replies",
    "blank": "rows without a reply",
    "repeated": "rows that repeat a reply, as several labels of it do",
}


def _tell_missing(summary: Mapping[str, Any], run: CompareRun) -> None:
    """What has no reply, was not read or not judged; the command's exit tells it too."""
    from plumbline.loop.asked_sources import journal_of
    from plumbline.loop.comparing.folder import missing_codes
    from plumbline.loop.comparing.policies import SIDES

    if any(journal_of(run.out, side).exists() for side in SIDES):
        owed = any(summary["missing"].values())
        note(
            "what has no reply is asked for again by the same command; what has one is not"
            if owed
            else "the replies are kept: the same command with another judge goes on from them, and nobody is asked again"
        )
    tell_first_unread(summary["quarantined"], summary["first_unread"])
    exit_where_rows_are_missing({**summary["quarantined"], **missing_codes(summary)})
