"""`run_stage`: deals the rows of the inputs out, applies the function, and leaves a finished data set behind.

What it leaves in a workspace, for each stage:

    <name>-<address>/exchanged-<input>/<share>/…   rows dealt out; gone once the stage is finished
                     part-000000.parquet …         one a piece, there once it is whole
                     stage.json                    there once all are
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic

import polars as pl
import polars_hash
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from plumbline.engine.dataset import (
    Dataset,
    Part,
    part_at,
    read_row_groups,
    read_schema,
    read_whole,
    write_part,
    write_portions,
)
from plumbline.engine.engines import Answer, Engine
from plumbline.engine.exchange import Exchange, not_shared, share_count
from plumbline.engine.stage import ByKey, ByPart, Made, PortionsToParts, Stage, Take, Whole
from plumbline.engine.workspace import Workspace
from plumbline.lineage import file_digest, json_digest, write_aside, write_error
from plumbline.records import SourceError

_FORM = 1
"""Raised when the way stages are kept changes: what stands in a workspace of another form is not taken over."""
_ROWS_OF_A_BUCKET = 100_000
_STAGE, _MARKS = "stage.json", "marks"


class _Finished(BaseModel):
    """What stands in ``stage.json``; the file is there once the stage is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    settings: dict[str, JsonValue]
    inputs: list[str]
    address: str
    parts: list[Part]
    seconds: float


def run_stage(stage: Stage, inputs: Sequence[Dataset], workspace: Workspace, engine: Engine) -> Dataset:
    """Run a stage, or take over what an earlier run of the same stage on the same inputs left.

    The same stage on the same inputs gives the same files, byte by byte, whichever engine runs it.

    Args:
        stage: what to do.
        inputs: one for each of ``stage.takes``; those dealt out by part have the same number of parts.
        workspace: where the result is left.
        engine: does the work.
    Returns:
        As many parts as pieces: those of an input that is dealt out by part, or one a bucket.
    Raises:
        SourceError: a file of an earlier stage is damaged or gone, or a machine of a cluster does not see the workspace.
        WriteError: the disk is full or cannot be written to.
        EngineError: a piece ends the process that works on it, again and again.
    """
    if len(inputs) != len(stage.takes):
        raise ValueError(f"stage {stage.name}: expected {len(stage.takes)} inputs, found {len(inputs)}")
    inputs = [Dataset(each.folder.absolute(), each.parts) for each in inputs]  # as other processes find them, too
    address = _address(stage, inputs)
    folder = workspace.folder / f"{stage.name}-{address[:16]}"
    if (finished := _taken_over(folder, address, workspace)) is not None:
        workspace.advance(stage.name, len(finished.parts), len(finished.parts))
        return finished
    began = monotonic()
    _make(folder)
    count = _piece_count(stage, inputs)
    parts = _worked_off(stage, inputs, folder, count, workspace, engine)
    with write_aside(folder / _STAGE) as aside:
        left = _Finished(
            name=stage.name,
            version=stage.version,
            settings=dict(stage.settings),
            inputs=[each.digest for each in inputs],
            address=address,
            parts=list(parts),
            seconds=round(monotonic() - began, 3),
        )
        aside.write_text(json.dumps(left.model_dump(), indent=1), encoding="utf-8")
    for path in folder.iterdir():  # rows dealt out, the engine's marks
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
    return Dataset(folder, parts)


def _address(stage: Stage, inputs: Sequence[Dataset]) -> str:
    """A digest of all that a stage's result depends on."""
    made_by: dict[str, JsonValue] = {
        "form": _FORM,
        "rows of a bucket": _ROWS_OF_A_BUCKET,
        "polars": pl.__version__,
        "polars-hash": polars_hash.__version__,
        "pyarrow": pa.__version__,
    }
    function = f"{stage.function.__module__}.{stage.function.__qualname__}"
    takes: list[JsonValue] = [[type(take).__name__, *map(str, vars(take).values())] for take in stage.takes]
    of_inputs: list[JsonValue] = [each.digest for each in inputs]
    of_stage = [stage.name, stage.version, function, stage.numbered, dict(stage.settings), takes]
    return json_digest([*of_stage, of_inputs, made_by])


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def _taken_over(folder: Path, address: str, workspace: Workspace) -> Dataset | None:
    """What an earlier run finished, if its files are still what they were; of the others the damaged are removed."""
    if not (folder / _STAGE).is_file():
        return None
    try:
        finished = _Finished.model_validate_json((folder / _STAGE).read_bytes())
        damaged = [part.name for part in finished.parts if not _is_whole(folder, part)]
        if finished.address == address and not damaged:
            return Dataset(folder, tuple(finished.parts))
    except (OSError, ValidationError):  # nothing says what the parts should be
        damaged = [path.name for path in folder.glob("*.parquet")]
    workspace.note(f"files of the stage {folder.name} are damaged or gone: they are made anew")
    for name in [_STAGE, *damaged]:
        (folder / name).unlink(missing_ok=True)
    return None


def _is_whole(folder: Path, part: Part) -> bool:
    try:
        return file_digest(folder / part.name) == part.sha256
    except OSError:
        return False


# --- the work ---


def _worked_off(
    stage: Stage, inputs: Sequence[Dataset], folder: Path, count: int, workspace: Workspace, engine: Engine
) -> tuple[Part, ...]:
    sources = tuple(_dealt_out(stage, number, inputs, folder, engine) for number in range(len(inputs)))
    done = 0

    def advance() -> None:
        """One piece more."""
        nonlocal done
        done += 1
        workspace.advance(stage.name, done, count)

    answers = engine.each(count, _Piece(stage, sources, folder), folder / _MARKS, advance)
    parts = tuple(Part.model_validate(answer) for answer in answers)
    unseen = [part.name for part in parts if not (folder / part.name).is_file()]
    if unseen:
        raise not_shared(folder, f"{len(parts)} parts", f"no {unseen[0]}")
    return parts


@dataclass(frozen=True)
class _Source:
    """Where a piece finds its rows of one input.

    Attributes:
        take: how the input is dealt out.
        dataset: the input.
        exchange: of its rows, where they are exchanged.
    """

    take: Take
    dataset: Dataset
    exchange: Exchange | None = None

    def read(self, number: int) -> Made:
        """The rows of a piece."""
        if isinstance(self.take, ByPart):
            return self.dataset.read(number, self.take.columns)
        if isinstance(self.take, Whole):
            return read_whole(self.dataset, self.take.columns)
        if self.exchange is None:
            raise ValueError("expected rows that were exchanged, found none")
        if isinstance(self.take, PortionsToParts):
            return self.exchange.portions(number)
        return self.exchange.read(number, self.take.order)


def _dealt_out(stage: Stage, number: int, inputs: Sequence[Dataset], folder: Path, engine: Engine) -> _Source:
    """One input as its pieces find it; where rows must meet they are exchanged now."""
    take, dataset = stage.takes[number], inputs[number]
    if isinstance(take, ByPart | Whole):
        return _Source(take, dataset)
    if not dataset.parts:
        raise ValueError(f"stage {stage.name}: expected an input of at least one part, since it names the columns")
    schema = read_schema(dataset.path(0))
    if isinstance(take, ByKey) and take.columns is not None:
        schema = pa.schema([schema.field(name) for name in take.columns])
    shares = share_count(dataset, engine.shares)
    place = folder / f"exchanged-{number}-{shares}"  # an engine that divides it otherwise would read rows twice
    _make(place)
    column, by_part = (take.key, False) if isinstance(take, ByKey) else (take.position, True)
    exchange = Exchange(dataset, schema, column, by_part, _piece_count(stage, inputs), place, shares)
    engine.each(shares, exchange, folder / f"{_MARKS}-{number}", lambda: None)
    return _Source(take, dataset, exchange)


def _piece_count(stage: Stage, inputs: Sequence[Dataset]) -> int:
    """Parts of the inputs that are dealt out by part; else as many buckets as the largest input needs."""
    if isinstance(stage.takes[0], Whole):
        return 1
    if isinstance(stage.takes[0], ByKey):
        return max(1, *(ceil(each.rows / _ROWS_OF_A_BUCKET) for each in inputs))
    counts = {len(each.parts) for each, take in zip(inputs, stage.takes, strict=True) if isinstance(take, ByPart)}
    if len(counts) != 1:
        raise ValueError(f"stage {stage.name}: expected inputs of one number of parts, found {sorted(counts)}")
    return counts.pop()


@dataclass(frozen=True)
class _Piece:
    """The work of a stage on one of its pieces; goes to other processes as it is."""

    stage: Stage
    sources: tuple[_Source, ...]
    folder: Path

    def __call__(self, number: int) -> Answer:
        """Read, apply, write. A piece that an earlier run has written is not done again."""
        name = f"part-{number:06d}.parquet"
        if (written := self._written(self.folder / name)) is not None:
            return written.model_dump()
        told = {"part": number} if self.stage.numbered else {}
        made = self.stage.function(*(source.read(number) for source in self.sources), **self.stage.settings, **told)
        if isinstance(made, Iterator):
            return write_portions(self.folder, name, made).model_dump()
        if not isinstance(made, pa.Table):
            raise ValueError(f"stage {self.stage.name}: expected an Arrow table, found {type(made).__name__}")
        return write_part(self.folder, name, made).model_dump()

    @staticmethod
    def _written(path: Path) -> Part | None:
        """A part that stands there, if all of it can be read: nothing is known of it yet but what it says itself."""
        try:
            if not path.is_file():
                return None
            for _ in read_row_groups(path):
                pass
            return part_at(path)
        except SourceError:
            return None
