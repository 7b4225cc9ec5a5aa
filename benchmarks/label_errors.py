"""Label errors that were planted: how many stand among the 5 % of rows that are looked at first.

    python -m benchmarks.label_errors --data ../shared/data [--seeds 5] [--inspected 0.05] [--json FILE]

Labels of the train samples are flipped by chance (2, 5 and 10 % of them), the linear models are trained on what is then
given, and rows are ranked by out-of-fold probabilities against given labels. Test files stay shut. Real errors of the data
count as finds of nothing, so that recall of planted ones is on the low side. At random the recall is the share that is
looked at; the best there is, is that share over the share flipped, where it is less than 1. Intervals draw whole prompts.
The sides of pairs are swapped by chance first: the files hold the better one first, and a ranking could profit from that.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import measuring
from plumbline.formats import load
from plumbline.measure import Bootstrap, Figure, format_figure, mean_figure, rate_figure
from plumbline.measure.label_errors import Ranking, confident_joint, rank_label_errors
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.training import Trained, train_moderation, train_preference
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows, label_rows, preference_rows

FLIPPED = (0.02, 0.05, 0.10)
RANKINGS: tuple[Ranking, ...] = ("self-confidence", "normalised-margin", "class-adjusted")
PACKAGES = ("plumbline-rlhf", "numpy", "scipy")
Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Scorer = Callable[[Bits], Floats]


def moderation_scorer(rows: LabelRows) -> Scorer:
    """Labels → out-of-fold probability of unsafe, of a head trained on these labels."""
    options = training_options("moderation", {})

    def score(labels: Bits) -> Floats:
        trained = train_moderation(replace(rows, is_unsafe=labels, categories={}), options)
        return out_of_fold_probabilities(trained, "unsafe", len(rows))

    return score


def preference_scorer(rows: PreferenceRows, turned: Bits) -> Scorer:
    """Labels → out-of-fold probability that the first side is better, sides being turned where `turned` says.

    The model has no intercept: a pair whose sides are turned and whose label is flipped teaches it the same.
    """
    options = training_options("preference", {})

    def score(labels: Bits) -> Floats:
        trained = train_preference(replace(rows, first_is_better=labels ^ turned), options)
        first = out_of_fold_probabilities(trained, "reward", len(rows))
        return np.where(turned, 1.0 - first, first)

    return score


def out_of_fold_probabilities(trained: Trained, head: str, n: int) -> Floats:
    """The mean over the deals of folds of each row's calibrated probability, shape (n,); NaN where it was in no fold."""
    out = trained.out_of_fold
    scores = out.scores if out.scores.ndim == 1 else out.scores[:, list(trained.model.heads).index(head)]
    chances = trained.model.heads[head].calibration.probabilities(scores)
    sums, times = np.bincount(out.positions, chances, minlength=n), np.bincount(out.positions, minlength=n)
    return np.divide(sums, times, out=np.full(n, np.nan), where=times > 0)


def data_sets(data: Path) -> dict[str, tuple[Scorer, Bits, NDArray[np.str_], bool]]:
    """Name → scorer, labels, groups, and whether the classes are exchangeable."""
    labels = label_rows(load(data / "beavertails" / "train.jsonl.gz", cache=False).safety_labels, place="beavertails")
    found: dict[str, tuple[Scorer, Bits, NDArray[np.str_], bool]] = {
        "beavertails, safe or unsafe": (moderation_scorer(labels), labels.is_unsafe, labels.places.group_ids, False)
    }
    for name, axis in (("harmless-base", "harmlessness"), ("helpful-base", "helpfulness")):
        source = data / "hh-rlhf" / name / "train.jsonl.gz"
        pairs = preference_rows(load(source, axis=axis, cache=False).comparisons, place=name)
        turned = np.random.default_rng(0).random(len(pairs)) < 0.5
        scorer = preference_scorer(pairs, turned)
        found[f"hh-rlhf {name}"] = (scorer, pairs.first_is_better ^ turned, pairs.places.group_ids, True)
    return found


def measure(
    scorer: Scorer,
    labels: Bits,
    groups: NDArray[np.str_],
    exchangeable: bool,
    share: float,
    seeds: int,
    looked_at: float,
) -> dict[str, Any]:
    """Recall of planted flips among the rows looked at first, by ranking, over all seeds."""
    hits: dict[str, list[Floats]] = {name: [] for name in RANKINGS}
    places, rates, seconds = [], [], []
    bootstrap = Bootstrap(0)
    for seed in range(seeds):
        flipped = np.zeros(len(labels), bool)
        chosen = np.random.default_rng(seed).choice(len(labels), round(share * len(labels)), replace=False)
        flipped[chosen] = True
        given = labels ^ flipped
        probabilities = scorer(given)
        began = time.perf_counter()
        for name in RANKINGS:
            order = rank_label_errors(probabilities, given.astype(np.int64), ranking=name).order
            top = np.zeros(len(labels), bool)
            top[order[: round(looked_at * len(labels))]] = True
            hits[name].append(top[flipped].astype(np.float64))
        seconds.append(time.perf_counter() - began)
        places.append(groups[flipped])
        joint = confident_joint(
            probabilities, given.astype(np.int64), bootstrap=bootstrap, exchangeable_classes=exchangeable
        )
        rates.append(float(1.0 - np.trace(joint.joint)))
    rows = {name: np.concatenate(found) for name, found in hits.items()}
    where = np.concatenate(places)
    plain = rows["self-confidence"]
    return {
        "rows": len(labels),
        "flipped": round(share * len(labels)),
        "share_flipped": share,
        "random": looked_at,
        "best_possible": min(1.0, looked_at / share),
        "recall": {name: rate_figure(found, bootstrap=bootstrap, group_ids=where) for name, found in rows.items()},
        "above_self_confidence": {
            name: mean_figure(found - plain, bootstrap=bootstrap, group_ids=where)
            for name, found in rows.items()
            if name != "self-confidence"
        },
        "estimated_noise": float(np.mean(rates)),
        "ranking_seconds": float(np.median(seconds)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.label_errors", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="how often flips are drawn anew")
    parser.add_argument("--inspected", type=float, default=0.05, help="share of the rows that are looked at")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    result = {
        name: [measure(*data_set, share, asked.seeds, asked.inspected) for share in FLIPPED]
        for name, data_set in data_sets(asked.data).items()
    }
    print(f"Recall of planted flips, {asked.inspected:.0%} of the rows looked at, flips drawn {asked.seeds} times\n")
    rows = [
        [
            name,
            f"{found['flipped']:,} of {found['rows']:,}",
            f"{found['random']:.2f}",
            f"{found['best_possible']:.2f}",
            *(format_figure(found["recall"][ranking], 2) for ranking in RANKINGS),
            _difference(found["above_self_confidence"]["class-adjusted"]),
            f"{found['estimated_noise']:.2f}",
        ]
        for name, each in result.items()
        for found in each
    ]
    titles = ["", "flipped", "random", "best", *RANKINGS, "class-adjusted − self-confidence", "noise by joint"]
    measuring.print_table(titles, rows)
    described = measuring.machine(*PACKAGES)
    print()
    measuring.print_machine(described)
    if asked.json:
        figures = {"benchmark": "label_errors", "machine": described, "seeds": asked.seeds, "found": result}
        asked.json.write_text(json.dumps(figures, indent=1, default=_to_json) + "\n", encoding="utf-8")


def _difference(figure: Figure) -> str:
    return format_figure(figure, 2) if figure.low is not None else "the same rows"


def _to_json(value: Any) -> Any:
    if isinstance(value, Figure):
        return value.to_json()
    raise TypeError(type(value).__name__)


if __name__ == "__main__":
    main()
