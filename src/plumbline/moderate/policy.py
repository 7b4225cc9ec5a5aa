"""Policies: from which probability a head of a model flags a text, and from which it sends it to people.

A policy names every head that it decides on and, apart, those that it ignores: a head that nobody thought of is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from plumbline.lineage import json_digest
from plumbline.models.scored_model import ScoredModel
from plumbline.records import ModelError, UsageError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OWN_POLICY = "model"
"""The name of the policy that a model's own thresholds make up."""
_NAMED = 5
"""Heads or rows that an error names at most."""
_HOW_TO = "docs/how-to/moderation-policies.md says how a policy is written"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Two probabilities, 0 <= review <= flag <= 1.

    Attributes:
        review: from here on a text is controversial: people should look at it.
        flag: from here on it is flagged; 1 flags nothing, for no calibrated probability reaches it.
    Raises:
        ValueError: they are not in this order.
    """

    review: float
    flag: float

    def __post_init__(self) -> None:
        if not 0 <= self.review <= self.flag <= 1:  # NaN is in no order
            raise ValueError(f"expected 0 <= review <= flag <= 1, found review {self.review:g}, flag {self.flag:g}")
        object.__setattr__(self, "review", float(self.review))
        object.__setattr__(self, "flag", float(self.flag))


@dataclass(frozen=True, slots=True)
class CalibratedHead:
    """What the thresholds of a head rest on.

    Attributes:
        threshold: as it was fitted; the policy's own differs where somebody changed it since.
        negatives: rows known not to be what the head looks for; of `unsafe` the safe rows.
        positives: rows known to be that.
        flagged, reviewed: of the negatives, those at or above `flag`, and those at or above `review`.
    """

    threshold: Threshold
    negatives: int
    positives: int
    flagged: int
    reviewed: int


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """A file of the data that thresholds were fitted on."""

    path: str
    sha256: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class PolicyCalibration:
    """On what, and to what, thresholds were fitted.

    Attributes:
        model, model_digest: the model's name and the SHA-256 of its ``model.json``.
        flag_false_positive_rate, review_false_positive_rate: of each head's negatives, the shares allowed at or above its
            thresholds.
        together: the rates are kept by all heads together, too, of the safe rows.
        safe_rows, safe_flagged, safe_reviewed: rows that are safe in every respect, those of them that any head flags,
            and those that any flags or sends to people.
        data: files.
        heads: by name.
    """

    model: str
    model_digest: str
    flag_false_positive_rate: float
    review_false_positive_rate: float
    together: bool
    safe_rows: int
    safe_flagged: int
    safe_reviewed: int
    data: tuple[CalibrationFile, ...]
    heads: Mapping[str, CalibratedHead]

    def to_json(self) -> dict[str, JsonValue]:
        """Everything it says, in the order of the file."""
        heads: dict[str, JsonValue] = {}
        for name, head in self.heads.items():
            of_head = asdict(head)
            heads[name] = {**of_head.pop("threshold"), **of_head}
        return {
            "model": self.model,
            "model_digest": self.model_digest,
            "flag_false_positive_rate": self.flag_false_positive_rate,
            "review_false_positive_rate": self.review_false_positive_rate,
            "together": self.together,
            "safe_rows": self.safe_rows,
            "safe_flagged": self.safe_flagged,
            "safe_reviewed": self.safe_reviewed,
            "data": [asdict(each) for each in self.data],
            "heads": heads,
        }


@dataclass(frozen=True)
class Policy:
    """Thresholds by head.

    Attributes:
        name, version: as requests and results call it; a change of thresholds is a new version.
        thresholds: of every head that it decides on; at least one.
        ignored: heads of the model that decide nothing.
        calibration: what the thresholds rest on; None where nobody fitted them.
    """

    name: str
    version: int
    thresholds: Mapping[str, Threshold]
    ignored: tuple[str, ...] = ()
    calibration: PolicyCalibration | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))

    def __hash__(self) -> int:
        return hash(self.digest)

    def to_json(self) -> dict[str, JsonValue]:
        """Everything it says, in the order of the file."""
        thresholds: dict[str, JsonValue] = {name: asdict(each) for name, each in self.thresholds.items()}
        return {
            "name": self.name,
            "version": self.version,
            "ignored": list(self.ignored),
            "thresholds": thresholds,
            "calibration": None if self.calibration is None else self.calibration.to_json(),
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything it says, in hex."""
        return json_digest(self.to_json())

    @property
    def changed_heads(self) -> tuple[str, ...]:
        """Heads whose thresholds are not those that were fitted: what the calibration says does not hold for them."""
        fitted = {} if self.calibration is None else self.calibration.heads
        return tuple(
            name for name, each in self.thresholds.items() if name in fitted and fitted[name].threshold != each
        )

    def told_of(self, model_digest: str) -> list[str]:
        """What whoever uses the policy with a model must know, a sentence each; none where all is as it was fitted."""
        if self.calibration is None:
            return []
        told = []
        if self.calibration.model_digest != model_digest:
            told.append(
                f"policy {self.name} was fitted for another model ({self.calibration.model}): its false-positive rates "
                "say nothing of this one"
            )
        if self.changed_heads:
            told.append(
                f"policy {self.name}: the thresholds of {some_names(self.changed_heads)} were changed since they were fitted; "
                "the false-positive rates in the file are not theirs"
            )
        unfitted = [name for name in self.thresholds if name not in self.calibration.heads]
        if unfitted:
            told.append(f"policy {self.name}: the thresholds of {some_names(unfitted)} were not fitted")
        return told


def policy_of_model(model: ScoredModel) -> Policy:
    """The model's own thresholds, without a band between: what decides where no policy was fitted.

    Raises:
        UsageError: the model does not say what is unsafe, or a head has no threshold.
    """
    require_decidable(model, "the model")
    missing = [name for name, head in model.heads.items() if head.threshold is None]
    if missing:
        raise UsageError(
            "PL-POL-008",
            "the model",
            "nothing says from which probability it flags",
            expected="a threshold for each head",
            found=f"none for {some_names(missing)}",
            advice="fit a policy: plumbline policy fit MODEL SOURCE -o policy.toml",
        )
    own = {name: head.threshold for name, head in model.heads.items() if head.threshold is not None}
    return Policy(OWN_POLICY, 1, {name: Threshold(each, each) for name, each in own.items()})


def require_decidable(model: ScoredModel, place: str) -> None:
    """Refuse a model that says nothing of harm.

    Raises:
        UsageError: it is a preference model.
    """
    if model.task == "preference":
        raise UsageError(
            "PL-POL-008",
            place,
            "a preference model says which of two replies is better, not what is unsafe",
            expected="a moderation or cost model",
            found="a preference model",
            advice="train one: plumbline train moderation SOURCE -o MODEL",
        )


def require_heads(policy: Policy, heads: Sequence[str], place: str) -> None:
    """Refuse a policy that does not fit the heads of a model.

    Args:
        heads: all of the model's.
        place: what errors call the policy: its file.
    Raises:
        UsageError: the policy names a head that the model lacks, or leaves one out.
    """
    named = {*policy.thresholds, *policy.ignored}
    if foreign := [name for name in (*policy.thresholds, *policy.ignored) if name not in heads]:
        raise UsageError(
            "PL-POL-006",
            place,
            "the policy names heads that the model does not have",
            expected=f"heads among {some_names(heads)}",
            found=some_names(foreign),
            advice="use the model that the policy was written for, or fit one for this: plumbline policy fit",
        )
    if left_out := [name for name in heads if name not in named]:
        raise UsageError(
            "PL-POL-007",
            place,
            "the policy leaves heads of the model out",
            expected="thresholds for each head, or its name in ignored = […]",
            found=f"nothing of {some_names(left_out)}",
            advice=f"add them; {_HOW_TO}",
        )


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a policy says of B texts.

    Attributes:
        flagged: shape (B, k); by each head; False of heads that the policy ignores.
        controversial: shape (B, k); at or above `review` and below `flag`.
        decided: shape (k,); heads that the policy decides on.
    """

    flagged: Bools
    controversial: Bools
    decided: Bools

    @property
    def rows_flagged(self) -> Bools:
        """Shape (B,); by any head."""
        return np.asarray(self.flagged.any(axis=1))

    @property
    def rows_controversial(self) -> Bools:
        """Shape (B,); by at least one head, and flagged by none."""
        return np.asarray(self.controversial.any(axis=1) & ~self.rows_flagged)


class UnjudgedError(ModelError):
    """A model gave no probability; whoever asked must not take the text for safe.

    Attributes:
        rows: positions, from 0.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = tuple(rows)
        shown = ", ".join(f"{row + 1:,}" for row in self.rows[:_NAMED]) + (", …" if len(self.rows) > _NAMED else "")
        super().__init__(
            "PL-POL-010",
            f"text {shown}" if len(self.rows) == 1 else f"texts {shown}",
            "the model gave no probability, so nothing was decided",
            expected="numbers from 0 to 1",
            found="NaN, or a number that is none",
            advice="judge again; where it stays so, the model is damaged: plumbline evaluate MODEL SOURCE",
        )


def decide(policy: Policy, heads: Sequence[str], probabilities: Floats) -> Decisions:
    """What is flagged, and what is for people to look at.

    Args:
        policy: fits the heads, see `require_heads`.
        heads: k names, in the order of the columns.
        probabilities: shape (B, k); calibrated, as `Calibration.probabilities` gives them.
    Raises:
        UsageError: the policy does not fit the heads.
        UnjudgedError: a probability is NaN or outside [0, 1]; of all rows, none is decided then.
        ValueError: the shape is another.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(heads):
        raise ValueError(f"expected probabilities of shape (B, {len(heads)}), found {probabilities.shape}")
    flag, review, decided = _limits(policy, tuple(heads))
    judged = judged_rows(probabilities)
    if not judged.all():
        raise UnjudgedError(np.flatnonzero(~judged).tolist())
    flagged = (probabilities >= flag) & decided
    return Decisions(flagged, (probabilities >= review) & decided & ~flagged, decided)


@lru_cache(maxsize=64)  # a service asks for the same few at every request
def _limits(policy: Policy, heads: tuple[str, ...]) -> tuple[Floats, Floats, Bools]:
    """Thresholds to flag and to review, and which heads the policy decides on, shape (k,) each."""
    require_heads(policy, heads, f"policy {policy.name}")
    limits = [policy.thresholds.get(name, Threshold(1.0, 1.0)) for name in heads]
    decided = np.array([name in policy.thresholds for name in heads], bool)
    return np.array([each.flag for each in limits]), np.array([each.review for each in limits]), decided


def judged_rows(probabilities: Floats) -> Bools:
    """Rows of which every probability is one, shape (B,): what `decide` decides on."""
    return np.asarray(((probabilities >= 0) & (probabilities <= 1)).all(axis=1))


def some_names(names: Sequence[str]) -> str:
    """Names as errors list them."""
    shown = [f'"{name[:80]}"' for name in names[:_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")
