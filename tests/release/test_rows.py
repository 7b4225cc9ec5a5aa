"""Rows as a release writes them: nothing of the line, of the machine or of the file that they came from."""

import json

import pyarrow as pa
import pytest

from plumbline.records import SCHEMAS, Kind, conversation_column, red_team_attempt_table
from plumbline.records.message import Message, Role
from plumbline.release.rows import last_part, released_rows, released_source
from tests.curate.made_up import comparisons


def attempts(**columns):
    said = conversation_column([(Message(Role.HUMAN, text),) for text in ("one", "two")])
    return red_team_attempt_table(said, {"source": "s", "row": pa.array([0, 1]), **columns})


def test_the_raw_line_goes_and_what_else_was_said_stays():
    extra = [json.dumps({"raw": '{"worker": "Ada"}', "is_upworker": True}), json.dumps({"raw": "x"})]
    table = attempts(extra=extra).replace_schema_metadata({"pandas": "/home/ada"})
    rows = released_rows(Kind.RED_TEAM_ATTEMPTS, table)
    assert rows["extra"].to_pylist() == ['{"is_upworker":true}', None]
    assert rows["id"].equals(table["id"])
    assert rows.schema.equals(SCHEMAS[Kind.RED_TEAM_ATTEMPTS], check_metadata=True)
    assert attempts()["extra"].equals(released_rows(Kind.RED_TEAM_ATTEMPTS, attempts())["extra"])


def test_files_of_a_machine_are_told_by_their_name_and_kept_apart():
    told = ["/home/ada/one/train.jsonl", "/home/ada/two/train.jsonl"]
    rows = released_rows(Kind.RED_TEAM_ATTEMPTS, attempts(source=told))
    found = rows["source"].to_pylist()
    assert [name.split("/")[1] for name in found] == ["train.jsonl", "train.jsonl"]
    assert len(set(found)) == 2
    assert found == [released_source(name) for name in told]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("hh-rlhf/harmless-base/train.jsonl.gz", "hh-rlhf/harmless-base/train.jsonl.gz"),
        ("C:\\Users\\ada\\pairs.jsonl", "pairs.jsonl"),
        ("file:///home/ada/pairs.jsonl", "pairs.jsonl"),
        ("~/ada/pairs/", "pairs"),
        ("\\\\server\\ada\\pairs", "pairs"),
        ("s3://bucket/pairs", "s3://bucket/pairs"),
        ("/", ""),
    ],
)
def test_what_leads_somewhere_on_one_machine_alone(path, told):
    assert last_part(path) == told


def test_what_was_masked_names_no_parents():
    """A parent's id is a digest of the text before masking: whoever knows the rest of it could try all telephone numbers."""
    table = comparisons(
        ("Call me", "on [PHONE] please", "no", "first", {"parents": ["a" * 32]}),
        ("Call me", "later", "no", "first", {"parents": ["b" * 32]}),
        ("Call [phone] me", "[PHONES]", "no", "first", {"parents": ["c" * 32], "extra": '{"note": "[EMAIL]"}'}),
        ("Call [phone] me", "[PHONES]", "no", "first", {"parents": ["d" * 32]}),
    )
    rows = released_rows(Kind.COMPARISONS, table)
    assert rows["parents"].to_pylist() == [[], ["b" * 32], [], ["d" * 32]]
    assert rows["id"].equals(table["id"])
