"""What a run of TRL writes: a policy's folder with figures, a card and a manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.align.lagrangian import Lagrangian
from plumbline.align.policy_folder import SavedPolicy, save_policy
from plumbline.loop.aligning.policy_writing import (
    format_card,
    policy_manifest,
    terms_of_policy,
    told_alarm,
    told_data,
    told_lagrangian,
    told_means,
)
from plumbline.loop.aligning.trl_opening import OpenedTrl, TrlRun
from plumbline.loop.asked_sources import shown_place
from plumbline.loop.sources import resolved_options

FIGURES = {
    "reward": "rewards/reward/mean",
    "cost": "rewards/cost/mean",
    "multiplier": "lagrangian/multiplier",
    "divergence": "kl",
    "entropy": "entropy",
    "reply_tokens": "completions/mean_length",
    "cut": "completions/clipped_ratio",
    "loss": "loss",
    "margin": "rewards/margins",
    "accuracy": "rewards/accuracies",
}
"""What a summary tells → TRL's name for it."""


def write_policy(
    run: TrlRun,
    opened: OpenedTrl,
    trained: Path,
    log: list[dict[str, Any]],
    lagrangian: Lagrangian | None,
    seconds: float,
) -> dict[str, Any]:
    """Write the folder; returns what ``policy.json`` says.

    Args:
        trained: the folder that TRL's trainer left.
        log: figures of each step.
        lagrangian: as it ended; None without a cost.
        seconds: of the run.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    loaded, origin, judges = opened.data.loaded, opened.origin, list(opened.judges.values())
    terms = terms_of_policy([loaded], origin, judges)
    done = log[-1]["step"]
    summary = {
        "name": run.out.resolve().name,
        "method": run.method,
        "trained_from": shown_place(run.policy),
        "source": shown_place(run.source),
        "axis": None if opened.data.axis is None else opened.data.axis.value,
        "rows": len(opened.data.rows),
        "left_out": dict(opened.data.set_aside),
        "settings": opened.settings.to_json(),
        "judges": {name: each.description.name for name, each in opened.judges.items()},
        "steps": done,
        **told_means(_told(log)),
        "lagrangian": told_lagrangian(lagrangian),
        **_alarms(run, log, done),
        **told_data([loaded], origin, terms, is_synthetic=opened.is_synthetic),
    }
    manifest = policy_manifest(
        [loaded],
        origin,
        judges,
        terms,
        _configuration(run, opened),
        command=run.command,
        seed=opened.settings.seed,
        overridden=run.override_uses and opened.data.use not in loaded.terms.uses,
        seconds=seconds,
    )
    lines = "".join(json.dumps(each) + "\n" for each in log).encode()
    saved = SavedPolicy(summary, _card(run, summary), manifest, lines)
    save_policy(run.out, lambda aside: shutil.copytree(trained, aside, dirs_exist_ok=True), saved)
    return {"plumbline": "policy", "version": 1, **summary}


def _configuration(run: TrlRun, opened: OpenedTrl) -> dict[str, JsonValue]:
    """What the manifest tells of how it was asked for."""
    return {
        "method": run.method,
        "source": run.source,
        "policy": run.policy,
        "on": run.on,
        **{name: str(each.folder) for name, each in opened.judges.items()},
        "lagrangian": asdict(run.lagrangian) if run.cost is not None else None,
        "settings": opened.settings.to_json(),
        "left_out": dict(opened.data.set_aside),
        **resolved_options([run.source], None, {**run.load_options, "split": opened.data.split}),
    }


def _alarms(run: TrlRun, log: Sequence[Mapping[str, Any]], done: int) -> dict[str, Any]:
    """The known ways to go wrong that the run's figures tell of, as of its end; none of DPO, which writes no replies."""
    from plumbline.align.ppo.alarms import AlarmSettings, alarms_of, without_alarms
    from plumbline.align.trl.figures import step_figures

    if run.method == "dpo":
        return {"without_alarms": None, "alarms": []}
    settings, steps = AlarmSettings(), [step_figures(run.method, each) for each in log]
    price = run.lagrangian
    most = None if run.cost is None else price.most
    found = alarms_of(steps, settings, most_multiplier=most, cost_limit=price.cost_limit)
    return {
        "without_alarms": without_alarms(done, settings),
        "alarms": [told_alarm(done, each.kind, each.told) for each in found],
    }


def _told(log: Sequence[Mapping[str, Any]]) -> list[dict[str, float | None]]:
    """What of each step a summary tells, of what TRL logged."""
    return [{name: each[key] for name, key in FIGURES.items() if each.get(key) is not None} for each in log]


def _card(run: TrlRun, summary: Mapping[str, Any]) -> str:
    opening = (
        f"A policy trained by {run.method.upper()} (TRL) from `{summary['trained_from']}` on {summary['rows']:,} rows of "
        f"`{summary['source']}`, {summary['steps']:,} steps."
    )
    return format_card(
        summary, opening, *(f"Its {name} came from `{model}`." for name, model in summary["judges"].items())
    )
