"""Linear preference models against TfidfVectorizer + LogisticRegression: time on tiled rows, accuracy on distinct ones.

    python -m benchmarks.linear_models --data DIR [--pairs 161840] [--rounds 3] [--json FILE]

Time: the hh-rlhf train samples of both axes, tiled to --pairs; every round runs all contestants in turn. Ours and the
peer are timed at the prior that cross-validation chose on the distinct rows, taken times the number of copies (so the
tiled problem is the distinct one), and at the prior as it stands. Tiles have fewer distinct n-grams than as many real
rows would have; nothing here looks for repeated rows. Accuracy: 5 folds by group, dealt anew `REPEATS` times, on the
distinct rows; the same folds and settings for all; intervals draw whole groups.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from plumbline.formats import load
from plumbline.measure import assign_folds
from plumbline.models.calibration import Calibration
from plumbline.models.features.text_features import Frequencies, Replies, featurise_pairs, fit_inverse_frequencies
from plumbline.models.linear.default_features import DEFAULT_L2, RECIPES, training_options
from plumbline.models.linear.logistic import LogisticFit, LogisticSettings, fit_logistic
from plumbline.models.linear.model import Head, LinearModel
from plumbline.models.linear.training import train_preference
from plumbline.models.rows.folds import FOLDS, REPEATS
from plumbline.models.rows.training_rows import PreferenceRows, preference_rows

Json = dict[str, Any]
AXES = {"harmless-base": "harmlessness", "helpful-base": "helpfulness"}
PEER_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
RECIPE_NAMES = ("words", "characters")
PRIORS = ("times the copies", "as it stands")
Contestant = Callable[[], tuple[Json, Any, Any]]


def read_axes(data: Path) -> dict[str, PreferenceRows]:
    """The train samples, one table an axis; test files stay shut."""
    return {
        name: preference_rows(
            load(data / "hh-rlhf" / name / "train.jsonl.gz", axis=axis, cache=False).comparisons, place=name
        )
        for name, axis in AXES.items()
    }


def tile_pairs(axes: dict[str, PreferenceRows], pairs: int) -> tuple[pa.Array, pa.Array, NDArray[np.bool_], float]:
    """First and second replies, whether the first is better (sides drawn by chance), and the number of copies."""
    better, other = [], []
    for rows in axes.values():
        first, second = rows.first.texts.to_pylist(), rows.second.texts.to_pylist()
        better += [
            one if is_first else two for one, two, is_first in zip(first, second, rows.first_is_better, strict=True)
        ]
        other += [
            two if is_first else one for one, two, is_first in zip(first, second, rows.first_is_better, strict=True)
        ]
    copies = pairs / len(better)
    take = pa.array(np.arange(pairs) % len(better))
    better, other = pa.array(better).take(take), pa.array(other).take(take)
    flip = np.random.default_rng(0).random(pairs) < 0.5
    sides = pa.concat_arrays([better, other])
    rows = np.arange(pairs)
    first = sides.take(pa.array(np.where(flip, rows + pairs, rows)))
    second = sides.take(pa.array(np.where(flip, rows, rows + pairs)))
    return first, second, ~flip, copies


def train_ours(
    name: str, first: pa.Array, second: pa.Array, is_positive: NDArray[np.bool_], l2: float
) -> tuple[Json, Frequencies, LogisticFit]:
    """One training from text to weights, in parts."""
    recipe = RECIPES["preference"][name]
    started = time.perf_counter()
    frequencies = fit_inverse_frequencies([Replies(first), Replies(second)], recipe)
    rows = featurise_pairs(Replies(first), Replies(second), recipe, frequencies)
    featurised = time.perf_counter()
    fit = fit_logistic(rows, is_positive, settings=LogisticSettings(l2=l2))
    ended = time.perf_counter()
    figures = {
        "features_seconds": featurised - started,
        "fit_seconds": ended - featurised,
        "seconds": ended - started,
        "entries": int(rows.nnz),
        "iterations": fit.iterations,
        "converged": fit.converged,
        "gap_nats": fit.gap_nats,
    }
    return figures, frequencies, fit


def train_peer(
    first: list[str], second: list[str], is_positive: NDArray[np.bool_], strength: float, dtype: type
) -> tuple[Json, TfidfVectorizer, LogisticRegression]:
    """The peer from text to weights; its fit counts with the faster of one and two threads of BLAS."""
    started = time.perf_counter()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), dtype=dtype)
    both = vectorizer.fit_transform(first + second)
    rows = both[: len(first)] - both[len(first) :]
    featurised = time.perf_counter() - started
    fits = {}
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            began = time.perf_counter()
            model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000).fit(rows, is_positive)
            fits[threads] = time.perf_counter() - began
    figures = {
        "features_seconds": featurised,
        "fit_seconds": min(fits.values()),
        "seconds": featurised + min(fits.values()),
        "entries": int(rows.nnz),
        "iterations": int(model.n_iter_[0]),
        "blas_threads": min(fits, key=lambda threads: fits[threads]),
    }
    return figures, vectorizer, model


def spread(values: list[float]) -> Json:
    """Minimum, median and maximum."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "n": len(values)}


def contestants_of(
    arrays: tuple[pa.Array, pa.Array],
    texts: tuple[list[str], list[str]],
    is_positive: NDArray[np.bool_],
    copies: float,
    dtype: type,
) -> dict[str, Contestant]:
    """Who is timed, by name: our recipes on the arrays and the peer on the same texts, at each prior."""
    l2 = DEFAULT_L2["preference"]
    contestants: dict[str, Contestant] = {}
    for prior, factor in zip(PRIORS, (copies, 1.0), strict=True):
        for name in RECIPE_NAMES:
            contestants[f"{name}, prior {prior}"] = partial(train_ours, name, *arrays, is_positive, l2 * factor)
        contestants[f"peer, prior {prior}"] = partial(train_peer, *texts, is_positive, 1 / factor, dtype)
    return contestants


def measure_time(axes: dict[str, PreferenceRows], pairs: int, rounds: int) -> Json:
    """Seconds of each contestant, all in turn in every round, and replies scored a second."""
    first, second, is_positive, copies = tile_pairs(axes, pairs)
    texts = first.to_pylist(), second.to_pylist()
    dtype = min(
        (np.float32, np.float64),
        key=lambda kind: train_peer(texts[0], texts[1], is_positive, 1 / copies, kind)[0]["seconds"],
    )
    contestants = contestants_of((first, second), texts, is_positive, copies, dtype)
    runs: dict[str, list[Json]] = {name: [] for name in contestants}
    scoring: dict[str, list[float]] = {name: [] for name in (*RECIPE_NAMES, "peer")}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            figures, features, fit = contestant()
            runs[name].append(figures)
            if "copies" in name:
                kind = name.split(",")[0]
                scoring[kind].append(_scored_per_second(kind, first, texts[0], features, fit))
    return {
        "pairs": pairs,
        "copies": copies,
        "bytes_of_text": first.nbytes + second.nbytes,
        "peer_dtype": dtype.__name__,
        "train": {name: _summary(found) for name, found in runs.items()},
        "speed_up": {
            f"{name}, prior {prior}": statistics.median(run["seconds"] for run in runs[f"peer, prior {prior}"])
            / statistics.median(run["seconds"] for run in runs[f"{name}, prior {prior}"])
            for name in RECIPE_NAMES
            for prior in PRIORS
        },
        "replies_scored_per_second": {name: spread(found) for name, found in scoring.items()},
        "peak_memory_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


def _summary(runs: list[Json]) -> Json:
    parts = {key: spread([run[key] for run in runs]) for key in ("seconds", "features_seconds", "fit_seconds")}
    last = {key: value for key, value in runs[-1].items() if key not in parts}
    # One pass of the loss and its gradient: each entry is read twice (4 bytes of value, 4 of column), 4 operations.
    floor = {"flops_of_one_pass": 4 * last["entries"], "bytes_of_one_pass": 16 * last["entries"]}
    return {**parts, **last, **floor}


def _scored_per_second(kind: str, column: pa.Array, texts: list[str], features: Any, fit: Any) -> float:
    began = time.perf_counter()
    if kind == "peer":
        fit.decision_function(features.transform(texts))
    else:
        head = Head(fit.weights, 0.0, Calibration())
        LinearModel("preference", None, RECIPES["preference"][kind], features, {"reward": head}).score(Replies(column))
    return len(texts) / (time.perf_counter() - began)


def measure_accuracy(axes: dict[str, PreferenceRows]) -> Json:
    """Out-of-fold accuracy of each recipe and of the peer at its best C, with paired differences."""
    result: Json = {}
    for name, rows in axes.items():
        ours = {}
        for recipe in RECIPE_NAMES:
            out = train_preference(rows, training_options("preference", {"features": recipe})).out_of_fold
            ours[recipe] = _shares_correct(out.positions, out.scores, rows)
        peers = {strength: _peer_shares(rows, strength) for strength in PEER_STRENGTHS}
        best = max(peers, key=lambda strength: float(peers[strength].mean()))
        result[name] = {
            "rows": len(rows),
            "groups": len(np.unique(rows.places.group_ids)),
            "peer": float(peers[best].mean()),
            "peer_by_C": {str(strength): float(share.mean()) for strength, share in peers.items()},
            **{
                recipe: {"accuracy": float(share.mean()), "above_peer": _paired(share - peers[best], rows)}
                for recipe, share in ours.items()
            },
        }
    return result


def _shares_correct(
    positions: NDArray[np.int64], scores: NDArray[np.float64], rows: PreferenceRows
) -> NDArray[np.float64]:
    """For each row, the share of repeats that rank it rightly; a tie counts one half."""
    towards = np.where(rows.first_is_better[positions], scores, -scores)
    return np.bincount(positions, (towards > 0) + 0.5 * (towards == 0), minlength=len(rows)) / np.bincount(positions)


def _peer_shares(rows: PreferenceRows, strength: float) -> NDArray[np.float64]:
    first, second = rows.first.texts.to_pylist(), rows.second.texts.to_pylist()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit(first + second)
    flip = np.random.default_rng(0).random(len(rows)) < 0.5
    features = (vectorizer.transform(first) - vectorizer.transform(second)).multiply(np.where(flip, -1, 1)[:, None])
    matrix, labels = features.tocsr(), rows.first_is_better ^ flip
    held, scores = [], []
    for repeat in range(REPEATS):
        folds = assign_folds(rows.places.group_ids, FOLDS, seed=repeat)
        for number in range(FOLDS):
            inside = folds == number
            with threadpool_limits(1, user_api="blas"):
                model = LogisticRegression(C=strength, fit_intercept=False, max_iter=1000)
                model.fit(matrix[~inside], labels[~inside])
            held.append(np.flatnonzero(inside))
            scores.append(np.where(flip[inside], -1, 1) * model.decision_function(matrix[inside]))
    return _shares_correct(np.concatenate(held), np.concatenate(scores), rows)


def _paired(differences: NDArray[np.float64], rows: PreferenceRows) -> Json:
    """Mean difference with a 95 % interval from 2,000 draws of whole groups."""
    inverse = np.unique(rows.places.group_ids, return_inverse=True)[1]
    sums, counts = np.bincount(inverse, differences), np.bincount(inverse)
    random = np.random.default_rng(0)
    means = []
    for _ in range(2000):
        drawn = random.integers(len(sums), size=len(sums))
        means.append(sums[drawn].sum() / counts[drawn].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(differences.mean()), "low": float(low), "high": float(high)}


def print_tables(result: Json) -> None:
    """What --json holds, for the eye."""
    timing = result["time"]
    print(f"{timing['pairs']:,} pairs, {timing['bytes_of_text'] / 1e6:.0f} MB, {timing['copies']:.1f} copies")
    print(f"{'':34}{'seconds min/median/max':>26}{'features':>10}{'fit':>7}{'steps':>7}{'entries':>13}{'ratio':>8}")
    for name, run in timing["train"].items():
        seconds = run["seconds"]
        ratio = timing["speed_up"].get(name)
        print(
            f"{name:34}{seconds['min']:12.2f} {seconds['median']:6.2f} {seconds['max']:6.2f}"
            f"{run['features_seconds']['median']:10.2f}{run['fit_seconds']['median']:7.2f}{run['iterations']:7}"
            f"{run['entries']:13,}" + (f"{ratio:7.1f}×" if ratio else "")
        )
    for name, rate in timing["replies_scored_per_second"].items():
        print(f"scoring, {name}: {rate['min']:,.0f} / {rate['median']:,.0f} / {rate['max']:,.0f} replies a second")
    print(f"peak memory of the whole run: {timing['peak_memory_gigabytes']:.2f} GB")
    for axis, found in result["accuracy"].items():
        print(f"{axis}: {found['rows']} rows, peer {found['peer']:.3f}")
        for recipe in RECIPE_NAMES:
            above = found[recipe]["above_peer"]
            print(
                f"  {recipe}: {found[recipe]['accuracy']:.3f}, {100 * above['mean']:+.1f} points "
                f"({100 * above['low']:+.1f} to {100 * above['high']:+.1f})"
            )


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=161_840)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    axes = read_axes(options.data)
    result = {
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_at_start": os.getloadavg()[0],
        },
        "time": measure_time(axes, options.pairs, options.rounds),
        "accuracy": measure_accuracy(axes),
    }
    result["machine"]["load_at_end"] = os.getloadavg()[0]
    print_tables(result)
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
