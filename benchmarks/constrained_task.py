"""PPO-Lagrangian where the truth is known: small made-up tasks whose constrained optimum is computed exactly.

    python -m benchmarks.constrained_task [--seeds 5] [--steps N] [--tasks 1 2 …] [--json FILE] [--picture FILE.svg]

On each task and seed a policy from scratch is trained twice, by plain PPO and by PPO-Lagrangian, with one setting for all. What a
policy is worth is computed from its probabilities of *every* reply to every prompt, asked of the model itself; nothing is drawn.

- *Objective*: E[reward] − β · KL(policy, reference), β = 0.1. *The constrained optimum* is the policy that has the
  most of it among all distributions with E[cost] <= limit (`benchmarks/constrained/optimum.py`), so it is the regularised one.
- *Share of the optimum*: the policy's objective, less λ* · (E[cost] − limit) where the limit is broken, over the optimum's objective;
  λ* is the optimum's own multiplier, the price at which breaking the limit gains nothing. No policy has more than 1.
- *Share of the gain*: the same, counted from what the reference has. Stricter: where the reference breaks the limit or is good
  already, it moves further for the same miss.
- *At rest*: PPO-Lagrangian as published does not climb that objective but (reward − λ · cost) / (1 + λ) − β · KL, so that it comes to rest
  at a policy and a λ of its own, which are computed exactly too (`lagrangian_rest`); *at first*: the reference.
- *The limit holds* where E[cost] <= limit + 0.1.
- *Held from step*: the first after which the limit holds and the share is at least 0.95, to the end.

Seeds 10, 11, 12 … are reported; settings were chosen on others (100 and up, and once more after a look at 0 to 4). Intervals: 95 %, Student's t over seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from scipy.stats import t as student

from benchmarks import measuring
from benchmarks.constrained.instances import Instance, instances
from benchmarks.constrained.training import EVERY, Trained, Training, share_of, train

PACKAGES = ("plumbline-rlhf", "torch", "transformers")
TOLERANCE = 0.1
FIRST_SEED = 10
ASKED = 0.95


@dataclass(frozen=True)
class Outcome:
    """One seed of one task; costs are told as they lie above the limit.

    Attributes:
        plain_reward, plain_excess: of plain PPO.
        reward, excess: of PPO-Lagrangian after the last step.
        share, gain: of the optimum, see above.
        averaged_excess, averaged_share: of the policy of averaged weights.
        multiplier, peak, rest, exact: λ after the last step, at its highest, where the procedure rests, of the optimum.
        rest_share: of the optimum, that the procedure has at rest.
        reference_share: of the optimum, that the policy had before the first step.
        settled: standard deviation of λ over the last quarter of the steps, as a share of its mean.
        held_from: step; None where the end does not hold.
    """

    seed: int
    plain_reward: float
    plain_excess: float
    reward: float
    excess: float
    share: float
    gain: float
    averaged_excess: float
    averaged_share: float
    multiplier: float
    peak: float
    rest: float
    exact: float
    rest_share: float
    reference_share: float
    settled: float
    held_from: int | None


def outcome_of(instance: Instance, seed: int, plain: Trained, kept: Trained) -> Outcome:
    """What the table says of two trained policies."""
    last, limit = kept.worths[-1], instance.limit
    late = kept.multipliers[-max(2, len(kept.multipliers) // 4) :]
    fined = kept.reference.objective - kept.best.multiplier * max(0.0, kept.reference.cost - limit)
    return Outcome(
        seed=seed,
        plain_reward=plain.worths[-1].reward,
        plain_excess=plain.worths[-1].cost - limit,
        reward=last.reward,
        excess=last.cost - limit,
        share=share_of(last, kept.best, limit),
        gain=share_of(last, kept.best, limit, floor=fined),
        averaged_excess=kept.averaged.cost - limit,
        averaged_share=share_of(kept.averaged, kept.best, limit),
        multiplier=kept.multipliers[-1],
        peak=max(kept.multipliers),
        rest=kept.rest.multiplier,
        exact=kept.best.multiplier,
        rest_share=share_of(kept.rest.worth, kept.best, limit),
        reference_share=share_of(kept.reference, kept.best, limit),
        settled=stdev(late) / fmean(late),
        held_from=held_from(instance, kept),
    )


def held_from(instance: Instance, kept: Trained) -> int | None:
    """The first step after which the limit holds and the share is reached, to the end."""
    held = [
        worth.cost <= instance.limit + TOLERANCE and share_of(worth, kept.best, instance.limit) >= ASKED
        for worth in kept.worths
    ]
    last_miss = max((step for step, holds in enumerate(held, 1) if not holds), default=0)
    return None if last_miss == len(held) else EVERY * (last_miss + 1)


def targets_of(name: str, outcomes: Sequence[Outcome]) -> list[tuple[str, float, str, float]]:
    """What is asked of a task; of seeds the worst counts, but for the mean."""
    return [
        (f"{name}: plain PPO above the limit, least of seeds", min(each.plain_excess for each in outcomes), ">=", 0.5),
        (f"{name}: cost above the limit, most", max(each.excess for each in outcomes), "<=", TOLERANCE),
        (f"{name}: share of the optimum, mean", fmean(each.share for each in outcomes), ">=", ASKED),
        (f"{name}: share of the optimum, least", min(each.share for each in outcomes), ">=", ASKED),
        (f"{name}: λ moves in the last quarter, share, most", max(each.settled for each in outcomes), "<=", 0.1),
    ]


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval."""
    if len(values) < 2:
        return f"{fmean(values):.3f}"
    half = student.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{fmean(values):.3f} ± {half:.3f}"


_COLUMNS = (
    ("plain reward", "plain_reward"),
    ("plain cost − limit", "plain_excess"),
    ("reward", "reward"),
    ("cost − limit", "excess"),
    ("share of optimum", "share"),
    ("share of gain", "gain"),
    ("at rest", "rest_share"),
    ("at first", "reference_share"),
    ("λ end", "multiplier"),
    ("λ peak", "peak"),
    ("λ at rest", "rest"),
    ("λ of the optimum", "exact"),
    ("averaged: cost − limit", "averaged_excess"),
    ("averaged: share", "averaged_share"),
)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """A row a seed, and the means."""
    rows = [
        [str(each.seed), *(f"{getattr(each, name):.3f}" for _, name in _COLUMNS), str(each.held_from or "never")]
        for each in outcomes
    ]
    rows.append(["mean", *(interval([getattr(each, name) for each in outcomes]) for _, name in _COLUMNS), ""])
    measuring.print_table(["seed", *(title for title, _ in _COLUMNS), "held from step"], rows)


def draw(path: Path, instance: Instance, plain: Sequence[Trained], kept: Sequence[Trained]) -> None:
    """λ, cost and reward by step, a line a seed, as an SVG file."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(
        ["default", {"svg.fonttype": "none", "svg.hashsalt": "plumbline", "font.size": 9, "text.parse_math": False}]
    ):
        figure = Figure(figsize=(9.6, 3.1), layout="constrained")
        axes = figure.subplots(1, 3)
        steps = range(EVERY, EVERY * len(kept[0].worths) + 1, EVERY)
        for free, held in zip(plain, kept, strict=True):
            axes[0].plot(steps, held.multipliers, color="#1a6faf", linewidth=1)
            axes[0].axhline(held.rest.multiplier, color="#1a6faf", linewidth=0.6, linestyle=":")
            for place, name in ((1, "cost"), (2, "reward")):
                axes[place].plot(steps, [getattr(each, name) for each in free.worths], color="#b3541e", linewidth=1)
                axes[place].plot(steps, [getattr(each, name) for each in held.worths], color="#1a6faf", linewidth=1)
        axes[1].axhline(instance.limit, color="black", linewidth=0.8, linestyle="--")
        axes[1].text(steps[-1], instance.limit, "limit", va="bottom", ha="right")
        axes[0].set_title("λ (dotted: where it rests)")
        axes[1].set_title("expected cost of a reply")
        axes[2].set_title("expected reward of a reply")
        for each in axes:
            each.set_xlabel("step")
            each.spines[["top", "right"]].set_visible(False)
        figure.legend(
            handles=[axes[1].lines[0], axes[1].lines[1]],
            labels=["plain PPO", "PPO-Lagrangian"],
            loc="outside upper left",
            ncols=2,
            frameon=False,
        )
        figure.suptitle(f"synthetic task: {instance.name}; a line a seed", fontsize=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata=dict.fromkeys(("Date", "Creator")))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.constrained_task")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=Training().steps)
    parser.add_argument("--tasks", type=int, nargs="+", default=range(1, len(instances()) + 1), help="numbers, from 1")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--picture", type=Path, help="draw the first of the tasks here, step by step, as SVG")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)  # such small models only wait for more
    training = replace(Training(), steps=asked.steps)
    targets: list[tuple[str, float, str, float]] = []
    told: dict[str, Any] = {}
    for number in asked.tasks:
        instance = instances()[number - 1]
        seeds = range(FIRST_SEED, FIRST_SEED + asked.seeds)
        plain = [train(instance, seed, training, constrained=False) for seed in seeds]
        kept = [train(instance, seed, training, constrained=True) for seed in seeds]
        outcomes = [outcome_of(instance, *each) for each in zip(seeds, plain, kept, strict=True)]
        print(f"\n{instance.name} ({len(instance.replies[0])} replies to each of {instance.prompts} prompts):\n")
        print_outcomes(outcomes)
        sys.stdout.flush()
        targets += targets_of(instance.name, outcomes)
        told[instance.name] = [asdict(each) for each in outcomes]
        if asked.picture and number == asked.tasks[0]:
            draw(asked.picture, instance, plain, kept)
    print()
    measuring.print_targets(targets)
    print()
    described = measuring.machine(*PACKAGES)
    measuring.print_machine(described)
    if asked.json:
        figures = {"training": asdict(training), "tasks": told, "targets": targets, "machine": described}
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
