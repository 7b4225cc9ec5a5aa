"""Which prompts are held out of training, and whether enough rows are, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from plumbline.models.rows.folds import LEAST_GROUPS
from plumbline.models.rows.trained_rows import TrainedRows
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows
from plumbline.models.training import TaskRows
from plumbline.models.transformer.examples.conversation_sharing import share_conversations
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.examples.goals import Goal
from plumbline.models.transformer.examples.side_safety import judged_sides
from plumbline.models.transformer.examples.training_examples import PreparedRows
from plumbline.records import NoDataError

_MOST_HELD = 0.5
_MOST_OF_FRESH = 0.75
"""Of the prompts new to a trunk, so that some are left to learn from."""


def held_out_groups(
    rows: Sequence[TaskRows], share: float, seed: int, *, learned: TrainedRows | None = None
) -> frozenset[str]:
    """The prompts held out: this share of them, whichever rows of whichever goal they have.

    Args:
        learned: what the trunk learned from before. Only other prompts are held out then, where there are enough.
    Raises:
        NoDataError: there are too few prompts to leave some out.
    """
    parts = [part.places.group_ids for each in rows for part in (each.pairs, each.labels) if part is not None]
    groups = np.unique(np.concatenate(parts))
    count = round(share * len(groups))
    if not 0 < count < len(groups):
        raise NoDataError(
            "PL-TRN-013",
            "training rows",
            "too few different prompts to leave some out for calibration",
            expected=f"at least {max(math.floor(0.5 / share) + 1, 2)}",
            found=str(len(groups)),
            advice="train on more data, or hold more of it out: --held-out 0.5",
        )
    order = np.random.default_rng(seed).permutation(groups)
    if learned is not None:
        fresh = order[~learned.prompts_among(order.tolist())]
        order = fresh if count <= _MOST_OF_FRESH * len(fresh) else order
    return frozenset(order[:count].tolist())


def held_out_from(goals: Sequence[Goal], share: float, seed: int, learned: TrainedRows | None) -> frozenset[str]:
    """The prompts held out of a training that goes on from a trunk: new to it, where models can be calibrated on those.

    Raises:
        NoDataError: as `held_out_groups` and `require_calibratable`, of all prompts.
    """
    rows = [goal.rows for goal in goals]
    if learned is not None:
        with suppress(NoDataError):
            held = held_out_groups(rows, share, seed, learned=learned)
            require_calibratable(goals, held, share)
            return held
    held = held_out_groups(rows, share, seed)
    require_calibratable(goals, held, share)
    return held


def held_positions(rows: PreferenceRows | LabelRows, held_groups: frozenset[str]) -> NDArray[np.int64]:
    """Which rows are held out."""
    return np.flatnonzero(np.isin(rows.places.group_ids, sorted(held_groups)))


def split_examples(
    prepared: PreparedRows, held_groups: frozenset[str], *, share: bool
) -> tuple[list[Example], list[Example]]:
    """Examples to learn from, and those held out; with `share` those of one conversation are merged."""
    is_held = np.array([group in held_groups for group in prepared.group_ids], bool)
    parts = [
        ([prepared.examples[number] for number in numbers], [prepared.group_ids[number] for number in numbers])
        for numbers in (np.flatnonzero(~is_held).tolist(), np.flatnonzero(is_held).tolist())
    ]
    learned, held = (share_conversations(examples, groups) if share else examples for examples, groups in parts)
    return learned, held


def require_calibratable(goals: Sequence[Goal], held_groups: frozenset[str], share: float) -> None:
    """Refuse to train what could not be calibrated on the rows held out.

    Raises:
        NoDataError: too few rows of a kind are held out.
    """
    for goal in goals:
        pairs = goal.rows.pairs
        if goal.task in ("preference", "cost") and pairs is not None:
            held = len(held_positions(pairs, held_groups))
            if held < LEAST_GROUPS:
                found = f"{held} comparisons with --held-out {share:g}"
                raise not_calibratable(found, _enough(len(pairs), LEAST_GROUPS))
        if goal.task == "preference":
            continue
        is_unsafe, held_unsafe = _classes(goal, held_groups)
        counts = int(held_unsafe.sum()), int((~held_unsafe).sum())
        if min(counts) < LEAST_GROUPS:
            whole = min(int(is_unsafe.sum()), int((~is_unsafe).sum()))
            found = f"{counts[0]} unsafe and {counts[1]} safe rows with --held-out {share:g}"
            raise not_calibratable(found, _enough(whole, LEAST_GROUPS))


def _classes(goal: Goal, held_groups: frozenset[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether judged replies are unsafe: all, and those held out. Where there are no labels, sides of pairs say it."""
    pairs, labels = goal.rows.pairs, goal.rows.labels
    if labels is not None:
        return labels.is_unsafe, labels.is_unsafe[held_positions(labels, held_groups)]
    if pairs is None:
        nothing = np.empty(0, bool)
        return nothing, nothing
    return judged_sides(pairs).is_unsafe, judged_sides(pairs.take(held_positions(pairs, held_groups))).is_unsafe


def _enough(count: int, wanted: int) -> str:
    """What to do, where the whole data have `count` rows of the rarer kind."""
    share = math.ceil(20 * 1.5 * wanted / max(count, 1)) / 20
    if share > _MOST_HELD:
        return "train on more data: too few rows are of one kind"
    return f"hold more of it out: --held-out {share:g}; or train on more data"


def not_calibratable(found: str, advice: str) -> NoDataError:
    """The refusal of a calibration."""
    return NoDataError(
        "PL-TRN-021",
        "held-out rows",
        "too few rows are held out to calibrate the model on",
        expected=f"at least {LEAST_GROUPS} rows of each kind",
        found=found,
        advice=advice,
    )
