import pytest

from plumbline.collect.dashboard.opened import open_item
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.rows import NewItem
from plumbline.collect.store.studies import create_study
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    label_item,
    pair,
    pair_item,
    ranking_item,
    review_item,
)
from tests.collect.dashboard.test_figures import RED_TEAM


def opened(world, item=None):
    (first, *_) = read_items(world.store, world.known.id)
    return open_item(world.store, world.known, item or first.id)


def test_a_pair_with_its_models_and_what_stands_of_its_judgements(store):
    world = World(store)
    world.enter([pair_item(("m0", "m1"))], overlap=2)
    one, two = world.workers(2)
    (number,) = world.judge(one, pair(FIRST, 3, a=1))
    again = world.correct(one, number, pair(SECOND, 2, a=1))
    world.judge(two, pair(FIRST))
    found = opened(world)
    assert [(said.role, said.text) for said in found.conversation] == [("human", "q")]
    assert [(reply.side, reply.model, reply.messages[0].text) for reply in found.replies] == [
        (0, "m0", "side 0"),
        (1, "m1", "side 1"),
    ]
    assert sorted((each.judgement, each.pseudonym, each.corrects) for each in found.judgements) == sorted(
        [(again, one.pseudonym, number), (again + 1, two.pseudonym, None)]
    )
    corrected = next(each for each in found.judgements if each.corrects)
    assert corrected.answer["verdicts"][0]["outcome"] == SECOND
    assert corrected.answer["shown"] == [1, 0]
    assert corrected.guidelines_version == 1


def test_work_in_hand_is_not_told(store):
    world = World(store, "preference-chat", CHAT | {"turns": 2})
    world.enter([{"opening": []}])
    (one,) = world.workers(1)
    taken = world.take(one)
    world.hand_in(taken, one, ("x", "ended", {"turns": 1}), finished=False)
    assert opened(world).judgements == ()


@pytest.mark.parametrize(
    ("kind", "payload", "purpose", "replies"),
    [
        ("safety-labels", label_item(), Purpose.WORK, 0),
        ("two-axis-ranking", ranking_item(("a", "b", "c")), Purpose.WORK, 3),
        ("red-team-chat", review_item() | {"task_description": "to be rude"}, Purpose.REVIEW, 0),
        ("preference-chat", pair_item(), Purpose.TRAINING, 2),
    ],
)
def test_items_of_every_kind(store, kind, payload, purpose, replies):
    settings = {"preference-chat": CHAT, "red-team-chat": RED_TEAM}.get(kind, {})
    world = World(store, kind, settings)
    world.enter([payload], purpose=purpose, truths=[{}] if purpose is Purpose.TRAINING else None)
    found = opened(world)
    assert found.conversation[0].text == "q"
    assert len(found.replies) == replies
    assert found.intended == payload.get("task_description")


def test_another_studys_item_is_not_there(store):
    world = World(store)
    other = create_study(store, "other", "pairs", "", "Read.", now=world.now)
    enter_items(store, other.id, [NewItem("x", pair_item())], now=world.now)
    (item,) = read_items(store, other.id)
    for number in (item.id, 10_000):
        with pytest.raises(NotFoundError) as caught:
            open_item(store, world.known, number)
        assert caught.value.code == "PL-COL-010"


def test_what_is_no_payload_of_ours_is_told_without_its_text(store):
    world = World(store)
    world.enter([{"context": "a secret"}])
    with pytest.raises(StoredWorkError) as caught:
        opened(world)
    assert "secret" not in str(caught.value)
