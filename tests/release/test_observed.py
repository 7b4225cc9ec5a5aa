"""Where the gate on personal data looks: everywhere a source's words may stand."""

import json

import pyarrow as pa
import pytest

from plumbline.records import Kind, conversation_column, red_team_attempt_table
from plumbline.records.message import Message, Role
from plumbline.release.observed import texts_of

MAIL = "grace.hopper@navy-mail.com"


@pytest.mark.parametrize(
    "columns",
    [
        {"extra": json.dumps({"annotator": {"mail": [MAIL]}})},
        {"extra": json.dumps({MAIL: 1})},
        {"model_type": MAIL},
        {"task_description": MAIL},
        {"tags": pa.array([["a"], [MAIL]], pa.list_(pa.string()))},
    ],
    ids=["extra", "key of extra", "model_type", "task_description", "tags"],
)
def test_every_text_of_a_record_is_looked_at(columns):
    said = conversation_column([(Message(Role.HUMAN, text),) for text in ("one", "two")])
    told = {name: value if isinstance(value, pa.Array) else pa.array([None, value]) for name, value in columns.items()}
    table = red_team_attempt_table(said, {**told, "source": "s", "row": pa.array([0, 1])})
    texts, rows = texts_of(Kind.RED_TEAM_ATTEMPTS, table)
    assert [row for text, row in zip(texts, rows, strict=True) if text == MAIL] == [1]
