"""The demo's folder: what stands in it, whose it is, and its manifest."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import (
    FoundManifest,
    Manifest,
    read_manifest,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    strictest_terms,
)
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.sources import unread_of
from plumbline.loop.synthetic.world import TERMS
from plumbline.loop.training.folder import claimed
from plumbline.records import SourceError, UsageError

REPORT = "report.html"
PARTS = ("checks", "splits", "models", "evaluations", REPORT)
"""What a demo on data of the user's writes into its folder."""
CORPUS, TRUTH, STUDIES, SAMPLERS_EXPORT, LOOP = (
    "data-synthetic",
    "truth-synthetic.jsonl",
    "studies",
    "samplers-export",
    "loop.json",
)
ROUNDS = ("round-1", "round-2")
LOOP_PARTS = (CORPUS, TRUTH, STUDIES, *ROUNDS, *(f"{name}.toml" for name in ROUNDS), SAMPLERS_EXPORT, LOOP, REPORT)
"""What the whole loop writes, beside what is changed by whoever serves it afterwards."""
STORE, LOG, JUDGEMENTS = "collect.db", "servers.log", "judgements"
_SERVED = (STORE, f"{STORE}-wal", f"{STORE}-shm", LOG)


def refuse_output(out: Path, data: Path | None) -> None:
    """Refuse an output folder that is, holds or lies within the data, and one that holds anything but an earlier demo.

    Raises:
        UsageError: PL-OUT-008, the data stand there; PL-OUT-002, something else does, files that a demo did not write among it;
            PL-DEM-005, people judged in the demo that stands there.
    """
    if data is not None:
        refuse_output_among_inputs(out, [data])
    earlier = demo_manifest(out)
    if earlier is None:
        refuse_foreign_folder(out, "demo")
        return
    if not earlier.outputs:
        return  # it was stopped: nobody was let in, and what stands there is what it had made
    listed = {entry.path for entry in earlier.outputs}
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    others = sorted(files - listed - {MANIFEST_NAME, *_SERVED})
    if others:
        raise UsageError(
            "PL-OUT-002",
            str(out),
            "something stands there that no demo wrote, and a new one would take its place",
            expected="a new or empty folder, or an earlier demo and nothing else in it",
            found=others[0],
            advice="name another output folder, or move away what stands there",
        )
    if (out / STORE).is_file() and judgement_count(out / STORE) != earlier.configuration.get(JUDGEMENTS):
        raise UsageError(
            "PL-DEM-005",
            str(out / STORE),
            "somebody judged in this demo since, and a new one would take its place",
            advice="name another output folder, or remove this one where that work may go",
        )


def held_demo(out: Path) -> AbstractContextManager[None]:
    """Keep every other call away from a demo's folder while this one makes or serves it.

    Raises:
        UsageError: PL-DEM-006, another call is at it.
    """
    taken = UsageError(
        "PL-DEM-006",
        str(out),
        "another call makes or serves this demo",
        expected="one at a time",
        advice="end it (Ctrl-C), or name another output folder with -o",
    )
    return claimed(out, taken)


def judgement_count(store: Path) -> int:
    """How many items were finished in a store."""
    from plumbline.collect.service.overview import store_overview
    from plumbline.collect.service.store_places import open_place

    with closing(open_place(store, connections=1)) as opened:
        studies = store_overview(opened, []).studies
        return sum(queue.submitted for study in studies for queue in study.queues.values())


def demo_manifest(out: Path) -> Manifest | None:
    """The manifest of a demo's folder, which lists nothing until the demo is done; None where the folder is none."""
    try:
        found = read_manifest(out)
    except SourceError:
        return None
    return found if found is not None and found.holds == "demo" else None


def claim_output(out: Path, seed: int) -> None:
    """Make the output folder the demo's own before anything else is written, so that a stopped one can be run again."""
    manifest = Manifest(holds="demo", command=["demo"], configuration={}, seed=seed, inputs=[], uses=None, licence=None)
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
        quarantined=dict(sorted(unread_of(loaded).items())),
        uses=sorted(terms.uses),
        licence=terms.licence,
        durations_seconds=seconds,
    ).write_listing(out, PARTS)


def write_loop_manifest(out: Path, seed: int, seconds: dict[str, float]) -> None:
    """Write the manifest of the whole loop: a listing of what it wrote, and the rounds that it is made of, the first one first."""
    rounds = [FoundManifest.at(out / name / MANIFEST_NAME) for name in ROUNDS]
    Manifest(
        holds="demo",
        command=["demo"],
        configuration={JUDGEMENTS: judgement_count(out / STORE)},
        seed=seed,
        inputs=[],
        parents=[found.digest for found in rounds if found is not None],
        uses=sorted(TERMS.uses),
        licence=TERMS.licence,
        durations_seconds=seconds,
    ).write_listing(out, LOOP_PARTS)
