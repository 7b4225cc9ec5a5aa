"""Functions that tests run as stages, also in processes of their own, and the data that they run on."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.engine import (
    ByKey,
    ByPart,
    Dataset,
    PortionsToParts,
    Stage,
    ToParts,
    Whole,
    open_engine,
    open_workspace,
    positions,
    run_stage,
)
from plumbline.engine.dataset import write_part
from plumbline.records import SourceError

# --- data ---


def dataset(folder, tables):
    """A data set of these tables."""
    folder.mkdir(parents=True, exist_ok=True)
    return Dataset(folder, tuple(write_part(folder, f"{number}.parquet", table) for number, table in enumerate(tables)))


def of_all_types(part, rows, seed=0):
    """Synthetic rows whose columns have every type that a stage may exchange, nulls among them."""
    random = np.random.default_rng([seed, part])
    picked = random.integers(0, 7, rows)
    word = pa.array(["", "a", "b", None, "ä", "c c", "d"]).take(pa.array(picked))
    numbers = [None if pick == 1 else list(range(pick)) for pick in picked]
    sides = [None if pick == 2 else [{"role": "user", "text": str(pick)}] for pick in picked]
    return pa.table(
        {
            "position": positions(part, rows),
            "key": word,
            "digest": pa.array([None if pick == 3 else bytes([255, pick]) for pick in picked], pa.binary(2)),
            "split": pa.DictionaryArray.from_arrays(
                pa.array(picked % 3, pa.int8(), mask=picked == 4), ["test", "train", str(part)]
            ),
            "shingles": pa.array(numbers, pa.list_(pa.uint64())),
            "sides": pa.array(sides, pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))),
            "pair": pa.array(random.random((rows, 2)).tolist(), pa.list_(pa.float32(), 2)),
            "long": word.cast(pa.large_string()),
            "hash": pa.array(random.integers(0, 2**63, rows).astype(np.uint64) * np.uint64(2)),
            "flag": pa.array(picked > 3, mask=picked == 0),
            "nothing": pa.nulls(rows),
        }
    )


def some_data(folder):
    """Four parts, one of them empty."""
    return dataset(folder, [of_all_types(part, rows) for part, rows in enumerate((40, 0, 25, 12))])


# --- functions ---


def numbered(table, *, part):
    return table.append_column("part", pa.array([part] * len(table), pa.int32()))


def later_of_key(table):
    """Rows before which another of the same key came, as they were handed in, and in how many chunks."""
    key = pl.Series(table["key"])
    later = table.filter(pa.array(~key.is_first_distinct().to_numpy()))
    return later.append_column("chunks", pa.array([table["key"].num_chunks] * len(later), pa.int32()))


def as_it_came(*tables):
    return tables[-1]


def row_by_row(table, portions):
    """What was dealt here in portions, as a table a row."""
    dealt = pa.concat_tables([table.slice(0, 0).select(["position", "shingles"]), *portions]).sort_by("position")
    return iter([dealt.slice(0, 0), *(dealt.slice(row, 1) for row in range(len(dealt)))])


def sizes_of_portions(table, portions):
    """How many rows each portion has."""
    return pa.table({"rows": pa.array([len(portion) for portion in portions], pa.int64())})


def no_tables(table):
    return iter(())


def by_digest(table):
    return table.group_by("digest", use_threads=False).aggregate([("position", "min"), ("position", "count")])


def counted(table, dealt, *, folder, stop):
    """Leaves a file a call; the first call for part `stop` waits to be killed."""
    part = table["position"][0].as_py() >> 32
    calls = len(list(Path(folder).glob(f"{part}-*")))
    (Path(folder) / f"{part}-{calls}").touch()
    if part == stop and not calls:
        time.sleep(60)
    return dealt


def killed_once(table, *, part, folder):
    """Ends its process at the first call for part 2."""
    mark = Path(folder) / "killed"
    if part == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return table


def refused(table):
    raise SourceError("PL-ENG-001", "a place", "a problem", expected="this", found="that", advice="do so")


def quoting(table):
    raise KeyError("what somebody said")


def no_table(table):
    return [1]


# --- runs ---


def all_ways(folder, data, engine):
    """Digests of stages that deal out in each of the five ways."""
    with open_workspace(folder) as workspace:

        def run(name, function, takes, inputs, **more):
            return run_stage(Stage(name, 1, function, takes, **more), inputs, workspace, engine)

        made = run("numbered", numbered, (ByPart(),), [data], numbered=True)
        later = run("later", later_of_key, (ByKey("key", ("position",)),), [made])
        back = run("back", as_it_came, (ByPart(("position",)), ToParts("position", ("position",))), [made, later])
        takes = (ByPart(("position", "shingles")), PortionsToParts("position"))
        narrow = run("narrow", as_it_came, (ByPart(("position", "shingles")),), [made])
        portions = run("portions", row_by_row, takes, [data, narrow])
        digests = run("digests", by_digest, (ByKey("digest", ("position",), ("position", "digest")),), [data])
        whole = run("whole", as_it_came, (Whole(("position", "split")),), [back])
        return [each.digest for each in (made, later, back, portions, digests, whole)]


def run_counted(workspace, calls):
    """Six parts through `counted`, of which the first call for part 3 waits; also run in a process that is killed."""
    data = dataset(workspace.parent / "in", [of_all_types(part, 5) for part in range(6)])
    takes = (ByPart(), ToParts("position", ("position",)))
    stage = Stage("counted", 1, counted, takes, {"folder": str(calls), "stop": 3})
    with open_engine("local") as engine, open_workspace(workspace) as opened:
        return run_stage(stage, [data, data], opened, engine)
