"""A policy trained by TRL: DPO on comparisons, GRPO or RLOO under our reward and cost models → a policy's folder.

Checkpoints stand in ``OUT.training`` until the policy is written whole to ``OUT``; then that folder goes. Under ``accelerate launch``
every process calls this, and the first one alone writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.align.lagrangian import Lagrangian
from plumbline.align.trl.settings import require_trl
from plumbline.loop.aligning.policy_training import working_folder
from plumbline.loop.aligning.trl_opening import OpenedTrl, TrlRun, identity_of, open_trl
from plumbline.loop.aligning.trl_policy import FIGURES, write_policy
from plumbline.loop.sources import Step
from plumbline.loop.training.folder import make_ready
from plumbline.models.transformer.training.processes import is_first_process

_TRAINER = "trl"


def run_trl(run: TrlRun, step: Step = lambda _: None) -> dict[str, Any] | None:
    """Train, and write the policy's folder.

    Returns:
        What ``policy.json`` holds; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the data, the models, the settings or the disk do not allow it; no policy is written then, and the last
            checkpoint stands in the folder beside it.
    """
    require_trl(f"align {run.method}")
    from plumbline.align.trl.training import POLICY_NAME

    named = [run.policy, run.source, run.reward, run.cost]
    with working_folder(run.out, named, run.unfinished) as work:
        began = time.monotonic()
        opened = open_trl(run, work, step)
        log, lagrangian = _train(run, opened, work, step)
        if not is_first_process():
            return None
        step("writing")
        trained = work / _TRAINER / POLICY_NAME
        return write_policy(run, opened, trained, log, lagrangian, time.monotonic() - began)


def _train(run: TrlRun, opened: OpenedTrl, work: Path, step: Step) -> tuple[list[dict[str, Any]], Lagrangian | None]:
    from plumbline.align.trl.lagrangian import LagrangianCallback, last_checkpoint, read_state
    from plumbline.align.trl.rewards import ReplyReward
    from plumbline.align.trl.training import train_on_pairs, train_on_prompts

    identity = json.loads(json.dumps(identity_of(run, opened)))
    place = work / _TRAINER
    checkpoint = last_checkpoint(place) if run.unfinished.resume else None
    state = None if checkpoint is None else read_state(checkpoint, identity)
    lagrangian = None
    if "cost" in opened.judges:
        lagrangian = Lagrangian(run.lagrangian) if state is None else Lagrangian.resumed(run.lagrangian, state)
    make_ready(work, run.out, resume=run.unfinished.resume)
    callback = LagrangianCallback(lagrangian, identity)
    how: dict[str, Any] = {"checkpoint": checkpoint, "advance": _told_by(step)}
    if run.method == "dpo":
        log = train_on_pairs(opened.policy, opened.data.rows, opened.settings, callback, place, **how)
        return log, None
    told = {"cost": callback.take}
    reply_text = opened.policy.form.prompts.reply_text
    rewards = [
        ReplyReward(name, each.model, reply_text=reply_text, told=told.get(name))
        for name, each in opened.judges.items()
    ]
    log = train_on_prompts(opened.policy, opened.data.rows, rewards, opened.settings, callback, place, **how)
    return log, lagrangian


def _told_by(step: Step) -> Any:
    def advance(done: int, total: int, figures: Mapping[str, float]) -> None:
        """One line a step."""
        shown = [f"{name} {figures[key]:.3g}" for name, key in FIGURES.items() if key in figures][:4]
        step(f"step {done:,} of {total:,}: {', '.join(shown)}")

    return advance
