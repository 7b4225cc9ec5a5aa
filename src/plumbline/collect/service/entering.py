"""Items of a study: from data in any format that Plumbline reads, and from workers, a few ahead of who asks."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from plumbline.collect.kinds import NewItem, PassedOver, Purpose, items_from_records, items_from_workers
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import not_readable
from plumbline.collect.service.upload_bounds import require_within
from plumbline.collect.store.events import log_event
from plumbline.collect.store.items import Entered, count_items, enter_items
from plumbline.collect.store.rows import NewItem as ItemRow
from plumbline.collect.study_settings import StudyFile
from plumbline.formats import Loaded, load
from plumbline.formats.prompt_files import load_prompts
from plumbline.lineage import StatedTerms
from plumbline.records import PlumblineError, Record, records_from_table

Advance = Callable[[int, int], None]
"""Told how many of how many are done."""

_AHEAD = 32
_TOLD_EVERY = 500
_FILE_NAMES = {"jsonl": "items.jsonl", "jsonl.gz": "items.jsonl.gz", "parquet": "items.parquet"}


@dataclass(frozen=True, slots=True)
class EnteredItems:
    """What became of data.

    Attributes:
        entered: items that are new, known before, or known with another payload, known answer or overlap.
        passed_over: records that make no item of the study, by code.
        faults: rows that could not be read, by code.
        rows_read: rows of the data.
        first_faults: (file, line from 1) of the first row of each code that could not be read.
    """

    entered: Entered
    passed_over: dict[str, int]
    faults: dict[str, int]
    rows_read: int
    first_faults: dict[str, tuple[str, int]] = field(default_factory=dict)


def enter_data(
    collecting: Collecting, study: KnownStudy, source: Path | str, purpose: Purpose = Purpose.WORK, *, split: str | None = None, data_dir: str | None = None
) -> EnteredItems:  # fmt: skip
    """Enters the items of a data set; running it again enters what is missing.

    What may be done with the data goes into the log with its digests, so that a release of what is collected can say
    so too.

    Raises:
        SourceError, UsageError, FaultError: the data cannot be read, or makes no items of this purpose.
    """
    stated = terms_of_study(study.settings)
    loaded = _reader(study, purpose)(source, split=split, data_dir=data_dir, stated_terms=stated)
    return enter_loaded(collecting, study, loaded, purpose)


def enter_uploaded(
    collecting: Collecting, study: KnownStudy, data: bytes, form: str, purpose: Purpose = Purpose.WORK
) -> EnteredItems:
    """Enters the items of a file that was sent, as `enter_data` does.

    Args:
        form: ``jsonl``, ``jsonl.gz`` or ``parquet``.
    Raises:
        ServiceError: PL-SVC-008, it is none of these forms; PL-SVC-012, it holds more than is taken.
    """
    name = _FILE_NAMES.get(form)
    if name is None or not data:
        raise not_readable(
            "the data is empty or of another form",
            f"{len(data):,} bytes",
            f"send one of {', '.join(_FILE_NAMES)}, and name it",
        )
    with tempfile.TemporaryDirectory(prefix="plumbline-items-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            require_within(path, form)
            stated = terms_of_study(study.settings)
            loaded = _reader(study, purpose)(path, cache=False, stated_terms=stated)
            return enter_loaded(collecting, study, loaded, purpose)
        except PlumblineError as error:
            # Whoever sent the file knows nothing of the server's folders, and need not.
            error.retold(lambda text: text.replace(f"{folder}/", ""))
            raise


def _reader(study: KnownStudy, purpose: Purpose) -> Callable[..., Loaded]:
    """What reads the data of items: prompts may be plain ones, a line each."""
    return load_prompts if study.settings.items.prompts is not None and purpose is Purpose.WORK else load


def more_from_workers(collecting: Collecting, study: KnownStudy) -> bool:
    """Enters a few more conversations that workers begin, where the study has such and not all are entered yet."""
    items = study.settings.items
    if not items.from_workers:
        return False
    first = count_items(collecting.store, study.id, Purpose.WORK)
    count = _AHEAD if items.conversations is None else min(_AHEAD, items.conversations - first)
    if count <= 0:
        return False
    new = items_from_workers(study.settings, first, count)
    # Others may be at it too: the numbers give the same keys, and each is entered once.
    enter_items(collecting.store, study.id, map(row_of, new), now=collecting.clock())
    return True


def row_of(item: NewItem, author_id: str | None = None) -> ItemRow:
    """An item as the store takes it.

    Args:
        author_id: the person whose pseudonym the item names as its author.
    """
    return ItemRow(
        key=item.key,
        payload=item.payload,
        purpose=item.purpose,
        priority=item.priority,
        overlap=item.overlap,
        author_id=author_id,
        truth=item.truth,
    )


def enter_loaded(
    collecting: Collecting, study: KnownStudy, loaded: Loaded, purpose: Purpose, *, advance: Advance | None = None
) -> EnteredItems:
    """Enters the items of data that was read already, as `enter_data` does.

    Args:
        advance: told how many of how many records were looked at.
    """
    passed: Counter[str] = Counter()
    total = sum(table.num_rows for table in loaded.tables.values())

    def records() -> Iterator[Record]:
        """All records, telling how far it is now and then."""
        for done, record in enumerate(records_of(loaded)):
            if advance is not None and done % _TOLD_EVERY == 0:
                advance(done, total)
            yield record

    def rows() -> Iterator[ItemRow]:
        """The items; what makes none is counted by code."""
        for item in items_from_records(records(), study.settings, purpose):
            if isinstance(item, PassedOver):
                passed[item.code] += 1
            else:
                yield row_of(item)

    entered = enter_items(collecting.store, study.id, rows(), now=collecting.clock())
    faults = Counter(fault.code for fault in loaded.faults)
    log_event(
        collecting.store,
        "data_entered",
        now=collecting.clock(),
        study_id=study.id,
        payload={
            "purpose": purpose.value,
            "new": entered.new,
            "known": entered.known,
            "passed_over": dict(passed),
            "faults": dict(faults),
            "uses": sorted(map(str, loaded.terms.uses)),
            "licence": loaded.terms.licence,
            "files": [file.sha256 for file in loaded.files],
        },
    )
    first = {fault.code: (fault.source, fault.row + 1) for fault in reversed(loaded.faults)}
    return EnteredItems(entered, dict(passed), dict(faults), loaded.rows_read, first)


def terms_of_study(study: StudyFile) -> StatedTerms:
    """What the study file says of the terms of its data: it fills in what the data and their format do not tell."""
    return StatedTerms.of(study.licence, study.uses)


def records_of(loaded: Loaded) -> Iterator[Record]:
    """Every record of what was read, table by table."""
    return chain.from_iterable(records_from_table(table) for table in loaded.tables.values())
