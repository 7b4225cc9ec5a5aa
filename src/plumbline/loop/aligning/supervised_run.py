"""Teaching a policy replies: a source → a policy's folder, by way of a folder beside it that outlives a killed run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from plumbline.align.policy_folder import SavedPolicy, save_policy, weights_of
from plumbline.lineage import Use
from plumbline.loop.aligning.policy_training import given, working_folder
from plumbline.loop.aligning.policy_writing import format_card, policy_manifest, terms_of_policy, told_data
from plumbline.loop.aligning.supervised_opening import (
    NEW,
    OpenedSupervised,
    SupervisedRun,
    identity_of,
    open_supervised,
)
from plumbline.loop.asked_sources import shown_place
from plumbline.loop.sources import Step, resolved_options
from plumbline.loop.training.folder import make_ready
from plumbline.models.loading import require_transformers
from plumbline.models.transformer.training.metrics import FIGURES_NAME
from plumbline.models.transformer.training.processes import is_first_process

if TYPE_CHECKING:
    from plumbline.align.supervised import Taught


def run_supervised(run: SupervisedRun, step: Step = lambda _: None) -> dict[str, Any] | None:
    """Teach, and write the policy's folder.

    Returns:
        What ``policy.json`` holds; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the source, the model, the settings or the disk do not allow it; no policy is written then.
    """
    require_transformers("plumbline align supervised")
    with working_folder(run.out, [run.source, run.model], run.unfinished) as work:
        began = time.monotonic()
        opened = open_supervised(run, step)
        make_ready(work, run.out, resume=run.unfinished.resume)
        taught, learner = _teach(run, opened, work, step)
        if not is_first_process():
            return None
        step("writing")
        return _write(run, opened, taught, learner, work, time.monotonic() - began)


def _teach(run: SupervisedRun, opened: OpenedSupervised, work: Path, step: Step) -> tuple[Taught, Any]:
    """What teaching came to, and the model that was taught."""
    from plumbline.align.new_adapters import seeded_adapters
    from plumbline.align.supervised import teach

    learner = opened.policy.model.train()
    if run.lora is not None:
        learner = seeded_adapters(learner, run.lora, seed=opened.settings.seed, place="--lora")
    taught = teach(
        learner,
        opened.learnt.rows,
        opened.held_out.rows,
        opened.settings,
        identity_of(run, opened),
        work,
        padding_id=opened.policy.padding_id,
        progress=lambda done, total, loss: step(f"step {done:,} of {total:,}, {loss:.3f} nats a token"),
    )
    return taught, learner


# --- what is written ---


def _write(
    run: SupervisedRun, opened: OpenedSupervised, taught: Taught, learner: Any, work: Path, seconds: float
) -> dict[str, Any]:
    sources, origin = [opened.loaded], opened.origin
    terms = terms_of_policy(sources, origin, [])
    summary = {
        **_summary(run, opened, taught),
        **told_data(sources, origin, terms, is_synthetic=opened.is_synthetic),
    }
    manifest = policy_manifest(
        sources,
        origin,
        [],
        terms,
        _configuration(run, opened),
        command=run.command,
        seed=opened.settings.seed,
        overridden=run.override_uses and Use.SUPERVISED not in opened.loaded.terms.uses,
        seconds=seconds,
    )
    saved = SavedPolicy(summary, _card(summary), manifest, (work / FIGURES_NAME).read_bytes())
    save_policy(run.out, weights_of(learner, opened.policy.tokenizer), saved)
    return {"plumbline": "policy", "version": 1, **summary}


def _configuration(run: SupervisedRun, opened: OpenedSupervised) -> dict[str, JsonValue]:
    return {
        "method": "supervised",
        "model": run.model,
        "sources": [run.source],
        **{name: getattr(run, name) for name in ("replies", "on", "lora", "most_tokens")},
        "new_model": given(run.new_model) if run.model == NEW else None,
        **asdict(opened.settings),
        **resolved_options([run.source], "train", run.load_options),
    }


def _summary(run: SupervisedRun, opened: OpenedSupervised, taught: Taught) -> dict[str, Any]:
    before, after = taught.likelihood or (None, None)
    return {
        "name": run.out.resolve().name,
        "method": "supervised",
        "trained_from": opened.origin.told,
        "sources": [shown_place(run.source)],
        "replies": run.replies,
        "axis": run.on,
        "rows": len(opened.learnt.rows),
        "held_out_rows": len(opened.held_out.rows),
        "left_out": dict(opened.left_out),
        "nats_a_held_out_token": {"before": before, "after": after},
        "steps": taught.steps,
        "tokens": taught.tokens,
        "settings": asdict(opened.settings),
    }


def _card(summary: Mapping[str, Any]) -> str:
    nats = summary["nats_a_held_out_token"]
    came = (
        "made from nothing: it knows the manner of its rows and nothing else"
        if summary["trained_from"] == "nothing"
        else f"from `{summary['trained_from']}`"
    )
    opening = (
        f"A policy, {came}, taught {summary['rows']:,} replies ({summary['replies']}) of "
        f"`{summary['sources'][0]}` in {summary['steps']:,} steps."
    )
    if nats["after"] is None:
        return format_card(summary, opening)
    told = f"{nats['before']:.3f} nats before, {nats['after']:.3f} after (n = {summary['held_out_rows']:,} replies)"
    return format_card(summary, opening, f"Held-out tokens: {told}.")
