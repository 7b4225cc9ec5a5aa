"""Blind review: a rating and a bounded number of the study's tags."""

import pytest

from plumbline.collect.kinds import Finished, InvalidSubmissionError, Purpose, StoredWorkError, SubmissionError
from plumbline.collect.kinds.blind_review import reviews_of
from tests.collect.kinds.made_up import Player, assistant, human, study

TAGS = ["insult", "violence", "other"]


def reviewer(**settings):
    payload = {
        "attempt": "a1",
        "transcript": [{"role": "human", "text": "q"}, {"role": "assistant", "text": "r"}],
        "task_description": "d",
    }
    red_team = study("red-team-chat", review={"tags": TAGS, **settings})
    return Player(red_team, payload, Purpose.REVIEW, assignment_id="review-1", worker="reviewer")


def test_what_a_reviewer_sees():
    ask = reviewer().ask
    assert ask.conversation == (human("q"), assistant("r"))
    assert ask.fields == {"task_description": "d", "most": 4, "tags": TAGS, "most_tags": 2}


def test_a_review():
    player = reviewer()
    assert player.submit(rating=0, tags=["other", "insult"]).finished
    assert isinstance(player.step, Finished)
    assert player.work.judgements[0].payload == {"rating": 0, "tags": ["other", "insult"]}


@pytest.mark.parametrize("tags", [["nonsense"], ["insult", "insult"], TAGS, ["Insult"]])
def test_tags_that_cannot_be_given(tags):
    with pytest.raises(SubmissionError, match="PL-SUB-004") as refused:
        reviewer().submit(rating=2, tags=tags)
    assert refused.value.fields[0].field == "tags"
    assert "nonsense" not in str(refused.value)


def test_as_many_tags_as_the_study_allows():
    assert reviewer(most_tags=3).submit(rating=2, tags=TAGS).finished
    with pytest.raises(SubmissionError):
        reviewer(most_tags=0).submit(rating=2, tags=["other"])


@pytest.mark.parametrize(
    "submission", [{"rating": 5}, {"rating": -1}, {"tags": []}, {"rating": 1, "tags": "insult"}, {"rating": 1, "w": 1}]
)
def test_reviews_that_are_none(submission):
    with pytest.raises(InvalidSubmissionError):
        reviewer().submit(**submission)


def test_a_review_can_be_corrected():
    player = reviewer()
    player.submit(rating=1)
    player.correct("j0", rating=4, tags=["other"])
    author = Player(study("red-team-chat"), {}, worker="author")
    (review,) = reviews_of(author.work, [player.work])
    assert (review.rating, review.tags, review.reviewer) == (4.0, ("other",), "reviewer")


def test_a_study_without_reviews_has_none():
    player = reviewer()
    player.study = study("red-team-chat")
    with pytest.raises(StoredWorkError, match="without reviews"):
        player.ask  # noqa: B018 - reading it is what is refused
