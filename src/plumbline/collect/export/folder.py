"""An export as a folder: written aside, and there whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from plumbline.collect.export.exporting import Advance, Export, Exported
from plumbline.collect.export.failures import other_data_there
from plumbline.collect.export.preparing import Prepared, prepare
from plumbline.collect.store.database import Store
from plumbline.lineage import StatedTerms, read_manifest, write_folder_aside


def write_export(
    store: Store,
    study_name: str,
    out: Path,
    to: str,
    *,
    stated: StatedTerms,
    now: datetime,
    command: Sequence[str],
    advance: Advance | None = None,
    test_share: float = 0.0,
) -> Exported:
    """Writes what was collected up to now into a folder, with its manifest, and logs that.

    Args:
        store: may be written to meanwhile.
        out: the folder; an earlier export of the same study in the same form is replaced there.
        to: a `Form`.
        stated: what the user says of the terms; it loosens nothing that is known.
        now: what comes later is not in it.
        command: as it was called, for the manifest.
        advance: told of the progress after each batch.
        test_share: of the groups of rows, for the split test; 0 = all are train.
    Raises:
        NotFoundError: no such study. UsageError: PL-EXP-001, PL-EXP-004; PL-OUT-002, PL-EXP-007: something else stands
            there.
        NoDataError: PL-EXP-002, PL-EXP-003. WriteError: PL-OUT-001. StoreUnavailableError: PL-COL-001.
        ErasedMeanwhileError: PL-EXP-006.
    """
    prepared = prepare(store, study_name, to, stated=stated, now=now, command=command, test_share=test_share)
    export = Export(prepared)
    with write_folder_aside(out, "data") as aside:
        _refuse_other_data(out, prepared)
        with ExitStack() as opened:
            files: dict[str, BinaryIO] = {}
            for name, data in export.pieces(advance):
                if name not in files:
                    (aside / name).parent.mkdir(parents=True, exist_ok=True)
                    files[name] = opened.enter_context((aside / name).open("wb"))
                files[name].write(data)
        last, exported = export.finished()
        for name, data in last.items():
            (aside / name).write_bytes(data)
        # Before the folder gets its name: an export that is there is surely in the log.
        export.log(exported)
    return exported


def _refuse_other_data(out: Path, prepared: Prepared) -> None:
    """Refuses to replace data of another study or form; what is no data folder was refused before."""
    manifest = read_manifest(out)
    if manifest is None:
        return
    study, form = manifest.configuration.get("study"), manifest.configuration.get("to")
    if (study, form) != (prepared.study.name, prepared.form.value):
        was = "data that no study gave" if study is None else f"study {study} as {form}"
        raise other_data_there(str(out), f"study {prepared.study.name} as {prepared.form}", was)
