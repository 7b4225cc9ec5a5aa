"""Whether what a run reads is synthetic, however often it was written anew."""

import pyarrow as pa
import pytest

from plumbline.formats import load, write_tables
from plumbline.loop.sources import is_synthetic
from tests.release.folders import loaded_lines, pair, write_folder, write_lines


@pytest.mark.parametrize("has_manifest", [True, False])
def test_rows_of_a_synthetic_source_stay_so_under_other_names(tmp_path, has_manifest):
    source = load(write_lines(tmp_path / "pairs-synthetic", {"harmless-base": {"train": range(3)}}, pair))
    if has_manifest:  # its inputs tell, also where rows name another source
        at = source.comparisons.schema.get_field_index("source")
        field = source.comparisons.schema.field(at)
        renamed = source.comparisons.set_column(at, field, pa.array(["a"] * 3, field.type))
        write_folder(source, tmp_path / "curated", tables={"comparisons": renamed})
    else:  # rows tell
        (tmp_path / "curated").mkdir()
        write_tables(source.tables, tmp_path / "curated", "parquet")
    again = load(tmp_path / "curated")
    assert not any("synthetic" in file.path for file in again.files)
    assert is_synthetic(again)


def test_what_nothing_calls_synthetic_is_not(tmp_path):
    assert not is_synthetic(load(write_folder(loaded_lines(tmp_path / "in"), tmp_path / "curated")))
