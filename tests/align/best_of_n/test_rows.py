"""Rows of candidates: nothing lost, the better side always the one with the higher score, and a machine's word marked as one."""

import json

import numpy as np
import pytest

from plumbline.align.best_of_n.rows import Chosen, candidate_table, comparison_rows, supervised_lines
from plumbline.records import Axis, Outcome, records_from_table
from tests.align.made_up_candidates import candidates, scores

CHOSEN = Chosen("best-of-n/abc", "openai:toy@http://host/v1", "toy", "kind@123", Axis.HELPFULNESS, seed=3)
TEXTS = [["good", "bad", "middling"], ["only", None, None], ["same", "same", "same"], ["a", "b", "c"]]
PARENTS = [("r0",), ("r1", "r2"), ("r3",), ("r4",)]


@pytest.fixture
def of_all():
    nan = np.nan
    return candidates(scores([3.0, 1.0, 2.0], [1.0, nan, nan], [0.5] * 3, [nan, 2.0, 1.0]), texts=TEXTS)


def test_every_reply_stands_in_the_table_with_its_score_or_why_it_has_none(of_all):
    rows = candidate_table(of_all, PARENTS).to_pylist()
    assert [row["reply"] for row in rows] == [text for of_one in TEXTS for text in of_one]
    assert [row["score"] for row in rows[:6]] == [3.0, 1.0, 2.0, 1.0, None, None]
    assert [row["score_missing"] for row in rows[3:6]] == [None, "PL-SCO-005", "PL-SCO-005"]
    assert [(row["prompt_id"], row["number"]) for row in rows if row["is_best"]] == [
        ("p0", 0),
        ("p1", 0),
        ("p2", 0),
        ("p3", 1),
    ]
    assert rows[3]["parents"] == ["r1", "r2"]
    assert (rows[4]["model"], rows[3]["model"]) == (None, "m")


@pytest.mark.parametrize("turned", [1.0, -1.0])
def test_the_outcome_is_the_side_with_the_higher_score(of_all, turned):
    of_all.scored.values[:] *= turned
    table, left_out = comparison_rows(of_all, PARENTS, CHOSEN)
    found = list(records_from_table(table))
    better = [each.continuations[0 if each.outcome is Outcome.FIRST else 1][0].text for each in found]
    assert better == (["good", "b"] if turned > 0 else ["bad", "c"])
    assert left_out == {"PL-BON-006": 2}
    assert [each.context[-1].text for each in found] == ["question 0?", "question 3?"]


def test_a_comparison_says_that_a_machine_judged_and_what_it_comes_from(of_all):
    table, _ = comparison_rows(of_all, PARENTS, CHOSEN)
    first = next(records_from_table(table))
    assert (first.worker, first.axis, first.models, first.parents) == (
        "model:kind@123",
        Axis.HELPFULNESS,
        ("toy", "toy"),
        ("r0",),
    )
    assert (first.strength, first.votes, first.is_safe) == (None, None, None)
    trail = json.loads(first.extra)["best_of_n"]
    assert (trail["better"]["score"], trail["worse"]["score"], trail["scored_replies"]) == (3.0, 1.0, 3)


def test_neither_side_is_always_the_better():
    many = candidates(scores(*[[1.0, 2.0]] * 200))
    table, _ = comparison_rows(many, [()] * 200, CHOSEN)
    assert 70 < table["outcome"].to_pylist().count("first") < 130


def test_nothing_with_a_score_makes_neither_a_comparison_nor_something_to_learn():
    none = candidates(scores([np.nan, np.nan]))
    assert comparison_rows(none, [()], CHOSEN)[1] == supervised_lines(none, [()], CHOSEN)[1] == {"PL-BON-007": 1}
    assert len(comparison_rows(none, [()], CHOSEN)[0]) == 0


def test_a_reply_to_learn_is_the_best_and_as_trl_reads_it(of_all):
    lines, left_out = supervised_lines(of_all, PARENTS, CHOSEN)
    rows = [json.loads(line) for line in lines]
    assert [row["completion"] for row in rows] == [
        [{"role": "assistant", "content": text}] for text in ("good", "only", "same", "b")
    ]
    assert rows[1]["prompt"] == [{"role": "user", "content": "question 1?"}]
    assert (rows[1]["parents"], rows[0]["chosen_by"], rows[0]["score"]) == (["r1", "r2"], "model:kind@123", 3.0)
    assert (len({row["id"] for row in rows}), left_out) == (4, {})
