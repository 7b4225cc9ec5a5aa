"""A made-up summary of a curation, in the shape that ``curation/summary.json`` has: no count in it was measured."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from tests.report import samples

Json = dict[str, Any]
FIGURE, UNDEFINED = samples.figure, samples.undefined
NOTHING: Json = {}


def step(rule: str, title: str, before: Json, **counts: Json) -> Json:
    """One rule's notes; `removed`, `changed` and `reasons` are empty unless given."""
    return {
        "rule": rule,
        "title": title,
        "settings": {},
        "before": before,
        **({"removed": {}, "changed": {}, "reasons": {}} | counts),
    }


def plain_summary(**changes: Any) -> Json:
    """The sections that every curation has, of pairs and labels."""
    read = {"comparisons": {"test": 400, "train": 1600}, "safety_labels": {"train": 3000}}
    after = {"comparisons": {"test": 380, "train": 1220}, "safety_labels": {"train": 2400}}
    return {
        "plumbline": "curation",
        "version": 1,
        "recipe": {"name": "made-up", "version": 3, "digest": "cd" * 32, "title": "A recipe made up for tests"},
        "rows": {"read": 3500, "quarantined": {"PL-JSON-001": 7}, "not_taken": {"red_team_attempts": 250}},
        "records": {"read": read, "removed": 1031},
        "census": [
            {
                "family": "comparisons/harmlessness",
                "records": 2000,
                "records_distinct": 1600,
                "items": 1500,
                "judged_both_ways": 60,
            },
            {
                "family": "safety_labels/unspecified",
                "records": 3000,
                "records_distinct": 2400,
                "items": 2000,
                "judged_both_ways": 300,
            },
        ],
        "steps": [
            step(
                "personal-data",
                "records in which personal data were masked",
                read,
                changed={"comparisons": {"train": 90}},
                reasons={"email": 60, "phone": 30},
            ),
            step(
                "exact-duplicates",
                "records that stand there already",
                read,
                removed={"comparisons": {"test": 20, "train": 380}, "safety_labels": {"train": 600}},
                reasons={"the same record again": 1000},
            ),
            step("lengths", "records with more than 9,000 characters", after),
            step(
                "leakage",
                "rows of train whose prompt stands in another split",
                after,
                removed={"comparisons": {"train": 31}},
                reasons={"its prompt stands in another split": 31},
            ),
        ],
        "written": {"comparisons": {"test": 380, "train": 1189}, "safety_labels": {"train": 2400}},
    } | changes


def ceiling(**changes: Any) -> Json:
    """What a perfect model could reach."""
    return {
        "estimate": FIGURE(0.92, 0.02, 900),
        "lower": FIGURE(0.88, 0.02, 900),
        "upper": FIGURE(0.94, 0.02, 900),
        "agreement": FIGURE(0.88, 0.02, 900),
        "label_votes": 1,
        "items_judged_once": 12,
        "ties_set_aside": 34,
        **changes,
    }


def worker(number: int, ability: Json, *, family: str = "comparisons/overall", model: str = "bradley-terry") -> Json:
    """A worker's ability."""
    return {
        "worker": f"worker{number}",
        "family": family,
        "judgements": ability["n"],
        "model": model,
        "ability": ability,
    }


def people_sections(workers: int = 40) -> Json:
    """The sections on repeated judgements: two kinds of ability, categories with and without an agreement."""
    labels = {name: FIGURE(0.2 + 0.04 * at, 0.1, 300) for at, name in enumerate(samples.CATEGORIES)}
    labels |= {"self_harm": UNDEFINED("no item was judged twice"), "is_safe": FIGURE(0.77, 0.03, 2200)}
    by_scores = [worker(number, FIGURE(0.6 + number / 200, 0.05, 20 + number)) for number in range(workers)]
    by_labels = [
        worker(number, FIGURE(0.9 - number / 50, 0.05, 200), family="safety_labels/made-up", model="dawid-skene")
        for number in range(3)
    ]
    families = ("comparisons/overall", "safety_labels/made-up")
    counts = {"items": 900, "judgements": 1900, "worker_unknown": 0, "set_aside": {}}
    return {
        "agreement": {"comparisons": {"overall": FIGURE(0.61, 0.05, 900)}, "safety_labels": labels},
        "workers": [*by_scores, *by_labels],
        "noise_ceiling": {
            families[0]: ceiling(),
            families[1]: ceiling(estimate=UNDEFINED("12 items with three judgements, the model needs 30", 900)),
        },
        "repeated": {
            "measure": "Krippendorff's alpha, nominal",
            "percent": {"comparisons": {"overall": FIGURE(0.81, 0.05, 900)}},
            "families": {families[0]: counts | {"worker_unknown": 40}, families[1]: counts},
            "note": "identical rows may be copies",
        },
    }


def whole_summary(**changes: Any) -> Json:
    """Every section there is."""
    splits = ["held", "test", "train"]
    return (
        plain_summary()
        | {
            "clusters": {
                "near-duplicates": {
                    "sizes": {str(size): times for size, times in SIZES.items()},
                    "rows": sum(size * times for size, times in SIZES.items()),
                }
            },
            "leakage": {
                "splits": splits,
                "exact": [[None, 0, 3], [0, None, 14], [3, 14, None]],
                "near": [[None, 0, 1], [0, None, 1200], [1, 1200, None]],
            },
            "label_errors": {
                "file": "curation/label_errors.parquet",
                "n": 2500,
                "unscored": 11,
                "scores": [
                    {"path": "/far/away/models/made-up/out_of_fold.parquet", "out_of_fold": True},
                    {"path": "/far/away/mine/scores.csv", "out_of_fold": False},
                ],
                "heads": [{"kind": "safety_labels", "head": "unsafe", "n": 2500, "doubted": 140}],
            },
        }
        | people_sections()
        | changes
    )


SIZES = {2: 1200, 3: 410, 4: 90, 5: 40, 6: 22, 7: 9, 9: 4, 12: 2, 30: 1, 41: 1}


def write_list(notes: Path, rows: int = 30, **columns: pl.Series) -> None:
    """A list of suspected label errors beside the summary, not in order of rank."""
    frame = pl.DataFrame(
        {
            "rank": range(rows, 0, -1),
            "id": [f"{at:064x}" for at in range(rows)],
            "source": "made-up/train.jsonl.gz",
            "row": [97 * at for at in range(rows)],
            "kind": "safety_labels",
            "head": "unsafe",
            "label": "safe",
            "probability": [1 - at / rows for at in range(rows)],
            "suggested": "unsafe",
        }
    )
    notes.mkdir(parents=True, exist_ok=True)
    frame.with_columns(**columns).write_parquet(notes / "label_errors.parquet")


def write_curated(folder: Path, summary: Json, *, read: str = "train.jsonl.gz", holds: str = "data") -> Path:
    """A curated folder: manifest and notes, without its data."""
    manifest = samples.manifest() | {"holds": holds, "parents": ["ef" * 32]}
    manifest["inputs"][0]["path"] = read
    samples.write(folder, manifest=manifest)
    (folder / "curation").mkdir(exist_ok=True)
    (folder / "curation" / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder
