"""Small folders as `plumbline curate` and `data convert` write them; all rows are synthetic and made up here."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.curate.recipe import parse_recipe
from plumbline.formats import load, write_tables
from plumbline.formats.loading import merge_loaded
from plumbline.lineage import FileEntry, StatedTerms
from plumbline.records import BEAVERTAILS_14

PAIRS = {
    "harmless-base": {"train": range(0, 5), "test": range(5, 8)},
    "helpful-base": {"train": range(10, 14), "test": range(14, 16)},
}
RECIPE = """
name = "small"
version = 1
title = "Clean pairs"
takes = ["comparisons", "safety_labels"]

[[rule]]
name = "exact-duplicates"
"""
LABELS = {"beavertails": {"train": range(20, 26), "test": range(26, 29)}}


def pair(number, *, good="Yes."):
    asked = f"\n\nHuman: Question {number}?\n\nAssistant: "
    return {"chosen": f"{asked}{good}", "rejected": f"{asked}No."}


def label(number):
    flags = dict.fromkeys(BEAVERTAILS_14, False) | {BEAVERTAILS_14[0]: bool(number % 2)}
    return {"prompt": f"Question {number}?", "response": "So.", "category": flags, "is_safe": not number % 2}


def write_lines(root, subsets, make):
    """JSON lines in hub layout."""
    for subset, splits in subsets.items():
        for split, numbers in splits.items():
            path = Path(root) / subset / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(make(n), ensure_ascii=False) + "\n" for n in numbers))
    return Path(root)


def loaded_lines(root, *, pairs=PAIRS, labels=LABELS, licence=None):
    """Pairs and labels of small sources, loaded as one."""
    stated = StatedTerms.of(licence, None)
    parts = []
    if pairs:
        parts.append(load(write_lines(Path(root) / "pairs", pairs, pair), stated_terms=stated))
    if labels:
        parts.append(load(write_lines(Path(root) / "labels", labels, label), stated_terms=stated))
    return merge_loaded(parts)


def write_folder(loaded, out, *, summary=None, removed=0, tables=None, configuration=None):
    """Tables with a manifest, as a conversion writes them; with notes, as a curation does."""
    out = Path(out)
    out.mkdir(parents=True)
    written = write_tables(tables or loaded.tables, out, "parquet")
    if summary is not None:
        (out / "curation").mkdir()
        (out / "curation" / "summary.json").write_text(json.dumps(summary))
        row = {"kind": "comparisons", "source": "pairs/train.jsonl", "axis": "harmlessness", "split": "train"}
        row |= {"step": 1, "rule": "exact-duplicates", "reason": "duplicate", "parents": []}
        listed = [{**row, "id": str(n), "row": n, "worker": "w1"} for n in range(removed)]
        pq.write_table(pa.Table.from_pylist(listed, schema=LEDGER_SCHEMA), out / "curation" / "removed.parquet")
        (out / "recipe.toml").write_text(RECIPE)
    manifest = loaded.manifest("data", ["curate"], configuration or {})
    outputs = [FileEntry(path=name, sha256="", size_bytes=0, rows=rows) for name, rows in written.rows.items()]
    manifest.model_copy(update={"outputs": outputs}).write(out)
    return out


def summary_of(loaded, *, removed=3, recipe="hh-clean"):
    """The notes of a curation that removed some pairs of train and took no red-team attempts."""
    written = {}
    for kind, table in loaded.tables.items():
        splits = table["split"].to_pylist()
        written[kind.value] = {split: splits.count(split) for split in sorted(set(splits))}
    before = json.loads(json.dumps(written))
    before["comparisons"]["train"] += removed
    counts = sum(sum(of.values()) for of in before.values())
    step = {"rule": "exact-duplicates", "title": "One of each", "settings": {}, "reasons": {"duplicate": removed}}
    return {
        "recipe": {
            "name": recipe,
            "version": 1,
            "digest": parse_recipe(RECIPE, "small").digest,
            "title": "Clean pairs",
        },
        "rows": {"read": counts + 2 + 7, "quarantined": {"PL-HH-014": 2}, "not_taken": {"red_team_attempts": 7}},
        "steps": [
            {**step, "before": before, "removed": {"comparisons": {"train": removed}}, "changed": {}},
            {**step, "rule": "lengths", "before": written, "removed": {}, "changed": {}, "reasons": {}},
        ],
        "written": written,
        "leakage": {"splits": ["test", "train"], "exact": [[None, 0], [0, None]], "near": [[None, 1], [1, None]]},
    }


def curated(root, out, **how):
    """A folder with notes of a curation."""
    loaded = loaded_lines(root, **how)
    return write_folder(loaded, out, summary=summary_of(loaded), removed=3)
