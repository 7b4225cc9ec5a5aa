"""The contracts of what a report reads: ``check.json``, ``evaluation.json``, ``model.json``; see also `curation.notes`.

Covers shapes and types only; `finding` walks the folders and turns what is wrong into errors. A check and an
evaluation are decoded strictly: an unknown key is an error. A model description belongs to the models package, which
may say more than is read here, so only the keys below are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from plumbline.lineage import Manifest
from plumbline.report.contract import Contract, Count, FigureJson, Share, WholeNumber
from plumbline.report.curation.notes import CeilingNotes, Curation

Content = TypeVar("Content")

FIGURE_NAMES = {
    "accuracy": "Accuracy",
    "ece": "Expected calibration error",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "recall_at_fpr_01": "Recall at 1 % false positives",
    "recall_at_fpr_05": "Recall at 5 % false positives",
    "f1": "F1",
}


class CodeCount(Contract, frozen=True):
    """How often one code was found, and the first places: ``file:row``."""

    code: str
    name: str
    count: Count
    places: list[str]


class CheckPlaces(Contract, frozen=True):
    """Records of each kind by split."""

    by_split: dict[str, dict[str, Count]]


class Check(Contract, frozen=True):
    """``check.json``: what was read of one data set, what was quarantined, what looks suspicious."""

    plumbline: Literal["check"]
    version: Literal[1]
    name: str
    rows_read: Count
    rows_quarantined: Count
    records: dict[str, Count]
    files: list[str]
    quarantined: list[CodeCount]
    findings: list[CodeCount]
    synthetic: bool
    places: CheckPlaces | None = None


class CategoryFigures(Contract, frozen=True):
    """Figures of one harm category; `positives` counts the rows it applies to."""

    auprc: FigureJson
    auroc: FigureJson
    recall_at_fpr_05: FigureJson
    threshold: float | None
    positives: Count


class LengthBin(Contract, frozen=True):
    """Pairs whose first side is `low` to `high` characters longer: the share in which the first is preferred."""

    low: WholeNumber
    high: WholeNumber
    judges_first: FigureJson
    model_first: FigureJson


class LengthBias(Contract, frozen=True):
    """How often the longer side is preferred, by the judges and by the model."""

    judges_prefer_longer: FigureJson
    model_prefers_longer: FigureJson
    by_length_difference: list[LengthBin]


class JudgeShare(Contract, frozen=True):
    """Pairs of which a share of the judges from `low` to `high` preferred the side shown first, and the model's mean probability of it."""

    low: Share
    high: Share
    model_first: FigureJson


class JudgeAgreement(Contract, frozen=True):
    """Pairs that several people judged, and the model among them; `majority_*` are of those where they were split."""

    items: Count
    judgements: Count
    evenly_split: Count
    unanimous: FigureJson
    accuracy_unanimous: FigureJson
    accuracy_split: FigureJson
    majority_share: FigureJson
    majority_probability: FigureJson
    by_share: list[JudgeShare]


class Telling(Contract, frozen=True):
    """How well a measure of doubt tells errors, and the accuracy of the share of rows that is surest by it."""

    error_auroc: FigureJson
    accuracy_at_50: FigureJson
    accuracy_at_80: FigureJson
    accuracy_at_90: FigureJson

    @property
    def in_order(self) -> tuple[FigureJson, ...]:
        """All of them."""
        return self.error_auroc, self.accuracy_at_50, self.accuracy_at_80, self.accuracy_at_90


class Uncertainty(Contract, frozen=True):
    """Whether an ensemble's spread tells errors, beside nearness of the model's own probability to one half."""

    accuracy: FigureJson
    by_spread: Telling
    by_nearness: Telling


class Ceiling(CeilingNotes, frozen=True, forbid_unknown_fields=True):
    """What a perfect model could reach: bounds and a model's estimate, against `label_votes` judgements a row.

    `of` says of what, `rows` how many of the measured rows are of items judged at least twice, `note` what makes it doubtful.
    """

    of: Literal["pairs", "labels"]
    rows: Count
    note: str | None


class ReliabilityPoint(Contract, frozen=True):
    """One bin of a reliability diagram; `low` and `high` are the interval of `observed`."""

    mean_predicted: Share
    observed: Share
    low: Share
    high: Share
    n: Count


class PrecisionRecallPoint(Contract, frozen=True):
    """Precision and recall of flagging everything from `threshold` up."""

    recall: Share
    precision: Share
    threshold: float


class ScoreHistogram(Contract, frozen=True):
    """Counts of scores by class; each series has one count less than there are edges."""

    edges: list[float]
    series: dict[str, list[Count]]

    def __post_init__(self) -> None:
        for name, counts in self.series.items():
            if len(counts) != len(self.edges) - 1:
                raise ValueError(f"series {name!r}: expected {len(self.edges) - 1} counts, found {len(counts)}")


class ThresholdFigures(Contract, frozen=True):
    """The rates at a threshold with their intervals; n is the rows each is a share of."""

    false_positive_rate: FigureJson
    recall: FigureJson
    precision: FigureJson
    f1: FigureJson


class ThresholdRow(Contract, frozen=True):
    """What one threshold would mean; `chosen` marks the model's own. `figures` are absent from earlier evaluations."""

    threshold: float
    false_positive_rate: Share
    recall: Share
    precision: Share | None
    f1: Share | None
    chosen: bool
    figures: ThresholdFigures | None = None


class Disagreement(Contract, frozen=True):
    """A row where the model is sure and the judges say otherwise; named by id, never by its text."""

    id: str
    source: str
    row: WholeNumber
    probability: Share
    label: str


class RowCounts(Contract, frozen=True):
    """Rows evaluated, and rows set aside by code. `labels_evaluated` where a cost model met pairs and labels."""

    evaluated: Count
    set_aside: dict[str, Count]
    labels_evaluated: Count | None = None


class SevenFigures(Contract, frozen=True):
    """The figures every evaluation gives; those that make no sense for its task are undefined and say why."""

    accuracy: FigureJson
    ece: FigureJson
    auroc: FigureJson
    auprc: FigureJson
    recall_at_fpr_01: FigureJson
    recall_at_fpr_05: FigureJson
    f1: FigureJson


class SomeFigures(Contract, frozen=True):
    """Some of the seven figures."""

    accuracy: FigureJson | None = None
    ece: FigureJson | None = None
    auroc: FigureJson | None = None
    auprc: FigureJson | None = None
    recall_at_fpr_01: FigureJson | None = None
    recall_at_fpr_05: FigureJson | None = None
    f1: FigureJson | None = None


class TrainedOn(Contract, frozen=True):
    """How much of what was measured the model was trained on; `note` says it in words."""

    trained_rows: Count
    rows: Count
    trained_prompts: Count
    prompts: Count


class Evaluation(SevenFigures, frozen=True):
    """``evaluation.json``: how good one model is on one set of rows.

    `trained_on` is absent where nothing tells; `judges`, `by_strength`, `uncertainty` and `noise_ceiling` from earlier evaluations;
    `held_out_of_train`, figures of one deal of prompts held out of training, stands in place of `cross_validated` where the
    model was trained once; `truncated_replies`, those of whose conversation the model read a part only, where a model reads all there is.
    """

    plumbline: Literal["evaluation"]
    version: Literal[1]
    name: str
    task: Literal["preference", "cost", "moderation"]
    axis: str | None
    model: str
    source: str
    split: str | None
    synthetic: bool
    note: str | None
    cross_validated: SevenFigures | None
    by_subset: dict[str, SomeFigures]
    by_category: dict[str, CategoryFigures]
    baselines: dict[str, FigureJson]
    length: LengthBias | None
    reliability: list[ReliabilityPoint]
    precision_recall: list[PrecisionRecallPoint]
    score_histogram: ScoreHistogram | None
    thresholds: list[ThresholdRow]
    disagreements: list[Disagreement]
    rows: RowCounts
    trained_on: TrainedOn | None = None
    judges: JudgeAgreement | None = None
    by_strength: dict[str, FigureJson] = msgspec.field(default_factory=dict)
    uncertainty: Uncertainty | None = None
    truncated_replies: Count | None = None
    held_out_of_train: SevenFigures | None = None
    noise_ceiling: Ceiling | None = None

    @property
    def on_train(self) -> SevenFigures | None:
        """The figures of training rows that what scored them had not seen, see `measured_on_train`."""
        return self.cross_validated or self.held_out_of_train

    @property
    def measured_on_train(self) -> str:
        """How `on_train` was measured."""
        held_out = self.cross_validated is None and self.held_out_of_train is not None
        return "held-out prompts of train, one deal" if held_out else "cross-validated on train"

    @property
    def main_key(self) -> str:
        """The figure that answers "how good": AUPRC for moderation, accuracy for the others."""
        return "auprc" if self.task == "moderation" else "accuracy"

    @property
    def labels_only(self) -> bool:
        """Whether this is a cost model that met no pairs, so that its accuracy is a share of labels."""
        return self.task == "cost" and self.length is None


class ModelData(msgspec.Struct, frozen=True):
    """One file a model was trained on."""

    path: str = ""
    sha256: str | None = None
    rows: int | None = None


class ModelTerms(msgspec.Struct, frozen=True):
    """What a model may be used for."""

    uses: list[str] | None = None
    licence: str | None = None


class ModelDescription(msgspec.Struct, frozen=True):
    """``model.json``, read leniently: other keys are the models package's own. `training` holds, of most kinds of model,
    figures of training rows that what scored them had not seen, see `trained_figures`."""

    task: str | None = None
    axis: str | None = None
    name: str | None = None
    created: str | None = None
    recipe: Any = None
    data: list[ModelData] = []
    terms: ModelTerms | None = None
    synthetic: bool = False
    training: Any = None

    @property
    def trained_figures(self) -> tuple[str, SevenFigures] | None:
        """How training measured its figures, and these; None where the description tells of none."""
        for key, how in (
            ("cross_validated", "cross-validated on train"),
            ("held_out_of_train", "held-out prompts of train"),
        ):
            figures = self.training.get(key) if isinstance(self.training, dict) else None
            try:
                if figures is not None:
                    return how, msgspec.convert(figures, SevenFigures)
            except msgspec.ValidationError:  # another shape: the description is not ours to refuse
                continue
        return None


@dataclass(frozen=True)
class Found(Generic[Content]):
    """One file that was found: where it stands (below the folder named, where that was far away), its digest, its content."""

    place: str
    sha256: str
    content: Content


@dataclass(frozen=True)
class ReportInputs:
    """All that was found below the folders, each kind in the order of its path.

    `manifests` are those that stand beside one of the others. `passed_over` names files that are called like
    ours and are not: other programs call files so too.
    """

    checks: tuple[Found[Check], ...] = ()
    evaluations: tuple[Found[Evaluation], ...] = ()
    models: tuple[Found[ModelDescription], ...] = ()
    manifests: tuple[Found[Manifest], ...] = ()
    curations: tuple[Found[Curation], ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any of it was made by a program."""
        return any(self._marks)

    @property
    def wholly_synthetic(self) -> bool:
        """Whether all of it was made by a program."""
        return bool(self._marks) and all(self._marks)

    @property
    def _marks(self) -> list[bool]:
        return [
            *(found.content.synthetic for found in self.checks),
            *(found.content.synthetic for found in self.evaluations),
            *(found.content.synthetic for found in self.models),
            *(found.content.synthetic for found in self.curations),
        ]
