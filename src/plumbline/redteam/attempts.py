"""Attempts as columns: what an analysis reads of a table of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plumbline.records import AttemptOutcome, Review

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attempts:
    """n attempts.

    Attributes:
        table: n rows of `RED_TEAM_ATTEMPT_SCHEMA`.
        ids, group_ids, sources, rows: where each stands.
        ratings: shape (n,); the attacker's own, NaN where there is none.
        outcomes: as recorded.
        scores, description_scores: shape (n,); harmlessness, lower = more harmful, NaN where there is none.
        types, sizes: of the model attacked.
        workers: who attacked.
        tags: of the attempt and of its reviews; None where nobody tagged it.
        reviews: n lists of blind reviews; a rating that is no number is None.
    """

    table: pa.Table
    ids: list[str]
    group_ids: list[str]
    sources: list[str]
    rows: list[int]
    ratings: Floats
    outcomes: list[AttemptOutcome | None]
    scores: Floats
    description_scores: Floats
    types: list[str | None]
    sizes: list[str | None]
    workers: list[str | None]
    tags: list[frozenset[str] | None]
    reviews: list[tuple[Review, ...]]

    @classmethod
    def of(cls, table: pa.Table) -> Attempts:
        """From rows of `RED_TEAM_ATTEMPT_SCHEMA`."""

        def listed(name: str) -> list[str | None]:
            """A column of names."""
            column: list[str | None] = table[name].cast(pa.string()).to_pylist()
            return column

        reviews = [
            tuple(
                Review(reviewer=each["reviewer"], rating=_given(each["rating"]), tags=tuple(each["tags"] or ()))
                for each in row
            )
            for row in table["reviews"].to_pylist()
        ]
        return cls(
            table,
            ids=table["id"].to_pylist(),
            group_ids=table["group_id"].to_pylist(),
            sources=[source or "" for source in listed("source")],
            rows=table["row"].to_pylist(),
            ratings=_numbers(table["rating"]),
            outcomes=[None if outcome is None else AttemptOutcome(outcome) for outcome in listed("outcome")],
            scores=_numbers(table["transcript_score"]),
            description_scores=_numbers(table["description_score"]),
            types=listed("model_type"),
            sizes=listed("model_size"),
            workers=listed("worker"),
            tags=[_all_tags(own, given) for own, given in zip(table["tags"].to_pylist(), reviews, strict=True)],
            reviews=reviews,
        )

    def __len__(self) -> int:
        """n."""
        return len(self.ids)

    @cached_property
    def clusters(self) -> list[str]:
        """What is drawn together for an interval: attempts of one worker; where nobody is named, of one opening."""
        return [
            f"group {group}" if worker is None else f"worker {worker}"
            for worker, group in zip(self.workers, self.group_ids, strict=True)
        ]


def _numbers(column: pa.ChunkedArray) -> Floats:
    filled = pc.fill_null(column.cast(pa.float64()), np.nan)
    values = np.asarray(filled.to_numpy(), np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _given(rating: float | None) -> float | None:
    """A rating that is no number is none: held against a limit it would count as a failed attempt."""
    return None if rating is None or np.isnan(rating) else rating


def _all_tags(own: Sequence[str] | None, reviews: Sequence[Review]) -> frozenset[str] | None:
    if own is None and not reviews:
        return None
    return frozenset(own or ()) | {tag for review in reviews for tag in review.tags}


def size_order(size: str | None) -> tuple[float, str]:
    """Sorts sizes of models by their numbers of parameters: ``2.7B`` before ``13B``; what is no such number goes last."""
    digits, unit = (size or "")[:-1], (size or "")[-1:].upper()
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(unit)
    try:
        return (float(digits) * scale if scale else float("inf"), size or "")
    except ValueError:
        return (float("inf"), size or "")
