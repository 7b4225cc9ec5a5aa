"""The demo on a folder of the user's: data → check → split → models → figures → report.

Each stage is one function; what it writes is a Plumbline folder like any command's. A folder of data is taken apart by
its own folders: pairs become preference models, labels moderation models, pairs with labels of both sides cost models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.loop.check_run import run_check, write_check
from plumbline.loop.demo.output import REPORT, claim_output, clear_parts, held_demo, refuse_output, write_manifest
from plumbline.loop.demo.own_models import (
    PlannedModel,
    evaluate_planned,
    evaluate_prompt_categories,
    plan_models,
    train_planned,
)
from plumbline.loop.demo.own_sources import FEWEST_ROWS, DemoSource, Say, deal_splits, load_sources
from plumbline.loop.demo.timing import timed
from plumbline.loop.sources import check_command
from plumbline.records import NoDataError, UsageError


@dataclass
class DemoResult:
    """What the demo left.

    Attributes:
        report: the page to open.
        evaluations: what each model's ``evaluation.json`` holds.
        dealt: source without train and test of its own → the records in those that the demo dealt its prompts out to.
        left_out: folder or model → why.
        seconds: by stage.
    """

    report: Path
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    dealt: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def run_on_own_data(data: Path, out: Path, *, seed: int, created: str, say: Say = lambda _: None) -> DemoResult:
    """Run every stage.

    Args:
        data: a folder with folders of data, or a file.
        out: gets checks, splits, models, evaluations and ``report.html``; an earlier demo's are replaced one by one.
        seed: of the splits, the folds and the bootstrap.
        created: the moment shown in the report.
        say: told what begins.
    Raises:
        PlumblineError: the data hold nothing to train on, or the disk is full.
    """
    refuse_output(out, data)
    with held_demo(out):
        return _run(data, out, seed, created, say)


def _run(data: Path, out: Path, seed: int, created: str, say: Say) -> DemoResult:
    result = DemoResult(out / REPORT)
    with timed(result.seconds, "reading"):
        sources = load_sources(data, result.left_out, say)
        claim_output(out, seed)
        clear_parts(out)
    sources = _check_and_split(sources, out, seed, say, result)
    _train_and_measure(sources, out, seed, say, result)
    if not result.evaluations:
        raise NoDataError(
            "PL-RUN-002",
            str(data),
            "there is nothing to train a model on",
            found="; ".join(f"{name}: {why}" for name, why in result.left_out.items()) or "no judged rows",
            advice=f"a folder or a file needs {FEWEST_ROWS} judged rows; see: {check_command(str(data), {})}",
        )
    with timed(result.seconds, "report"):
        _report(out, created, say=say)
    write_manifest(out, [source.loaded for source in sources], _configuration(sources), seed, result.seconds)
    return result


def _check_and_split(
    sources: Sequence[DemoSource], out: Path, seed: int, say: Say, result: DemoResult
) -> list[DemoSource]:
    """Check each source as it came, then see to its splits; the check's file says what became of them."""
    summaries = []
    with timed(result.seconds, "checking"):
        for source in sources:
            say(f"check: {source.name}")
            summaries.append(run_check(source.name, source.loaded, limit=5))
    with timed(result.seconds, "splitting"):
        dealt = [deal_splits(source, out, seed, say) for source in sources]
        for source, summary in zip(dealt, summaries, strict=True):
            summary["places"] = {"by_split": source.records_by_split()}
            write_check(out / "checks" / source.name, summary, source.loaded, ["demo"], {})
    result.dealt |= {source.name: source.judged_told for source in dealt if source.dealt_from is not None}
    return dealt


def _train_and_measure(sources: Sequence[DemoSource], out: Path, seed: int, say: Say, result: DemoResult) -> None:
    """Train what the sources can teach, and measure it; what a source holds too little for is left out."""
    left_out = result.left_out
    for source in sources:
        for split, count in source.unused.items():
            name = f"{source.name}, {f'split {split}' if split else 'rows without a split'}"
            left_out[name] = f"{count:,} judged records neither trained on nor measured: models take train and test"
    plan: list[PlannedModel] = []
    with timed(result.seconds, "training"):
        for model in plan_models(sources, left_out):
            try:
                train_planned(model, out, seed, say)
            except (NoDataError, UsageError) as error:  # a record that stands there twice, say
                left_out[model.name] = f"{error.code} {error.problem}"
            else:
                plan.append(model)
    with timed(result.seconds, "measuring"):
        for model in plan:
            try:
                result.evaluations.append(evaluate_planned(model, out, seed, say))
            except (NoDataError, UsageError) as error:
                left_out[model.name] = f"not measured: {error.code} {error.problem}"
        result.evaluations += evaluate_prompt_categories(sources, out, seed, say)


def _report(out: Path, created: str, *, say: Say) -> None:
    """Draw the page from what the stages wrote."""
    from plumbline.report import write_report

    say("report: drawing")
    parts = [out / name for name in ("checks", "models", "evaluations") if (out / name).is_dir()]
    write_report(parts, out / REPORT, title="Your data, and models trained on it", created=created)


def _configuration(sources: Sequence[DemoSource]) -> dict[str, JsonValue]:
    """The sources by name, with the records of each split and whether the demo dealt them."""
    splits: dict[str, JsonValue] = {
        source.name: {name: sum(kinds.values()) for name, kinds in source.records_by_split().items()}
        for source in sources
    }
    return {"sources": [source.name for source in sources], "records_by_split": splits}
