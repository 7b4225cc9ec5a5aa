"""``plumbline train``: preference, cost and moderation models."""

from __future__ import annotations

import sys
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
    progress,
    tell_findings,
    tell_unread,
)

if TYPE_CHECKING:
    from plumbline.loop.training_run import TrainingResult

app = typer.Typer(help="Train a preference, cost or moderation model.", no_args_is_help=True, rich_markup_mode=None)

Model = Annotated[str, typer.Option(help="What to train: linear.")]
Features = Annotated[
    str | None,
    typer.Option(help="Features: words or characters; the better one for the task by default."),
]
L2 = Annotated[
    float | None, typer.Option("--l2", help="Strength of the regularisation; the task's own by default.", min=1e-6)
]
_FEW_ROWS = 200

On = Annotated[str | None, typer.Option("--on", help="Which axis to train on, where the data has several.")]


@app.command()
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
) -> None:
    """Train a model that scores a reply: higher is better. Bradley–Terry on judged pairs of one axis.

    \b
    Example: plumbline train preference hh-rlhf --data-dir harmless-base -o models/harmless
    """
    how = _Reading(data_dir, split, format, axis, not no_cache, licence, uses)
    settings = {"features": features, "l2": l2, "seed": seed}
    asked = _Asked("preference", sources, out, model, on, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
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
) -> None:
    """Train a model of harm: higher is more harmful, above 0 is unsafe. Needs pairs judged on harmlessness and labels.

    \b
    Example: plumbline train cost pku-saferlhf -o models/cost
    """
    how = _Reading(data_dir, split, format, None, not no_cache, licence, uses)
    settings = {"features": features, "l2": l2, "seed": seed}
    asked = _Asked("cost", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
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
) -> None:
    """Train a model that says whether an answer is unsafe, and in which categories where the labels name them.

    \b
    Example: plumbline train moderation beavertails -o models/moderation --false-positive-rate 0.01
    """
    how = _Reading(data_dir, split, format, None, not no_cache, licence, uses)
    settings = {"features": features, "l2": l2, "seed": seed, "max_false_positive_rate": false_positive_rate}
    asked = _Asked("moderation", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


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
    if as_json:
        print_json({**result.cross_validated, "quarantined": result.quarantined})
    else:
        print_figures(result.cross_validated, f"cross-validated on {result.rows_described}")
        _tell_trained(result, asked)
    exit_where_rows_are_missing(result.quarantined)


def _tell_trained(result: TrainingResult, asked: _Asked) -> None:
    """What a person must know of a training run beside its figures."""
    tell_unread(result.quarantined, asked.sources[0])
    tell_findings(result.findings, asked.sources[0])
    for code, count in result.summary.get("set_aside", {}).items():
        note(f"set aside: {count:,} rows, {code} (docs/errors.md)")
    if result.summary["scored_out_of_fold"] < _FEW_ROWS:
        note(f"trained on fewer than {_FEW_ROWS} rows: look at the intervals before you use it")
    for left_out, why in result.summary["untrained_categories"].items():
        note(f"no head for {left_out}: {why}")
    if not all(fit["converged"] for fit in result.summary["fits"].values()):
        note("a fit ended short of its tolerance: see README.md in the model's folder")
    note(f"wrote {asked.out}; next: plumbline evaluate {asked.out} {asked.sources[0]}")


def print_figures(result: dict[str, Any], title: str) -> None:
    """The seven figures with their intervals, then those by subset."""
    from plumbline.measure import Figure, format_figure
    from plumbline.models.evaluation import FIGURE_KEYS

    print(title)
    figures = {key: Figure.from_json(result[key]) for key in FIGURE_KEYS}
    rows = [[key, format_figure(figure)] for key, figure in figures.items() if figure.value is not None]
    for subset, of_subset in result["by_subset"].items():
        rows += [
            [f"{subset}: {key}", format_figure(Figure.from_json(figure))]
            for key, figure in of_subset.items()
            if len(result["by_subset"]) > 1 and figure["value"] is not None
        ]
    for name, figure in result["baselines"].items():
        rows.append([f"to compare: {name}", format_figure(Figure.from_json(figure))])
    print_table(["figure", "value (95 % interval, n)"], rows)
    undefined: dict[str, list[str]] = {}
    for key, figure in figures.items():
        if figure.value is None:
            undefined.setdefault(figure.why_undefined or "", []).append(key)
    for why, keys in undefined.items():
        print(f"undefined: {', '.join(keys)} ({why})")
    for row in result["thresholds"]:
        if row["chosen"]:
            print(
                f"at the model's threshold {row['threshold']:.3f}: "
                f"{100 * row['false_positive_rate']:.1f} % of the safe rows flagged, "
                f"{100 * row['recall']:.1f} % of the unsafe ones"
            )
    if result.get("note"):
        print(f"NOTE: {result['note']}")
