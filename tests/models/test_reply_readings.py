"""A score or the code of why there is none: one reply costs no other its score, and nobody is read twice without need."""

import numpy as np
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.reply_readings import NO_NUMBER, READ_IN_PART, SCORER_FAILED, read_replies
from plumbline.models.scored_model import Scores, better_sign
from plumbline.records import Message, Role
from tests.align.made_up_judges import Head, Judge

BAD = {"fail": SCORER_FAILED, "coded": "PL-XYZ-001", "nan": NO_NUMBER, "-inf": NO_NUMBER, "2!": READ_IN_PART}


def groups(*rows):
    """Replies to a prompt a row."""
    return [
        [(Message(Role.HUMAN, f"question {place}"), Message(Role.ASSISTANT, text)) for text in row]
        for place, row in enumerate(rows)
    ]


def scores(model, *rows, **how):
    return [[reading.score for reading in row] for row in read_replies(model, groups(*rows), **how)]


def test_replies_to_a_prompt_are_one_group_and_all_groups_of_a_part_one_call():
    model, told = Judge(), []
    found = scores(model, ["3", "1"], [], ["2"], ["4"], groups_together=3, told=lambda *how_far: told.append(how_far))
    assert found == [[3, 1], [], [2], [4]]
    assert model.groups == [[2, 1], [1]]
    assert told == [(3, 4), (4, 4)]
    assert scores(model) == []


def test_equal_replies_to_a_prompt_are_read_once_and_have_one_score():
    model = Judge()
    assert scores(model, ["1", "2", "1"], ["1"]) == [[1, 2, 1], [1]]
    assert model.groups == [[2, 1]]


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("bad", [[name] for name in BAD] + [list(BAD), ["fail", "nan", "fail"]])
def test_replies_that_cannot_be_scored_cost_no_other_its_score(bad, shares):
    """Wherever they stand, with a model that reads a shared prompt once and with one that does not."""

    class Alone:
        """Reads conversations one by one, as linear models do."""

        def __init__(self):
            self.task, self.heads, self.ensemble, self.of = "preference", {"main": Head()}, None, Judge()

        def read_conversations(self, conversations, **_):
            return self.of.read_groups([[[("assistant", said[-1]["text"])] for said in conversations.to_pylist()]])

    rng = np.random.default_rng(0)
    for _ in range(20):
        texts = [str(number) for number in range(12)] + bad
        rng.shuffle(texts)
        rows = [texts[:5], [], texts[5:6], texts[6:]]
        found = read_replies(Judge() if shares else Alone(), groups(*rows))
        for row, of_row in zip(rows, found, strict=True):
            assert [each.code for each in of_row] == [BAD.get(text) for text in row]
            assert [str(int(each.score)) for each in of_row if each.code is None] == [
                text for text in row if text not in BAD
            ]
            assert all(np.isnan(each.score) for each in of_row if each.code)


def test_a_failure_is_looked_for_by_halves():
    model = Judge()
    scores(model, *[[f"{row}.{number}" for number in range(8)] for row in range(7)], ["fail", *map(str, range(7))])
    assert len(model.groups) == 1 + 2 * (3 + 3)


class Odd(Judge):
    """Gives scores of another shape than was asked for, wherever it is asked for more than one."""

    def __init__(self, heads, truncated=None):
        super().__init__()
        self.given = Scores(heads, truncated=truncated)

    def read_groups(self, groups, **_):
        read = super().read_groups(groups)
        return read if len(read.heads) == 1 else self.given


@pytest.mark.parametrize(
    "odd",
    [
        Odd(np.ones((1, 1))),
        Odd(np.ones((3, 1))),
        Odd(np.ones((0, 1))),
        Odd(np.ones((2, 0))),
        Odd(np.ones(2)),
        Odd(np.ones((2, 1)), np.zeros(1, bool)),
        Odd(None),
    ],
)
def test_scores_of_another_shape_are_not_believed(odd):
    assert scores(odd, ["7", "8"]) == [[7, 8]]


def test_a_score_that_means_no_probability_is_none():
    model = Judge("moderation", None, 0.5)
    model.heads["main"].calibration = Calibration(np.nan, 0.0)
    assert [reading.code for reading in read_replies(model, groups(["1"]))[0]] == [NO_NUMBER]


def test_an_interruption_is_no_failure_of_the_model():
    class Stopped(Judge):
        """As by Ctrl-C."""

        def read_groups(self, *_, **__):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_replies(Stopped(), groups(["1", "2"]))


def test_a_higher_score_is_better_of_a_preference_alone():
    assert [better_sign(Judge(task)) for task in ("preference", "cost", "moderation")] == [1, -1, -1]
