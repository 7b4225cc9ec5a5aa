"""How a model ranks pairs that several people judged, where they agreed and where they did not.

Covers decided judgements of one axis, grouped by item; the same two sides may stand either way round. What was judged a
tie is no judgement here, so three people of whom one saw a tie count as two. Rows of one id (the same item, order,
outcome, strength and judge) are copies and count once, unless they carry other votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.measure import Bootstrap, mean_figure, preference_accuracy, rate_figure
from plumbline.models.calibration import Calibration
from plumbline.models.figures.measured_rows import Bools, Floats, Json, bits_of_ids
from plumbline.models.rows.repeated_rows import apart, is_swapped
from plumbline.models.rows.training_rows import PreferenceRows

_MOST_SHARES = 9
"""Shares of judges are told one by one up to so many different ones, beyond that in bins."""
_BINS = 5


@dataclass(frozen=True)
class JudgedItems:
    """Items with at least two judgements, each shown one way round: which, a bit of its id says.

    Attributes:
        judgements: shape (m,); how many.
        first_share: shape (m,); of the judgements, those for the side shown first.
        differences: shape (m,); the model's score of the side shown first, less the other's.
        group_ids: shape (m,).
    """

    judgements: NDArray[np.int64]
    first_share: Floats
    differences: Floats
    group_ids: NDArray[np.str_]

    def __len__(self) -> int:
        """m."""
        return len(self.judgements)

    @property
    def is_unanimous(self) -> Bools:
        """Shape (m,)."""
        unanimous: Bools = (self.first_share == 0) | (self.first_share == 1)
        return unanimous


def judged_items(score_differences: Floats, rows: PreferenceRows) -> JudgedItems | None:
    """The items that were judged at least twice; None where there are none.

    Args:
        score_differences: shape (n,); first − second, signed so that higher = the first side is better.
        rows: n decided comparisons of one axis. Votes that a comparison carries are taken for as many judgements.
    """
    records = rows.records
    if len(records.positions) != len(rows) or "item_id" not in records.table.schema.names:
        return None
    items = pl.Series("item", records.table["item_id"].take(records.positions)).cast(pl.String)
    first, second = _votes(rows)
    said = {"item": items, "id": rows.places.ids, "apart": apart(records), "first": first, "second": second}
    frame = pl.DataFrame(said).with_row_index("at").unique(("id", "apart"), keep="first", maintain_order=True)
    frame = frame.filter((pl.col("first") + pl.col("second")).sum().over("item") > 1)
    if frame.is_empty():
        return None
    at = frame["at"].to_numpy().astype(np.int64)
    shown_second = is_swapped(records.take(at)).to_numpy() ^ bits_of_ids(frame["item"])
    turned = pl.DataFrame(
        {
            "item": frame["item"],
            "for_first": np.where(shown_second, frame["second"].to_numpy(), frame["first"].to_numpy()),
            "all": (frame["first"] + frame["second"]).to_numpy(),
            "difference": np.where(shown_second, -score_differences[at], score_differences[at]),
            "group": rows.places.group_ids[at],
        }
    )
    of_items = turned.group_by("item", maintain_order=True).agg(
        pl.col("for_first", "all").sum(), pl.col("difference", "group").first()
    )
    count = of_items["all"].to_numpy().astype(np.int64)
    return JudgedItems(
        count,
        of_items["for_first"].to_numpy() / count,
        of_items["difference"].to_numpy().astype(np.float64),
        np.asarray(of_items["group"].to_list(), np.str_),
    )


def _votes(rows: PreferenceRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Judgements for the first and for the second side of each row; ties among votes are left out."""
    first, second = rows.first_is_better.astype(np.int64), (~rows.first_is_better).astype(np.int64)
    if "votes" not in rows.records.table.schema.names:
        return first, second
    votes = rows.records.table["votes"].take(rows.records.positions).to_pylist()
    for number, counts in enumerate(votes):
        if counts is not None and counts[0] + counts[1] > 0:
            first[number], second[number] = counts[0], counts[1]
    return first, second


def judge_figures(
    score_differences: Floats, rows: PreferenceRows, calibration: Calibration, bootstrap: Bootstrap
) -> Json | None:
    """How the model goes with judges who agree, and with judges who do not; None where no item was judged twice.

    Args:
        score_differences, rows: as of `judged_items`.
        calibration: of such differences.
        bootstrap: intervals, by group.
    Returns:
        ``items``, ``judgements``, ``evenly_split`` (items without a majority); ``unanimous``, the share of items;
        ``accuracy_unanimous`` and ``accuracy_split`` against the majority; of split items ``majority_share`` (of
        judgements) and ``majority_probability`` (the model's); ``by_share``: the model's mean probability of the side
        shown first where a share of the judges from ``low`` to ``high`` were for it.
    """
    items = judged_items(score_differences, rows)
    if items is None:
        return None
    probabilities = calibration.probabilities(items.differences)
    for_first = items.first_share > 0.5
    has_majority = items.first_share != 0.5
    split = ~items.is_unanimous & has_majority
    majority = {
        "majority_share": np.maximum(items.first_share, 1 - items.first_share),
        "majority_probability": np.where(for_first, probabilities, 1 - probabilities),
    }
    accuracies = {
        f"accuracy_{name}": preference_accuracy(
            items.differences[chosen],
            for_first[chosen],
            bootstrap=bootstrap,
            group_ids=items.group_ids[chosen],
        ).to_json()
        for name, chosen in (("unanimous", items.is_unanimous), ("split", split))
    }
    unanimous = rate_figure(items.is_unanimous.astype(float), bootstrap=bootstrap, group_ids=items.group_ids)
    return {
        "items": len(items),
        "judgements": int(items.judgements.sum()),
        "evenly_split": int((~has_majority).sum()),
        "unanimous": unanimous.to_json(),
        **accuracies,
        **{
            name: mean_figure(values[split], bootstrap=bootstrap, group_ids=items.group_ids[split]).to_json()
            for name, values in majority.items()
        },
        "by_share": _by_share(items, probabilities, bootstrap),
    }


def _by_share(items: JudgedItems, probabilities: Floats, bootstrap: Bootstrap) -> list[Json]:
    """The model's mean probability of the side shown first, by the share of judges who were for it."""
    shares = np.unique(items.first_share)
    if len(shares) <= _MOST_SHARES:
        parts = [(share, share, items.first_share == share) for share in shares]
    else:
        edges = np.linspace(0, 1, _BINS + 1)
        last = edges[-1]
        parts = [
            (low, high, (items.first_share >= low) & ((items.first_share < high) | (high == last)))
            for low, high in pairwise(edges)
        ]
    return [
        {
            "low": float(low),
            "high": float(high),
            "model_first": mean_figure(
                probabilities[chosen], bootstrap=bootstrap, group_ids=items.group_ids[chosen]
            ).to_json(),
        }
        for low, high, chosen in parts
        if chosen.any()
    ]


def strength_figures(score_differences: Floats, rows: PreferenceRows, bootstrap: Bootstrap) -> Json:
    """Accuracy by how much better the judges found the better side: strength → figure; empty where none was asked.

    Args:
        score_differences: shape (n,); first − second, signed so that higher = the first side is better.
        rows: n decided comparisons; those without a strength are left out.
        bootstrap: intervals, by group.
    """
    records = rows.records
    if len(records.positions) != len(rows) or "strength" not in records.table.schema.names:
        return {}
    strengths = pl.Series(records.table["strength"].take(records.positions))
    return {
        str(strength): preference_accuracy(
            score_differences[chosen],
            rows.first_is_better[chosen],
            bootstrap=bootstrap,
            group_ids=rows.places.group_ids[chosen],
        ).to_json()
        for strength in sorted(strengths.drop_nulls().unique())
        for chosen in [(strengths == strength).fill_null(False).to_numpy()]
    }
