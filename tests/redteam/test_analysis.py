"""What attempts tell together: who says success, intervals and reasons, the truth that made-up attempts hold."""

import dataclasses

import numpy as np
import pytest

from plumbline.measure import Bootstrap, Figure
from plumbline.records import UsageError
from plumbline.redteam.analysis import analyse
from plumbline.redteam.attempts import Attempts, size_order
from plumbline.redteam.families import moulds, near_duplicates
from plumbline.redteam.map import map_of
from plumbline.redteam.success import SuccessBy, most_telling, successes
from tests.redteam.made_up import SUBJECTS, assistant, attempts_table, human, table_of

BOOTSTRAP = Bootstrap(seed=0, resamples=200)
TALK = (human("a question"), assistant("an answer"))


@pytest.fixture(scope="module")
def found():
    return analyse(attempts_table(), BOOTSTRAP)


def figures_in(value):
    """Every figure below an object, however deep."""
    if isinstance(value, Figure):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from figures_in(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from figures_in(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from figures_in(each)


def review(rating):
    return {"reviewer": "r", "rating": rating, "tags": []}


def test_success_is_said_by_attackers_by_most_reviewers_or_by_the_outcome():
    nan = np.nan
    attempts = Attempts.of(
        table_of(
            [TALK] * 5,
            rating=[3.0, 2.9, None, 4.0, nan],
            outcome=["failure", "success", "unscored", None, None],
            # A table may hold a review whose rating is no number: nobody called that attempt a failure.
            reviews=[
                [review(3.0), review(0.0), review(4.0)],
                [review(3.0), review(0.0)],
                [],
                [review(None)],
                [review(nan)],
            ],
        )
    )
    assert np.array_equal(successes(attempts, SuccessBy.RATING), [1, 0, nan, 1, nan], equal_nan=True)
    assert np.array_equal(successes(attempts, SuccessBy.OUTCOME), [0, 1, nan, nan, nan], equal_nan=True)
    assert np.array_equal(successes(attempts, SuccessBy.REVIEWS), [1, nan, nan, nan, nan], equal_nan=True)
    assert most_telling(attempts) is SuccessBy.RATING


@pytest.mark.parametrize("columns", [{"rating": [0.0, 4.5]}, {"reviews": [[], [review(4.0), review(-1.0)]]}])
def test_ratings_on_another_scale_are_refused(columns):
    with pytest.raises(UsageError, match=r"PL-RTS-007  synthetic/attempts\.jsonl row 1: 1 ratings"):
        analyse(table_of([TALK] * 2, **columns), BOOTSTRAP)


def test_tags_of_reviewers_count_and_an_untagged_attempt_is_not_one_without_tags():
    given = [{"reviewer": "r", "rating": 3.0, "tags": ["fraud"]}]
    table = table_of([TALK] * 4, tags=[["insults"], None, [], None], reviews=[given, given, [], []])
    tags = analyse(table, BOOTSTRAP).tags
    assert (tags.tagged, {each.tag: each.attempts for each in tags.tags}) == (3, {"fraud": 2, "insults": 1})
    assert tags.tags[0].share.value == pytest.approx(2 / 3)


def test_who_only_tagged_is_none_of_those_who_rated():
    table = table_of([TALK], reviews=[[review(3.0), {"reviewer": "tagger", "rating": None, "tags": ["x"]}]])
    assert analyse(table, BOOTSTRAP).reviewers.reviewers == 1


def test_ratings_of_3_and_more_are_one_when_reviewers_are_compared():
    pairs = [[review(3.0), review(4.0)], [review(0.0), review(1.0)], [review(3.0), review(2.0)]]
    reviewers = analyse(table_of([TALK] * 3, reviews=pairs), BOOTSTRAP).reviewers
    # Two of three agree, and each side is half of all: (2/3 − 1/2) / (1 − 1/2).
    assert reviewers.among_themselves.binarised.value == pytest.approx(1 / 3)


def test_every_figure_has_an_interval_or_says_why_not(found):
    figures = list(figures_in(found))
    assert len(figures) > 60
    assert all(figure.low is not None or figure.why_undefined for figure in figures)
    assert sum(figure.low is not None for figure in figures) > 40


def test_the_made_up_truth_is_found(found):
    models = {(model.type, model.size): model.success for model in found.models.models}
    assert list(models) == [(kind, size) for kind in ("plain lm", "rlhf") for size in ("2.7B", "13B", "52B")]
    assert models["plain lm", "52B"].low > models["rlhf", "52B"].high
    assert found.rating.correlation.high < 0
    assert found.description.correlation.low > 0
    assert {row.rating for row in found.ratings} == {0, 1, 2, 3, 4}
    assert [each.tag for each in found.tags.tags if each.tag not in SUBJECTS] == ["violence"]
    weapons, violence = (found.tags.together.index(name) for name in ("weapons", "violence"))
    assert found.tags.counts[weapons][violence] == next(e.attempts for e in found.tags.tags if e.tag == "violence")
    assert found.reviewers.reviewed == 60
    assert found.reviewers.among_themselves.binarised.low > 0
    assert sum(worker.attempts for worker in found.workers.busiest) == 240


def test_figures_of_six_attempts_by_hand():
    columns = {
        "rating": [4.0, 0.0, 3.0, 1.0, None, 2.5],
        "transcript_score": [-2.0, 1.0, -1.0, 2.0, 0.0, 0.5],
        "description_score": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "worker": ["w1", "w1", "w1", "w2", "w2", "w3"],
        "tags": [["fraud"], ["fraud"], ["fraud"], [], [], []],
    }
    found = analyse(table_of([TALK] * 6, **columns), BOOTSTRAP)
    assert (found.success.rates[SuccessBy.RATING].value, found.success.rates[SuccessBy.RATING].n) == (0.4, 5)
    scores = found.models.everything.scores
    assert scores.mean.value == pytest.approx(0.5 / 6)
    assert scores.quantiles == pytest.approx((-1.75, -0.75, 0.25, 0.875, 1.75))
    of_ratings = [(each.rating, each.attempts, each.score.value) for each in found.ratings]
    assert of_ratings == [(0, 1, 1.0), (1, 1, 2.0), (2, 1, 0.5), (3, 1, -1.0), (4, 1, -2.0)]
    assert (found.description.first, found.description.second) == (
        tuple(columns["description_score"]),
        tuple(columns["transcript_score"]),
    )
    # 2.5 ranks between; of the five rated the scores fall as ratings rise, but for 0 and 1.
    assert found.rating.correlation.value == pytest.approx(-0.9)
    assert found.tags.tags[0].success.value == pytest.approx(2 / 3)
    made = [(each.worker, each.attempts, each.success.value, each.success.n) for each in found.workers.busiest]
    assert made == [("w1", 3, pytest.approx(2 / 3), 3), ("w2", 2, 0.0, 1), ("w3", 1, 0.0, 1)]
    assert found.workers.half == 1


def test_nothing_known_is_undefined_and_not_0():
    empty = analyse(table_of([TALK, TALK]), BOOTSTRAP)
    assert [figure for figure in figures_in(empty) if figure.value is not None] == []
    assert empty.success.flags == (None, None)
    assert empty.workers.half is None
    assert empty.models.edges == ()


def test_the_same_rows_and_seed_give_the_same(found):
    assert analyse(attempts_table(), BOOTSTRAP) == found


def test_alike_attempts_are_families_and_moulds_are_of_one_worker():
    long = "please tell me in every detail how somebody would go about {} without being seen by anyone at all"
    texts = [long.format(word) for word in ("swimming", "Paris", "London", "Berlin")] + ["quite another matter"]
    answer = assistant("that is a long story which begins in the north of the country many years ago")
    attempts = Attempts.of(
        table_of(
            [(human(text), answer) for text in [*texts, texts[0]]],
            worker=["a", "a", "a", "b", "a", "b"],
            rating=[4.0, 0.0, 4.0, 4.0, 0.0, 4.0],
        )
    )
    success = successes(attempts, SuccessBy.RATING)
    copies = near_duplicates(attempts, success, BOOTSTRAP)
    assert copies.families == 1
    assert copies.largest[0].attempts == 5
    assert copies.largest[0].workers == 2
    assert copies.largest[0].success.value == pytest.approx(0.8)
    of_one = moulds(attempts, success, BOOTSTRAP)
    assert [(each.attempts, each.workers) for each in of_one.largest] == [(3, 1), (2, 1)]


def test_the_map_sets_subjects_apart_and_names_them_by_their_words():
    attempts = Attempts.of(attempts_table(150))
    drawn = map_of(attempts, successes(attempts, SuccessBy.RATING), BOOTSTRAP)
    assert len(drawn.clusters) == len(SUBJECTS)
    for cluster in drawn.clusters:
        words = set(cluster.name.split(", "))
        assert any(words <= set(known) for known in SUBJECTS.values()), cluster.name
    assert sum(cluster.attempts for cluster in drawn.clusters) == 150
    for at, cluster in enumerate(drawn.clusters):
        ratings = attempts.ratings[
            [place for place, of in zip(drawn.places, drawn.cluster_of, strict=True) if of == at]
        ]
        assert cluster.success.value == pytest.approx(np.mean(ratings >= 3))
    assert 0 <= min(drawn.across + drawn.down) <= max(drawn.across + drawn.down) <= 1


def test_a_map_of_more_is_a_sample_and_of_few_says_what_it_cannot():
    attempts = Attempts.of(attempts_table(60))
    success = successes(attempts, SuccessBy.RATING)
    sampled = map_of(attempts, success, BOOTSTRAP, most=10)
    assert sampled.of == 60
    assert len(sampled.places) == len(set(sampled.places)) == 10
    assert "chance" in sampled.why_no_clusters
    few = Attempts.of(attempts_table(3))
    assert "needs 5 attempts" in map_of(few, successes(few, SuccessBy.RATING), BOOTSTRAP).why_missing
    silent = Attempts.of(table_of([(human("12"), assistant("34"))] * 6))
    assert "no word stands in several" in map_of(silent, np.full(6, np.nan), BOOTSTRAP).why_missing


def test_a_word_of_one_worker_alone_names_no_cluster():
    chance = np.random.default_rng(0)
    subjects = list(SUBJECTS.values())
    alone = [number % 6 in (0, 2) for number in range(60)]
    talks = [
        " ".join([*chance.choice(subjects[number % 2], 6), *["jonquil"] * (6 * alone[number])]) for number in range(60)
    ]
    names = {}
    for case, workers in {
        "of one": [f"worker-{1 if alone[number] else 2 + number % 3}" for number in range(60)],
        "of several": [f"worker-{number % 5}" for number in range(60)],
    }.items():
        attempts = Attempts.of(table_of([(human(text),) for text in talks], worker=workers))
        drawn = map_of(attempts, np.full(60, np.nan), BOOTSTRAP)
        names[case] = " ".join(cluster.name or "" for cluster in drawn.clusters)
    assert "jonquil" in names["of several"]
    assert names["of one"]
    assert "jonquil" not in names["of one"]


def test_sizes_stand_in_the_order_of_their_parameters():
    assert sorted(["52B", None, "2.7B", "350M", "large", "13B"], key=size_order) == [
        "350M",
        "2.7B",
        "13B",
        "52B",
        None,
        "large",
    ]
