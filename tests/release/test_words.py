"""Where the gates look: everywhere that words of a source may stand, names of keys too."""

import json

import pyarrow as pa
import pytest

from plumbline.records import Kind, conversation_column, red_team_attempt_table, safety_label_table
from plumbline.records.message import Message, Role
from plumbline.release.words import is_readable, leads_home, names_in_extra, says_who, texts_of

MAIL = "grace.hopper@navy-mail.com"
SAID = conversation_column([(Message(Role.HUMAN, text), Message(Role.ASSISTANT, "So.")) for text in ("one", "two")])


def rows_with(texts, rows, wanted=MAIL):
    return [row for text, row in zip(texts, rows, strict=True) if text == wanted]


@pytest.mark.parametrize(
    "columns",
    [
        {"extra": json.dumps({"annotator": {"mail": [MAIL]}})},
        {"extra": json.dumps({MAIL: 1})},
        {"model_type": MAIL},
        {"task_description": MAIL},
        {"source": pa.array(["s", MAIL])},
        {"split": MAIL},
        {"tags": pa.array([["a"], [MAIL]], pa.list_(pa.string()))},
        {"parents": pa.array([[], ["f" * 32, MAIL]], pa.list_(pa.string()))},
        {"reviews": pa.array([[], [{"reviewer": "1", "rating": 2.0, "tags": ["a", MAIL]}]])},
    ],
    ids=[
        "extra",
        "key of extra",
        "model_type",
        "description",
        "source",
        "split",
        "tags",
        "parents",
        "tags of a review",
    ],
)
def test_every_word_of_an_attempt_is_looked_at(columns):
    told = {name: value if isinstance(value, pa.Array) else pa.array([None, value]) for name, value in columns.items()}
    table = red_team_attempt_table(SAID, {"source": "s", "row": pa.array([0, 1]), **told})
    assert rows_with(*texts_of(Kind.RED_TEAM_ATTEMPTS, table)) == [1]


@pytest.mark.parametrize(
    "columns",
    [{"categories": pa.array([["a"], ["b", MAIL]])}, {"taxonomy": pa.array(["own", MAIL])}],
    ids=["names", "taxonomy"],
)
def test_categories_and_taxonomies_of_ones_own_are_looked_at(columns):
    table = safety_label_table(SAID, {"taxonomy": "own", "source": "s", "row": pa.array([0, 1]), **columns})
    assert rows_with(*texts_of(Kind.SAFETY_LABELS, table)) == [1]


def test_a_word_of_many_rows_comes_once_and_a_text_as_often_as_it_stands_there():
    twice = conversation_column([(Message(Role.HUMAN, MAIL),)] * 2)
    table = red_team_attempt_table(twice, {"source": MAIL, "row": pa.array([0, 1])})
    assert rows_with(*texts_of(Kind.RED_TEAM_ATTEMPTS, table)) == [0, 1, 0]


@pytest.mark.parametrize(
    ("key", "is_who"),
    [
        *(
            (key, True)
            for key in ("worker", "annotator_name", "annotatorId", "reviewed_by", "user.email", "raters", "WORKER")
        ),
        *((key, False) for key in ("is_upworker", "worker_count", "usernames_found", "name", "score_key", "")),
    ],
)
def test_keys_that_mean_a_person(key, is_who):
    assert says_who(key) is is_who


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"annotator": "Ada"}, ["Ada"]),
        ({"votes": {"annotators": [{"name": "Ada", "id": 7}, "Bob"]}}, ["7", "Ada", "Bob"]),
        ({"judged_by": {"Ada": 1.5}}, ["Ada"]),
        ({"raw": '{"worker": "Ada", "text": "Bob"}', "name": "gpt"}, ["Ada"]),
        ({"worker": True, "user": None}, []),
    ],
)
def test_names_that_extra_holds_under_them(said, names):
    assert sorted(names_in_extra(json.dumps(said))) == names


def test_extra_that_nobody_can_go_through():
    assert is_readable(None)
    assert is_readable("{}")
    assert is_readable('{"a": 1}')
    assert not is_readable('{"worker": "Ada"')
    assert not is_readable('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")


@pytest.mark.parametrize("path", ["/home/ada/x", "see /Users/ada/x", "C:\\Users\\ada", "file:///home/ada"])
def test_paths_through_a_persons_folder(path):
    assert leads_home(path)
    assert not leads_home(path.replace("ada", ""))
    assert not leads_home("hh-rlhf/home/train.jsonl")
