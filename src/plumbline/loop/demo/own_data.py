"""The demo on a folder of the user's: data → check → split → models → figures → report.

Each stage is one function; what it writes is a Plumbline folder like any command's. A folder of data is taken apart by
its own folders: pairs become preference models, labels moderation models, pairs with labels of both sides cost models.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.loop.check_run import run_check, write_check
from plumbline.loop.demo.output import claim_output, clear_parts, held_demo, refuse_output, write_manifest
from plumbline.loop.demo.own_models import (
    PlannedModel,
    evaluate_planned,
    evaluate_prompt_categories,
    plan_models,
    train_planned,
)
from plumbline.loop.demo.own_sources import FEWEST_ROWS, DemoSource, Say, deal_splits, load_sources
from plumbline.records import NoDataError, UsageError


@dataclass
class DemoResult:
    """What the demo left.

    Attributes:
        report: the page to open.
        evaluations: what each model's ``evaluation.json`` holds.
        left_out: folder or model → why.
        seconds: by stage.
    """

    report: Path
    evaluations: list[dict[str, Any]] = field(default_factory=list)
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
    result = DemoResult(out / "report.html")
    clock = _Clock(result.seconds)
    sources = load_sources(data, result.left_out, say)
    clock.lap("reading")
    claim_output(out, seed)
    clear_parts(out)
    sources = _check_and_split(sources, out, seed, say, clock)
    result.evaluations += _train_and_measure(sources, out, seed, say, clock, result.left_out)
    if not result.evaluations:
        raise NoDataError(
            "PL-RUN-002",
            str(data),
            "there is nothing to train a model on",
            found="; ".join(f"{name}: {why}" for name, why in result.left_out.items()) or "no judged rows",
            advice=f"a folder or a file needs {FEWEST_ROWS} judged rows; see: plumbline data check {data}",
        )
    _report(out, created, say=say)
    clock.lap("report")
    write_manifest(out, [source.loaded for source in sources], _configuration(sources), seed, result.seconds)
    return result


class _Clock:
    """Seconds since the last lap, by stage."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to this stage."""
        now = time.monotonic()
        self._seconds[stage], self._last = round(now - self._last, 2), now


def _check_and_split(sources: Sequence[DemoSource], out: Path, seed: int, say: Say, clock: _Clock) -> list[DemoSource]:
    """Check each source as it came, then see to its splits; the check's file says what became of them."""
    summaries = []
    for source in sources:
        say(f"check: {source.name}")
        summaries.append(run_check(source.name, source.loaded, limit=5))
    clock.lap("checking")
    dealt = [deal_splits(source, out, seed, say) for source in sources]
    for source, summary in zip(dealt, summaries, strict=True):
        summary["places"] = {"by_split": source.records_by_split()}
        write_check(out / "checks" / source.name, summary, source.loaded, ["demo"], {})
    clock.lap("splitting")
    return dealt


def _train_and_measure(
    sources: Sequence[DemoSource], out: Path, seed: int, say: Say, clock: _Clock, left_out: dict[str, str]
) -> list[dict[str, Any]]:
    """Train what the sources can teach, and measure it; what a source holds too little for goes to `left_out`."""
    for source in sources:
        for split, count in source.unused.items():
            name = f"{source.name}, {f'split {split}' if split else 'rows without a split'}"
            left_out[name] = f"{count:,} judged records neither trained on nor measured: models take train and test"
    plan: list[PlannedModel] = []
    for model in plan_models(sources, left_out):
        try:
            train_planned(model, out, seed, say)
        except (NoDataError, UsageError) as error:  # a record that stands there twice, say
            left_out[model.name] = f"{error.code} {error.problem}"
        else:
            plan.append(model)
    clock.lap("training")
    results = []
    for model in plan:
        try:
            results.append(evaluate_planned(model, out, seed, say))
        except (NoDataError, UsageError) as error:
            left_out[model.name] = f"not measured: {error.code} {error.problem}"
    results += evaluate_prompt_categories(sources, out, seed, say)
    clock.lap("measuring")
    return results


def _report(out: Path, created: str, *, say: Say) -> None:
    """Draw the page from what the stages wrote."""
    from plumbline.report import write_report

    say("report: drawing")
    parts = [out / name for name in ("checks", "models", "evaluations") if (out / name).is_dir()]
    write_report(parts, out / "report.html", title="Plumbline demo", created=created)


def _configuration(sources: Sequence[DemoSource]) -> dict[str, JsonValue]:
    """The sources by name, with the records of each split and whether the demo dealt them."""
    splits: dict[str, JsonValue] = {
        source.name: {name: sum(kinds.values()) for name, kinds in source.records_by_split().items()}
        for source in sources
    }
    return {"sources": [source.name for source in sources], "records_by_split": splits}
