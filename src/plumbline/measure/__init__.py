"""Pure statistics on arrays: agreement, intervals, calibration, ranking quality, Bradley–Terry, labels of many judges.

Covers what is computed from judgements, labels and scores that are already arrays. Reads no file, knows no record and
no format. What cannot be told from the data is an undefined `Figure` with its reason, never 0 and never NaN; what
the caller got wrong is a ValueError.
"""

from plumbline.measure.agreement import cohen_kappa, fleiss_kappa, percent_agreement
from plumbline.measure.bootstrap import Bootstrap, WeightedStatistic, bootstrap_figure
from plumbline.measure.bradley_terry import Ratings, fit_bradley_terry
from plumbline.measure.calibration import (
    Binning,
    ReliabilityBin,
    brier_score,
    calibration_bins,
    expected_calibration_error,
    reliability_bins,
)
from plumbline.measure.correlation import rank_correlation
from plumbline.measure.curves import PrecisionRecallCurve, RocCurve, precision_recall_curve, roc_curve
from plumbline.measure.dawid_skene import DawidSkene, DawidSkeneSettings, fit_dawid_skene, judged_truth
from plumbline.measure.decisions import (
    decision_figures,
    f1_at_threshold,
    false_positive_rate_at_threshold,
    majority_accuracy,
    precision_at_threshold,
    recall_at_threshold,
)
from plumbline.measure.elo import ELO_PER_NAT, elo_lead, win_probability
from plumbline.measure.figure import Figure, format_figure
from plumbline.measure.folds import assign_folds
from plumbline.measure.krippendorff import MeasurementLevel, krippendorff_alpha
from plumbline.measure.label_errors import (
    NOT_SCORED,
    ConfidentJoint,
    LabelErrors,
    Ranking,
    confident_joint,
    rank_label_errors,
)
from plumbline.measure.noise_ceiling import NoiseCeiling, format_ceiling, noise_ceiling
from plumbline.measure.ranking import (
    auprc,
    auprc_difference,
    auroc,
    average_precision,
    recall_at_fpr,
    threshold_at_fpr,
)
from plumbline.measure.rates import mean_figure, preference_accuracy, rate_figure, wilson_figure
from plumbline.measure.rating_tables import pack_ratings
from plumbline.measure.soft_labels import (
    NO_VOTES,
    TIED,
    majority_labels,
    pair_disagreement,
    vote_counts,
    vote_disagreement,
    vote_shares,
)
from plumbline.measure.worker_ability import worker_abilities
from plumbline.measure.worker_bradley_terry import (
    WorkerBradleyTerry,
    WorkerBradleyTerrySettings,
    fit_worker_bradley_terry,
)

__all__ = [
    "ELO_PER_NAT",
    "NOT_SCORED",
    "NO_VOTES",
    "TIED",
    "Binning",
    "Bootstrap",
    "ConfidentJoint",
    "DawidSkene",
    "DawidSkeneSettings",
    "Figure",
    "LabelErrors",
    "MeasurementLevel",
    "NoiseCeiling",
    "PrecisionRecallCurve",
    "Ranking",
    "Ratings",
    "ReliabilityBin",
    "RocCurve",
    "WeightedStatistic",
    "WorkerBradleyTerry",
    "WorkerBradleyTerrySettings",
    "assign_folds",
    "auprc",
    "auprc_difference",
    "auroc",
    "average_precision",
    "bootstrap_figure",
    "brier_score",
    "calibration_bins",
    "cohen_kappa",
    "confident_joint",
    "decision_figures",
    "elo_lead",
    "expected_calibration_error",
    "f1_at_threshold",
    "false_positive_rate_at_threshold",
    "fit_bradley_terry",
    "fit_dawid_skene",
    "fit_worker_bradley_terry",
    "fleiss_kappa",
    "format_ceiling",
    "format_figure",
    "judged_truth",
    "krippendorff_alpha",
    "majority_accuracy",
    "majority_labels",
    "mean_figure",
    "noise_ceiling",
    "pack_ratings",
    "pair_disagreement",
    "percent_agreement",
    "precision_at_threshold",
    "precision_recall_curve",
    "preference_accuracy",
    "rank_correlation",
    "rank_label_errors",
    "rate_figure",
    "recall_at_fpr",
    "recall_at_threshold",
    "reliability_bins",
    "roc_curve",
    "threshold_at_fpr",
    "vote_counts",
    "vote_disagreement",
    "vote_shares",
    "wilson_figure",
    "win_probability",
    "worker_abilities",
]
