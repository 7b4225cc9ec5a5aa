import ast
import sys
from pathlib import Path

import plumbline.measure as measure

EXPECTED = {
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
}


def test_exported_names_are_pinned() -> None:
    assert set(measure.__all__) == EXPECTED
    assert all(hasattr(measure, name) for name in EXPECTED)


def test_imports_nothing_but_numpy_scipy_and_itself() -> None:
    files = sorted(Path(measure.__file__).parent.glob("*.py"))
    assert len(files) >= 17
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                root = name.split(".")[0]
                assert root in sys.stdlib_module_names | {"numpy", "scipy"} or name.startswith("plumbline.measure"), (
                    file.name,
                    name,
                )
