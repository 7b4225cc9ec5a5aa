"""Models as `plumbline train` makes them, each fold by one that never saw its prompts; what they scored is kept on disk.

A contestant is trained on the rows outside a fold by the very calls that the command line makes, calibration and
threshold included, and scores the fold. Scores of different folds are put together as calibrated log-odds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.models.encoder_products import near_groups
from plumbline.formats import load, merge_loaded
from plumbline.measure import assign_folds
from plumbline.models.linear.default_features import training_options
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows, label_rows, preference_rows
from plumbline.models.scored_model import ScoredModel, pair_calibration
from plumbline.models.training import train_task
from plumbline.records import Kind

Json = dict[str, Any]
Floats = NDArray[np.float64]
Positions = NDArray[np.int64]


SOURCES = {"BeaverTails": "beavertails", "PKU": "pku-saferlhf"}
"""Name → folder."""


@dataclass(frozen=True)
class Contestant:
    """One way to train.

    Attributes:
        name: as the table shows it, and in the names of kept files.
        settings: flags of `plumbline train --model`; None for the linear model on n-grams.
        model: folder of the trunk; the encoder's by default.
    """

    name: str
    settings: Mapping[str, Any] | None = None
    model: str = ""

    @property
    def key(self) -> str:
        """The name, and for other settings another one: what its scores are kept under."""
        settings = json.dumps(None if self.settings is None else dict(self.settings), sort_keys=True)
        return f"{self.name} {hashlib.sha256(settings.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Labels:
    """Rows with a safety label.

    Attributes:
        rows: of all sources, one after the other.
        sources: shape (n,); names.
        group_ids: shape (n,); prompts, those held together that share most of their words.
    """

    rows: LabelRows
    sources: NDArray[np.str_]
    group_ids: NDArray[np.str_]


def read_labels(data: Path) -> Labels:
    """The train files of BeaverTails and PKU-SafeRLHF; test files stay shut."""
    parts = [load(data / folder, split="train", cache=False) for folder in SOURCES.values()]
    rows = label_rows(merge_loaded(parts).safety_labels, place="benchmark")
    counts = [len(label_rows(part.safety_labels, place="benchmark")) for part in parts]
    sources = np.repeat(list(SOURCES), counts)
    return Labels(rows, sources, held_together(rows.replies.prompts.to_pylist(), rows.places.group_ids))


def held_together(prompts: Sequence[str], group_ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Groups of `near_groups`, which is asked about each group's first prompt."""
    groups, first, inverse = np.unique(group_ids, return_index=True, return_inverse=True)
    found: NDArray[np.str_] = near_groups([prompts[row] for row in first], groups)[inverse]
    return found


def read_pairs(data: Path, name: str, axis: str) -> PreferenceRows:
    """The train file of a subset of hh-rlhf."""
    table = load(data / "hh-rlhf" / name / "train.jsonl.gz", axis=axis, cache=False).comparisons
    return preference_rows(table, place=name)


def fit(contestant: Contestant, table: pa.Table, task: Any) -> ScoredModel:
    """Train as the command line does, on one table of labels or comparisons."""
    kind = Kind.SAFETY_LABELS if task == "moderation" else Kind.COMPARISONS
    if contestant.settings is None:
        return train_task({kind: table}, task, training_options(task, {}), place=contestant.name).model
    from plumbline.loop.training.transformer_options import transformer_options
    from plumbline.models.transformer.examples.goals import TaskData
    from plumbline.models.transformer.training.task_training import train_transformer

    folder = contestant.model or os.environ["PLUMBLINE_ENCODER"]
    options = transformer_options(folder, {**contestant.settings, "threads": 1}, (task,))
    work = Path(tempfile.mkdtemp(prefix="benchmark-quality-"))
    try:
        data = TaskData({kind: table}, (task,), None, contestant.name)
        return train_transformer(data, options, work, step=_told(contestant.name))[0].model
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main_scores(
    contestant: Contestant, model: Any, table: pa.Table | None, probes: pa.ListArray | None = None
) -> Floats:
    """Scores of the main head for the sides of comparisons, (n, 2), or for labelled conversations, (n,).

    Those of a frozen trunk come from features that are kept for all folds (in 16 bits), others as users get them.
    """
    is_pairs = table is not None and "continuations" in table.schema.names
    if not (contestant.settings or {}).get("frozen"):
        if is_pairs:
            return np.asarray(model.read_pairs(table).heads[:, :, 0])
        return np.asarray(model.read_conversations(probes if table is None else table["conversation"]).heads[:, 0])
    from plumbline.models.transformer.examples.training_examples import conversations, paired_conversations

    if is_pairs:
        turns = [side for pair in paired_conversations(table) for side in pair]
        return _frozen_scores(model, turns).reshape(-1, 2)
    return _frozen_scores(model, conversations(probes if table is None else table["conversation"]))


def _frozen_scores(model: Any, turns: Sequence[Any]) -> Floats:
    """Scores of conversations from kept features."""
    import torch

    from plumbline.formats.cache import cache_folder
    from plumbline.models.transformer.frozen.features import frozen_features

    features = frozen_features(
        model.scorer,
        model.encoder.encode(turns).sequences,
        padding_id=model.padding_id,
        cache=cache_folder() / "features",
        reading=model.encoder.description(),
    )
    column = model.scorer.head_names.index(next(iter(model.heads.values())).column)
    with torch.no_grad():
        scores = model.scorer.read(torch.from_numpy(features.matrix()))[:, column]
    return scores.double().numpy()


def _told(name: str) -> Callable[[str], None]:
    """Progress on stderr, at most every twenty seconds."""
    last = [0.0]

    def step(line: str) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"  {name}: {line}", file=sys.stderr, flush=True)

    return step


@dataclass(frozen=True)
class Scored:
    """What the models of all folds said.

    Attributes:
        scores: shape (n,); calibrated log-odds, that a row is unsafe or that the first side is better; NaN where a row
            was in no fold that was run.
        is_flagged: shape (n,); at or above the model's own threshold.
        fold_of: shape (n,).
        of_probes: shape (folds, p); calibrated log-odds of further conversations, by the model of each fold.
        probes_flagged: shape (folds, p).
        seconds: of training and scoring, all folds together.
    """

    scores: Floats
    is_flagged: NDArray[np.bool_]
    fold_of: Positions
    of_probes: Floats
    probes_flagged: NDArray[np.bool_]
    seconds: float


@dataclass(frozen=True)
class Plan:
    """Which folds, and where their scores are kept.

    Attributes:
        folds: into how many the prompts are dealt.
        run: which of them are run; all where empty.
        measured: sources of labels whose held-out rows are scored; all where empty.
        keep: scores of a fold that stand there are not computed again; None keeps none.
    """

    folds: int = 3
    run: tuple[int, ...] = ()
    measured: tuple[str, ...] = ()
    keep: Path | None = None
    seed: int = 0

    @property
    def chosen(self) -> tuple[int, ...]:
        """The folds to run."""
        return self.run or tuple(range(self.folds))


def label_scores(
    contestant: Contestant, labels: Labels, trained_on: tuple[str, ...], plan: Plan, probes: pa.ListArray
) -> Scored:
    """Scores of the labelled rows of *all* sources by models trained on some of them."""
    rows = labels.rows

    def of_fold(held: Positions, others: Positions) -> Json:
        learned = others[np.isin(labels.sources[others], trained_on)]
        model = fit(contestant, rows.take(learned).records.rows(), "moderation")
        head = next(iter(model.heads.values()))
        measured = np.isin(labels.sources[held], plan.measured or tuple(SOURCES))
        found = {"scores": np.full(len(held), np.nan), "flagged": np.zeros(len(held), bool)}
        of_rows = main_scores(contestant, model, rows.take(held[measured]).records.rows())
        of_probes = main_scores(contestant, model, None, probes)
        found["scores"][measured], found["probes_scores"] = (
            head.calibration.scale * raw + head.calibration.offset for raw in (of_rows, of_probes)
        )
        found["flagged"][measured], found["probes_flagged"] = (
            head.calibration.probabilities(raw) >= (1.0 if head.threshold is None else head.threshold)
            for raw in (of_rows, of_probes)
        )
        return found

    name = f"{contestant.key} on {' and '.join(trained_on)}"
    if plan.measured:
        name += f" measured on {' and '.join(plan.measured)}"
    return _over_folds(name, labels.group_ids, plan, of_fold)


def pair_scores(contestant: Contestant, rows: PreferenceRows, name: str, plan: Plan) -> Scored:
    """Log-odds that the first side is the better one."""

    def of_fold(held: Positions, others: Positions) -> Json:
        model = fit(contestant, rows.take(others).records.rows(), "preference")
        sides = main_scores(contestant, model, rows.take(held).records.rows())
        scale = pair_calibration(model).scale
        return {"scores": scale * (sides[:, 0] - sides[:, 1]), "flagged": sides[:, 0] > sides[:, 1]}

    return _over_folds(f"{contestant.key} on {name}", rows.places.group_ids, plan, of_fold)


def _over_folds(
    name: str, group_ids: NDArray[np.str_], plan: Plan, of_fold: Callable[[Positions, Positions], Json]
) -> Scored:
    fold_of = assign_folds(group_ids, plan.folds, seed=plan.seed)
    scores, flagged = np.full(len(group_ids), np.nan), np.zeros(len(group_ids), bool)
    probes: list[Json] = []
    for fold in plan.chosen:
        held, others = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        found = _kept(plan, f"{name}, fold {fold} of {plan.folds}", lambda h=held, o=others: of_fold(h, o))
        scores[held], flagged[held] = found["scores"], found["flagged"]
        probes.append(found)
    none = np.empty(0)
    return Scored(
        scores,
        flagged,
        fold_of,
        np.stack([each.get("probes_scores", none) for each in probes]),
        np.stack([each.get("probes_flagged", none) for each in probes]).astype(bool),
        float(sum(each["seconds"] for each in probes)),
    )


def _kept(plan: Plan, name: str, compute: Callable[[], Json]) -> Json:
    """What stands under the name, else what is computed, and kept."""
    path = None if plan.keep is None else plan.keep / f"{name.replace(' ', '-').replace(',', '')}.npz"
    if path is not None and path.is_file():
        with np.load(path) as stored:
            return dict(stored)
    began = time.perf_counter()
    found = {**compute(), "seconds": np.float64(time.perf_counter() - began)}
    print(f"{name}: {float(found['seconds']):.0f} s", file=sys.stderr, flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".partial.npz")
        np.savez(aside, **found)
        aside.rename(path)
    return found


__all__ = ["Contestant", "Labels", "Plan", "Scored", "label_scores", "pair_scores", "read_labels", "read_pairs"]
