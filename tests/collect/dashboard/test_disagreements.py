import pytest

from plumbline.collect.dashboard.disagreements import page_of
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.items import read_items
from tests.collect.dashboard.made_up import (
    FIRST,
    SECOND,
    World,
    label,
    label_item,
    pair,
    pair_item,
    ranking,
    ranking_item,
    review,
    review_item,
)
from tests.collect.dashboard.test_figures import RED_TEAM


def page(world, *, question=None, order="apart", after=None, limit=100):
    snapshot = world.snapshot()
    return page_of(snapshot.counted, snapshot.disagreements, question=question, order=order, after=after, limit=limit)


def items(world):
    return [item.id for item in read_items(world.store, world.known.id, purpose=Purpose.WORK)]


def pairs(store):
    """Item 0: 4 against 4; 1: the same; 2: 1 against 1; 3: 4 against 1, corrected to agree; 4: 3 against 2, corrected."""
    world = World(store)
    world.enter([pair_item() for _ in range(5)], overlap=2)
    one, two = world.people = world.workers(2)
    world.judge(one, pair(FIRST, 4), pair(FIRST, 4), pair(FIRST, 1), pair(FIRST, 4), pair(FIRST, 3))
    numbers = world.judge(two, pair(SECOND, 4), pair(FIRST, 1), pair(SECOND, 1), pair(SECOND, 1), pair(SECOND, 4))
    world.correct(two, numbers[3], pair(FIRST, 1))
    world.correct(two, numbers[4], pair(SECOND, 2))
    return world


def test_the_furthest_apart_come_first_with_what_each_said(store):
    world = pairs(store)
    found, numbers = page(world), items(world)
    assert [(each.item, each.question, each.apart) for each in found] == [
        (numbers[0], "helpfulness", 1.0),
        (numbers[4], "helpfulness", 5 / 8),
        (numbers[2], "helpfulness", 2 / 8),
    ]
    said = [(answer.pseudonym, answer.value, answer.strength) for answer in found[1].answers]
    assert said == [(world.people[0].pseudonym, 1.0, 3), (world.people[1].pseudonym, 0.0, 2)]
    assert found[0].last == found[0].answers[1].at


def test_pages_go_on_where_the_last_one_ended_and_newest_is_another_order(store):
    world = pairs(store)
    whole = page(world)
    for order in ("apart", "newest"):
        every, after, found = page(world, order=order), None, []
        while some := page(world, order=order, after=after, limit=1):
            found += some
            after = tuple(map(int, some[-1].after.split("-")))
        assert found == every
    assert [each.item for each in page(world, order="newest")] == sorted((each.item for each in whole), reverse=True)
    assert page(world, question="harmlessness") == []
    assert page(world, question="helpfulness") == whole


def test_labels_that_are_split_evenly_come_first(store):
    world = World(store, "safety-labels")
    world.enter([label_item(str(number)) for number in range(3)], overlap=4)
    for number, worker in enumerate(world.workers(4)):
        safe = [number < 2, number < 1, True]
        world.judge(worker, *[label() if each else label("self_harm") for each in safe], kind="label")
    found = page(world)
    # Of six pairs of answers, four contradict each other, or three.
    assert [(each.item, each.apart) for each in found] == [
        (items(world)[0], pytest.approx(4 / 6)),
        (items(world)[1], pytest.approx(3 / 6)),
    ]
    assert [answer.value for answer in found[0].answers] == [1.0, 1.0, 0.0, 0.0]


def test_unsafe_labels_that_name_other_categories_are_a_disagreement_of_their_own(api):
    """Half of what two name together is the least that is listed; who says safe is not asked which."""
    world = World(api.store, "safety-labels")
    world.enter([label_item(str(number)) for number in range(4)], overlap=3)
    named = [
        [("self_harm",), ("animal_abuse",), ()],
        [("self_harm", "animal_abuse"), ("self_harm",), ("self_harm",)],
        [("animal_abuse", "self_harm"), ("animal_abuse",), ()],
        [("self_harm",), ("self_harm",), ("self_harm",)],
    ]
    for number, worker in enumerate(world.workers(3)):
        world.judge(worker, *[label(*of_item[number]) for of_item in named], kind="label")
    found, numbers = page(world, question="categories"), items(world)
    assert [(each.item, each.apart) for each in found] == [(numbers[0], 1.0), (numbers[2], 0.5)]
    assert {answer.categories for answer in found[1].answers} == {("animal_abuse", "self_harm"), ("animal_abuse",), ()}
    assert [(each.item, each.question) for each in page(world)] == [
        (numbers[0], "categories"),
        *((numbers[place], "is_safe") for place in (0, 2)),
        (numbers[2], "categories"),
    ]


def test_rankings_count_the_pairs_that_contradict_each_other_and_no_ties(store):
    world = World(store, "two-axis-ranking")
    world.enter([ranking_item(), ranking_item()], overlap=2)
    one, two = world.workers(2)
    world.judge(one, ranking((1, 2, 3), (1, 1, 1)), ranking((1, 2, 3)), kind="ranking")
    world.judge(two, ranking((2, 1, 3), (1, 2, 3)), ranking((1, 1, 2)), kind="ranking")
    (found,) = page(world)
    assert (found.item, found.question, found.apart) == (items(world)[0], "helpfulness", pytest.approx(1 / 3))
    assert [answer.value for answer in found.answers] == [None, None]


def test_ratings_that_are_far_apart(store):
    world = World(store, "red-team-chat", RED_TEAM)
    world.enter([review_item(str(number)) for number in range(3)], overlap=2, purpose=Purpose.REVIEW)
    one, two = world.workers(2)
    world.judge(one, review(4), review(3), review(2), kind="review", purpose=Purpose.REVIEW)
    world.judge(two, review(0), review(1), review(3), kind="review", purpose=Purpose.REVIEW)
    assert [(each.question, each.apart) for each in page(world)] == [("rating", 1.0), ("rating", 0.5)]


def test_gold_items_are_no_disagreements(store):
    world = World(store)
    truth = {"orders": [{"axis": "helpfulness", "better": 0, "worse": 1}]}
    world.enter([pair_item()], overlap=2, purpose=Purpose.GOLD, truths=[truth])
    for worker, outcome in zip(world.workers(2), (FIRST, SECOND), strict=True):
        world.judge(worker, pair(outcome), purpose=Purpose.GOLD)
    assert page(world) == []
