"""Records in the order in which they are written."""

from itertools import chain

import pyarrow as pa

from plumbline.formats import written_parts as module
from plumbline.formats.conversation_columns import question_column
from plumbline.formats.written_parts import written_parts
from plumbline.records import Kind, prompt_table


def test_parts_are_bounded_and_by_source_and_row(monkeypatch):
    monkeypatch.setattr(module, "_ROWS_TOGETHER", 2)
    places = [("b", 1), ("a", 7), ("b", 0), ("a", 2), ("c", 4)]
    tables = [prompt_table(question_column(["?"]), {"source": source, "row": [row]}) for source, row in places]
    parts = list(written_parts({Kind.PROMPTS: pa.concat_tables(tables)}, Kind.PROMPTS))
    found = [zip(part["source"].to_pylist(), part["row"].to_pylist(), strict=True) for part in parts]
    assert list(chain.from_iterable(found)) == sorted(places)
    assert all(0 < len(part) <= 2 and part["conversation"].num_chunks == 1 for part in parts)
    assert list(written_parts({}, Kind.PROMPTS)) == []
