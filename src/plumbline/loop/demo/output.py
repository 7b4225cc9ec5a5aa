"""The demo's folder: what stands in it, whose it is, and its manifest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import FoundManifest, Manifest, read_manifest, refuse_foreign_folder, strictest_terms
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.synthetic.world import TERMS
from plumbline.records import SourceError, UsageError

PARTS = ("checks", "splits", "models", "evaluations", "report.html")
"""What a demo on data of the user's writes into its folder."""
TRUTH = "truth-synthetic.jsonl"
LOOP_PARTS = (
    "data-synthetic",
    TRUTH,
    "studies",
    "recipe.toml",
    "round-1.toml",
    "round-1",
    "round-2.toml",
    "round-2",
    "samplers-export",
    "loop.json",
    "report.html",
)
"""What the whole loop writes, beside what is changed by whoever serves it afterwards."""
_SERVED = ("collect.db", "collect.db-wal", "collect.db-shm", "servers.log")


def refuse_output(out: Path, data: Path | None) -> None:
    """Refuse an output folder inside the data, and one that holds anything but an earlier demo."""
    if data is not None and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(data)):
        raise UsageError(
            "PL-OUT-010",
            str(out),
            "the output would stand inside the data",
            expected="a folder outside of --data",
            advice="-o demo-out, from a folder that is not the data's",
        )
    if not is_demo(out):
        refuse_foreign_folder(out, "demo")


def is_demo(out: Path) -> bool:
    """Whether the folder is a demo's."""
    try:
        earlier = read_manifest(out)
    except SourceError:
        return False
    return earlier is not None and earlier.holds == "demo"


def claim_output(out: Path, seed: int) -> None:
    """Make the output folder the demo's own before anything else is written, so that a stopped one can be run again."""
    if not is_demo(out):
        manifest = Manifest(
            holds="demo", command=["demo"], configuration={}, seed=seed, inputs=[], uses=None, licence=None
        )
        manifest.write_listing(out, ())


def clear_parts(out: Path) -> None:
    """Remove what an earlier demo wrote into its own folder: its models and figures must not stand in this one's report."""
    for part in dict.fromkeys((*PARTS, *LOOP_PARTS, *_SERVED)):
        if (out / part).is_dir():
            shutil.rmtree(out / part)
        else:
            (out / part).unlink(missing_ok=True)


def write_manifest(
    out: Path, loaded: Sequence[Loaded], configuration: dict[str, JsonValue], seed: int, seconds: dict[str, float]
) -> None:
    """Write the demo's manifest: its inputs, and a listing of what it wrote.

    Args:
        out: the demo's own folder.
        loaded: all data read.
        configuration, seed: of the run.
        seconds: by stage.
    """
    terms = strictest_terms(each.terms for each in loaded)
    Manifest(
        holds="demo",
        command=["demo"],
        configuration=configuration,
        seed=seed,
        inputs=[file for each in loaded for file in each.files],
        rows_read=sum(each.rows_read for each in loaded),
        quarantined=_sum_counts([each.quarantined for each in loaded]),
        uses=sorted(terms.uses),
        licence=terms.licence,
        durations_seconds=seconds,
    ).write_listing(out, PARTS)


def write_loop_manifest(out: Path, seed: int, seconds: dict[str, float]) -> None:
    """Write the manifest of the whole loop: a listing of what it wrote, and the rounds that it is made of, the first one first."""
    rounds = [FoundManifest.at(out / name / MANIFEST_NAME) for name in ("round-1", "round-2")]
    Manifest(
        holds="demo",
        command=["demo"],
        configuration={},
        seed=seed,
        inputs=[],
        parents=[found.digest for found in rounds if found is not None],
        uses=sorted(TERMS.uses),
        licence=TERMS.licence,
        durations_seconds=seconds,
    ).write_listing(out, LOOP_PARTS)


def _sum_counts(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Counts of several sources, added by code."""
    codes = sorted({code for count in counts for code in count})
    return {code: sum(count.get(code, 0) for count in counts) for code in codes}
