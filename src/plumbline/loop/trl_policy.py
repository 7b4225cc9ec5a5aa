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
from plumbline.loop.asked_sources import shown_place
from plumbline.loop.policy_writing import (
    AVERAGED_STEPS,
    format_card,
    means_of,
    policy_manifest,
    terms_of_policy,
    told_alarm,
    told_data,
    told_lagrangian,
)
from plumbline.loop.sources import resolved_options
from plumbline.loop.trl_opened import Opened, TrlRun

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
    opened: Opened,
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
        "steps": len(log),
        "first": means_of(_told(log[:AVERAGED_STEPS])),
        "last": means_of(_told(log[-AVERAGED_STEPS:])),
        "lagrangian": told_lagrangian(lagrangian),
        "alarms": _alarms(run, log),
        **told_data([loaded], origin, terms, is_synthetic=opened.is_synthetic),
    }
    configuration: dict[str, JsonValue] = {
        "method": run.method,
        "source": run.source,
        "policy": run.policy,
        "on": run.on,
        **{name: str(each.folder) for name, each in opened.judges.items()},
        "lagrangian": asdict(run.lagrangian) if run.cost is not None else None,
        "settings": opened.settings.to_json(),
        "left_out": dict(opened.data.set_aside),
        **resolved_options([run.source], "train" if run.method == "dpo" else None, run.load_options),
    }
    manifest = policy_manifest(
        [loaded],
        origin,
        judges,
        terms,
        configuration,
        command=run.command,
        seed=opened.settings.seed,
        overridden=run.override_uses and opened.data.use not in loaded.terms.uses,
        seconds=seconds,
    )
    lines = "".join(json.dumps(each) + "\n" for each in log).encode()
    saved = SavedPolicy(summary, _card(run, summary), manifest, lines)
    save_policy(run.out, lambda aside: shutil.copytree(trained, aside, dirs_exist_ok=True), saved)
    return {"plumbline": "policy", "version": 1, **summary}


def _alarms(run: TrlRun, log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The known ways to go wrong that the run's figures tell of, as of its end; none of DPO, which writes no replies."""
    from plumbline.align.alarms import AlarmSettings, alarms_of
    from plumbline.align.trl_figures import step_figures

    if run.method == "dpo":
        return []
    steps = [step_figures(run.method, each) for each in log]
    most = run.lagrangian.most if run.cost is not None else None
    return [
        told_alarm(len(log), each.kind, each.told) for each in alarms_of(steps, AlarmSettings(), most_multiplier=most)
    ]


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
