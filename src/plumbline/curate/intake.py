"""Records from outside become the first data set of a run: parts of so many records at most, each of one kind.

Taken up again where an earlier run of the same sources was stopped later on.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import JsonValue

from plumbline.engine import Dataset, Part, Workspace, positions
from plumbline.engine.dataset import write_part
from plumbline.lineage import file_digest, json_digest, write_aside, write_error
from plumbline.records import Kind

ROWS_OF_A_PART = 20_000
BYTES_OF_A_PART = 256 << 20
"""A part of long records holds fewer of them: several parts are in memory at once."""
_VERSION = 2
_TAKEN_IN = "intake.json"


@dataclass(frozen=True)
class Intake:
    """What was taken in.

    Attributes:
        rows: the records with their `position`; parts in the order of the sources.
        kinds: of each part.
        told: what the sources say of themselves once they are read, as JSON.
        taken_over: an earlier run had read them.
    """

    rows: Dataset
    kinds: tuple[Kind, ...]
    told: JsonValue
    taken_over: bool = field(default=False, compare=False)


def take_in(
    tables: Callable[[], Iterator[Mapping[Kind, pa.Table]]],
    tell: Callable[[], JsonValue],
    address: JsonValue,
    workspace: Workspace,
) -> Intake:
    """Write records into parts, or take over what an earlier run of the same sources wrote.

    Args:
        tables: the records, block after block; read once, and not at all where the parts are there already.
        tell: asked once they are read: what of it is to be kept with them.
        address: all that decides what the records are.
        workspace: where they are left.
    Raises:
        WriteError: the disk is full or cannot be written to.
    """
    folder = workspace.folder / f"read-{json_digest([_VERSION, pa.__version__, address])[:16]}"
    if (found := _taken_over(folder, workspace)) is not None:
        return found
    try:
        return _taken_in(tables, tell, folder, workspace)
    except BaseException:  # half of the sources is of no use to the next run, and may be what fills the disk
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _taken_in(
    tables: Callable[[], Iterator[Mapping[Kind, pa.Table]]],
    tell: Callable[[], JsonValue],
    folder: Path,
    workspace: Workspace,
) -> Intake:
    _make_empty(folder)
    parts: list[Part] = []
    kinds: list[Kind] = []
    for kind, table in _in_pieces(tables()):
        rows = table.append_column("position", positions(len(parts), len(table)))
        parts.append(write_part(folder, f"part-{len(parts):06d}.parquet", rows))
        kinds.append(kind)
        workspace.advance("read", len(parts), 0)
    told = tell()
    kept = {"parts": [part.model_dump() for part in parts], "kinds": [kind.value for kind in kinds], "told": told}
    with write_aside(folder / _TAKEN_IN) as aside:
        aside.write_text(json.dumps(kept), encoding="utf-8")
    return Intake(Dataset(folder, tuple(parts)), tuple(kinds), told)


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise write_error(folder, error) from error


def _taken_over(folder: Path, workspace: Workspace) -> Intake | None:
    if not (folder / _TAKEN_IN).is_file():  # none, or one that was stopped
        return None
    try:
        kept = json.loads((folder / _TAKEN_IN).read_bytes())
        parts = tuple(Part.model_validate(part) for part in kept["parts"])
        if all(file_digest(folder / part.name) == part.sha256 for part in parts):
            return Intake(Dataset(folder, parts), tuple(Kind(kind) for kind in kept["kinds"]), kept["told"], True)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    workspace.note("records that an earlier run had read are damaged or gone: the sources are read anew")
    return None


def _in_pieces(blocks: Iterator[Mapping[Kind, pa.Table]]) -> Iterator[tuple[Kind, pa.Table]]:
    """Pieces of one kind each, in the order of the sources, as long as they may be; the last of a kind may be shorter.

    None is empty, so that it ends whatever a row holds.
    """
    waiting: dict[Kind, list[pa.Table]] = {}
    rows, sizes = Counter[Kind](), Counter[Kind]()
    for block in blocks:
        for kind, table in block.items():
            own = _with_own_dictionaries(table.replace_schema_metadata(None))
            waiting.setdefault(kind, []).append(own)
            rows[kind] += len(own)
            sizes[kind] += own.nbytes
            while rows[kind] and (rows[kind] >= ROWS_OF_A_PART or sizes[kind] >= BYTES_OF_A_PART):
                whole = pa.concat_tables(waiting[kind])
                yield kind, _compact(whole.slice(0, ROWS_OF_A_PART))
                rest = _compact(whole.slice(ROWS_OF_A_PART))
                waiting[kind], rows[kind], sizes[kind] = [rest], len(rest), rest.nbytes
    for kind in sorted(waiting):
        rest = pa.concat_tables(waiting[kind])
        if len(rest):
            yield kind, _compact(rest)


def _compact(table: pa.Table) -> pa.Table:
    """A copy that does not keep the blocks alive that it is a slice of, with one dictionary a column."""
    copied = table.take(pa.array(np.arange(len(table)))).unify_dictionaries().combine_chunks()
    return _with_own_dictionaries(copied)


def _with_own_dictionaries(table: pa.Table) -> pa.Table:
    """The same with no more values in a dictionary than there are rows: its size is that of its rows then."""
    for place, field_ in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_dictionary(field_.type) and any(len(each.dictionary) > len(each) for each in column.chunks):
            plain = column.cast(field_.type.value_type)
            table = table.set_column(place, field_, plain.dictionary_encode().cast(field_.type))
    return table
