"""`build_release`: a folder that Plumbline wrote → a folder that others can trust, load and trace; or why not.

One pass over the rows writes the files aside and gathers what the gates look at. Only where every gate passes do the card, the
datasheet and the metadata follow, and the folder gets its name.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
from pydantic import JsonValue

from plumbline.curate.personal_data import find_personal_data
from plumbline.formats.loading import Advance
from plumbline.formats.own_folders import NOTES, RELEASE, SUMMARY_NAME
from plumbline.formats.parquet.batches import open_parquet
from plumbline.formats.reading import ReadFile
from plumbline.lineage import (
    FileEntry,
    Manifest,
    StatedTerms,
    Terms,
    count_by_code,
    file_digest,
    refuse_output_among_inputs,
    write_folder_aside,
)
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.records import Kind
from plumbline.release import gates as gate_rules
from plumbline.release.answers import Answers
from plumbline.release.changes import Changes, Previous, compare, next_version, read_previous
from plumbline.release.counts import Counted, counts_gate
from plumbline.release.facts import Facts
from plumbline.release.failures import GateError
from plumbline.release.gates import Gate
from plumbline.release.incoming import Incoming, open_incoming, read_incoming, unlisted_files
from plumbline.release.layout import FilesInMaking, Laid
from plumbline.release.ledger import copy_ledger, read_ledger
from plumbline.release.names import RECIPE, SUMS
from plumbline.release.notes import CHANGED_NAME, REMOVED_NAME
from plumbline.release.observed import Observer
from plumbline.release.own_words import Said, look_at, released_command, words_of_answers, words_of_file, write_notes
from plumbline.release.replacing import Replaced, is_same_folder, refuse_unnamed_replacement, standing_release
from plumbline.release.row_pairs import RowIndex
from plumbline.release.rows import released_rows, released_source
from plumbline.release.texts.datasheet import unanswered
from plumbline.release.texts.written import release_texts
from plumbline.release.told import told_of
from plumbline.release.words import words_of

_COPIES: Mapping[str, Callable[[Path, Path], object]] = {
    RECIPE: shutil.copyfile,
    f"{NOTES}/{SUMMARY_NAME}": write_notes,
    f"{NOTES}/{REMOVED_NAME}": copy_ledger,
}
"""What goes along from the input, and how: how the data were made, and what was removed, by id."""


@dataclass(frozen=True)
class ReleaseOptions:
    """What is said of a release beside its data.

    Attributes:
        version: MAJOR.MINOR.PATCH; counted by rule by default, see `changes.next_version`.
        previous: the folder of the release before.
        answers: what only people know.
        stated: licence and uses; they tighten, and loosen nothing.
        accepted: gate → why it is accepted though it fails.
        command: as it was called.
    """

    version: str | None = None
    previous: Path | None = None
    answers: Answers = field(default_factory=Answers)
    stated: StatedTerms = field(default_factory=StatedTerms)
    accepted: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Built:
    """A release that was written.

    Attributes:
        files: all but the manifest.
        not_in_lines: records that stand in the tables alone, by kind and code.
        unanswered: keys of the datasheet's questions that nobody answers.
        manifest_sha256: the digest by which derived sets and the next release name this one.
        replaced: the release that stood there before; None where none did.
    """

    version: str
    rows: int
    terms: Terms
    files: tuple[FileEntry, ...]
    gates: tuple[Gate, ...]
    changes: Changes | None
    not_in_lines: Mapping[Kind, Mapping[str, int]]
    unanswered: tuple[str, ...]
    manifest_sha256: str
    replaced: Replaced | None

    def to_json(self) -> dict[str, JsonValue]:
        """As ``--json`` prints it."""
        gates: list[JsonValue] = [gate.to_json() for gate in self.gates]
        return {
            "version": self.version,
            "rows": self.rows,
            "licence": self.terms.licence,
            "uses": [use.value for use in sorted(self.terms.uses)],
            "files": {entry.path: entry.rows for entry in self.files},
            "gates": gates,
            "changes": self.changes.to_json() if self.changes else None,
            "not_in_lines": {kind.value: dict(codes) for kind, codes in self.not_in_lines.items()},
            "unanswered": list(self.unanswered),
            "manifest_sha256": self.manifest_sha256,
            "replaced": None if self.replaced is None else self.replaced.to_json(),
        }


def build_release(
    folder: Path, out: Path, options: ReleaseOptions | None = None, *, advance: Advance | None = None
) -> Built:
    """Write a release of what is in a folder.

    Args:
        folder: what ``plumbline curate`` or ``data convert --to parquet`` wrote.
        out: the release; an earlier one there is replaced where it is the one before, has a lower version, or the same data.
        options: what is said of it.
        advance: called as bytes are read, for progress.
    Raises:
        GateError: PL-REL-001, a gate failed; nothing is written.
        UsageError, SourceError, WriteError: an option, the folder or the output cannot be used; nothing is written.
    """
    options = options or ReleaseOptions()
    incoming = open_incoming(folder, options.stated)
    replaces_previous = is_same_folder(out, options.previous)
    refuse_output_among_inputs(
        out, [folder, *([options.previous] if options.previous and not replaces_previous else [])]
    )
    previous = read_previous(options.previous) if options.previous else None
    replaced = standing_release(out)
    with write_folder_aside(out, RELEASE) as aside:
        passed = _pass_over(incoming, aside, previous, advance)
        gates = tuple(gate_rules.accepted(_gates(incoming, passed, options), options.accepted))
        if any(gate.stops for gate in gates):
            raise GateError(str(folder), gates)
        changes = (
            None if previous is None or passed.index is None else compare(previous, passed.index, incoming.behind.terms)
        )
        facts = _facts(incoming, passed, gates, changes, options)
        if not replaces_previous:
            refuse_unnamed_replacement(out, facts.laid.tables.values(), facts.version)
        return _written(aside, incoming, facts, options, replaced)


def _written(
    aside: Path, incoming: Incoming, facts: Facts, options: ReleaseOptions, replaced: Replaced | None
) -> Built:
    """Write what is said of the data, the manifest last."""
    _write_notes(aside, incoming, facts)
    files = _files(aside, facts.laid)
    _manifest(incoming, facts, files, options).write(aside)
    return Built(
        facts.version,
        facts.rows,
        facts.terms,
        tuple(files),
        facts.gates,
        facts.changes,
        facts.laid.not_in_lines,
        tuple(unanswered(facts)),
        file_digest(aside / MANIFEST_NAME),
        replaced,
    )


# --- one pass over the rows ---


@dataclass
class _Passed:
    """What one pass over the rows wrote and saw."""

    laid: Laid
    observer: Observer
    index: RowIndex | None
    rows: dict[str, int]
    unreadable: dict[str, int]


def _pass_over(incoming: Incoming, aside: Path, previous: Previous | None, advance: Advance | None) -> _Passed:
    files = FilesInMaking(aside, incoming.behind.terms)
    observer = Observer(find_personal_data)
    index = None if previous is None else RowIndex()
    if index is not None:
        _note_former(incoming.folder / NOTES / CHANGED_NAME, index)
    rows: dict[str, int] = {}
    faults = []
    sizes = [location.path.stat().st_size for location, _ in incoming.files]
    done = 0
    for (location, name), size in zip(incoming.files, sizes, strict=True):
        read = ReadFile(location, name)
        for kind, came in read_incoming(read):
            table = released_rows(kind, came)
            observer.look(kind, table)
            files.take(kind, table)
            if index is not None:
                index.add(kind, table)
        rows[incoming.name_of(location.path)] = read.rows_read
        faults += read.faults
        done += size
        if advance is not None:
            advance(location.origin.source, done, sum(sizes))
    return _Passed(files.finish(), observer, index, rows, count_by_code(faults))


def _note_former(path: Path, index: RowIndex) -> None:
    """Tell the index what records were called before they were masked, where the notes of the curation have that."""
    if not path.is_file():
        return
    names = ["id", "id_before"]
    file = open_parquet(path)
    if set(names) <= set(file.schema_arrow.names):
        for batch in file.iter_batches(columns=names):
            index.note_former(*(pl.Series(batch.column(name).cast(pa.string())) for name in names))


def _gates(incoming: Incoming, passed: _Passed, options: ReleaseOptions) -> list[Gate]:
    observer, terms, parents = passed.observer, incoming.behind.terms, incoming.parent_terms()
    listed = incoming.manifest.manifest.outputs if incoming.manifest else []
    removed = incoming.folder / NOTES / REMOVED_NAME
    counted = Counted(
        {kind: dict(of_splits) for kind, of_splits in observer.rows.items()},
        passed.unreadable,
        {entry.path: entry.rows for entry in listed if entry.rows is not None},
        passed.rows,
        open_parquet(removed).metadata.num_rows if removed.is_file() else None,
    )
    return [
        gate_rules.personal_data_gate(
            observer.personal_data(), look_at(_own_words(incoming, options), find_personal_data)
        ),
        gate_rules.leakage_gate(observer.leakage(), incoming.notes),
        gate_rules.workers_gate(observer.workers()),
        gate_rules.uses_gate(terms, parents),
        gate_rules.licence_gate(terms, parents, incoming.stated_licence),
        counts_gate(counted, incoming.notes),
        gate_rules.digests_gate(*unlisted_files(incoming), is_listed=incoming.manifest is not None),
    ]


def _own_words(incoming: Incoming, options: ReleaseOptions) -> Iterator[Said]:
    """What a release says beside its rows, in words that people or an earlier run chose."""
    yield from (("the command", word) for word in released_command(options.command))
    yield from (("--accept", reason) for reason in options.accepted.values())
    yield from words_of_answers(options.answers)
    yield "the folder's name", incoming.folder.resolve().name
    if incoming.manifest is not None:
        yield from (("files read", released_source(entry.path)) for entry in incoming.manifest.manifest.inputs)
    for name, copy in _COPIES.items():
        if copy is not copy_ledger:
            yield from words_of_file(incoming.folder / name, name)
        elif (incoming.folder / name).is_file():
            yield from (
                (name, word)
                for table in read_ledger(incoming.folder / name)
                for each in words_of(table)
                for word in each.texts
            )


# --- what is written about the data ---


def _facts(
    incoming: Incoming, passed: _Passed, gates: tuple[Gate, ...], changes: Changes | None, options: ReleaseOptions
) -> Facts:
    if incoming.manifest is None:  # the gate of digests has stopped such a release
        raise GateError(str(incoming.folder), gates)
    return Facts(
        name=incoming.folder.resolve().name,
        version=next_version(options.version, changes),
        created=datetime.now(UTC).date().isoformat(),
        laid=passed.laid,
        terms=incoming.behind.terms,
        source=incoming.manifest.manifest.model_copy(update={"inputs": _released_inputs(incoming.manifest.manifest)}),
        source_digest=incoming.manifest.digest,
        parents=incoming.parents,
        notes=incoming.notes,
        gates=gates,
        changes=changes,
        answers=options.answers,
        is_synthetic=passed.observer.is_synthetic or incoming.says_synthetic,
        stated_licence=incoming.stated_licence,
        synthetic_rows=passed.observer.synthetic_rows,
        masked_left=incoming.masked_left,
        masked_before=incoming.masked_before,
        source_licences=incoming.source_licences,
    )


def _released_inputs(manifest: Manifest) -> list[FileEntry]:
    """The files that were read, without the folders of a machine."""
    return [entry.model_copy(update={"path": released_source(entry.path)}) for entry in manifest.inputs]


def _write_notes(aside: Path, incoming: Incoming, facts: Facts) -> None:
    for name, copy in _COPIES.items():
        if (incoming.folder / name).is_file():
            (aside / name).parent.mkdir(exist_ok=True)
            copy(incoming.folder / name, aside / name)
    for name, text in release_texts(facts).items():
        (aside / name).write_text(text, encoding="utf-8")


def _files(aside: Path, laid: Laid) -> list[FileEntry]:
    """Every file with its digest; the checksums, in the form of ``sha256sum``, are written here and are one of them."""
    known = {entry.path: entry for entry in (*laid.lines.values(), *laid.tables.values())}
    names = sorted(path.relative_to(aside).as_posix() for path in aside.rglob("*") if path.is_file())
    entries = [known.get(name) or FileEntry.of(aside / name, name=name) for name in names]
    sums = aside / SUMS
    sums.write_text("".join(f"{entry.sha256}  {entry.path}\n" for entry in entries), encoding="utf-8")
    return [*entries, FileEntry.of(sums)]


def _manifest(incoming: Incoming, facts: Facts, files: Sequence[FileEntry], options: ReleaseOptions) -> Manifest:
    rows = {entry.path: entry.rows for entry in files}
    inputs = [
        entry.model_copy(update={"path": location.origin.source})
        for location, _ in incoming.files
        if (entry := incoming.entries[incoming.name_of(location.path)])
    ]
    return Manifest(
        holds=RELEASE,
        command=released_command(options.command),
        configuration={**told_of(facts), "stated_terms": options.stated.to_json()},
        inputs=inputs,
        outputs=list(files),
        parents=[facts.source_digest],
        ancestors=sorted(incoming.behind.derived_from),
        rows_read=sum(rows[entry.path] or 0 for entry in facts.laid.tables.values()),
        uses=sorted(facts.terms.uses),
        licence=facts.terms.licence,
    )
