"""What of a source TRL does not learn from is counted; made-up rows."""

from plumbline.align.trl.forms import Rows
from plumbline.formats import PARQUET, write_tables
from plumbline.loop.aligning import trl_data
from plumbline.records import Kind
from tests.models.made_up import labels_table, pairs_table


def test_records_that_prompts_were_not_taken_from_are_told(tmp_path, monkeypatch):
    write_tables({Kind.COMPARISONS: pairs_table(6), Kind.SAFETY_LABELS: labels_table(8)}, tmp_path / "rows", PARQUET)
    monkeypatch.setattr(trl_data, "prompt_rows", lambda *_: Rows([], {}))
    source, step = str(tmp_path / "rows"), lambda _: None
    found = trl_data.read_prompts(source, None, 4, options={}, override_uses=False, step=step)
    assert found.set_aside == {"repeated prompts": 3, "safety labels, which hold no prompts here": 8}
