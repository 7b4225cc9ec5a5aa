"""Hand-made inputs of a report, in the shapes of the contracts."""

import json
import math
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def figure(value: float, half_width: float, n: int) -> Json:
    return {
        "value": value,
        "low": max(0.0, value - half_width),
        "high": min(1.0, value + half_width),
        "n": n,
        "why_undefined": None,
    }


def undefined(why: str, n: int = 0) -> Json:
    return {"value": None, "low": None, "high": None, "n": n, "why_undefined": why}


def check(name: str = "hh-rlhf/harmless-base", *, synthetic: bool = False) -> Json:
    return {
        "plumbline": "check",
        "version": 1,
        "name": name,
        "rows_read": 44849,
        "rows_quarantined": 13,
        "records": {"comparisons": 44836},
        "files": ["harmless-base/train.jsonl.gz", "harmless-base/test.jsonl.gz"],
        "quarantined": [
            {
                "code": "PL-HH-014",
                "name": "no turn marker at the start",
                "count": 13,
                "places": ["harmless-base/train.jsonl.gz:4127", "harmless-base/train.jsonl.gz:9112"],
            }
        ],
        "findings": [
            {"code": "PL-CHK-003", "name": "both sides are the same", "count": 41, "places": ["train.jsonl.gz:12"]},
            {"code": "PL-CHK-004", "name": "an empty reply", "count": 228, "places": ["train.jsonl.gz:7"]},
            {"code": "PL-CHK-007", "name": "text read in the wrong encoding", "count": 64, "places": []},
            {"code": "PL-CHK-009", "name": "a turn marker inside a text", "count": 112, "places": ["test.jsonl.gz:3"]},
        ],
        "places": {"by_split": {"train": {"comparisons": 42524}, "test": {"comparisons": 2312}}},
        "synthetic": synthetic,
    }


def clean_check(name: str = "hh-rlhf/helpful-base") -> Json:
    return {
        **check(name),
        "rows_read": 46189,
        "rows_quarantined": 0,
        "quarantined": [],
        "findings": [],
        "records": {"comparisons": 46189},
    }


def _seven(main: str, value: float, n: int) -> Json:
    why = "pairs are ranked, not classified: see accuracy"
    keys = ("accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1")
    if main == "accuracy":
        return {key: undefined(why, n) for key in keys} | {
            "accuracy": figure(value, 0.019, n),
            "ece": figure(0.021, 0.008, n),
        }
    spread = dict(zip(keys, (0.86, 0.034, 0.93, value, 0.41, 0.7, 0.79), strict=True))
    return {key: figure(spread[key], 0.02, n) for key in keys}


def _reliability(bins: int = 10) -> list[Json]:
    points = []
    for at in range(bins):
        predicted = (at + 0.5) / bins
        observed = predicted + 0.06 * math.sin(predicted * 5)
        points.append(
            {
                "mean_predicted": predicted,
                "observed": observed,
                "low": max(0.0, observed - 0.05),
                "high": min(1.0, observed + 0.05),
                "n": 90 + 40 * at,
            }
        )
    return points


def _bell(centre: float) -> list[int]:
    return [round(240 * math.exp(-(((at - centre) / 6) ** 2))) for at in range(30)]


def _histogram(first: str, second: str, low: float, high: float) -> Json:
    return {
        "edges": [low + (high - low) * at / 30 for at in range(31)],
        "series": {first: _bell(18), second: _bell(11)},
    }


def _disagreements(count: int = 5) -> list[Json]:
    return [
        {
            "id": f"{at:02x}9f3c1e77ab42d0b6f1e8a4c2d7{at:04x}",
            "source": "harmless-base/test.jsonl.gz",
            "row": 97 * at + 11,
            "probability": 0.99 - at / 100,
            "label": "second",
        }
        for at in range(count)
    ]


def pairs_evaluation(
    name: str = "harmless-base test", *, value: float = 0.702, synthetic: bool = False, task: str = "preference"
) -> Json:
    n = 2312
    bins = [(-2400, -600), (-600, -200), (-200, -40), (-40, 45), (45, 210), (210, 620), (620, 2600)]
    return {
        "plumbline": "evaluation",
        "version": 1,
        "name": name,
        "task": task,
        "axis": "harmlessness",
        "model": "models/harmless-linear",
        "source": "Anthropic/hh-rlhf, harmless-base",
        "split": "test",
        "synthetic": synthetic,
        "note": None,
        **_seven("accuracy", value, n),
        "cross_validated": _seven("accuracy", value + 0.012, 42524),
        "by_subset": {
            "harmless-base": {"accuracy": figure(value, 0.019, n)},
            "red-team prompts": {"accuracy": figure(value - 0.09, 0.041, 512)},
            "one turn": {"accuracy": figure(value + 0.03, 0.03, 801)},
            "empty": {"accuracy": undefined("no rows")},
        },
        "by_category": {},
        "baselines": {
            "longer is better": figure(0.432, 0.02, n),
            "shorter is better": figure(0.568, 0.02, n),
        },
        "length": {
            "judges_prefer_longer": figure(0.432, 0.02, 2290),
            "model_prefers_longer": figure(0.371, 0.021, 2290),
            "by_length_difference": [
                {
                    "low": low,
                    "high": high,
                    "judges_first": figure(0.58 - 0.03 * at, 0.055, 330),
                    "model_first": figure(0.69 - 0.06 * at, 0.05, 330),
                }
                for at, (low, high) in enumerate(bins)
            ],
        },
        "reliability": _reliability(),
        "precision_recall": [],
        "score_histogram": _histogram("preferred", "other", -3.2, 3.4),
        "thresholds": [],
        "disagreements": _disagreements(),
        "rows": {"evaluated": n, "set_aside": {"PL-EVA-002": 4}},
    }


def judges(**changes: Any) -> Json:
    """Pairs that several people judged."""
    return {
        "items": 720,
        "judgements": 2040,
        "evenly_split": 31,
        "unanimous": figure(0.71, 0.03, 720),
        "accuracy_unanimous": figure(0.78, 0.03, 511),
        "accuracy_split": figure(0.58, 0.06, 178),
        "majority_share": figure(0.667, 0.001, 178),
        "majority_probability": figure(0.54, 0.02, 178),
        "by_share": [
            {"low": share, "high": share, "model_first": figure(0.3 + 0.4 * share, 0.03, 180)}
            for share in (0.0, 1 / 3, 0.5, 2 / 3, 1.0)
        ],
        **changes,
    }


def telling(auroc: float, half_width: float = 0.03) -> Json:
    """How well a measure of doubt tells errors."""
    surest = {f"accuracy_at_{share}": figure(0.9 - share / 400, 0.02, 1200) for share in (50, 80, 90)}
    return {"error_auroc": figure(auroc, half_width, 1200), **surest}


def people() -> Json:
    """What an evaluation says of judges, of strengths and of doubt, where it has something to say."""
    return {
        "judges": judges(),
        "by_strength": {"1": figure(0.64, 0.03, 400), "2": figure(0.8, 0.03, 300)},
        "uncertainty": {"accuracy": figure(0.7, 0.02, 1200), "by_spread": telling(0.55), "by_nearness": telling(0.66)},
    }


CATEGORIES = {
    "animal_abuse": 0.61,
    "child_abuse": 0.7,
    "controversial_topics,politics": 0.22,
    "discrimination,stereotype,injustice": 0.74,
    "drug_abuse,weapons,banned_substance": 0.78,
    "financial_crime,property_crime,theft": 0.8,
    "hate_speech,offensive_language": 0.69,
    "misinformation_regarding_ethics,laws_and_safety": 0.08,
    "non_violent_unethical_behavior": 0.62,
    "privacy_violation": 0.81,
    "self_harm": 0.44,
    "sexually_explicit,adult_content": 0.66,
    "terrorism,organized_crime": None,
    "violence,aiding_and_abetting,incitement": 0.85,
}


def labels_evaluation(name: str = "BeaverTails test", *, value: float = 0.914, synthetic: bool = False) -> Json:
    n = 3021
    thresholds = [(0.31, 0.2, 0.93), (0.42, 0.1, 0.84), (0.5, 0.06, 0.77), (0.61, 0.05, 0.7), (0.83, 0.01, 0.41)]
    return {
        **pairs_evaluation(name, synthetic=synthetic, task="moderation"),
        "axis": None,
        "model": "models/moderation-linear",
        "source": "PKU-Alignment/BeaverTails",
        "split": "30k_test",
        **_seven("auprc", value, n),
        "cross_validated": _seven("auprc", value - 0.01, 27186),
        "by_subset": {},
        "by_category": {
            category: {
                "auprc": undefined("no positive rows", n) if auprc is None else figure(auprc, 0.05, n),
                "auroc": undefined("no positive rows", n) if auprc is None else figure(0.9, 0.02, n),
                "recall_at_fpr_05": undefined("no positive rows", n) if auprc is None else figure(0.6, 0.05, n),
                "threshold": None if auprc is None else 0.37,
                "positives": 0 if auprc is None else round(400 * auprc),
            }
            for category, auprc in CATEGORIES.items()
        },
        "baselines": {"flag everything (F1)": figure(0.729, 0.012, n), "chance (AUPRC)": figure(0.574, 0.018, n)},
        "length": None,
        "precision_recall": [
            {"recall": at / 60, "precision": 1 - 0.43 * (at / 60) ** 3, "threshold": 1 - at / 60} for at in range(61)
        ],
        "score_histogram": _histogram("unsafe", "safe", 0.0, 1.0),
        "thresholds": [
            {
                "threshold": threshold,
                "false_positive_rate": rate,
                "recall": recall,
                "precision": 1 - 0.43 * recall**3,
                "f1": 0.8,
                "chosen": threshold == 0.42,
            }
            for threshold, rate, recall in thresholds
        ],
        "rows": {"evaluated": n, "set_aside": {}},
    }


def model(name: str = "harmless-linear", *, synthetic: bool = False) -> Json:
    return {
        "plumbline": "model",
        "heads": ["reward"],
        "task": "preference",
        "axis": "harmlessness",
        "name": name,
        "created": "2026-01-05T10:00:00+00:00",
        "recipe": {"features": "word and character n-grams", "l2": 1e-5},
        "data": [{"path": "harmless-base/train.jsonl.gz", "sha256": "ab" * 32, "rows": 42537}],
        "terms": {"uses": ["analysis", "preference"], "licence": "MIT"},
        "synthetic": synthetic,
    }


def manifest() -> Json:
    return {
        "holds": "model",
        "command": ["plumbline", "train", "preference", "Anthropic/hh-rlhf", "-o", "models/harmless-linear"],
        "configuration": {},
        "seed": 7,
        "inputs": [{"path": "train.jsonl.gz", "sha256": "ab" * 32, "size_bytes": 12, "rows": 42537}],
        "uses": ["analysis", "preference"],
        "licence": "MIT",
        "created": "2026-01-05T10:00:00+00:00",
        "versions": {},
    }


def write(folder: Path, **contents: Json) -> Path:
    """Write each of the contents to ``<name>.json`` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def everything(folder: Path, *, synthetic: bool = False) -> Path:
    """A folder with every kind of input: two checks, three evaluations, a model with its manifest."""
    write(folder / "check-harmless", check=check(synthetic=synthetic))
    write(folder / "check-helpful", check=clean_check())
    write(folder / "eval-harmless", evaluation=pairs_evaluation(synthetic=synthetic) | people())
    write(folder / "eval-cost", evaluation=pairs_evaluation("cost, PKU test", value=0.61, task="cost"))
    write(folder / "eval-moderation", evaluation=labels_evaluation())
    write(folder / "model", model=model(), manifest=manifest())
    return folder
