"""Which columns a format has no place for: every format and column is listed, and what is said in them is counted."""

import pytest

from plumbline.formats import FORMATS
from plumbline.formats.columns_not_carried import CARRIED, SAYING, added, count_columns_not_carried
from plumbline.formats.pandalm import parse
from plumbline.formats.red_team import parse as parse_attempts
from plumbline.records import SCHEMAS, Kind
from tests.formats.reading_back import line, read, remade, set_values

PLACE = {"id", "item_id", "group_id", "conversation_id", "parents", "source", "row", "subset", "tranche", "split"}
ALWAYS_WRITTEN = {
    Kind.COMPARISONS: {"context", "continuations", "axis", "outcome"},
    Kind.SAFETY_LABELS: {"conversation", "taxonomy", "is_safe", "side"},
    Kind.RED_TEAM_ATTEMPTS: {"transcript"},
    Kind.PROMPTS: {"conversation"},
}


@pytest.mark.parametrize("kind", Kind)
def test_every_column_is_counted_or_always_written_or_a_place(kind):
    known = {*SAYING[kind], *ALWAYS_WRITTEN[kind], *PLACE, "extra"}
    assert set(SCHEMAS[kind].names) <= known
    assert set(SAYING[kind]) <= set(SCHEMAS[kind].names)


def test_every_format_and_kind_is_listed():
    assert {name: set(kinds) for name, kinds in CARRIED.items()} == {
        name: set(known.kinds) for name, known in FORMATS.items()
    }
    for kinds in CARRIED.values():
        for kind, columns in kinds.items():
            assert columns <= set(SAYING[kind])


def judged(**values):
    row = {"idx": 0, "motivation_app": "", "cmp_key": "a_b", "instruction": "Say it.", "input": ""}
    row |= {"response1": "One", "response2": "Two", "annotator1": 1, "annotator2": 1, "annotator3": 2}
    tables, _ = read(parse, line(**row), line(**row))
    return {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(**values))}


def test_what_is_said_is_counted_by_column():
    tables = judged(weight=0.5)
    assert count_columns_not_carried("trl", tables) == {Kind.COMPARISONS: {"weight": 6, "models": 6, "worker": 6}}
    assert count_columns_not_carried("pandalm", tables) == {Kind.COMPARISONS: {"weight": 6}}


def test_a_weight_of_one_says_nothing():
    for weight in (1.0, None):
        assert "weight" not in count_columns_not_carried("trl", judged(weight=weight))[Kind.COMPARISONS]


def test_outcomes_and_reviews_of_attempts_are_counted():
    attempt = {
        **{"transcript": "\n\nHuman: Hi", "min_harmlessness_score_transcript": 0.5, "num_params": "52B"},
        **{"model_type": "rlhf", "rating": 1.0, "task_description": "", "task_descripton_harmlessness_score": 0.5},
        **{"red_team_member_id": 1, "is_upworker": None, "tags": None},
    }
    tables, _ = read(parse_attempts, line(**attempt))
    assert count_columns_not_carried("red-team", tables) == {}
    reviews = [{"reviewer": "r", "rating": 1.0, "tags": []}]
    change = set_values(outcome="success", reviews=reviews)
    changed = {Kind.RED_TEAM_ATTEMPTS: remade(Kind.RED_TEAM_ATTEMPTS, tables[Kind.RED_TEAM_ATTEMPTS], change)}
    expected = {Kind.RED_TEAM_ATTEMPTS: {"outcome": 1, "reviews": 1}}
    assert count_columns_not_carried("red-team", changed) == expected
    assert added(expected, expected) == {Kind.RED_TEAM_ATTEMPTS: {"outcome": 2, "reviews": 2}}
    assert added({}, expected) == expected
