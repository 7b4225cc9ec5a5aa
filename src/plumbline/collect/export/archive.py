"""An export as a stream: a zip archive whose bytes leave as they are made, on a line that cannot seek.

The archive's list of files comes last, so that one that broke off is seen to be broken. All files are in one folder, named
after study and form: unpacked where others were, they stay apart, and what is unpacked can be named to `load`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import IO, cast

from plumbline.collect.export.exporting import Export
from plumbline.collect.export.preparing import prepare
from plumbline.collect.store.database import Store
from plumbline.formats.line_stream import Outbox
from plumbline.lineage import StatedTerms


def stream_export(
    store: Store,
    study_name: str,
    to: str,
    *,
    stated: StatedTerms,
    now: datetime,
    command: Sequence[str],
    test_share: float = 0.0,
    by: str | None = None,
) -> Iterator[bytes]:
    """What was collected up to now as a zip archive, bit by bit; the arguments are those of `write_export`.

    The log says that it was asked for `by` this person.

    A piece comes after each batch, an empty one where there is nothing to send yet, so that whoever stops reading ends
    it soon. No transaction is open while a piece is handed out, and nothing is held but the batch at hand.

    Raises:
        As `write_export`, but of writing; what is wrong with the call at once, PL-EXP-003 before the first byte.
    """
    prepared = prepare(store, study_name, to, stated=stated, now=now, command=command, test_share=test_share, by=by)
    return _archive(Export(prepared))


def archive_name(study_name: str, to: str) -> str:
    """What an archive is called, without ``.zip``, and the folder in it."""
    return f"{study_name}-{to}"


def _archive(export: Export) -> Iterator[bytes]:
    prepared, outbox = export.prepared, Outbox()
    archive = zipfile.ZipFile(cast(IO[bytes], outbox), "w")
    folder, made = archive_name(prepared.study.name, prepared.form), prepared.as_of.timetuple()[:6]
    for name, pieces in export.file_by_file():
        yield from _member(archive, outbox, zipfile.ZipInfo(f"{folder}/{name}", made), pieces)
    last, exported = export.finished()
    for name, data in last.items():
        yield from _member(archive, outbox, zipfile.ZipInfo(f"{folder}/{name}", made), iter([data]))
    # Before the list of files: whoever holds a whole archive, the log has it.
    export.log(exported)
    archive.close()
    yield outbox.take()


def _member(
    archive: zipfile.ZipFile, outbox: Outbox, info: zipfile.ZipInfo, pieces: Iterator[bytes]
) -> Iterator[bytes]:
    """One file of the archive, not packed again: what is large in it is packed already. None where it has no bytes."""
    info.external_attr = 0o644 << 16
    with ExitStack() as opened:
        member: IO[bytes] | None = None
        for data in pieces:
            if data and member is None:
                member = opened.enter_context(archive.open(info, "w", force_zip64=True))
            if data and member is not None:
                member.write(data)
            yield outbox.take()
    yield outbox.take()
