"""What a person is told of a finished training, beside its figures."""

from __future__ import annotations

from shlex import join, quote
from typing import TYPE_CHECKING

from plumbline.cli.console import note, tell_findings, tell_set_aside, tell_unread

if TYPE_CHECKING:
    from plumbline.loop.training.run import TrainingResult, TrainingRun

_FEW_ROWS = 200


def tell_trained(result: TrainingResult, run: TrainingRun) -> None:
    """What a person must know of a training run beside its figures."""
    from plumbline.models.figures.source_figures import told_sources

    for source, counts in result.reading.quarantined_by_source.items():
        tell_unread(counts, source, run.load_options)
    for source, counts in result.reading.findings_by_source.items():
        tell_findings(counts, source, run.load_options)
    tell_set_aside(result.summary.get("set_aside", {}))
    trained_on = [result.summary[key] for key in ("comparisons", "labels") if key in result.summary]
    if result.summary.get("scored_out_of_fold", min(trained_on)) < _FEW_ROWS:
        note(f"trained on fewer than {_FEW_ROWS} rows: look at the intervals before you use it")
    for left_out, why in result.summary["untrained_categories"].items():
        note(f"no head for {left_out}: {why}")
    if not all(fit["converged"] for fit in result.summary.get("fits", {}).values()):
        note("a fit ended short of its tolerance: see README.md in the model's folder")
    deals = result.summary.get("deals_of_folds", 1)
    if deals > 1:
        of_first = (
            "; the table of the model's threshold shows the first" if result.cross_validated["thresholds"] else ""
        )
        note(f"the folds were dealt {deals} times: figures and out_of_fold.parquet are over all deals{of_first}")
    if flatter := result.summary.get("figures_flatter"):
        note(flatter)
    if run.settings.get("resume") and not result.summary.get("outcome", {}).get("resumed_step"):
        note("there was nothing to go on with: the training began at its first step")
    for told in told_sources(result.summary):
        note(told)
    for told in result.summary.get("notes", []):
        note(told)
    if left := result.summary.get("rows_without_out_of_fold_scores"):
        note(f"{left:,} rows have no score in out_of_fold.parquet: --out-of-fold scores them, too")
    if result.summary.get("truncated_conversations"):
        note(
            f"{result.summary['truncated_conversations']:,} conversations were too long and were cut, oldest turns first"
        )
    _tell_repeats(result, run)
    _tell_next(run)


def _tell_repeats(result: TrainingResult, run: TrainingRun) -> None:
    """Say how many training rows are repetitions, and what names them."""
    from plumbline.loop.sources import check_command
    from plumbline.models.rows.repeated_rows import told_repeats

    repeats = told_repeats(result.summary.get("repeats", {}))
    if repeats:
        where = f"see: {check_command(run.sources[0], run.load_options)}"
        several = "they may stand in different sources; of each alone, " if len(run.sources) > 1 else ""
        note(f"among the training rows: {repeats}; {several}{where}")


def _tell_next(run: TrainingRun) -> None:
    """Say what was written, and how to measure it on rows that it has not seen."""
    from plumbline.loop.training.held_out import evaluation_commands

    commands = [join(words) for words in evaluation_commands(run)]
    if commands:
        note("\n".join([f"wrote {run.out}; next: {commands[0]}", *(f"and: {each}" for each in commands[1:])]))
    else:
        note(
            f"wrote {run.out}; these sources have no split test that was not trained on: measure the model on rows that "
            f"it has not seen, with: plumbline evaluate {quote(str(run.out))} SOURCE"
        )
