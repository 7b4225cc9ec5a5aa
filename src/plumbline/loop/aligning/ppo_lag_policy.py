"""What a run of PPO-Lagrangian writes: a policy's folder with figures, a card and a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from plumbline.align.policy_folder import SavedPolicy, save_policy, weights_of
from plumbline.lineage import Use
from plumbline.loop.aligning.policy_writing import (
    format_card,
    policy_manifest,
    terms_of_policy,
    told_alarm,
    told_data,
    told_lagrangian,
    told_means,
)
from plumbline.loop.aligning.ppo_lag_opening import OpenedPpoLag, OtherTexts, PpoLagRun
from plumbline.loop.asked_sources import shown_place
from plumbline.loop.sources import resolved_options
from plumbline.measure import Bootstrap, Figure, format_figure, rate_figure
from plumbline.models.transformer.training.metrics import FIGURES_NAME

if TYPE_CHECKING:
    from plumbline.align.ppo.ppo_lag import PpoLag
    from plumbline.align.ppo.reply_scorers import ReplyScorer
    from plumbline.align.ppo.run import Outcome

_IN_CARD = {
    "reward": "reward",
    "cost": "cost",
    "nats from the start": "divergence",
    "tokens": "length",
    "nats a token, entropy": "entropy",
    "share that says nothing": "empty",
}
"""What the card's table calls a figure → its name."""


def write_policy(
    run: PpoLagRun, opened: OpenedPpoLag, learner: PpoLag, outcome: Outcome, work: Path, seconds: float
) -> dict[str, Any]:
    """Write the folder; returns what ``policy.json`` says.

    Args:
        learner, outcome: as the run ended.
        work: where its figures stand.
        seconds: of the run.
    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    judges = list(opened.judges.values())
    terms = terms_of_policy(opened.sources, opened.origin, judges)
    summary = {
        **_about(run, opened, learner.scorer),
        **_figures(opened, learner, outcome),
        **told_data(opened.sources, opened.origin, terms, is_synthetic=opened.is_synthetic),
    }
    manifest = policy_manifest(
        opened.sources,
        opened.origin,
        judges,
        terms,
        _configuration(run, opened),
        command=run.command,
        seed=opened.settings.going.seed,
        overridden=run.override_uses and _is_overridden(opened),
        seconds=seconds,
    )
    saved = SavedPolicy(summary, _card(summary), manifest, (work / FIGURES_NAME).read_bytes())
    save_policy(run.out, weights_of(learner.policy.model, opened.policy.tokenizer), saved)
    return {"plumbline": "policy", "version": 1, **summary}


def _is_overridden(opened: OpenedPpoLag) -> bool:
    """Whether a source does not permit what was done with it."""
    texts = opened.pretraining
    is_texts = texts is not None and Use.SUPERVISED not in texts.loaded.terms.uses
    return Use.POLICY not in opened.asked.loaded.terms.uses or is_texts


def _configuration(run: PpoLagRun, opened: OpenedPpoLag) -> dict[str, JsonValue]:
    return {
        "method": run.method,
        **{name: str(getattr(run, name)) for name in ("source", "policy", "reward", "cost")},
        "held_out": None if run.held_out is None else str(run.held_out),
        **{name: getattr(run, name) for name in ("pretraining", "pretraining_replies", "pretraining_on")},
        **{name: getattr(run, name) for name in ("held_out_prompts", "most_prompt_tokens", "lora")},
        **opened.settings.to_json(),
        **resolved_options([run.source], None, {**run.load_options, "split": opened.asked.split}),
    }


def _about(run: PpoLagRun, opened: OpenedPpoLag, scorer: ReplyScorer) -> dict[str, Any]:
    """What was made of what."""
    asked = opened.asked
    return {
        "name": run.out.resolve().name,
        "method": run.method,
        "trained_from": opened.origin.told,
        "source": shown_place(run.source),
        "split": asked.split,
        "rows": len(opened.prompts.tokens),
        "left_out": {
            "too long": opened.prompts.too_long,
            "for the held-out model": len(opened.prompts.held_out),
            "waiting for no reply": asked.waiting_for_none,
            "repeated prompts": asked.repeated,
            **asked.told_passed_over,
        },
        "pretraining": None if opened.pretraining is None else _about_texts(opened.pretraining),
        "judges": {name: each.description.name for name, each in opened.judges.items()},
        "reward_and_cost_share": _shared(scorer),
        "settings": opened.settings.to_json(),
    }


def _about_texts(texts: OtherTexts) -> dict[str, Any]:
    left_out = {"too long": texts.found.too_long, "without a reply": texts.found.without_reply}
    return {"rows": len(texts.found.rows), "left_out": left_out}


def _shared(scorer: ReplyScorer) -> str | None:
    """What the two judges' reading has in common."""
    from plumbline.align.ppo.reply_scorers import TextScorer

    if not isinstance(scorer, TextScorer):
        return "the reference's pass"
    return "one pass" if scorer.joined else None


def _figures(opened: OpenedPpoLag, learner: PpoLag, outcome: Outcome) -> dict[str, Any]:
    from plumbline.align.ppo.alarms import AlarmSettings, without_alarms

    steps = [asdict(each) for each in outcome.figures]
    return {
        "steps": len(steps),
        "tokens": outcome.tokens,
        **told_means(steps),
        "lagrangian": told_lagrangian(learner.lagrangian),
        "held_out_preference": _held_out_told(opened, outcome),
        "without_alarms": without_alarms(len(steps), AlarmSettings()),
        "alarms": [told_alarm(step, kind, told) for kind, (step, told) in outcome.alarms.items()],
    }


def _held_out_told(opened: OpenedPpoLag, outcome: Outcome) -> dict[str, Any] | None:
    """How often the held-out model preferred the policy's reply to the one it gave at the start."""
    if outcome.held_out_verdicts is None:
        return None
    groups = [prompt.group_id for prompt in opened.prompts.held_out]
    bootstrap = Bootstrap(seed=opened.settings.going.seed)
    figure = rate_figure(outcome.held_out_verdicts, bootstrap=bootstrap, group_ids=groups)
    return {"by_step": outcome.held_out, "last": figure.to_json()}


def _card(summary: Mapping[str, Any]) -> str:
    first, last, looked = (summary[name] for name in ("first", "last", "held_out_preference"))
    opening = (
        f"A policy aligned by {summary['method'].upper()} from `{summary['trained_from']}` on {summary['rows']:,} prompts of "
        f"`{summary['source']}`, {summary['steps']:,} steps."
    )
    rows = [f"| {name} | {first[key]:.3f} | {last[key]:.3f} |" for name, key in _IN_CARD.items()]
    table = "\n".join(
        [
            f"| mean of a reply | first {summary['averaged_steps']} steps | last {summary['averaged_steps']} steps |",
            "|---|---|---|",
            *rows,
        ]
    )
    judges = summary["judges"]
    said = f"Rewards are what `{judges['reward']}` says and costs what `{judges['cost']}` says: models, no people."
    if looked is None:
        return format_card(summary, opening, table, said)
    held = (
        f"`{judges['held-out']}`, which had no part in the training, preferred its reply to that of the start with a share of "
        f"{format_figure(Figure(**looked['last']))}."
    )
    return format_card(summary, opening, table, said, held)
