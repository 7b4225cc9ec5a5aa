"""Fitting a policy: thresholds that flag, and send to people, no larger a share of the rows in hand than stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.measure import Figure, wilson_figure
from plumbline.models.calibration import choose_threshold, safe_rows_needed
from plumbline.models.rows.training_rows import LabelRows
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
from plumbline.records import NoDataError, UsageError

_HALVINGS = 16
"""Of the search for a rate: to within a 65,536th of the one stated."""
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
        together: hold the rates for all heads together, too: of the safe rows no larger a share is flagged by any head, or
            flagged or sent to people by any. All heads then get the same, smaller rate.
    """

    name: str
    version: int = 1
    flag_false_positive_rate: float = 0.01
    review_false_positive_rate: float = 0.05
    ignored: tuple[str, ...] = ()
    together: bool = False


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
    """What labelled rows say of a head; the main one looks for any harm, the others for a category."""
    if is_main:
        return HeadRows(np.ones(len(rows), bool), rows.is_unsafe)
    known = rows.knows(head)
    return HeadRows(known, known & rows.categories.get(head, np.zeros(len(rows), bool)))


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
    parts = {
        name: _part(probabilities[:, place], rows, name, is_main=place == 0, together=settings.together)
        for place, name in enumerate(heads)
        if name not in settings.ignored
    }
    _refuse_empty(parts, on.place)
    fitted = _fitted(parts, rows.is_unsafe, settings)
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
        settings.together,
        len(flagged),
        int(flagged.sum()),
        int(reviewed.sum()),
        on.files,
        fitted,
    )
    return Policy(settings.name, settings.version, thresholds, settings.ignored, calibration)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one head says, and should say.

    Attributes:
        everywhere: shape (n,); its probabilities.
        known: shape (n,); which rows say whether what it looks for is there.
        applies: shape (rows known,).
    """

    everywhere: Floats
    known: Bools
    applies: Bools

    def threshold(self, false_positive_rate: float) -> float:
        """What finds most at a rate."""
        one_deal: NDArray[np.int64] = np.zeros(len(self.applies), np.int64)
        return choose_threshold(self.everywhere[self.known], self.applies, false_positive_rate, deals=one_deal)


def _part(probabilities: Floats, rows: LabelRows, head: str, *, is_main: bool, together: bool) -> _Part:
    """One head; where the heads are held together, safe rows are without any harm, whatever they say of categories."""
    of_head = rows_of_head(rows, head, is_main=is_main)
    if not together:
        return _Part(probabilities, of_head.known, of_head.applies[of_head.known])
    known = of_head.known | ~rows.is_unsafe
    return _Part(probabilities, known, (of_head.applies & rows.is_unsafe)[known])


def _fitted(parts: Mapping[str, _Part], is_unsafe: Bools, settings: FittingSettings) -> dict[str, CalibratedHead]:
    """Thresholds of every head, and what they do to its own rows."""
    flag_rate, review_rate = settings.flag_false_positive_rate, settings.review_false_positive_rate
    if settings.together:
        flag_rate = _rate_held_together(parts, ~is_unsafe, flag_rate)
        review_rate = max(_rate_held_together(parts, ~is_unsafe, review_rate), flag_rate)
    fitted = {}
    for name, part in parts.items():
        threshold = Threshold(part.threshold(review_rate), part.threshold(flag_rate))
        negatives = part.everywhere[part.known][~part.applies]
        flagged, reviewed = (int((negatives >= limit).sum()) for limit in (threshold.flag, threshold.review))
        fitted[name] = CalibratedHead(threshold, len(negatives), int(part.applies.sum()), flagged, reviewed)
    return fitted


def recall_of_heads(policy: Policy, heads: Sequence[str], probabilities: Floats, rows: LabelRows) -> dict[str, Figure]:
    """What a fitted policy flags of each head's own harm, with Wilson's 95 % interval: what the stated rate costs.

    Args:
        policy: as `fit_policy` gave it.
        heads, probabilities, rows: that it was fitted on; what it finds of other rows `policy_figures` tells.
    Raises:
        ValueError: nobody fitted the policy.
    """
    if policy.calibration is None:
        raise ValueError("expected a fitted policy")
    found = {}
    for place, name in enumerate(heads):
        if name in policy.thresholds:
            column = probabilities[:, place]
            part = _part(column, rows, name, is_main=place == 0, together=policy.calibration.together)
            positives = column[part.known][part.applies]
            found[name] = wilson_figure(int((positives >= policy.thresholds[name].flag).sum()), len(positives))
    return found


def _rate_held_together(parts: Mapping[str, _Part], is_safe: Bools, stated: float) -> float:
    """The largest rate of each head at which no larger a share of the safe rows than stated is reached by any, nearly."""

    def holds(rate: float) -> bool:
        """Whether all heads together keep to what is stated; the lower a rate, the higher every threshold."""
        reached = np.zeros(int(is_safe.sum()), bool)
        for part in parts.values():
            reached |= part.everywhere[is_safe] >= part.threshold(rate)
        return bool(reached.mean() <= stated) if len(reached) else True

    if holds(stated):
        return stated
    kept, broken = 0.0, stated  # at 0 no head reaches a safe row
    for _ in range(_HALVINGS):
        middle = (kept + broken) / 2
        kept, broken = (middle, broken) if holds(middle) else (kept, middle)
    return kept


def told_of_fit(calibration: PolicyCalibration) -> list[str]:
    """What a reader of a fitted policy must know, a sentence each: rates that are no promise, heads that flag nothing."""
    told = []
    for verb, rate, counted in (
        ("flagging", calibration.flag_false_positive_rate, "flagged"),
        ("reviewing", calibration.review_false_positive_rate, "reviewed"),
    ):
        needed = safe_rows_needed(rate)
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
    told += _told_together(calibration)
    idle = {name: head.threshold for name, head in calibration.heads.items() if head.threshold.flag == 1}
    if idle:
        sent = [name for name, threshold in idle.items() if threshold.review < 1]
        told.append(
            f"NOTHING is flagged by {some_names(list(idle))}: no threshold finds any of it at "
            f"{_percent(calibration.flag_false_positive_rate)} false positives; what goes to people is told by "
            f"{some_names(sent) if sent else 'none of them'}"
        )
    return told


def _told_together(calibration: PolicyCalibration) -> list[str]:
    """That all heads together reach more of the safe rows than is stated of each."""
    rows, told = calibration.safe_rows, []
    for done, count, rate in (
        ("flag", calibration.safe_flagged, calibration.flag_false_positive_rate),
        ("flag or review", calibration.safe_reviewed, calibration.review_false_positive_rate),
    ):
        if rows and count / rows > rate:
            told.append(
                f"all heads together {done} {100 * count / rows:.2g} % of the safe rows: {_percent(rate)} is kept by each "
                "by itself; --together keeps it for all"
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


def _refuse_empty(parts: Mapping[str, _Part], place: str) -> None:
    """Refuse heads of whose rows none should be flagged, or all: no rate can be counted, no threshold placed."""
    without = [name for name, part in parts.items() if not part.applies.any()]
    everywhere = [name for name, part in parts.items() if len(part.applies) and part.applies.all()]
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
