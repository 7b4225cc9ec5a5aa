"""From what people judged to data: exports of studies, sources that are read in part, curation, release."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import JsonValue

from plumbline.formats import PARQUET, convert_loaded, load
from plumbline.formats.opened import open_sources
from plumbline.formats.source_files import locate
from plumbline.formats.writing import ConversionRun
from plumbline.lineage import FoundManifest, StatedTerms, is_there, read_manifest
from plumbline.loop.curating.run import CurationRun, run_curation
from plumbline.loop.rounds.opened_round import OpenedStudy, Round
from plumbline.loop.rounds.round_settings import Release, SourceTable
from plumbline.loop.rounds.steps import Call, Step, Told, content_digest, written
from plumbline.loop.sources import without_split
from plumbline.records import Kind, ModelError, NoDataError, PlumblineError
from plumbline.release import ReleaseOptions, build_release, verify_release

EXPORTS, SOURCES, CURATED, RELEASE = "exports", "sources", "curated", "release"
_MODEL = "model:"
"""Begins the worker of a comparison that a model judged."""
_READ_BY_MODELS = ("train", "test")
_NOTHING_JUDGED = ("PL-EXP-002", "PL-EXP-003")


def data_steps(round_: Round) -> Iterator[Step]:
    """The steps up to the release, in order."""
    for study in round_.studies:
        yield _export_step(round_, study)
    for number, source in enumerate(round_.settings.data.sources):
        if _is_read_first(round_, source):
            yield _source_step(round_, source, _name_of(number))
    yield Step(CURATED, CURATED, partial(_curate_reads, round_), partial(_curate, round_), _curated_told)
    if round_.settings.release is not None:
        release = round_.settings.release
        yield Step(
            RELEASE,
            RELEASE,
            partial(_release_reads, round_, release),
            partial(_release, round_, release),
            _released_told,
        )
        yield Step(
            "verify the release",
            None,
            lambda: {"release": written(round_, RELEASE)},
            partial(_verify, round_),
            _no_more,
        )


def _no_more(_: Path) -> Told:
    return Told()


def stated_terms(table: Any) -> StatedTerms:
    """What a table of the file says of terms."""
    uses = None if table.uses is None else [use.value for use in table.uses]
    return StatedTerms.of(table.licence, uses)


# --- studies and sources ---


def _export_name(study: str) -> str:
    return f"export {study}"


def _export_step(round_: Round, study: OpenedStudy) -> Step:
    data = round_.settings.data
    output = f"{EXPORTS}/{study.name}"
    # Not what was judged meanwhile: an export once made is kept, and later judgements belong to the next round.
    reads: dict[str, JsonValue] = {"test_share": data.test_share, "stated": stated_terms(data).to_json()}
    return Step(
        _export_name(study.name),
        output,
        lambda: {"study": study.name, "if_empty": data.empty_studies, **reads},
        partial(_export, round_, study, round_.out / output),
        partial(_exported_told, study),
    )


def _export(round_: Round, study: OpenedStudy, out: Path, call: Call) -> None:
    from plumbline.collect.export import write_export
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.service.store_places import open_place

    data = round_.settings.data
    with closing(open_place(study.place.store, connections=1)) as store:
        try:
            write_export(
                store,
                study.name,
                out,
                PARQUET,
                stated=stated_terms(data),
                now=utc_now(),
                command=call.command,
                advance=lambda done, total: call.say(f"export {study.name}: {done:,} of {total:,}"),
                test_share=data.test_share,
            )
        except NoDataError as error:
            if error.code not in _NOTHING_JUDGED:
                raise
            if data.empty_studies == "stop":
                raise _nothing_judged(study, error) from error


def _nothing_judged(study: OpenedStudy, error: NoDataError) -> NoDataError:
    return NoDataError(
        "PL-RND-010",
        f"study {study.name}",
        "nothing in it is judged yet",
        expected="finished work on its own items",
        found=error.found or "none",
        advice=f"have it judged (plumbline collect status {quote(str(study.place.said))} says how far it is), leave it out of studies, or "
        'empty_studies = "skip" in [data] to go on without it; then the same command goes on',
    )


def unjudged_studies(round_: Round, to_do: Collection[str]) -> list[str]:
    """Names of its studies in which nothing is judged yet.

    Args:
        to_do: names of the steps that are not done. Where a study was exported already, its store is not opened: it may be gone.
    Raises:
        SchemaError, StoreError: a store cannot be opened.
    """
    waiting = [study for study in round_.studies if _export_name(study.name) in to_do]
    if not waiting:
        return []
    # Needs the extra, as a round without studies does not.
    from plumbline.collect.service.store_places import open_place
    from plumbline.collect.store.dashboard_rows import count_judgements
    from plumbline.collect.store.studies import find_study

    found = []
    for study in waiting:
        with closing(open_place(study.place.store, connections=1)) as store:
            if count_judgements(store, find_study(store, study.name).id) == 0:
                found.append(study.name)
    return found


def _exported_told(study: OpenedStudy, output: Path) -> Told:
    manifest = read_manifest(output)
    if manifest is None:
        return Told((f"study {study.name}: nothing in it was judged when the round began; it is left out",))
    notes = [f"study {study.name}: {manifest.rows_read or 0:,} records, as of {manifest.configuration.get('as_of')}"]
    left_out = manifest.configuration.get("left_out")
    if isinstance(left_out, dict) and left_out:
        told = ", ".join(f"{count} × {why}" for why, count in left_out.items())
        notes.append(f"study {study.name}: stays in the store: {told}")
    return Told(tuple(notes), manifest.quarantined)


def _name_of(number: int) -> str:
    return f"{SOURCES}/{number + 1}"


def _is_read_first(round_: Round, source: SourceTable) -> bool:
    """Whether a source is read by itself: where it is read in another way than the others, or tells no splits.

    Curated together with others, a file ``pairs.jsonl`` would be a split called so, which no model is trained on.
    """
    if not source.is_plain:
        return True
    place = round_.place(source.source)
    if not is_there(place):  # a hub id
        return False
    try:
        chosen = locate(place, data_dir=None, split=None, format=None, axis=source.axis).chosen
    except PlumblineError:  # told by the step that reads it
        return False
    return all(name != PARQUET for _, name in chosen) and len({location.origin.split for location, _ in chosen}) == 1


def _source_step(round_: Round, source: SourceTable, output: str) -> Step:
    how = source.model_dump(mode="json")
    stated = stated_terms(round_.settings.data)

    def reads() -> dict[str, JsonValue]:
        """How it is read, and what stands there."""
        place = round_.place(source.source)
        within = str(Path(place) / source.data_dir) if source.data_dir else place
        return {
            "how": how,
            "stated": stated.to_json(),
            "content": content_digest(within if is_there(within) else place),
        }

    def run(call: Call) -> None:
        """Read it, and write what was read."""
        place = round_.place(source.source)
        options = {name: value for name, value in how.items() if name != "source"}
        loaded = load(
            place,
            **options,
            cache=False,
            stated_terms=stated,
            advance=lambda name, done, total: call.say(f"reading {name}, {100 * done // max(total, 1)} %"),
        )
        asked = {name: value for name, value in options.items() if value is not None}
        if source.split is None and not open_sources([place], out=round_.out, **asked).tells_splits:
            # To be dealt out by the recipe: the name of their file is no split's.
            loaded = replace(loaded, tables={kind: without_split(table) for kind, table in loaded.tables.items()})
        configuration = ConversionRun(call.command, {**how, "stated_terms": stated.to_json()})
        convert_loaded(loaded, round_.out / output, PARQUET, run=configuration, source=place)

    return Step(
        f"read {source.source}" + "".join(f", {value}" for name, value in how.items() if value and name != "source"),
        output,
        reads,
        run,
    )


# --- curation ---


def curated_sources(round_: Round) -> list[str]:
    """What is curated: exports, then sources; studies of which nothing was judged are not among them."""
    exports = [str(round_.out / EXPORTS / study.name) for study in round_.studies]
    found = [place for place in exports if is_there(place)]
    for number, source in enumerate(round_.settings.data.sources):
        is_first = _is_read_first(round_, source)
        found.append(str(round_.out / _name_of(number)) if is_first else round_.place(source.source))
    return found


def _curate_reads(round_: Round) -> dict[str, JsonValue]:
    return {
        "recipe": round_.recipe.digest,
        "sources": [content_digest(place) for place in curated_sources(round_)],
        "stated": stated_terms(round_.settings.data).to_json(),
    }


def _curate(round_: Round, call: Call) -> None:
    sources = curated_sources(round_)
    if not sources:
        raise NoDataError(
            "PL-RND-011",
            round_.path.name,
            "there is nothing to curate: in none of the studies anything is judged",
            expected="a study with judgements, or a source",
            advice="have one judged, or add sources to [data]; --restart looks into the studies again",
        )
    options = {"on_error": "quarantine", "stated_terms": stated_terms(round_.settings.data)}
    run = CurationRun(tuple(sources), round_.out / CURATED, round_.recipe, load_options=options, command=call.command)
    run_curation(run, call.say, call.note)


def _curated_told(output: Path) -> Told:
    manifest = read_manifest(output)
    if manifest is None:
        return Told()
    removed = manifest.configuration.get("removed")
    gone = sum(count for count in removed.values() if isinstance(count, int)) if isinstance(removed, dict) else 0
    records = {entry.path: entry.rows or 0 for entry in manifest.outputs if not entry.path.startswith("curation/")}
    notes = [
        f"curated: {sum(records.values()):,} records by {manifest.configuration.get('recipe')}, {gone:,} removed or merged "
        "(curation/removed.parquet)"
    ]
    for path, rows in records.items():
        if rows and Path(path).suffix == ".parquet" and Path(path).stem not in _READ_BY_MODELS:
            notes.append(
                f"{rows:,} records of {Path(path).with_suffix('')} are neither trained on nor measured: models take train and test"
            )
    return Told((*notes, *_judged_by_models(output)), manifest.quarantined)


def _judged_by_models(curated: Path) -> Iterator[str]:
    """How many held-out comparisons no person judged: by them a model is measured against models, its forerunner perhaps."""
    path = curated / Kind.COMPARISONS / "test.parquet"
    if not path.is_file():
        return
    workers = pq.read_table(path, columns=["worker"])["worker"].cast(pa.string())
    count = pc.sum(pc.starts_with(workers, _MODEL)).as_py() or 0
    if count:
        yield (
            f"{count:,} of the {len(workers):,} comparisons of split test were judged by a model, not by people: figures on them "
            "say how far models agree. Ask prompts of split train, or leave such rows out of the sources"
        )


# --- release ---


def _previous(round_: Round, release: Release) -> Path | None:
    """The release before: the one named, else that of the round before."""
    if release.previous is not None:
        return Path(round_.place(release.previous))
    found = None if round_.before is None else round_.before.folder / RELEASE
    return found if found is not None and found.is_dir() else None


def _release_reads(round_: Round, release: Release) -> dict[str, JsonValue]:
    previous = _previous(round_, release)
    return {
        "curated": written(round_, CURATED),
        "settings": release.model_dump(mode="json", exclude={"answers", "previous"}),
        "answers": round_.answers.model_dump(mode="json"),
        "previous": None if previous is None else content_digest(str(previous)),
    }


def _release(round_: Round, release: Release, call: Call) -> None:
    out = round_.out / RELEASE
    options = ReleaseOptions(
        release.version,
        _previous(round_, release),
        round_.answers,
        stated_terms(release),
        {gate: reason.strip() for gate, reason in release.accept.items()},
        call.command,
    )
    _make_room(out, call)
    build_release(
        round_.out / CURATED,
        out,
        options,
        advance=lambda name, done, total: call.say(f"release: reading {name}, {100 * done // max(total, 1)} %"),
    )


def _released_told(output: Path) -> Told:
    manifest = read_manifest(output)
    if manifest is None:
        return Told()
    gates = manifest.configuration.get("gates")
    accepted = [
        f"gate {gate['gate']} is accepted: {gate['reason']}"
        for gate in (gates if isinstance(gates, list) else ())
        if isinstance(gate, dict) and gate.get("reason")
    ]
    return Told((f"release: version {manifest.configuration.get('version')}, licence {manifest.licence}", *accepted))


def _make_room(out: Path, call: Call) -> None:
    """Move what this round released before out of the way: somebody may have it, so it is not thrown away."""
    found = FoundManifest.at(out / "manifest.json")
    if found is None:
        return
    former = out.with_name(f"former-{out.name}-{found.digest[:8]}")
    if former.exists():
        return
    out.rename(former)
    call.note(f"the release was made anew; the one before it stands in {former}")


def _verify(round_: Round, call: Call) -> None:
    verified = verify_release(
        round_.out / RELEASE,
        advance=lambda name, done, total: call.say(f"verifying {name}, {100 * done // max(total, 1)} %"),
    )
    if not verified.is_sound:
        said = [f"{each.code} {each.place}" for each in verified.findings] + [
            f"{gate.code} {gate.name}" for gate in verified.gates if gate.stops
        ]
        raise ModelError(
            "PL-RND-015",
            str(round_.out / RELEASE),
            "the release is not what it says it is",
            found="; ".join(said[:3]),
            advice=f"plumbline release verify {quote(str(round_.out / RELEASE))} tells all of it; --restart builds it again",
        )
