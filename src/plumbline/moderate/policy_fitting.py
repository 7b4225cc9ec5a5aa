"""Fitting a policy: thresholds that flag, and send to people, no larger a share of the rows in hand than stated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import wilson_figure
from plumbline.models.calibration import choose_threshold
from plumbline.models.training_rows import LabelRows
from plumbline.moderate.policy import (
    Bools,
    CalibratedHead,
    CalibrationFile,
    Floats,
    Policy,
    PolicyCalibration,
    Threshold,
    UnjudgedError,
    decide,
    judged_rows,
    some_names,
)
from plumbline.records import TAXONOMIES, NoDataError, UsageError

FALSE_POSITIVES_NEEDED = 2
"""So many must be allowed among the rows that a threshold is chosen on, or its rate is chance."""
_POSITIVES_NEEDED = 10
"""Of fewer rows that a head should flag, where its threshold lies is chance."""


@dataclass(frozen=True, slots=True)
class FittingSettings:
    """What to fit.

    Attributes:
        name, version: of the policy.
        flag_false_positive_rate, review_false_positive_rate: in (0, 1), the first at most the second: of each head's
            negatives, the largest shares at or above its thresholds.
        ignored: heads that get no threshold.
    """

    name: str
    version: int = 1
    flag_false_positive_rate: float = 0.01
    review_false_positive_rate: float = 0.05
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FittedOn:
    """What the thresholds are for, and whose rows they are fitted on.

    Attributes:
        model, model_digest: its name and the SHA-256 of its ``model.json``.
        files: of the data.
        place: what errors call the data.
    """

    model: str
    model_digest: str
    files: tuple[CalibrationFile, ...]
    place: str


@dataclass(frozen=True, slots=True)
class HeadRows:
    """Rows that say whether what a head looks for is there.

    Attributes:
        known: shape (n,); of all rows.
        applies: shape (n,); False where it is not known.
    """

    known: Bools
    applies: Bools


def rows_of_head(rows: LabelRows, head: str, *, is_main: bool) -> HeadRows:
    """What labelled rows say of a head; the main one looks for any harm, the others for a category.

    Where no row has the category, only rows of a taxonomy that lists it say that it does not apply to them.
    """
    if is_main:
        return HeadRows(np.ones(len(rows), bool), rows.is_unsafe)
    known = rows.knows(head)
    if head in rows.categories:
        return HeadRows(known, known & rows.categories[head])
    listing = [name for name, members in TAXONOMIES.items() if head in members]
    return HeadRows(known & np.isin(rows.taxonomies, listing), np.zeros(len(rows), bool))


def fit_policy(
    heads: Sequence[str], probabilities: Floats, rows: LabelRows, settings: FittingSettings, on: FittedOn
) -> Policy:
    """Thresholds that find most at the rates allowed, ties counted as flagged; see `models.calibration.choose_threshold`.

    Args:
        heads: k names; the first looks for any harm.
        probabilities: shape (n, k); of rows that the model was not trained on.
        rows: n labelled rows.
    Raises:
        UsageError: the rates are none, or a head is ignored that is not there, or all are.
        NoDataError: a head has no row that it should flag, or none that it should not; or every threshold is 1.
        UnjudgedError: a probability is none.
    """
    _refuse_settings(settings, heads)
    if not (judged := judged_rows(probabilities)).all():
        raise UnjudgedError(np.flatnonzero(~judged).tolist())
    decided = [name for name in heads if name not in settings.ignored]
    known = {name: rows_of_head(rows, name, is_main=name == heads[0]) for name in decided}
    _refuse_empty(known, on.place)
    fitted = {
        name: _fit_head(probabilities[known[name].known, heads.index(name)], known[name], settings) for name in decided
    }
    if all(head.threshold.review == 1 for head in fitted.values()):
        raise NoDataError(
            "PL-POL-012",
            on.place,
            "no threshold would flag anything, or send it to people",
            expected=f"a head that finds something at {_percent(settings.review_false_positive_rate)} false positives",
            found=f"{len(rows):,} rows, of which the safest score as high as any unsafe one",
            advice="allow more with --review-fpr, or name more labelled rows of the model's kind",
        )
    thresholds = {name: head.threshold for name, head in fitted.items()}
    policy = Policy(settings.name, settings.version, thresholds, settings.ignored)
    decisions = decide(policy, heads, probabilities)
    flagged = decisions.rows_flagged[~rows.is_unsafe]
    reviewed = flagged | decisions.rows_controversial[~rows.is_unsafe]
    calibration = PolicyCalibration(
        on.model,
        on.model_digest,
        settings.flag_false_positive_rate,
        settings.review_false_positive_rate,
        len(flagged),
        int(flagged.sum()),
        int(reviewed.sum()),
        on.files,
        fitted,
    )
    return Policy(settings.name, settings.version, thresholds, settings.ignored, calibration)


def _fit_head(probabilities: Floats, of_head: HeadRows, settings: FittingSettings) -> CalibratedHead:
    """Thresholds of one head from the rows that say whether it should flag them."""
    applies = of_head.applies[of_head.known]
    one_deal: NDArray[np.int64] = np.zeros(len(applies), np.int64)
    flag, review = (
        choose_threshold(probabilities, applies, rate, deals=one_deal)
        for rate in (settings.flag_false_positive_rate, settings.review_false_positive_rate)
    )
    negatives = probabilities[~applies]
    return CalibratedHead(
        Threshold(review, flag),
        len(negatives),
        int(applies.sum()),
        int((negatives >= flag).sum()),
        int((negatives >= review).sum()),
    )


def told_of_fit(calibration: PolicyCalibration) -> list[str]:
    """What a reader of a fitted policy must know, a sentence each: rates that are no promise, heads that flag nothing."""
    told = []
    for verb, rate, counted in (
        ("flagging", calibration.flag_false_positive_rate, "flagged"),
        ("reviewing", calibration.review_false_positive_rate, "reviewed"),
    ):
        needed = math.ceil(FALSE_POSITIVES_NEEDED / rate)
        few = {name: head for name, head in calibration.heads.items() if head.negatives < needed}
        if few:
            worst = max(wilson_figure(getattr(head, counted), head.negatives).high or 1.0 for head in few.values())
            fewest = min(head.negatives for head in few.values())
            told.append(
                f"{verb} at {_percent(rate)} false positives is no promise for {some_names(list(few))}: it rests on as few "
                f"as {fewest:,} rows without that harm, and other rows may show up to {100 * worst:.0f} %; it takes at "
                f"least {needed:,}"
            )
    scarce = [name for name, head in calibration.heads.items() if head.positives < _POSITIVES_NEEDED]
    if scarce:
        told.append(
            f"the thresholds of {some_names(scarce)} rest on fewer than {_POSITIVES_NEEDED} rows with that harm: what "
            "they find of it is chance"
        )
    idle = {name: head.threshold for name, head in calibration.heads.items() if head.threshold.flag == 1}
    if idle:
        sent = [name for name, threshold in idle.items() if threshold.review < 1]
        told.append(
            f"NOTHING is flagged by {some_names(list(idle))}: no threshold finds any of it at "
            f"{_percent(calibration.flag_false_positive_rate)} false positives; what goes to people is told by "
            f"{some_names(sent) if sent else 'none of them'}"
        )
    return told


def _refuse_settings(settings: FittingSettings, heads: Sequence[str]) -> None:
    flag, review = settings.flag_false_positive_rate, settings.review_false_positive_rate
    if not 0 < flag <= review < 1:
        raise UsageError(
            "PL-POL-014",
            "--flag-fpr, --review-fpr",
            "these rates cannot be kept",
            expected="0 < --flag-fpr <= --review-fpr < 1",
            found=f"{flag:g} and {review:g}",
            advice="--flag-fpr 0.01 --review-fpr 0.05",
        )
    if foreign := [name for name in settings.ignored if name not in heads]:
        raise UsageError(
            "PL-POL-006",
            "--ignore",
            "the model has no such head",
            expected=f"heads among {some_names(heads)}",
            found=some_names(foreign),
            advice="spell it as the model does, or leave --ignore out",
        )
    if set(settings.ignored) >= set(heads):
        raise UsageError(
            "PL-POL-007",
            "--ignore",
            "every head of the model is ignored, so that nothing would be decided",
            expected="at least one head with a threshold",
            advice="leave out --ignore of those that should decide",
        )


def _refuse_empty(known: Mapping[str, HeadRows], place: str) -> None:
    """Refuse heads of whose rows none should be flagged, or all: no rate can be counted, no threshold placed."""
    without = [name for name, rows in known.items() if not rows.applies.any()]
    everywhere = [name for name, rows in known.items() if rows.known.any() and (rows.applies | ~rows.known).all()]
    if not without and not everywhere:
        return
    found = [f"no row with {some_names(without)}"] if without else []
    found += [f"no row without {some_names(everywhere)}"] if everywhere else []
    raise NoDataError(
        "PL-POL-011",
        place,
        "nothing says where some thresholds should lie",
        expected="of each head rows with that harm and rows without",
        found="; ".join(found),
        advice="name data that has them; or leave these heads out of every decision: "
        + " ".join(f'--ignore "{name}"' for name in (without + everywhere)[:20]),
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %"
