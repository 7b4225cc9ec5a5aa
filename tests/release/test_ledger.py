"""The list of removed records names nobody once it is released."""

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.accounting import LEDGER_SCHEMA
from plumbline.release.ledger import copy_ledger


def test_workers_and_parents_stay_behind_and_everything_else_goes_along(tmp_path):
    row = {"kind": "comparisons", "id": "a", "source": "s/train.jsonl", "row": 4, "axis": "overall", "side": None}
    row |= {"worker": "jane.doe@university.edu", "split": "train", "step": 1, "rule": "aggregate", "reason": "merged"}
    rows = [row | {"partner": "b", "parents": ["c"]}, row | {"id": "d", "partner": None, "parents": []}]
    pq.write_table(pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA), tmp_path / "in.parquet")
    copy_ledger(tmp_path / "in.parquet", tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.schema == LEDGER_SCHEMA
    assert found.to_pylist() == [each | {"worker": None, "parents": None} for each in rows]
    assert b"jane.doe" not in (tmp_path / "out.parquet").read_bytes()
