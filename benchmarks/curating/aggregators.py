"""Judgements of PandaLM as columns, and the ways in which `benchmarks.aggregation` makes one label of several."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plumbline.formats import load
from plumbline.measure.dawid_skene import DawidSkeneSettings, fit_dawid_skene
from plumbline.measure.soft_labels import majority_labels, vote_counts
from plumbline.measure.worker_bradley_terry import WorkerBradleyTerrySettings, fit_worker_bradley_terry

FIRST, SECOND, TIE = 0, 1, 2
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judgements:
    """Rows, shape (n,) each; the sides of an item stand in the order of the replies' numbers, whichever was shown first.

    Attributes:
        first, second: the replies, first < second.
        items: the pair.
        workers: who judged.
        labels: FIRST, SECOND or TIE.
    """

    first: Integers
    second: Integers
    items: Integers
    workers: Integers
    labels: Integers

    def take(self, rows: Any) -> Judgements:
        """Some rows."""
        return Judgements(
            *(column[rows] for column in (self.first, self.second, self.items, self.workers, self.labels))
        )

    @property
    def item_count(self) -> int:
        return int(self.items.max()) + 1

    @property
    def reply_count(self) -> int:
        return int(max(self.first.max(), self.second.max())) + 1

    @property
    def worker_count(self) -> int:
        return int(self.workers.max()) + 1

    @property
    def points(self) -> Floats:
        """1 for the first reply, 0 for the second, one half for a tie."""
        return np.array([1.0, 0.0, 0.5])[self.labels]

    def tiled(self, count: int) -> Judgements:
        """Copies of all rows, `count` in all, each copy with replies and items of its own."""
        rows = np.arange(count) % len(self.items)
        copy = np.arange(count) // len(self.items)
        taken = self.take(rows)
        return Judgements(
            taken.first + copy * self.reply_count,
            taken.second + copy * self.reply_count,
            taken.items + copy * self.item_count,
            taken.workers,
            taken.labels,
        )


def read_pandalm(data: Path) -> Judgements:
    """The judgements of the test set of PandaLM; replies are one where prompt and text are."""
    table = load(data / "pandalm", cache=False).comparisons
    rows = table.select(["group_id", "continuations", "outcome", "worker"]).to_pylist()
    replies: dict[tuple[str, str], int] = {}
    pairs: dict[tuple[int, int], int] = {}
    workers = {name: number for number, name in enumerate(sorted({row["worker"] for row in rows}))}
    found = []
    for row in rows:
        one, two = (
            replies.setdefault((row["group_id"], json.dumps(side)), len(replies)) for side in row["continuations"]
        )
        label = {"first": FIRST, "second": SECOND, "tie": TIE}[row["outcome"]]
        if one > two:
            one, two, label = two, one, {FIRST: SECOND, SECOND: FIRST, TIE: TIE}[label]
        if one != two:
            item = pairs.setdefault((one, two), len(pairs))
            found.append((one, two, item, workers[row["worker"]], label))
    print(f"{len(rows):,} judgements, {len(rows) - len(found)} of them of two equal replies, which are left out")
    return Judgements(*np.array(found, dtype=np.int64).T)


# --- labels: the lead of the first reply of each item, positive where it is the better one, NaN where nobody says ---


def by_majority(rows: Judgements) -> Floats:
    """The most frequent of first, second and tie; equally frequent ones are a tie."""
    votes = vote_counts(rows.items, rows.labels, item_count=rows.item_count, class_count=3)
    return np.array([1.0, -1.0, 0.0, 0.0, np.nan])[np.where(majority_labels(votes) >= 0, majority_labels(votes), TIE)]


def by_votes(rows: Judgements) -> Floats:
    """Votes for the first less votes for the second."""
    votes = vote_counts(rows.items, rows.labels, item_count=rows.item_count, class_count=3)
    return (votes[:, FIRST] - votes[:, SECOND]).astype(np.float64)


def by_dawid_skene(rows: Judgements) -> Floats:
    """Three classes, a confusion matrix a worker."""
    fit = fit_dawid_skene(rows.items, rows.workers, rows.labels, class_count=3, item_count=rows.item_count)
    return fit.posteriors[:, FIRST] - fit.posteriors[:, SECOND]


def by_one_coin(rows: Judgements) -> Floats:
    """Three classes, one chance a worker to be right."""
    settings = DawidSkeneSettings(one_coin=True)
    fit = fit_dawid_skene(
        rows.items, rows.workers, rows.labels, class_count=3, item_count=rows.item_count, settings=settings
    )
    return fit.posteriors[:, FIRST] - fit.posteriors[:, SECOND]


def by_bradley_terry(rows: Judgements, settings: WorkerBradleyTerrySettings | None = None) -> Floats:
    """Scores of replies, which pairs of a prompt share, and abilities of workers; a tie is half a win each."""
    fit = fit_worker_bradley_terry(
        rows.first,
        rows.second,
        rows.workers,
        rows.points,
        item_count=rows.reply_count,
        worker_count=rows.worker_count,
        settings=settings,
    )
    lead = np.full(rows.item_count, np.nan)
    lead[rows.items] = fit.first_better - 0.5
    return lead


def by_plain_bradley_terry(rows: Judgements) -> Floats:
    """The same with all workers held faultless: what scores alone do."""
    return by_bradley_terry(rows, WorkerBradleyTerrySettings(prior_right=1e9))


METHODS: dict[str, Callable[[Judgements], Floats]] = {
    "majority": by_majority,
    "votes for less votes against": by_votes,
    "Dawid–Skene": by_dawid_skene,
    "Dawid–Skene, one coin": by_one_coin,
    "Bradley–Terry, workers alike": by_plain_bradley_terry,
    "Bradley–Terry with ability": by_bradley_terry,
}
