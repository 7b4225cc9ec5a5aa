"""``plumbline policy``: from which probability a model flags, fitted to a stated rate, and what that is worth."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import join
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
from plumbline.cli.source_flags import DataFlags, SourceFlags

if TYPE_CHECKING:
    from plumbline.loop.measuring.moderation_policy_run import FittedPolicy

app = typer.Typer(
    help="Policies of moderation: from which probability each head flags, and from which people look.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Model = Annotated[Path, typer.Argument(help="A model's folder, of moderation or cost.")]
FlagFpr = Annotated[
    float, typer.Option("--flag-fpr", help="Flag at most this share of the rows without the harm, of each head.")
]
ReviewFpr = Annotated[
    float, typer.Option("--review-fpr", help="Flag or send to people at most this share of them; at least --flag-fpr.")
]
_FIGURE = "value (95 % interval, n)"
_CALLED = {
    "false_positive_rate": "safe rows flagged (false positive rate)",
    "safe_flagged_or_controversial": "safe rows flagged or for people",
    "recall": "unsafe rows flagged (recall)",
    "recall_with_people": "unsafe rows flagged or for people",
    "precision": "flagged rows that are unsafe (precision)",
    "controversial": "all rows: for people (controversial)",
    "f1": "f1 of what is flagged",
    "accuracy": "accuracy of what is flagged",
    "auprc": "auprc of the first head",
    "recall_at_fpr_01": "recall at 1 % false positives",
    "recall_at_fpr_05": "recall at 5 % false positives",
}
_REFUSALS = {
    "sounding_unsafe": "safe prompts that sound unsafe, answered",
    "sounding_unsafe_prompts": "those prompts alone",
    "refusals": "answers that refuse what is truly unsafe",
}


@app.command()
@with_options("reading", DataFlags)
def fit(
    model: Model,
    source: options.Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="A file that ends in .toml.")],
    flag_fpr: FlagFpr = 0.01,
    review_fpr: ReviewFpr = 0.05,
    name: Annotated[str | None, typer.Option(help="What requests call the policy; the file's name by default.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A head that is to decide nothing; as often as there are such heads.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="Hold the rates for all heads together: of safe rows, reached by any.")
    ] = False,
    override_uses: options.OverrideUses = False,
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
) -> None:
    """Fit thresholds to stated false-positive rates on labelled rows that the model was not trained on: split test, or a file.

    \b
    Example: plumbline policy fit models/moderation beavertails --flag-fpr 0.01 --review-fpr 0.05 -o policies/house.toml
    """
    from plumbline.loop.measuring.moderation_policy_run import PolicyFit, PolicyInput, run_policy_fit

    how = reading.load_options()
    given = PolicyInput(model, source, how, trust_remote_code, tokens_per_batch)
    ignored, command = tuple(ignore or ()), tuple(sys.argv[1:])
    run = PolicyFit(given, out, name, flag_fpr, review_fpr, ignored, together, override_uses, command)
    with progress("fitting a policy") as shown:
        result = run_policy_fit(run, step=shown.step)
    if as_json:
        rows = {"fitted": result.rows, "set_aside": {**result.quarantined, **result.set_aside}}
        recall = {head: figure.to_json() for head, figure in result.recall.items()}
        told = {"digest": result.policy.digest, "recall": recall, "notes": list(result.notes), "rows": rows}
        print_json({**result.policy.to_json(), **told})
    else:
        _tell_fitted(result)
    note(f"wrote {out}: policy {result.policy.name}, version {result.policy.version}")
    if not as_json:
        tell_unread(result.quarantined, source, how)
        tell_set_aside(result.set_aside)
    note(
        f"next: {join(['plumbline', 'policy', 'evaluate', str(model), 'SOURCE', '--policy', str(out)])}; with labelled rows "
        "that neither the model nor the policy has seen, for this recall is of the rows fitted on "
        "(a third split keeps some: docs/how-to/moderation-policies.md)"
    )
    exit_where_rows_are_missing(result.quarantined)


def _tell_fitted(result: FittedPolicy) -> None:
    """Thresholds by head with what they rest on, what all heads together do to safe rows, and what to beware of."""
    from plumbline.measure import format_figure
    from plumbline.moderate.policy_text import told_rate

    calibration = result.policy.calibration
    if calibration is None:
        return
    rows = [
        [
            head,
            f"{each.threshold.review:.3f}",
            f"{each.threshold.flag:.3f}",
            format_figure(result.recall[head]),
            told_rate(each.flagged, each.negatives),
        ]
        for head, each in calibration.heads.items()
    ]
    recall = "recall (95 % interval, n)"
    print_table(["head", "review from", "flag from", recall, "flagged of rows without it"], rows, right=(1, 2))
    print(f"safe rows flagged by any head: {told_rate(calibration.safe_flagged, calibration.safe_rows)}")
    print(f"safe rows flagged or for people: {told_rate(calibration.safe_reviewed, calibration.safe_rows)}")
    for told in result.notes:
        print(f"NOTE: {told}")
    if result.truncated:
        print(f"NOTE: the model read a part only of {result.truncated:,} conversations")


@app.command()
@with_options("reading", SourceFlags)
def evaluate(
    model: Model,
    source: options.Source,
    policy: Annotated[
        Path | None, typer.Option(help="A policy's file; the model's own thresholds where it is left out.")
    ] = None,
    seed: options.Seed = 0,
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    as_json: options.Json = False,
    *,
    reading: SourceFlags,
) -> None:
    """Measure a policy on labelled rows, with 95 % intervals over prompts, and on safe prompts that sound unsafe.

    \b
    Example: plumbline policy evaluate models/moderation beavertails --policy policies/house.toml --json
    """
    from plumbline.loop.measuring.moderation_policy_run import PolicyInput, run_policy_evaluation

    how = reading.load_options()
    given = PolicyInput(model, source, how, trust_remote_code, tokens_per_batch)
    with progress("evaluating a policy") as shown:
        result = run_policy_evaluation(given, policy, seed=seed, step=shown.step)
    unread = {code: count for code, count in result["rows"]["set_aside"].items() if not code.startswith("PL-TRN-")}
    if as_json:
        print_json(result)
        exit_where_rows_are_missing(unread)
        return
    _tell_figures(result)
    tell_unread(unread, source, how)
    tell_set_aside({code: count for code, count in result["rows"]["set_aside"].items() if code not in unread})
    exit_where_rows_are_missing(unread)


def _tell_figures(result: Mapping[str, Any]) -> None:
    """All rows, each category, and what becomes of safe texts that sound unsafe."""
    policy = result["policy"]
    print(
        f"policy {policy['name']} (version {policy['version']}) with {result['model']}: "
        f"{result['rows']['evaluated']:,} rows of {result['source']}"
    )
    print_table(["figure", _FIGURE], [[called, _figure(result[key])] for key, called in _CALLED.items()])
    if result["by_category"]:
        columns = {"auprc": "auprc", "recall_at_fpr_05": "recall at 5 %", "recall": "recall", "f1": "f1"}
        rows = [
            [name, f"{found['positives']:,}", *(_figure(found[key]) if key in found else "ignored" for key in columns)]
            for name, found in result["by_category"].items()
        ]
        print_table(["category", "rows with it", *columns.values()], rows, right=(1,))
    refusals = [
        [called, *(_figure(result["false_refusals"][key][share]) for share in ("flagged", "flagged_or_controversial"))]
        for key, called in _REFUSALS.items()
    ]
    print_table(["safe texts", "flagged", "flagged or for people"], refusals)
    for told in result["notes"]:
        print(f"NOTE: {told}")
    if result["truncated_replies"]:
        print(f"NOTE: the model read a part only of {result['truncated_replies']:,} conversations")


def _figure(figure: Mapping[str, Any]) -> str:
    from plumbline.measure import Figure, format_figure

    return format_figure(Figure.from_json(figure))
