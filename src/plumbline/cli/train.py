"""``plumbline train``: preference, cost and moderation models."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import interchange, options
from plumbline.cli.console import (
    exit_where_rows_are_missing,
    note,
    print_json,
    progress,
    tell_findings,
    tell_set_aside,
    tell_unread,
)
from plumbline.cli.option_groups import with_options

if TYPE_CHECKING:
    from plumbline.loop.training_run import TrainingResult, TrainingRun

app = typer.Typer(
    help="Train a preference, cost or moderation model; carry transformers to and from other tools.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Model = Annotated[
    str,
    typer.Option(help="What to train: linear, or a transformer to start from: a folder, or a hub id owner/name."),
]
Features = Annotated[
    str | None,
    typer.Option(help="Features: words or characters; the better one for the task by default."),
]
L2 = Annotated[
    float | None, typer.Option("--l2", help="Strength of the regularisation; the task's own by default.", min=1e-6)
]
_FEW_ROWS = 200


@dataclass(frozen=True)
class TransformerFlags:
    """Options of transformers alone; what is None or False takes the default."""

    epochs: Annotated[int | None, typer.Option(help="Transformers: passes over the rows; 1.", min=1)] = None
    learning_rate: Annotated[
        float | None, typer.Option(help="Transformers: peak; 2e-5, with --lora 2e-4.", min=0.0)
    ] = None
    head_learning_rate: Annotated[
        float | None, typer.Option(help="Transformers: of the heads; as --learning-rate by default.", min=0.0)
    ] = None
    rows_per_step: Annotated[int | None, typer.Option(help="Transformers: rows a step learns from; 16.", min=1)] = None
    tokens_per_batch: Annotated[
        int | None, typer.Option(help="Transformers: tokens computed at a time, padding included; 16384.", min=1)
    ] = None
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Transformers: longer conversations lose their oldest turns; the model's positions, to 4096."
        ),
    ] = None
    template: Annotated[
        str | None,
        typer.Option(help="Transformers: hh writes turns as hh-rlhf does (default), chat as the model does."),
    ] = None
    lora: Annotated[
        int | None, typer.Option(help="Transformers: train low-rank adapters of this rank, not all weights.", min=1)
    ] = None
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Transformers: fit heads alone, on features of the model as it is.")
    ] = False
    merge_adapter: Annotated[
        bool, typer.Option("--merge-adapter", help="With --lora: save a whole model, not the adapters alone.")
    ] = False
    precision: Annotated[str | None, typer.Option(help="Transformers: fp32 (default) or bf16.")] = None
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Transformers: less memory for a third more work.")
    ] = False
    held_out: Annotated[
        float | None,
        typer.Option(
            help="Transformers: share of the prompts kept for early stopping, calibration and figures; 0.1.",
            min=0.01,
            max=0.5,
        ),
    ] = None
    patience: Annotated[
        int | None, typer.Option(help="Transformers: end after so many epochs without a lower held-out loss.", min=1)
    ] = None
    margin: Annotated[
        float | None, typer.Option(help="Transformers: lead asked of the better side, a step of strength.", min=0.0)
    ] = None
    smoothing: Annotated[
        float | None, typer.Option(help="Transformers: share of judgements taken to be wrong.", min=0.0, max=0.49)
    ] = None
    centring: Annotated[
        float | None, typer.Option(help="Transformers: weight that draws the rewards of a pair to 0.", min=0.0)
    ] = None
    balance_categories: Annotated[
        bool,
        typer.Option("--balance-categories", help="Transformers: weigh what is rare about a category by its odds."),
    ] = False
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Transformers: steps; at the end of each epoch by default.", min=1)
    ] = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Transformers: write figures for TensorBoard too.")
    ] = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Transformers: go on where an earlier run to the same output was stopped.")
    ] = False
    restart: Annotated[
        bool, typer.Option("--restart", help="Transformers: begin anew where an earlier run was stopped.")
    ] = False
    revision: Annotated[str | None, typer.Option(help="Transformers: of a hub id: branch, tag or commit.")] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Transformers: run code that comes with the model.")
    ] = False
    threads: Annotated[int | None, typer.Option(help="Transformers: threads of the processor.", min=1)] = None

    def settings(self) -> dict[str, Any]:
        """As `TrainingRun.settings` names them."""
        return {name: None if value is False else value for name, value in vars(self).items()}


On = Annotated[str | None, typer.Option("--on", help="Which axis to train on, where the data has several.")]


@app.command()
@with_options("transformer", TransformerFlags)
def preference(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    on: On = None,
    features: Features = None,
    l2: L2 = None,
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    format: options.Format = None,
    axis: options.Axis = None,
    licence: options.Licence = None,
    uses: options.Uses = None,
    override_uses: options.OverrideUses = False,
    no_cache: options.NoCache = False,
    as_json: options.Json = False,
    *,
    transformer: TransformerFlags,
) -> None:
    """Train a model that scores a reply: higher is better. Bradley–Terry on judged pairs of one axis.

    \b
    Example: plumbline train preference hh-rlhf --data-dir harmless-base -o models/harmless
    Example: plumbline train preference hh-rlhf --data-dir harmless-base --model Qwen/Qwen3-0.6B --lora 16 -o models/qwen
    """
    how = _Reading(data_dir, split, format, axis, not no_cache, licence, uses)
    settings = {**transformer.settings(), "features": features, "l2": l2, "seed": seed}
    asked = _Asked("preference", sources, out, model, on, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
@with_options("transformer", TransformerFlags)
def cost(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    features: Features = None,
    l2: L2 = None,
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    format: options.Format = None,
    licence: options.Licence = None,
    uses: options.Uses = None,
    override_uses: options.OverrideUses = False,
    no_cache: options.NoCache = False,
    as_json: options.Json = False,
    *,
    transformer: TransformerFlags,
) -> None:
    """Train a model of harm: higher is more harmful, above 0 is unsafe. Needs pairs judged on harmlessness and labels.

    \b
    Example: plumbline train cost pku-saferlhf -o models/cost
    """
    how = _Reading(data_dir, split, format, None, not no_cache, licence, uses)
    settings = {**transformer.settings(), "features": features, "l2": l2, "seed": seed}
    asked = _Asked("cost", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
@with_options("transformer", TransformerFlags)
def moderation(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    features: Features = None,
    l2: L2 = None,
    false_positive_rate: Annotated[
        float, typer.Option(help="Thresholds let at most this share of harmless rows be flagged.", min=0.0001, max=0.5)
    ] = 0.05,
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    format: options.Format = None,
    licence: options.Licence = None,
    uses: options.Uses = None,
    override_uses: options.OverrideUses = False,
    no_cache: options.NoCache = False,
    as_json: options.Json = False,
    *,
    transformer: TransformerFlags,
) -> None:
    """Train a model that says whether an answer is unsafe, and in which categories where the labels name them.

    \b
    Example: plumbline train moderation beavertails -o models/moderation --false-positive-rate 0.01
    """
    how = _Reading(data_dir, split, format, None, not no_cache, licence, uses)
    settings = {
        **transformer.settings(),
        "features": features,
        "l2": l2,
        "seed": seed,
        "max_false_positive_rate": false_positive_rate,
    }
    asked = _Asked("moderation", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


interchange.register(app)


@dataclass(frozen=True)
class _Reading:
    """The options that say how sources are read."""

    data_dir: str | None
    split: str | None
    format: str | None
    axis: str | None
    cache: bool
    licence: str | None
    uses: str | None

    def load_options(self) -> dict[str, Any]:
        """As `formats.load` takes them."""
        from plumbline.cli.data import stated_terms

        options = {name: getattr(self, name) for name in ("data_dir", "split", "format", "axis", "cache")}
        return {**options, "stated_terms": stated_terms(self.licence, self.uses)}


@dataclass(frozen=True)
class _Asked:
    """The options that say what to train, and where to put it."""

    task: Any
    sources: list[str]
    out: Path
    kind: str
    on: str | None
    settings: dict[str, Any]
    override_uses: bool


def _train(asked: _Asked, how: _Reading, *, as_json: bool) -> None:
    from plumbline.cli.figures import print_figures
    from plumbline.loop.training_run import TrainingRun, run_training

    run = TrainingRun(
        task=asked.task,
        sources=tuple(asked.sources),
        out=asked.out,
        kind=asked.kind,
        on=asked.on,
        override_uses=asked.override_uses,
        settings=asked.settings,
        load_options=how.load_options(),
        command=tuple(sys.argv[1:]),
    )
    with progress(f"training {asked.task}") as shown:
        result = run_training(run, step=shown.step)
    if result is None:  # a further process of a distributed run
        return
    if as_json:
        print_json({**result.cross_validated, "quarantined": result.quarantined})
    else:
        print_figures(result.cross_validated, result.measured)
        _tell_trained(result, run)
    exit_where_rows_are_missing(result.quarantined)


def _tell_trained(result: TrainingResult, run: TrainingRun) -> None:
    """What a person must know of a training run beside its figures."""
    checked = " ".join(_checked_words(run))
    tell_unread(result.quarantined, checked)
    tell_findings(result.findings, checked)
    tell_set_aside(result.summary.get("set_aside", {}))
    trained_on = [result.summary[key] for key in ("comparisons", "labels") if key in result.summary]
    if result.summary.get("scored_out_of_fold", min(trained_on)) < _FEW_ROWS:
        note(f"trained on fewer than {_FEW_ROWS} rows: look at the intervals before you use it")
    for left_out, why in result.summary["untrained_categories"].items():
        note(f"no head for {left_out}: {why}")
    if not all(fit["converged"] for fit in result.summary.get("fits", {}).values()):
        note("a fit ended short of its tolerance: see README.md in the model's folder")
    for told in result.summary.get("notes", []):
        note(told)
    if result.summary.get("truncated_conversations"):
        note(f"{result.summary['truncated_conversations']:,} conversations were too long and lost their oldest turns")
    _tell_repeats(result, run)
    _tell_next(run)


def _tell_repeats(result: TrainingResult, run: TrainingRun) -> None:
    """Say how many training rows are repetitions, and what names them."""
    from plumbline.models.repeated_rows import told_repeats

    repeats = told_repeats(result.summary.get("repeats", {}))
    if repeats:
        where = f"see: plumbline data check {join(_checked_words(run))}"
        several = "they may stand in different sources; of each alone, " if len(run.sources) > 1 else ""
        note(f"among the training rows: {repeats}; {several}{where}")


def _checked_words(run: TrainingRun) -> list[str]:
    """What ``data check`` must be told to see what training saw: the first source, its folder and its format."""
    options = {"--data-dir": run.load_options.get("data_dir"), "--format": run.load_options.get("format")}
    return [run.sources[0], *(word for option, value in options.items() if value for word in (option, value))]


def _tell_next(run: TrainingRun) -> None:
    """Say what was written, and how to measure it on rows that it has not seen."""
    from plumbline.loop.held_out import evaluation_commands

    commands = [join(words) for words in evaluation_commands(run)]
    if commands:
        note("\n".join([f"wrote {run.out}; next: {commands[0]}", *(f"and: {each}" for each in commands[1:])]))
    else:
        note(
            f"wrote {run.out}; these sources have no split test that was not trained on: measure the model on rows that "
            f"it has not seen, with: plumbline evaluate {quote(str(run.out))} SOURCE"
        )
