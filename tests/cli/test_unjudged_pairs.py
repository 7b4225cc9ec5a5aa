"""Pairs of one's own that nobody has judged: looked at, converted, refused for training, entered into a study."""

import gzip
import json

import pytest

from plumbline.collect.kinds import NewItem, Purpose, items_from_records
from plumbline.collect.study_file import read_study_file
from plumbline.formats import load
from plumbline.records import records_from_table
from tests.cli.collect_client import fails

ROWS = [
    {"prompt": "How do bees sleep?", "response_0": "Hanging.", "response_1": "In the hive.", "model_0": "a", "model_1": "b"},
    {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a fjord?"}],
     "response_0": "A bay.", "response_1": "A drowned valley.", "id": 7},
]  # fmt: skip
STUDY = """
name = "mine"
kind = "pairs"
axes = {axes}
tranche = "base"
guidelines = "guidelines.md"
items = {{ data = "mine.jsonl" }}
"""


@pytest.fixture
def mine(tmp_path):
    """A file of two pairs."""
    path = tmp_path / "study" / "mine.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_they_are_shown_checked_and_converted_there_and_back(plumb, mine, tmp_path):
    code, out, _ = plumb("data", "show", mine, "--rows", 2)
    assert (code, "models: ['a', 'b']" in out, "outcome" in out) == (0, True, False)
    code, out, _ = plumb("data", "check", mine)
    assert (code, "2 rows read in 1 file: 2 comparisons" in out) == (0, True)
    assert plumb("data", "convert", mine, tmp_path / "tables", "--to", "parquet")[0] == 0
    assert plumb("data", "convert", tmp_path / "tables", tmp_path / "back", "--to", "pairs")[0] == 0
    (again,) = (tmp_path / "back").rglob("*.jsonl.gz")
    assert gzip.decompress(again.read_bytes()) == mine.read_bytes()


def test_judged_rows_are_counted_and_told_where_they_should_become_pairs(plumb, mine, tmp_path):
    judged = tmp_path / "helpful-x" / "train.jsonl"
    judged.parent.mkdir()
    judged.write_text(json.dumps({"prompt": "x", "chosen": "a", "rejected": "b"}) + "\n")
    assert "1 × PL-PAI-020" in fails(
        plumb("data", "convert", judged, tmp_path / "lost", "--to", "pairs"), "PL-OUT-011", 1
    )


@pytest.mark.parametrize("words", [("train", "preference"), ("train", "preference", "--model", "linear")])
def test_training_says_that_nobody_judged_them(plumb, mine, tmp_path, words):
    err = fails(plumb(*words, mine, "-o", tmp_path / "model"), "PL-TRN-010", 1)
    assert "nobody has judged these comparisons yet" in err
    assert "2 unjudged" in err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("axes", [["helpfulness"], ["helpfulness", "harmlessness"]])
def test_a_study_of_pairs_takes_them_on_its_own_axes(plumb, mine, axes):
    (mine.parent / "guidelines.md").write_text("Read both.")
    (mine.parent / "study.toml").write_text(STUDY.format(axes=json.dumps(axes)))
    code, out, _ = plumb("collect", "init", mine.parent, "--json")
    entered = json.loads(out)["entered"]["work"]
    assert (code, entered["new"], entered["passed_over"]) == (0, 2, {})
    study = read_study_file(mine.parent / "study.toml").study
    assert [*map(str, study.judged_axes)] == axes
    records = [*records_from_table(load(mine).comparisons)]
    first, second = items_from_records(records, study)
    assert isinstance(first, NewItem)
    assert {side["model"] for side in first.payload["sides"]} == {"a", "b"}
    assert [message["text"] for message in second.payload["context"]] == ["Be brief.", "What is a fjord?"]
    # They know no answer, so nobody can be trained or watched by them.
    assert {type(item) is NewItem for item in items_from_records(records, study, Purpose.GOLD)} == {False}
