"""Several judgements of an item made one label: majority, Dawid–Skene, Bradley–Terry with worker ability; noise ceiling.

    python -m benchmarks.aggregation --data ../shared/data [--judgements 333963] [--rounds 3] [--simulations 200]
        [--crowd-kit PYTHON] [--json FILE]

PandaLM: 3 workers judged pairs of replies. One worker is left out, the judgements of the other two are aggregated, and the
label is held against the worker's own decided judgements (a label without a side counts one half); intervals draw whole
items. Speed: the judgements tiled, each copy with items of its own. Noise ceiling: simulated judges, that is votes drawn
from known chances. With --crowd-kit the library is run by that interpreter and its results are held against ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.curating.aggregators import (
    FIRST,
    METHODS,
    TIE,
    Floats,
    Integers,
    Judgements,
    read_pandalm,
)
from plumbline.measure import Bootstrap, Figure, format_figure, mean_figure, rate_figure
from plumbline.measure.dawid_skene import DawidSkeneSettings, fit_dawid_skene, judged_truth
from plumbline.measure.noise_ceiling import NoiseCeiling, noise_ceiling
from plumbline.measure.soft_labels import TIED, majority_labels, pair_disagreement, vote_counts
from plumbline.measure.worker_ability import worker_abilities
from plumbline.measure.worker_bradley_terry import fit_worker_bradley_terry

PACKAGES = ("plumbline-rlhf", "numpy", "scipy")
BOOTSTRAP = Bootstrap(0)


def leave_one_out(rows: Judgements) -> dict[str, Any]:
    """How often the label of the other workers is the one left out's, method by method, and against the plain votes."""
    rights: dict[str, list[Floats]] = {name: [] for name in METHODS}
    items: list[Integers] = []
    undecided: dict[str, int] = dict.fromkeys(METHODS, 0)
    for worker in range(rows.worker_count):
        others = rows.take(rows.workers != worker)
        own = rows.take((rows.workers == worker) & (rows.labels != TIE) & np.isin(rows.items, others.items))
        items.append(own.items)
        for name, method in METHODS.items():
            lead = np.round(method(others), 9)[own.items]
            undecided[name] += int((lead == 0).sum())
            rights[name].append(0.5 + 0.5 * np.sign(lead) * np.where(own.labels == FIRST, 1.0, -1.0))
    where = np.concatenate(items)
    joined = {name: np.concatenate(found) for name, found in rights.items()}
    plain = joined["votes for less votes against"]
    return {
        name: {
            "agreement": rate_figure(found, bootstrap=BOOTSTRAP, group_ids=where),
            "above_votes": mean_figure(found - plain, bootstrap=BOOTSTRAP, group_ids=where),
            "undecided": undecided[name],
        }
        for name, found in joined.items()
    }


def abilities(rows: Judgements) -> dict[str, list[Figure]]:
    """Each worker by each model: the chance to give the true label; for Bradley–Terry η."""
    found = {}
    for name, one_coin in (("Dawid–Skene", False), ("Dawid–Skene, one coin", True)):
        settings = DawidSkeneSettings(one_coin=one_coin)
        fit = fit_dawid_skene(rows.items, rows.workers, rows.labels, class_count=3, settings=settings)
        right = judged_truth(fit, rows.items, rows.labels)
        found[name] = worker_abilities(right, rows.workers, worker_count=rows.worker_count)
    fitted = fit_worker_bradley_terry(
        rows.first, rows.second, rows.workers, rows.points, item_count=rows.reply_count, worker_count=rows.worker_count
    )
    found["Bradley–Terry with ability (η)"] = list(fitted.abilities)
    return found


def ceilings(rows: Judgements) -> dict[str, Any]:
    """What a perfect model could reach against one decided judgement, and against the majority of three."""
    votes = vote_counts(rows.items, rows.labels, item_count=rows.item_count, class_count=3)
    ties = int(votes[:, TIE].sum())
    found: dict[str, Any] = {"mean_pair_disagreement": float(np.nanmean(pair_disagreement(votes)))}
    found["items_tied_by_majority"] = int((majority_labels(votes) == TIED).sum())
    for label_votes in (1, 3):
        found[f"against {label_votes}"] = noise_ceiling(
            votes[:, :2],
            bootstrap=BOOTSTRAP,
            exchangeable_classes=True,
            label_votes=label_votes,
            ties_set_aside=ties,
        )
    return found


# --- simulated judges ---

TRUTHS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "beta(1, 1)": lambda rng, n: rng.beta(1.0, 1.0, n),
    "beta(0.3, 0.3)": lambda rng, n: rng.beta(0.3, 0.3, n),
    "beta(4, 1.5)": lambda rng, n: rng.beta(4.0, 1.5, n),
    "half clear, half coin tosses": lambda rng, n: np.where(rng.random(n) < 0.5, 0.5, np.round(rng.random(n))),
    "all equally hard, 0.8": lambda rng, n: np.where(rng.random(n) < 0.5, 0.8, 0.2),
}
"""Chances of the first class over items, of which the ceiling is known."""


def simulate_ceiling(truth: str, items: int, votes: int, simulations: int) -> dict[str, Any]:
    """Bias and coverage of bounds and estimate, and the bias of counting how often the majority is right."""
    draw = TRUTHS[truth]
    population = draw(np.random.default_rng(10**6), 400_000)
    ceiling = float(np.maximum(population, 1.0 - population).mean())
    symmetric = "4" not in truth
    estimates, covered, between, naive, defined = [], [], [], [], 0
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        first = rng.binomial(votes, draw(rng, items))
        table = np.stack([first, votes - first], axis=1)
        found = noise_ceiling(table, bootstrap=Bootstrap(seed, resamples=400), exchangeable_classes=symmetric)
        naive.append(float(table.max(axis=1).mean() / votes))
        low, high = found.lower.low, found.upper.high
        between.append(low is not None and high is not None and low <= ceiling <= high)
        if found.estimate.low is not None and found.estimate.high is not None and found.estimate.value is not None:
            defined += 1
            estimates.append(found.estimate.value)
            covered.append(found.estimate.low <= ceiling <= found.estimate.high)
    return {
        "truth": truth,
        "items": items,
        "votes": votes,
        "ceiling": ceiling,
        "naive_bias": float(np.mean(naive)) - ceiling,
        "bounds_cover": float(np.mean(between)),
        "estimate_bias": float(np.mean(estimates)) - ceiling if estimates else None,
        "estimate_covers": float(np.mean(covered)) if covered else None,
        "with_interval": defined,
    }


# --- speed ---


def timings(rows: Judgements, rounds: int) -> dict[str, list[float]]:
    """Seconds of each method on these judgements, all in turn in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(rounds):
        for name, method in METHODS.items():
            began = time.perf_counter()
            method(rows)
            seconds[name].append(time.perf_counter() - began)
    return seconds


def multi_label_seconds(count: int, categories: int = 14) -> float:
    """Seconds of Dawid–Skene on simulated judgements of 14 categories in turn, 3 workers of 60 an item."""
    rng = np.random.default_rng(0)
    items = np.arange(count) // 3
    workers = (rng.integers(0, 20, count) * 3 + np.arange(count) % 3).astype(np.int64)
    total = 0.0
    for number in range(categories):
        applies = rng.random(int(items.max()) + 1) < 0.02 * (number + 1)
        errs = rng.random(count) < np.linspace(0.01, 0.1, 60)[workers]
        labels = (applies[items] ^ errs).astype(np.int64)
        began = time.perf_counter()
        fit_dawid_skene(items, workers, labels, class_count=2)
        total += time.perf_counter() - began
    return total


def against_crowd_kit(python: str, rows: Judgements, tiled: Judgements) -> dict[str, Any]:
    """Run crowd-kit on the same judgements; its seconds, and how far apart the results are."""
    decided = rows.take(rows.labels != TIE)
    with tempfile.TemporaryDirectory(prefix="benchmark-aggregation-") as folder:
        file = Path(folder) / "judgements.npz"
        np.savez(
            file,
            items=rows.items,
            workers=rows.workers,
            labels=rows.labels,
            tiled_items=tiled.items,
            tiled_workers=tiled.workers,
            tiled_labels=tiled.labels,
            first=decided.first,
            second=decided.second,
            decided_workers=decided.workers,
            first_wins=decided.labels == FIRST,
        )
        peer = Path(__file__).parent / "peers" / "aggregation.py"
        done = subprocess.run([python, str(peer), str(file)], stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    theirs = np.array(told.pop("posteriors"))
    for name, steps in (("at_its_last_step", told["dawid_skene_steps"]), ("at_the_maximum", 10_000)):
        settings = DawidSkeneSettings(prior_judgements=0.0, tolerance_nats=1e-15, max_iterations=steps)
        ours = fit_dawid_skene(rows.items, rows.workers, rows.labels, class_count=3, settings=settings)
        told[f"largest_difference_of_posteriors_{name}"] = float(np.abs(theirs - ours.posteriors).max())
        told[f"labels_that_differ_{name}"] = int((theirs.argmax(axis=1) != ours.posteriors.argmax(axis=1)).sum())
        told[f"our_steps_{name}"] = ours.iterations
    fit = fit_worker_bradley_terry(
        decided.first,
        decided.second,
        decided.workers,
        decided.points,
        item_count=rows.reply_count,
        worker_count=rows.worker_count,
    )
    scores = dict(zip(told.pop("score_items"), told.pop("scores"), strict=True))
    leads = np.array([scores[a] - scores[b] for a, b in zip(decided.first, decided.second, strict=True)])
    told["rows_with_the_same_side_better"] = float((np.sign(leads) == np.sign(fit.first_better - 0.5)).mean())
    return told


# --- the report ---


def print_report(result: dict[str, Any]) -> None:
    """What --json holds, for the eye."""
    print("\nOne worker left out, agreement with that worker's decided judgements\n")
    table = [
        [name, format_figure(found["agreement"]), _difference(found["above_votes"]), str(found["undecided"])]
        for name, found in result["left_out"].items()
    ]
    measuring.print_table(["", "agreement", "less that of the votes", "no side"], table)
    print("\nChance of each worker to give the true label, all judgements\n")
    table = [[name, *map(format_figure, found)] for name, found in result["abilities"].items()]
    measuring.print_table(["", *(f"worker {number + 1}" for number in range(len(table[0]) - 1))], table)
    print("\nNoise ceiling\n")
    table = [
        [name, *(format_figure(getattr(found, key)) for key in ("lower", "estimate", "upper"))]
        for name, found in result["ceilings"].items()
        if name.startswith("against")
    ]
    measuring.print_table(["", "lower bound", "beta-binomial", "upper bound"], table)
    print("\nNoise ceiling, simulated judges\n")
    keys = ("ceiling", "naive_bias", "bounds_cover", "estimate_bias", "estimate_covers")
    table = [
        [each["truth"], str(each["items"]), str(each["votes"]), *(_number(each[key]) for key in keys)]
        for each in result["simulated"]
    ]
    measuring.print_table(["chances", "items", "votes", *(key.replace("_", " ") for key in keys)], table)
    print(f"\n{result['tiled']:,} judgements, seconds, min / median / max\n")
    table = [
        [name, *(f"{pick(found):.2f}" for pick in (min, np.median, max))] for name, found in result["seconds"].items()
    ]
    measuring.print_table(["", "min", "median", "max"], table)
    print(f"\nDawid–Skene, 14 categories in turn: {result['categories_seconds']:.2f} s")
    if "crowd_kit" in result:
        print("\ncrowd-kit: " + ", ".join(f"{key} {value}" for key, value in result["crowd_kit"].items()))


def _difference(figure: Figure) -> str:
    return format_figure(figure) if figure.low is not None else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.aggregation", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judgements", type=int, default=333_963)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--crowd-kit", help="a Python interpreter that has crowd-kit")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    rows = read_pandalm(asked.data)
    tiled = rows.tiled(asked.judgements)
    result: dict[str, Any] = {
        "benchmark": "aggregation",
        "machine": measuring.machine(*PACKAGES),
        "judgements": len(rows.items),
        "items": rows.item_count,
        "replies": rows.reply_count,
        "left_out": leave_one_out(rows),
        "abilities": abilities(rows),
        "ceilings": ceilings(rows),
        "simulated": [
            simulate_ceiling(truth, items, votes, asked.simulations)
            for truth in TRUTHS
            for items, votes in ((300, 3), (1000, 3), (300, 5))
        ],
        "tiled": asked.judgements,
        "seconds": timings(tiled, asked.rounds),
        "categories_seconds": multi_label_seconds(asked.judgements),
    }
    if asked.crowd_kit:
        result["crowd_kit"] = against_crowd_kit(asked.crowd_kit, rows, tiled)
    print_report(result)
    print()
    measuring.print_machine(result["machine"])
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1, default=_to_json) + "\n", encoding="utf-8")


def _to_json(value: Any) -> Any:
    if isinstance(value, Figure | NoiseCeiling):
        return value.to_json()
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
