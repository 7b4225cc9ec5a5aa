"""The end of a round: one page over all of it, and the manifest that says what it was made of and names the round before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from plumbline.lineage import FileEntry, FoundManifest, Manifest, strictest_terms
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.pages import can_draw, moment_shown
from plumbline.loop.rounds.data_steps import CURATED, EXPORTS, SOURCES, curated_sources
from plumbline.loop.rounds.model_steps import EVALUATIONS, MODELS
from plumbline.loop.rounds.opened_round import ROUND, Round
from plumbline.loop.rounds.round_file import tables_json
from plumbline.loop.rounds.round_state import RoundState
from plumbline.loop.rounds.steps import Call, Step, Told, content_digest, written

REPORT = "report.html"


def closing_steps(round_: Round, state: RoundState, steps: list[Step]) -> Iterator[Step]:
    """The report, then the manifest.

    Args:
        state: says what the steps before wrote.
        steps: those before.
    """
    outputs = [step.output for step in steps if step.output is not None]
    yield Step(
        "report", REPORT, partial(_report_reads, round_, outputs), partial(_report, round_, outputs), _report_told
    )
    outputs = [*outputs, REPORT]
    yield Step(
        "manifest",
        MANIFEST_NAME,
        partial(_manifest_reads, round_, outputs),
        partial(_manifest, round_, state, outputs),
        partial(_manifest_told, outputs),
    )


def _is_data(name: str) -> bool:
    return name.split("/")[0] in (EXPORTS, SOURCES, CURATED)


def _shown(outputs: list[str]) -> list[str]:
    """What the page is drawn from."""
    return [name for name in outputs if name.split("/")[0] in (CURATED, MODELS, EVALUATIONS)]


def _report_reads(round_: Round, outputs: list[str]) -> dict[str, JsonValue]:
    shown: dict[str, JsonValue] = {name: written(round_, name) for name in _shown(outputs)}
    return {"title": round_.settings.name, "shown": shown, "can_draw": can_draw()}


def _report(round_: Round, outputs: list[str], call: Call) -> None:
    if not can_draw():
        return
    from plumbline.report import write_report

    call.say("report: drawing")
    folders = [round_.out / name for name in _shown(outputs)]
    write_report(folders, round_.out / REPORT, title=f"Round {round_.settings.name}", created=moment_shown())


def _report_told(output: Path) -> Told:
    if output.is_file():
        return Told()
    return Told(("no page was drawn: pip install -e '.[report]', then the same command",))


# --- the manifest ---


def _manifest_reads(round_: Round, outputs: list[str]) -> dict[str, JsonValue]:
    return {
        "file": round_.sha256,
        "before": None if round_.before is None else round_.before.digest,
        "outputs": {name: written(round_, name) for name in outputs},
        "sources": [content_digest(place) for place in curated_sources(round_)],
    }


def _manifest(round_: Round, state: RoundState, outputs: list[str], call: Call) -> None:
    found = {name: FoundManifest.at(round_.out / name / MANIFEST_NAME) for name in outputs}
    made = {name: each for name, each in found.items() if each is not None}
    curated = made[CURATED].manifest
    before = round_.before
    steps: list[JsonValue] = [
        {"step": record.name, "output": record.output, "sha256": record.digest, "seconds": record.seconds}
        for record in state.steps
        if record.output is None or record.output in outputs
    ]
    configuration: dict[str, JsonValue] = {
        "name": round_.settings.name,
        "file_sha256": round_.sha256,
        "settings": dict(tables_json(round_.settings)),
        "before": None if before is None else {"name": before.name, "sha256": before.digest},
        "manifests": {name: each.digest for name, each in made.items()},
        "steps": steps,
    }
    unread = sum((Counter(each.manifest.quarantined) for name, each in made.items() if _is_data(name)), Counter[str]())
    terms = strictest_terms([each.manifest.terms for each in made.values() if each.manifest.terms is not None])
    parents = [] if before is None else [before.digest]
    Manifest(
        holds=ROUND,
        command=list(call.command),
        configuration=configuration,
        seed=round_.settings.seed,
        inputs=[FileEntry.of(round_.path), *curated.inputs],
        parents=list(dict.fromkeys([*parents, *(each.digest for each in made.values())])),
        ancestors=curated.ancestors,
        rows_read=curated.rows_read,
        quarantined=dict(unread),
        uses=sorted(terms.uses),
        licence=terms.licence,
        uses_overridden=any(each.manifest.uses_overridden for each in made.values()),
        durations_seconds={record.name: record.seconds for record in state.steps},
    ).write_listing(round_.out, outputs)


def _manifest_told(outputs: list[str], output: Path) -> Told:
    """What stands in the folder and is no part of the round any more: its file says something else now."""
    folders = [output.parent / name for name in (EXPORTS, SOURCES, MODELS, EVALUATIONS)]
    found = [f"{folder.name}/{each.name}" for folder in folders if folder.is_dir() for each in sorted(folder.iterdir())]
    others = [name for name in found if name not in outputs and not name.partition("/")[2].startswith(".")]
    return (
        Told((f"of an earlier file of this round, and no part of it now: {', '.join(others)}",)) if others else Told()
    )
