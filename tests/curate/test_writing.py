"""Writing: what is left, in source order, by kind and split, with the columns that records have."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.curate.writing import CHANGED_NAME, records_left, write_ledger, write_records
from plumbline.engine import Dataset
from plumbline.engine.dataset import write_part
from plumbline.lineage import ALL_USES, Terms
from plumbline.records import SCHEMAS, Kind, UsageError
from plumbline.records.tables import with_ids
from tests.curate.made_up import attempts, comparisons, kind_of, labels, placed, prompts
from tests.curate.test_accounting import fates_of

TERMS = Terms(ALL_USES, "MIT")
PAIRS = comparisons(
    *[
        (f"q{n}", "a", "b", "first", {"split": split, "worker": "w", "strength": 1, "extra": '{"raw":"line","n":1}'})
        for n, split in enumerate(["train", None, "test", "train", None, "train"])
    ]
)
LABEL = {
    "outcome": "tie",
    "votes": [1, 1, 0],
    "soft_label": 0.5,
    "disagreement": 0.5,
    "method": "majority",
    "sides_agree": True,
    "said": None,
    "in_order": True,
}


def dataset(folder, *tables):
    folder.mkdir()
    return Dataset(folder, tuple(write_part(folder, f"part-{n}.parquet", table) for n, table in enumerate(tables)))


def concluded(fates, position, label):
    """The fates with a conclusion for a row that no step has said anything of."""
    row = {"step": 9, "position": position, "removed": False, "reason": "stands", "label": json.dumps(label)}
    return pa.concat_tables([fates, pa.Table.from_pylist([row], fates.schema)])


def test_what_is_left_is_what_it_was():
    assert records_left(placed(PAIRS), fates_of()).equals(PAIRS)
    left = records_left(placed(PAIRS, 40), fates_of((0, 41, "removed"), (1, 43, None), (1, 45, "removed")))
    assert left.schema == SCHEMAS[Kind.COMPARISONS]
    assert left.to_pylist() == [PAIRS.to_pylist()[n] for n in (0, 2, 3, 4)]
    everything = fates_of(*[(0, n, "removed") for n in range(6)])
    assert records_left(placed(PAIRS), everything).num_rows == 0
    # A split changes nothing but the split, and the last one given counts.
    given = records_left(placed(PAIRS), fates_of((2, 1, "test"), (0, 1, "train"), (1, 4, "new")))
    assert given["split"].to_pylist() == ["train", "test", "test", "train", "new", "train"]
    assert given.drop_columns(["split"]).equals(PAIRS.drop_columns(["split"]))
    assert given.schema == PAIRS.schema


def test_a_conclusion_is_nobodys_judgement_and_has_an_id_of_its_own():
    parents = ["one", "two"]
    left = records_left(placed(PAIRS), concluded(fates_of((0, 0, "removed")), 3, {**LABEL, "parents": parents}))
    assert left.schema == SCHEMAS[Kind.COMPARISONS]
    assert with_ids(Kind.COMPARISONS, left).equals(left)
    before, after = PAIRS.to_pylist(), left.to_pylist()
    assert [row["row"] for row in after] == [1, 2, 3, 4, 5], "in its place"
    assert [after[n] for n in (0, 1, 3, 4)] == [before[n] for n in (1, 2, 4, 5)]
    row = after[2]
    assert (row["outcome"], row["votes"], row["worker"], row["strength"]) == ("tie", [1, 1, 0], None, None)
    assert row["parents"] == parents
    assert row["id"] != before[3]["id"]
    assert row["split"] == "train"
    told = json.loads(row["extra"])
    noted = {"soft_label": 0.5, "disagreement": 0.5, "method": "majority", "sides_agree": True}
    assert told == {"n": 1, "aggregated": noted}
    own = PAIRS.set_column(
        PAIRS.schema.get_field_index("parents"), "parents", pa.array([["older"]] * 6, pa.list_(pa.string()))
    ).cast(PAIRS.schema)
    again = records_left(placed(own), concluded(fates_of(), 3, {**LABEL, "parents": parents}))
    assert again["parents"][3].as_py() == ["one", "two", "older"]


def test_one_file_a_kind_and_split_over_all_parts(tmp_path):
    tables = [
        PAIRS,
        labels(("q", "r", True, {"split": "test"})),
        PAIRS.slice(0, 1),
        attempts(("q", "r")),
        prompts(("q",)),
    ]
    rows = dataset(tmp_path / "rows", *[placed(table, n << 32) for n, table in enumerate(tables)])
    fates = dataset(
        tmp_path / "fates",
        fates_of((0, 3, "removed"), (0, 1, "train")),
        *[fates_of()] * 3,
        fates_of((0, 4 << 32, "removed")),
    )
    written = write_records(rows, fates, TERMS, tmp_path, ["splits"])
    assert written.pop(CHANGED_NAME) == 1
    assert pq.read_table(tmp_path / CHANGED_NAME)["row"].to_pylist() == [1]
    assert written == {
        "comparisons/data.parquet": 1,
        "comparisons/test.parquet": 1,
        "comparisons/train.parquet": 4,
        "red_team_attempts/data.parquet": 1,
        "safety_labels/test.parquet": 1,
    }, "of prompts nothing is left"
    for name, count in written.items():
        table = pq.read_table(tmp_path / name)
        kind = kind_of(table)
        assert (len(table), kind.value) == (count, name.partition("/")[0])
        assert table.schema.metadata[b"plumbline.licence"] == b"MIT"
        assert table.schema.remove_metadata() == SCHEMAS[kind]
    train = pq.read_table(tmp_path / "comparisons/train.parquet").to_pylist()
    assert [row["row"] for row in train] == [0, 1, 5, 0], "in the order of the sources"
    assert {row["split"] for row in train} == {"train"}


@pytest.mark.parametrize("split", ["../x", "a/b", ".hidden", "", "é" * 51, "a\nb", "a\\b"])
def test_a_split_that_names_no_file_is_refused(tmp_path, split):
    rows = dataset(tmp_path / "rows", placed(prompts(("q", {"split": split}))))
    with pytest.raises(UsageError, match="PL-CUR-002"):
        write_records(rows, dataset(tmp_path / "fates", fates_of()), TERMS, tmp_path, [])


def test_the_ledger_is_one_file(tmp_path):
    rows = pa.Table.from_pylist(
        [{"kind": "prompts", "id": "i", "source": "s", "row": 1, "step": 1, "rule": "r", "reason": "w"}], LEDGER_SCHEMA
    )
    written = write_ledger(
        dataset(tmp_path / "l", LEDGER_SCHEMA.empty_table(), rows, rows), tmp_path / "removed.parquet"
    )
    assert written == 2
    assert pq.read_table(tmp_path / "removed.parquet").equals(pa.concat_tables([rows, rows]))
