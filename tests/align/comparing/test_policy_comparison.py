"""Answers paired by number: what is missing or not judged is counted and nowhere else; cells and rows by hand."""

import json

import pytest

from plumbline.align.comparing.judging import Panel
from plumbline.align.comparing.pair_rows import Compared, pair_table
from plumbline.align.comparing.policy_comparison import Answer, Answers, Cell, compare_answers
from plumbline.measure import Bootstrap
from plumbline.models.reply_readings import NO_NUMBER
from plumbline.records import Axis, Comparison, records_from_table
from tests.align.made_up_judges import Judge, prompt

GONE = Answer(None, "PL-REP-017")


def answers():
    """Two replies to each of four prompts; the fifth pair has no finite score, three have a reply too few."""
    prompts = [prompt(0, "b"), prompt(1, "a"), prompt(2), prompt(3, "b", "a")]
    first = ["3", "-1", "0", GONE, "nan", "1", GONE, "2"]
    second = ["1", "2", GONE, "1", "1", "1", GONE, "-2"]
    kept = [
        [each if isinstance(each, Answer) else Answer(each, model="m", seed=7, is_cut=each == "2") for each in side]
        for side in (first, second)
    ]
    return Answers(prompts, 2, *kept)


def panel():
    return Panel({Axis.HELPFULNESS: Judge(), Axis.HARMLESSNESS: Judge("cost", None)}, Judge("cost", None))


@pytest.fixture
def compared():
    return compare_answers(answers(), panel(), Bootstrap(0), margin=0.05)


def test_every_reply_asked_for_is_told(compared):
    told, _ = compared
    assert (told.prompts, told.replies, vars(told.answered)) == (
        4,
        2,
        {"both": 5, "first_only": 1, "second_only": 1, "neither": 1},
    )
    assert told.answered.asked == 8
    assert told.missing == ({"PL-REP-017": 2}, {"PL-REP-017": 2})
    assert told.cut == (1, 1)
    assert told.unjudged == {axis: {NO_NUMBER: 1} for axis in ("helpfulness", "harmlessness", "safety")}


def test_figures_are_of_the_pairs_that_were_judged(compared):
    told, _ = compared
    contest = told.overall.contests["helpfulness"]  # 3:1 won, -1:2 lost, 1:1 tied, 2:-2 won
    assert (told.overall.pairs, contest.wins.n, contest.unjudged) == (5, 4, 1)
    assert (contest.wins.value, contest.ties.value, contest.losses.value) == (0.5, 0.25, 0.25)
    assert told.overall.contests["harmlessness"].wins.value == 0.25
    assert (told.overall.safety.first.value, told.overall.safety.second.value) == (0.25, 0.25)
    assert list(told.by_category) == ["b", "a", "no category"]
    assert {name: each.pairs for name, each in told.by_category.items()} == {"b": 3, "no category": 2, "a": 1}
    # One of two is safe: -1:2, where the cost judge takes the safe one, and 2:-2, where it does too.
    assert (told.judges_agree.value, told.judges_agree.n) == (1.0, 2)


def test_the_layout_has_a_cell_for_every_reply_in_the_order_of_the_prompts(compared):
    told, _ = compared
    safe, flagged, unjudged, missing = Cell
    first, second = told.layout
    assert first == {
        "b": [flagged, safe, missing, flagged],
        "a": [unjudged, missing, missing, flagged],
        "no category": [unjudged, flagged],
    }
    assert second["b"] == [flagged, flagged, missing, safe]
    assert second["a"] == [missing, unjudged, missing, safe]


def test_pairs_to_look_at_are_those_on_which_the_axes_differ_most(compared):
    told, _ = compared
    assert [(each.pair.prompt, each.pair.number) for each in told.examples] == [(3, 1), (0, 1), (0, 0)]
    assert told.examples[0].probabilities["helpfulness"] > 0.9 > 0.1 > told.examples[0].probabilities["harmlessness"]
    assert told.examples[0].cells == (Cell.FLAGGED, Cell.SAFE)


def test_swapping_the_policies_turns_everything_round(compared):
    mine, _ = compared
    given = answers()
    theirs, _ = compare_answers(
        Answers(given.prompts, 2, given.second, given.first), panel(), Bootstrap(0), margin=0.05
    )
    assert theirs.layout == mine.layout[::-1]
    assert theirs.answered.first_only == mine.answered.second_only
    for axis, contest in mine.overall.contests.items():
        other = theirs.overall.contests[axis]
        assert (other.wins, other.ties, other.losses) == (contest.losses, contest.ties, contest.wins)
        assert other.win_rate.value == pytest.approx(1 - contest.win_rate.value)
        assert (other.win_rate.low, other.win_rate.high) == pytest.approx(
            (1 - contest.win_rate.high, 1 - contest.win_rate.low)
        )
    assert theirs.overall.safety.first == mine.overall.safety.second
    assert theirs.judges_agree == mine.judges_agree


def test_rows_hold_what_models_said_and_no_judgement(compared):
    _, said = compared
    names = {"helpfulness": "h", "harmlessness": "c", "safety": "s"}
    table = pair_table(answers(), said, Compared("run", ("one", "other"), names))
    rows = list(records_from_table(table))
    assert [row.row for row in rows] == [0, 1, 4, 5, 7] * 2
    assert [row.axis for row in rows] == [Axis.HELPFULNESS] * 5 + [Axis.HARMLESSNESS] * 5
    assert all(isinstance(row, Comparison) and row.outcome is row.is_safe is row.worker is None for row in rows)
    assert {row.models for row in rows} == {("one", "other")}
    assert [message.text for side in rows[1].continuations for message in side] == ["-1", "2"]
    assert (rows[1].context, rows[1].parents) == (prompt(0).conversation, ("p0",))
    told = json.loads(rows[1].extra)["compared"]
    assert (told["judge"], told["scores"], told["unjudged"]) == ("h", [-1.0, 2.0], None)
    assert told["safety"] == {"judge": "s", "safe": [True, False], "scores": [-1.0, 2.0], "unjudged": None}
    assert told["replies"][0] == {"model": "m", "snapshot": None, "seed": 7, "is_cut": False}
    unjudged = json.loads(rows[2].extra)["compared"]
    assert (unjudged["unjudged"], unjudged["probability"], unjudged["scores"]) == (NO_NUMBER, None, [None, 1.0])


def test_no_pair_at_all_is_undefined_everywhere():
    given = Answers([prompt(0, "a")], 1, [GONE], [Answer("1")])
    told, said = compare_answers(given, panel(), Bootstrap(0), margin=0.05)
    assert told.overall.contests["helpfulness"].win_rate.value is None
    assert told.layout == ({"a": [Cell.MISSING]}, {"a": [Cell.UNJUDGED]})
    assert told.by_category["a"].pairs == 0  # told, though nothing is known of it
    assert len(pair_table(given, said, Compared("run", ("one", "other"), {}))) == 0


def test_answers_to_other_prompts_are_refused():
    with pytest.raises(ValueError, match="expected 2 answers"):
        Answers([prompt(0)], 2, [GONE], [GONE, GONE])
