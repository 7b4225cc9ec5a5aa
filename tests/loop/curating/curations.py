"""Small sources for curating runs, and runs that are stopped on their way, also in processes of their own."""

import gzip
import json
import os
import signal
from pathlib import Path

from plumbline.curate.recipe import parse_recipe
from plumbline.lineage import read_manifest
from plumbline.loop.curating.run import CurationRun, run_curation

SMALL = """
name = "small"
version = 1
takes = ["comparisons"]
[[rule]]
name = "exact-duplicates"
[[rule]]
name = "leakage"
threshold = 1
[[rule]]
name = "splits"
shares = { train = 0.5, test = 0.5 }
threshold = 1
"""

ONLY_DUPLICATES = 'name = "once"\nversion = 1\n[[rule]]\nname = "exact-duplicates"\n'


def pair(question, better="a", worse="b"):
    """A row of the hh-rlhf layout."""
    return {
        "chosen": f"\n\nHuman: {question}\n\nAssistant: {better}",
        "rejected": f"\n\nHuman: {question}\n\nAssistant: {worse}",
    }


def pairs(count, first=0):
    """Pairs that have nothing in common."""
    return [pair(f"question {number}") for number in range(first, first + count)]


def write(path, rows):
    """Rows as lines, zipped where the name says so; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def curated(out, *sources, recipe=SMALL, step=lambda _: None, note=lambda _: None, **how):
    """Runs a curation; its summary."""
    chosen = parse_recipe(recipe, "recipe") if isinstance(recipe, str) else recipe
    return run_curation(CurationRun(tuple(map(str, sources)), Path(out), chosen, **how), step, note).summary


def curated_until(begins, out, *sources, **how):
    """Runs a curation and kills its process when a step begins whose title begins so."""

    def step(title):
        if title.startswith(begins):
            os.kill(os.getpid(), signal.SIGKILL)

    curated(out, *sources, step=step, **how)


def made_source(folder):
    """Twelve questions; two pairs of train stand twice, and one question in both splits."""
    write(folder / "train.jsonl", pairs(9) + pairs(2))
    write(folder / "test.jsonl.gz", [pair("question 8", "c", "d"), *pairs(3, first=9)])
    return folder


def outputs_of(out):
    return {entry.path: (entry.sha256, entry.rows) for entry in read_manifest(out).outputs}


def nothing_left(out):
    """Beside the output stands nothing, neither stages nor what was being written."""
    return not out.parent.is_dir() or [path.name for path in out.parent.iterdir()] in ([], [out.name])


def total(counts):
    return sum(sum(splits.values()) for splits in counts.values())
