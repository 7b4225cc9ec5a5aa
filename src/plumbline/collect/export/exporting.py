"""One export: what it may hold is settled first, then batches are read and leave as files, the manifest last.

A folder is filled in one pass over the study. A stream takes one pass for each file, since its files follow each other;
what was submitted or corrected after the moment fixed at the start is in none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from plumbline import __version__
from plumbline.collect.export.as_stored import AS_STORED, StoredLines
from plumbline.collect.export.failures import erased_meanwhile, nothing_expressible, nothing_finished
from plumbline.collect.export.files import FileInMaking, RecordLines, RecordParquet, SplitOf
from plumbline.collect.export.forms import TEST, TRAIN, FilePlan, Form, file_plans, kinds_told, purposes_held
from plumbline.collect.export.preparing import Prepared, stays_inside
from plumbline.collect.export.read_me import README_NAME, ReadMe
from plumbline.collect.export.record_making import RecordMaker, Tally
from plumbline.collect.export.terms import export_terms, terms_told
from plumbline.collect.export.terms_told import terms_lines
from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.store.exported import log_exported
from plumbline.collect.store.finished_work import stream_finished
from plumbline.collect.store.stored_work import JudgementAsStored
from plumbline.formats.columns_not_carried import ColumnCounts, added
from plumbline.formats.registry import FORMATS
from plumbline.formats.source_files import JUDGED_ON
from plumbline.lineage import FileEntry, Manifest, Terms
from plumbline.lineage.writing import MANIFEST_NAME

Advance = Callable[[int, int], None]
"""Told how many of how many assignments are behind."""


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        files: with digests and rows; README.md and the manifest are not among them.
        manifest_sha256: its digest.
        left_out: work that stays inside, by why.
        quarantined: records that could not be made or written, by code.
        columns_not_carried: rows that say something where the form has no place for it, by kind and column.
        notes: which terms hold, and what should be known about them; see `terms_told.terms_lines`.
    """

    study: str
    form: Form
    as_of: datetime
    files: tuple[FileEntry, ...]
    manifest_sha256: str
    left_out: dict[str, int]
    quarantined: dict[str, int]
    columns_not_carried: ColumnCounts
    terms: Terms
    notes: tuple[str, ...]


@dataclass
class Export:
    """An export under way."""

    prepared: Prepared
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.files = _files_of(self.prepared)

    def pieces(self, advance: Advance | None = None) -> Iterator[tuple[str, bytes]]:
        """(file name, its next bytes) of all files at once, in one pass."""
        if self.prepared.form in AS_STORED:
            for name, pieces in self.file_by_file():
                yield from ((name, data) for data in pieces if data)
            return
        for batch in self._batches(self.tally):
            for file in self.files:
                for data in file.feed(batch, self.tally.quarantined):
                    yield file.name, data
            if advance is not None:
                advance(self.tally.assignments, self.prepared.total)
        for file in self.files:
            for data in file.end():
                yield file.name, data

    def file_by_file(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """(file name, its bytes) one file after the other, in a pass each; a file without rows has no bytes.

        Some pieces are empty.
        """
        for number, file in enumerate(self.files):
            # What becomes of the work is counted once.
            yield file.name, self._bytes_of(file, Tally() if number else self.tally)

    def _bytes_of(self, file: FileInMaking[Any], tally: Tally) -> Iterator[bytes]:
        for batch in self._batches(tally, file.name):
            yield from file.feed(batch, self.tally.quarantined)
            yield b""  # a chance to stop, also where the file waits for more
        yield from file.end()

    def _batches(self, tally: Tally, name: str | None = None) -> Iterator[Any]:
        prepared = self.prepared
        for stored in AS_STORED.get(prepared.form, ()):
            if stored.name == name:
                for rows in stored.stream(prepared.store, prepared.study.id, as_of=prepared.as_of):
                    _note_judgements(rows, prepared, tally)
                    yield rows
        if prepared.form in AS_STORED:
            return
        maker = RecordMaker(prepared.settings, prepared.form)
        for batch in stream_finished(
            prepared.store,
            prepared.study.id,
            prepared.purposes,
            as_of=prepared.as_of,
            follow_up_keys=maker.follow_up_keys,
        ):
            yield maker.records(batch, tally)

    # --- once all bytes are out ---

    def finished(self) -> tuple[dict[str, bytes], Exported]:
        """The last files, README.md and the manifest, by name, and what was exported.

        Raises:
            NoDataError: PL-EXP-003, no file has a row.
        """
        prepared, tally = self.prepared, self.tally
        left_out = stays_inside(prepared) | {name: count for name, count in tally.left_out.items() if count}
        files = tuple(file.entry for file in self.files if file.writer.rows)
        if not files:
            counts = {**tally.quarantined, **left_out}
            if prepared.form in AS_STORED and not tally.quarantined:
                raise nothing_finished(prepared.study.name, None)
            raise nothing_expressible(prepared.form, prepared.study.name, counts)
        not_carried: ColumnCounts = {kind: {"categories": n} for kind, n in tally.categories_dropped.items() if n}
        for file in self.files:
            not_carried = added(not_carried, getattr(file.writer, "columns_not_carried", {}))
        quarantined = dict(sorted(tally.quarantined.items()))
        read_me = _read_me(prepared, files, left_out, quarantined)
        manifest = _manifest(prepared, tally, [*files, _entry(README_NAME, read_me)], left_out, not_carried)
        text = (manifest.model_dump_json(indent=2) + "\n").encode()
        last = {README_NAME: read_me, MANIFEST_NAME: text}
        exported = Exported(
            study=prepared.study.name,
            form=prepared.form,
            as_of=prepared.as_of,
            files=files,
            manifest_sha256=hashlib.sha256(text).hexdigest(),
            left_out=left_out,
            quarantined=quarantined,
            columns_not_carried=not_carried,
            terms=prepared.terms,
            notes=_notes(prepared),
        )
        return last, exported

    def log(self, exported: Exported) -> None:
        """Logs what was exported: by this it is known later which exports hold somebody's work.

        Raises:
            ErasedMeanwhileError: PL-EXP-006, what was read may hold words of somebody who was erased since.
        """
        payload: dict[str, JsonValue] = {
            "form": exported.form.value,
            "as_of": exported.as_of.isoformat(),
            "files": [{"path": file.path, "sha256": file.sha256, "rows": file.rows} for file in exported.files],
            "manifest_sha256": exported.manifest_sha256,
            # Whose work it may hold: who did none of these is not in it.
            "purposes": [purpose.value for purpose in purposes_held(exported.form, self.prepared.settings)],
        }
        prepared = self.prepared
        is_logged = log_exported(
            prepared.store,
            prepared.study.id,
            payload,
            erased_before=prepared.erased_before,
            now=exported.as_of,
            by=prepared.by,
        )
        if not is_logged:
            raise erased_meanwhile(prepared.study.name)


def _note_judgements(rows: Sequence[object], prepared: Prepared, tally: Tally) -> None:
    """Whose they are and what they were judged under, of judgements that leave as they are stored."""
    judged = [row for row in rows if isinstance(row, JudgementAsStored)]
    if judged:
        tally.assignments = sum(prepared.counts.values())
        tally.guidelines_versions.update(row.guidelines_version for row in judged)
    for row in judged:
        tally.people[row.purpose].add(row.worker)


def _files_of(prepared: Prepared) -> list[FileInMaking[Any]]:
    if prepared.form in AS_STORED:
        return [FileInMaking(stored.name, StoredLines(stored.line_of)) for stored in AS_STORED[prepared.form]]
    splits = (TRAIN, TEST) if prepared.test_share else (TRAIN,)
    split_of = _split_of(prepared.settings.seed, prepared.test_share)
    plans = file_plans(prepared.form, prepared.settings, splits)
    return [FileInMaking(plan.name, _writer(plan, prepared, split_of)) for plan in plans]


def _writer(plan: FilePlan, prepared: Prepared, split_of: SplitOf) -> RecordLines | RecordParquet:
    if prepared.form is Form.PARQUET:
        # Each table says what it alone permits; the manifest what all of them do.
        terms = export_terms(prepared.known, prepared.settings, prepared.stated, plan.kinds)
        return RecordParquet(plan, terms, split_of)
    return RecordLines(plan, FORMATS[prepared.form], split_of)


def _split_of(seed: int, test_share: float) -> SplitOf:
    """By the group: rows that begin with the same human message never stand on two sides."""
    if not test_share:
        return lambda record: TRAIN  # noqa: ARG005 - all of them
    return lambda record: TEST if drawn_share(seed, "test split", record.group_id) < test_share else TRAIN


def _notes(prepared: Prepared) -> tuple[str, ...]:
    kinds = kinds_told(prepared.form, prepared.settings)
    return terms_lines(prepared.known, prepared.settings, prepared.stated, kinds)


def _manifest(
    prepared: Prepared, tally: Tally, files: Sequence[FileEntry], left_out: dict[str, int], not_carried: ColumnCounts
) -> Manifest:
    columns: JsonValue = {kind.value: dict(counts) for kind, counts in not_carried.items()}
    configuration: dict[str, JsonValue] = {
        "to": prepared.form.value,
        "study": prepared.study.name,
        "study_kind": prepared.settings.kind.value,
        "study_file_sha256": prepared.study.digest,
        "as_of": prepared.as_of.isoformat(),
        "test_share": prepared.test_share,
        "assignments": tally.assignments,
        "people": {purpose: len(found) for purpose, found in sorted(tally.people.items())},
        "guidelines_versions": list[JsonValue](sorted(tally.guidelines_versions)),
        "left_out": dict(left_out),
        "columns_not_carried": columns,
        "terms": terms_told(prepared.known, prepared.settings, prepared.stated),
        "plumbline": __version__,
    }
    judged_on = _judged_on(prepared)
    if prepared.form is Form.HH_RLHF:
        configuration[JUDGED_ON] = {file.path: judged_on[file.path] for file in files if file.path in judged_on}
    return Manifest(
        holds="data",
        command=list(prepared.command),
        configuration=configuration,
        seed=prepared.settings.seed,
        inputs=[],
        outputs=list(files),
        ancestors=sorted(prepared.known.files),
        rows_read=sum(file.rows or 0 for file in files) + sum(tally.quarantined.values()),
        quarantined=dict(sorted(tally.quarantined.items())),
        uses=sorted(prepared.terms.uses),
        licence=prepared.terms.licence,
        created=prepared.as_of.isoformat(timespec="seconds"),
    )


def _read_me(
    prepared: Prepared, files: Sequence[FileEntry], left_out: dict[str, int], quarantined: dict[str, int]
) -> bytes:
    page = ReadMe(
        study=prepared.study.name,
        study_kind=prepared.settings.kind.value,
        form=prepared.form,
        as_of=prepared.as_of,
        files=files,
        terms=_notes(prepared),
        left_out=left_out,
        quarantined=quarantined,
    )
    return page.text().encode()


def _entry(name: str, data: bytes) -> FileEntry:
    return FileEntry(path=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def _judged_on(prepared: Prepared) -> dict[str, str]:
    plans = file_plans(prepared.form, prepared.settings, (TRAIN, TEST)) if prepared.form is Form.HH_RLHF else ()
    return {plan.name: plan.axis.value for plan in plans if plan.axis is not None}
