"""Figures of tiny studies of each kind, worked out by hand."""

import math

import pytest

from plumbline.collect.kinds import Purpose
from plumbline.measure import wilson_figure
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    chats,
    label,
    label_item,
    pair,
    pair_item,
    ranking,
    ranking_item,
    review,
    review_item,
)

RED_TEAM = CHAT | {"axes": ["harmlessness"], "warning": "Take care.", "turns": 1, "review": {"reviewers": 3}}


def by_name(found, attribute="question"):
    return {getattr(each, attribute): each for each in found}


def pairs(store, *, models=("m0", "m1"), **more):
    """Two workers on four pairs: first first second first, and first second second first."""
    world = World(store, **more)
    world.enter([pair_item(models) for _ in range(4)], overlap=2)
    one, other = world.workers(2)
    world.judge(one, pair(FIRST, 4), pair(FIRST, 1, a=1), pair(SECOND, 2), pair(FIRST, 4))
    world.judge(other, pair(FIRST, 2), pair(SECOND, 1), pair(SECOND, 2, a=1), pair(FIRST, 4))
    return world


# --- pairs ---


def test_agreement_on_pairs(store):
    found = by_name(pairs(store).figures().agreement)
    assert found.keys() == {"helpfulness", "helpfulness strength"}
    outcome = found["helpfulness"].overall
    assert (outcome.percent.value, outcome.percent.n) == (0.75, 4)
    # 5 firsts and 3 seconds. Kappa: by chance 34/64. Alpha: observed 2/8, by chance 2·5·3/(8·7).
    assert outcome.fleiss_kappa.value == pytest.approx((0.75 - 34 / 64) / (1 - 34 / 64))
    assert outcome.krippendorff_alpha["nominal"].value == pytest.approx(1 - (2 / 8) / (30 / 56))
    # Strengths 4 2 | 1 −1 | −2 −2 | 4 4. Observed: 2·(2² + 2²)/8 = 2; by chance the mean of all squared differences.
    values = [4, 2, 1, -1, -2, -2, 4, 4]
    chance = sum((v - w) ** 2 for v in values for w in values) / (8 * 7)
    assert found["helpfulness strength"].overall.krippendorff_alpha["interval"].value == pytest.approx(1 - 2 / chance)
    assert set(found["helpfulness strength"].overall.krippendorff_alpha) == {"ordinal", "interval"}


def test_strengths_sides_and_models_on_pairs(store):
    (axis,) = pairs(store).figures().axes
    assert axis.comparisons == 8
    # Where A was side 0: steps 1, 7 (second, 2), 1, 3, 5, 1; where A was side 1: 5 (first, 1), 3 (second, 2).
    assert {each.value: each.count for each in axis.steps} == {1: 3, 2: 0, 3: 2, 4: 0, 5: 2, 6: 1, 7: 0, 8: 0}
    stored = {each.value: each.count for each in axis.strengths}
    assert stored == {-4: 0, -3: 0, -2: 2, -1: 1, 1: 1, 2: 1, 3: 0, 4: 3}
    assert axis.steps[0].share == wilson_figure(3, 8)
    assert axis.shown_first.value == 5 / 8
    assert axis.first_better.value == 5 / 8
    assert axis.ties.value == 0.0
    (met,) = axis.models.pairs
    assert (met.first, met.second, met.first_wins, met.second_wins, met.ties) == ("m0", "m1", 5, 3, 0)
    assert met.first_rate.value == 5 / 8
    lead = 400 * math.log10(5 / 3)
    assert {name: figure.value for name, figure in axis.models.elo.items()} == pytest.approx(
        {"m0": lead / 2, "m1": -lead / 2}
    )
    assert axis.models.elo["m0"].low < lead / 2 < axis.models.elo["m0"].high


def test_models_that_are_not_known_or_the_same_are_counted(store):
    world = World(store)
    world.enter([pair_item((None, "m1")), pair_item(("m1", "m1")), pair_item(("z", "a"))])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST), pair(FIRST), pair(FIRST))
    models = world.figures().axes[0].models
    assert (models.n, models.unknown_model, models.same_model) == (1, 1, 1)
    (met,) = models.pairs
    # Named by name: z stood first and won.
    assert (met.first, met.second, met.first_wins, met.second_wins) == ("a", "z", 0, 1)
    assert models.elo["a"].value is None


def test_known_answers_are_apart(store):
    world = World(store, settings={"gold": {"items": "g.jsonl", "share": 0.1}})
    truth = {"orders": [{"axis": "helpfulness", "better": 0, "worse": 1}]}
    world.enter([pair_item(), pair_item()])
    world.enter([pair_item() for _ in range(4)], purpose=Purpose.GOLD, truths=[truth] * 4)
    (worker,) = world.workers(1)
    world.judge(worker, pair(SECOND), pair(SECOND))
    numbers = world.judge(worker, pair(FIRST), pair(SECOND), pair(FIRST), pair(SECOND), purpose=Purpose.GOLD)
    world.correct(worker, numbers[1], pair(FIRST))
    figures = world.figures()
    (gold,) = figures.known_answers
    assert (gold.purpose, gold.finished, gold.accuracy.value, gold.accuracy.n) == ("gold", 4, 0.75, 4)
    assert (figures.axes[0].comparisons, figures.axes[0].first_better.value) == (2, 0.0)
    assert (figures.basis.judgements, figures.basis.corrections) == (6, 1)


def test_times_are_of_first_judgements(store):
    world = World(store)
    world.enter([pair_item() for _ in range(5)])
    (worker,) = world.workers(1)
    numbers = [world.judge(worker, pair(FIRST), seconds=seconds)[0] for seconds in (1, 2, 3, 10, None)]
    world.correct(worker, numbers[0], pair(SECOND))  # 99 seconds
    (times,) = world.figures().item_times
    assert (times.of, times.measured, times.median.value) == ("work", 4, 2.5)
    assert (times.lower_quartile.value, times.upper_quartile.value) == (1.75, 4.75)
    (of_kind,) = world.figures().judgement_times
    assert (of_kind.of, of_kind.median.value) == ("pair", 2.5)


# --- chats ---


def test_a_chat_compares_what_nobody_else_sees(store):
    world = World(store, "preference-chat", CHAT | {"turns": 2})
    world.enter([{"opening": []} for _ in range(2)])
    one, other = world.workers(2)
    chats(world, one, [FIRST, SECOND])
    chats(world, other, [FIRST, FIRST])
    figures = world.figures()
    (question,) = figures.agreement
    assert question.overall.percent.value is None
    assert "replies of their own" in question.overall.percent.why_undefined
    (axis,) = figures.axes
    assert (axis.comparisons, axis.models.pairs[0].first_wins, axis.models.pairs[0].second_wins) == (4, 3, 1)
    (times,) = figures.item_times
    assert (times.measured, times.median.value) == (2, 20.0)


def test_reviews_of_red_teaming(store):
    world = World(store, "red-team-chat", RED_TEAM)
    world.enter([review_item("1"), review_item("2")], overlap=3, purpose=Purpose.REVIEW)
    for worker, ratings in zip(world.workers(3), ((4, 0), (3, 1), (2, 0)), strict=True):
        world.judge(worker, *map(review, ratings), kind="review", purpose=Purpose.REVIEW)
    figures = world.figures()
    found = by_name(figures.agreement)
    assert found.keys() == {"harmlessness", "rating", "rating >= 3"}
    assert set(found["rating"].overall.krippendorff_alpha) == {"nominal", "ordinal", "interval"}
    # 1 1 0 | 0 0 0: pairs equal 1/3 and 1; 2 of 6 succeeded.
    succeeded = found["rating >= 3"].overall
    assert succeeded.percent.value == pytest.approx(2 / 3)
    assert succeeded.fleiss_kappa.value == pytest.approx((2 / 3 - 5 / 9) / (4 / 9))
    (grades,) = figures.grades
    assert (grades.question, [each.count for each in grades.values]) == ("rating", [2, 1, 1, 1, 1])
    # Squared differences within: 4 3 2 gives 2·(1 + 1 + 4)/2 = 6, 0 1 0 gives 2·2/2 = 2.
    values = [4, 3, 2, 0, 1, 0]
    chance = sum((v - w) ** 2 for v in values for w in values) / (6 * 5)
    assert found["rating"].overall.krippendorff_alpha["interval"].value == pytest.approx(1 - (8 / 6) / chance)


# --- labels ---


def test_labels_agree_on_safety_and_on_each_category(store):
    world = World(store, "safety-labels")
    world.enter([label_item("a"), label_item("b")], overlap=2)
    one, other = world.workers(2)
    world.judge(one, label(), label("privacy_violation", confidence=1), kind="label")
    world.judge(other, label("privacy_violation"), label("privacy_violation", "self_harm"), kind="label")
    figures = world.figures()
    found = by_name(figures.agreement)
    assert len(found) == 15
    assert found["is_safe"].overall.percent.value == 0.5
    assert found["category: privacy_violation"].overall.percent.value == 0.5
    assert found["category: self_harm"].overall.percent.value == 0.5
    assert found["category: animal_abuse"].overall.percent.value == 1.0
    assert found["category: animal_abuse"].overall.fleiss_kappa.value is None
    labels = by_name(figures.labels, "purpose")["work"]
    assert (labels.judgements, labels.unsafe.value) == (4, 0.75)
    assert labels.categories["self_harm"].value == 0.25
    assert by_name(figures.labels, "purpose")["adjudication"].judgements == 0
    (grades,) = figures.grades
    assert (grades.question, [each.count for each in grades.values]) == ("confidence", [0, 1, 0, 3])
    assert figures.axes == ()


# --- rankings ---


def test_rankings_agree_pair_by_pair(store):
    world = World(store, "two-axis-ranking")
    world.enter([ranking_item(("m0", "m1", "m2"))], overlap=2)
    one, other = world.workers(2)
    world.judge(one, ranking((1, 2, 3), (1, 1, 1), shown=(0, 1, 2)), kind="ranking")
    world.judge(other, ranking((1, 3, 2), (1, 1, 2), shown=(2, 1, 0)), kind="ranking")
    figures = world.figures()
    found = by_name(figures.agreement)
    # Of the pairs 01, 02, 12 they agree on the first two; on harmlessness on 01 alone, a tie.
    assert found["helpfulness"].overall.percent.value == pytest.approx(2 / 3)
    assert found["harmlessness"].overall.percent.value == pytest.approx(1 / 3)
    axes = by_name(figures.axes, "axis")
    assert axes["helpfulness"].ties.value == 0.0
    assert axes["harmlessness"].ties.value == pytest.approx(4 / 6)
    assert axes["helpfulness"].steps == ()
    # One saw them in their order and named the earlier thrice; the other saw 2 1 0 and named 2 before 1 alone.
    assert axes["helpfulness"].shown_first.value == pytest.approx(4 / 6)
    met = {(each.first, each.second): each for each in axes["helpfulness"].models.pairs}
    assert (met["m0", "m1"].first_wins, met["m1", "m2"].first_wins, met["m1", "m2"].second_wins) == (2, 1, 1)
    tied = {(each.first, each.second): each.ties for each in axes["harmlessness"].models.pairs}
    assert tied == {("m0", "m1"): 2, ("m0", "m2"): 1, ("m1", "m2"): 1}


# --- all kinds ---


def test_the_basis_tells_what_it_all_is_of(store):
    world = pairs(store)
    basis = world.figures().basis
    assert (basis.judgements, basis.stored, basis.uncounted, basis.people, basis.late) == (8, 8, 0, 2, 0)
    assert basis.as_of == world.now


@pytest.mark.parametrize("kind", ["pairs", "safety-labels", "two-axis-ranking", "preference-chat", "red-team-chat"])
def test_a_study_without_a_judgement_says_why_each_figure_is_missing(store, kind):
    settings = {"pairs": {}, "preference-chat": CHAT, "red-team-chat": RED_TEAM}.get(kind, {})
    figures = World(store, kind, settings).figures()
    assert figures.basis.judgements == 0
    assert all(each.overall.percent.why_undefined for each in figures.agreement)
    assert all(each.shown_first.why_undefined and not each.models.pairs for each in figures.axes)
    assert figures.progress.pace.expected_end is None


def test_agreement_over_time_has_slices_of_equally_many_items(api):
    world = World(api.store)
    world.enter([pair_item() for _ in range(60)], overlap=2)
    one, other = world.workers(2)
    for number in range(60):
        # They differ on every item of the first third, and on none after it.
        said, opposite = (FIRST, SECOND) if number % 2 else (SECOND, FIRST)
        world.judge(one, pair(said))
        world.judge(other, pair(opposite if number < 20 else said))
    (outcome, strength) = world.figures().agreement
    assert strength.over_time == ()
    assert [each.agreement.percent.n for each in outcome.over_time] == [20, 20, 20]
    assert [each.agreement.percent.value for each in outcome.over_time] == [0.0, 1.0, 1.0]
    moments = [moment for each in outcome.over_time for moment in (each.begins, each.ends)]
    assert moments == sorted(moments)
    assert len(set(moments)) == 6
