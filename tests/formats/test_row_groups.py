"""Rows brought together again: by (source, row), in order, whatever order the tables are in."""

import pyarrow as pa
import pytest

from plumbline.formats import row_groups as module
from plumbline.formats.origin import Origin
from plumbline.formats.pku_saferlhf import KINDS, format_lines, parse
from plumbline.formats.row_groups import row_groups
from plumbline.records import Kind
from tests.formats.reading_back import line, read, written


def rows(source: str, count: int) -> list[bytes]:
    return [
        line(
            prompt=f"{source} {row}",
            response_0="b",
            response_1="c",
            is_response_0_safe=True,
            is_response_1_safe=False,
            better_response_id=row % 2,
            safer_response_id=0,
        )
        for row in range(count)
    ]


def tables_of(*sources: tuple[str, int]) -> dict[Kind, pa.Table]:
    parts = [read(parse, *rows(*source), origin=Origin(source[0]))[0] for source in sources]
    return {kind: pa.concat_tables([part[kind] for part in parts]) for kind in KINDS}


@pytest.mark.parametrize("together", [1, 3, 4096])
def test_rows_of_several_files_come_in_order_with_all_their_records(monkeypatch, together):
    monkeypatch.setattr(module, "_ROWS_TOGETHER", together)
    tables = tables_of(("z.jsonl", 4), ("a.jsonl", 5))
    shuffled = {kind: table.take(list(range(len(table) - 1, -1, -1))) for kind, table in tables.items()}
    for each in (tables, shuffled):
        groups = [group for part in row_groups(each, KINDS) for group in part.groups]
        assert [(group.source, group.row) for group in groups] == [
            *(("a.jsonl", row) for row in range(5)),
            *(("z.jsonl", row) for row in range(4)),
        ]
        assert all(len(group.positions[kind]) == 2 for group in groups for kind in KINDS)
        assert written(format_lines, each) == (rows("a.jsonl", 5) + rows("z.jsonl", 4), {})


def test_positions_point_into_the_tables_handed_out():
    for part in row_groups(tables_of(("a.jsonl", 3)), KINDS):
        for group in part.groups:
            for kind, positions in group.positions.items():
                assert part.tables[kind]["row"].take(positions).to_pylist() == [group.row] * 2


def test_no_rows_are_no_groups():
    assert list(row_groups({}, KINDS)) == []
    assert written(format_lines, {}) == ([], {})
