"""``plumbline redteam``: score transcripts of attempts as the paper did, and draw what all of them tell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.cli import options, redteam_run
from plumbline.cli.console import (
    exit_where_rows_are_missing,
    note,
    print_json,
    progress,
    tell_findings,
    tell_unread,
)
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import SourceFlags

if TYPE_CHECKING:
    from plumbline.loop.redteam.score_run import TranscriptsScored

app = typer.Typer(
    help="Attempts to make a model do harm: score their transcripts, draw what they tell.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
redteam_run.register(app)

_UNSCORED = {
    "PL-RTS-002": "attempts in which the assistant says nothing: no score",
    "PL-RTS-003": "turns of the assistant without a word: no score",
    "PL-RTS-004": "attempts without a description: no score of it",
    "PL-RTS-005": "turns or descriptions of which the model has no finite score",
}


@app.command()
@with_options("reading", SourceFlags)
def score(
    model: options.Model,
    source: options.Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="A folder: attempts as Parquet, scores of turns, manifest.")],
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    as_json: options.Json = False,
    *,
    reading: SourceFlags,
) -> None:
    """Score every assistant turn of every attempt by a model of harmlessness; a transcript's score is its lowest, lower = more harmful.

    \b
    Example: plumbline redteam score models/harmless hh-rlhf --data-dir red-team-attempts -o scored
    """
    from plumbline.loop.redteam.score_run import TranscriptScoring, run_transcript_scoring

    how = reading.load_options()
    run = TranscriptScoring(model, source, out, how, tuple(sys.argv[1:]), trust_remote_code, tokens_per_batch)
    with progress("scoring") as shown:
        scored = run_transcript_scoring(run, step=shown.step)
    if as_json:
        print_json(scored.to_json())
    _tell_scored(scored, out)
    tell_findings(scored.findings, source, how)
    tell_unread(scored.quarantined, source, how)
    exit_where_rows_are_missing({**scored.quarantined, **_without_score(scored)})


def _tell_scored(scored: TranscriptsScored, out: Path) -> None:
    """What was scored, what was not, what to beware of."""
    note(
        f"wrote {out}: {scored.transcripts:,} of {scored.attempts:,} transcripts scored by their lowest of {scored.turns:,} "
        f"turns, {scored.descriptions:,} descriptions; lower = more harmful"
    )
    for code, count in scored.unscored.items():
        note(f"{count:,} × {code} {_UNSCORED[code]}")
    if scored.former:
        note(f"{scored.former:,} scores that came with the data stand in scores/attempts.parquet")
    for kind, count in scored.passed_over.items():
        note(f"not scored: {count:,} {kind.replace('_', ' ')}, which are no attempts")
    if scored.truncated:
        note(f"{scored.truncated:,} conversations were too long for the model and cut at their beginning")
    note(f"may be used for: {', '.join(scored.uses) or 'nothing'}; licence: {scored.licence}")


def _without_score(scored: TranscriptsScored) -> dict[str, int]:
    """Transcripts that nobody could score: the work is done, but without them."""
    missing = scored.attempts - scored.transcripts
    return {"PL-RTS-002": missing} if missing else {}


@app.command()
@with_options("reading", SourceFlags)
def report(
    sources: options.Sources,
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")],
    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Red-team report",
    success: Annotated[
        str | None,
        typer.Option(
            help="What counts as success: rating or reviews (3 and more of 0 to 4), outcome; by default what says most."
        ),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    *,
    reading: SourceFlags,
) -> None:
    """Draw one self-contained HTML page about attempts: success, harmlessness, tags, reviewers, workers, families, a map.

    \b
    Example: plumbline redteam report hh-rlhf --data-dir red-team-attempts -o red-team.html
    """
    from plumbline.cli.report import is_own_page
    from plumbline.lineage import refuse_foreign_file
    from plumbline.loop.pages import moment_shown
    from plumbline.loop.redteam.report_run import RedTeamReporting, run_red_team_report

    refuse_foreign_file(out, is_ours=is_own_page(out))
    how = reading.load_options()
    run = RedTeamReporting(tuple(sources), out, title, moment_shown(), success, seed, how)
    with progress("reporting") as shown:
        reported = run_red_team_report(run, step=shown.step)
    if as_json:
        print_json(reported.to_json())
    found = reported.analysis
    note(f"wrote {out}: {found.attempts:,} attempts, {found.scored:,} with a score; success by {found.success.by}")
    for source, counts in reported.reading.findings_by_source.items():
        tell_findings(counts, source, how)
    for source, counts in reported.reading.quarantined_by_source.items():
        tell_unread(counts, source, how)
    exit_where_rows_are_missing(reported.reading.quarantined)
