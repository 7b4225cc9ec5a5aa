import pytest

from plumbline.collect.dashboard.item_texts import LINE, line_of
from plumbline.collect.dashboard.opened import open_item, split_rulings
from plumbline.collect.dashboard.opened_chats import open_chat
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.adjudication import dispute_key
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.service.after_work import enter_splits
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.items import enter_items, read_item, read_items
from plumbline.collect.store.judgements import judgements_of_worker
from plumbline.collect.store.rows import NewItem
from plumbline.collect.store.splits import bring_split_up
from plumbline.collect.store.studies import create_study
from tests.collect.api.client import toml
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


def test_a_split_label_tells_its_ruling_and_the_ruling_what_it_is_about(store):
    world = World(store, "safety-labels", {"overlap": 2})
    world.enter([label_item()], overlap=2)
    for worker, said in zip(world.workers(2), (label(), label("animal_abuse")), strict=True):
        world.judge(worker, said, kind="label")
    assert opened(world).rulings == ()
    enter_splits(world.collecting, world.known)
    (waiting,) = opened(world).rulings
    assert waiting.judgement is None
    assert split_rulings(store, world.known, read_items(store, world.known.id)) == {opened(world).item: waiting}
    about = (store, world.known.id, read_item(store, waiting.item).key)
    bring_split_up(*about, None, now=world.now)
    # What a correction settles waits for nobody any more.
    assert opened(world).rulings == ()
    assert split_rulings(store, world.known, read_items(store, world.known.id)) == {}
    bring_split_up(*about, read_item(store, waiting.item).payload, now=world.now)
    reviewer = world.worker()
    world.judge(reviewer, label(), kind="ruling", purpose=Purpose.ADJUDICATION)
    (ruled,) = opened(world).rulings
    assert (ruled.side, ruled.judgement.pseudonym, ruled.judgement.answer["is_safe"]) == (
        None,
        reviewer.pseudonym,
        True,
    )
    assert opened(world, ruled.item).about == opened(world).item


def test_a_ranking_tells_the_ruling_on_each_disputed_side(store):
    world = World(store, "two-axis-ranking")
    world.enter([ranking_item()])
    dispute = {"reply": 2, "label": {"is_safe": False, "categories": ["animal_abuse"]}, "note": None}
    worker = world.worker()
    taken = world.take(worker)
    world.hand_in(taken, worker, ("ranking", "ranking", ranking([1, 2, 3]) | {"disputes": [dispute]}))
    key = dispute_key(str(taken.assignment.id), 2, world.known.settings)
    said = {"conversation": [{"role": "human", "text": "q"}], "labels": [{"is_safe": True}] * 2, "item_key": "x"}
    enter_items(store, world.known.id, [NewItem(key, said, Purpose.ADJUDICATION)], now=world.now)
    assert [(each.side, each.judgement) for each in opened(world).rulings] == [(2, None)]


def test_a_chat_tells_both_replies_of_each_turn_and_belongs_to_its_study(store):
    world = World(store, "preference-chat", CHAT)
    world.enter([{"opening": []}], overlap=2)
    worker = world.worker()
    chats(world, worker, [FIRST, SECOND])
    (row, *_) = judgements_of_worker(store, world.known.id, worker.id)
    chat = open_chat(store, world.known, row.assignment_id)
    assert [(turn.human, [reply.model for reply in turn.replies]) for turn in chat.turns] == [
        ("hello", ["m0", "m1"])
    ] * 2
    assert [each.answer["turn"] for each in chat.judgements] == [1, 2]
    assert (chat.pseudonym, chat.state) == (worker.pseudonym, "submitted")
    other = create_study(store, "other", "pairs", toml(name="other"), "Read.", now=world.now)
    with pytest.raises(NotFoundError):
        open_chat(store, world.collecting.catalogue.of_id(other.id), row.assignment_id)


def test_an_item_is_known_by_one_line(store):
    world = World(store, "safety-labels")
    world.enter([label_item("  an\n\nanswer " + "long " * 100), {"conversation": "none of ours"}])
    first, second = read_items(store, world.known.id)
    line = line_of(first, world.known.settings)
    assert line.startswith("q → an answer long")
    assert "\n" not in line
    assert len(line) <= LINE
    assert line_of(second, world.known.settings) == ""


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
