"""PPO-Lagrangian on real rows: prompts × a policy × our reward and cost models → an aligned policy's folder.

The order is: open all that is needed, train, write. Checkpoints and figures stand in a folder beside the output until the policy is
written whole, so that a run which is killed or stopped goes on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.loop.aligning.policy_training import working_folder
from plumbline.loop.aligning.ppo_lag_opening import OpenedPpoLag, PpoLagRun, identity_of, open_ppo_lag
from plumbline.loop.aligning.ppo_lag_policy import write_policy
from plumbline.loop.sources import Step
from plumbline.loop.training.folder import make_ready
from plumbline.models.loading import require_transformers
from plumbline.models.transformer.training.processes import is_first_process

if TYPE_CHECKING:
    from plumbline.align.ppo.held_out_preference import HeldOutPreference
    from plumbline.align.ppo.ppo_lag import PpoLag
    from plumbline.align.ppo.run import Outcome


def run_ppo_lag(run: PpoLagRun, step: Step = lambda _: None, alarm: Step = lambda _: None) -> dict[str, Any] | None:
    """Align, and write the policy's folder.

    Args:
        step: told how far it is.
        alarm: told what seems to go wrong, as soon as it does.
    Returns:
        What ``policy.json`` holds; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the prompts, the models, the settings or the disk do not allow it; no policy is written then, and the last
            checkpoint stands in the folder beside it.
    """
    require_transformers("plumbline align ppo-lag")
    named: list[str | Path | None] = [run.source, run.policy, run.reward, run.cost, run.held_out, run.pretraining]
    with working_folder(run.out, named, run.unfinished) as work:
        began = time.monotonic()
        opened = open_ppo_lag(run, step)
        make_ready(work, run.out, resume=run.unfinished.resume)
        learner = _learner(run, opened)
        outcome = _align(run, opened, learner, work, step, alarm)
        if not is_first_process():
            return None
        step("writing")
        return write_policy(run, opened, learner, outcome, work, time.monotonic() - began)


def _learner(run: PpoLagRun, opened: OpenedPpoLag) -> PpoLag:
    """The policy with its critics, and what scores its replies."""
    from plumbline.align.lagrangian import Lagrangian
    from plumbline.align.new_adapters import seeded_adapters
    from plumbline.align.policy import Policy
    from plumbline.align.ppo.ppo_lag import PpoLag
    from plumbline.align.ppo.reply_scorers import scorer_of

    settings, start = opened.settings, opened.policy
    judges, said = opened.judges, [prompt.conversation for prompt in opened.prompts.learnt]
    scorer = scorer_of(judges["reward"].model, judges["cost"].model, start, said)
    model = start.model
    if run.lora is not None:
        model = seeded_adapters(model, run.lora, seed=settings.going.seed, place="--lora")
    return PpoLag(
        Policy(model, start.never_ids, start.markers),
        scorer,
        settings.ppo,
        None if settings.lagrangian is None else Lagrangian(settings.lagrangian),
        end_ids=start.end_ids,
        padding_id=start.padding_id,
        rollouts=settings.rollouts,
        end_id=start.end_id,
    )


def _align(run: PpoLagRun, opened: OpenedPpoLag, learner: PpoLag, work: Path, step: Step, alarm: Step) -> Outcome:
    from plumbline.align.ppo.run import Progress, Task, run_ppo

    texts = () if opened.pretraining is None else opened.pretraining.found.rows

    def told(now: Progress) -> None:
        """One line a step."""
        figures = now.figures
        step(
            f"step {now.step:,} of {now.steps:,}, reward {figures.reward:.3f}, cost {figures.cost:.3f}, λ {figures.multiplier:.3f}, "
            f"{figures.divergence:.2f} nats from the start, {figures.length:.0f} tokens a reply"
        )

    return run_ppo(
        learner,
        Task(opened.prompts.tokens, texts, _held_out(opened)),
        opened.settings.going,
        identity_of(run, opened),
        work,
        progress=told,
        alarm=lambda at, each: alarm(f"step {at:,}, {each.kind}: {each.told}"),
    )


def _held_out(opened: OpenedPpoLag) -> HeldOutPreference | None:
    from plumbline.align.ppo.held_out_preference import HeldOutPreference

    if "held-out" not in opened.judges:
        return None
    start = opened.policy
    said = [prompt.conversation for prompt in opened.prompts.held_out]
    return HeldOutPreference(
        opened.judges["held-out"].model,
        said,
        [start.prompts.encode(conversation) for conversation in said],
        start.reply_text,
        start.end_ids,
        start.padding_id,
        opened.settings.rollouts,
    )
