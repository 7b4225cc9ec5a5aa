"""Topics: told where the data brings them and they are not the answer; no gold item is told by them."""

import asyncio
import json

import pytest

from plumbline.collect.kinds import Ask, Purpose, Work, task_for
from plumbline.collect.service.entering import enter_uploaded
from plumbline.collect.service.held_work import step_to_show
from plumbline.collect.service.own_judgements import own_judgement
from plumbline.collect.service.wellbeing.topics import read_all_topics, with_topics
from plumbline.collect.store.items import read_items
from tests.collect.service.wellbeing.made_up import CYBER, DRUGS, TOPICS, VIOLENCE, labelled_rows


def told(desk, held):
    return step_to_show(desk.collecting, held).fields.get("topics")


def test_a_pair_has_the_categories_of_both_sides_together(desk):
    study = desk.study(wellbeing=TOPICS)
    enter_uploaded(desk.collecting, study, labelled_rows(("q", (VIOLENCE, DRUGS), (DRUGS, CYBER))), "jsonl")
    held = desk.next(study, desk.worker())
    assert told(desk, held) == sorted({VIOLENCE, DRUGS, CYBER})
    assert "label" not in str(step_to_show(desk.collecting, held).fields)


def test_no_study_has_topics_that_does_not_say_so(desk):
    study = desk.study()
    desk.entered(study, (VIOLENCE,))
    held = desk.next(study, desk.worker())
    assert told(desk, held) is None
    assert "topics" not in held.item.payload
    assert desk.collecting.topics.of_study(desk.store, study.id) == frozenset()


def test_nothing_is_told_of_an_item_without_any(desk):
    study = desk.open(())
    assert told(desk, desk.next(study, desk.worker())) is None


def test_a_ranking_has_the_categories_of_its_labels(desk):
    study = desk.study("two-axis-ranking", items="x.jsonl", taxonomy="pku-19", wellbeing=TOPICS)
    enter_uploaded(desk.collecting, study, labelled_rows(("q", (), (DRUGS,))), "jsonl")
    assert told(desk, desk.next(study, desk.worker())) == [DRUGS]


def test_a_conversation_has_its_prompts_category(desk):
    study = desk.study(
        "preference-chat",
        axes=["harmlessness"],
        items={"prompts": "x.jsonl"},
        replies={"sampler": "two-samples", "sources": ["retrieval:x"]},
        wellbeing=TOPICS,
    )
    prompt = {"prompt": "Tell me.", "category": "self_harm", "category_id": 10}
    enter_uploaded(desk.collecting, study, json.dumps(prompt).encode(), "jsonl")
    worker = desk.worker()
    held = desk.next(study, worker)
    assert held.item.payload["topics"] == ["self_harm"]
    ask = Ask(act="say")
    assert with_topics(desk.collecting, study, held.item.payload, ask).fields == {"topics": ["self_harm"]}


def test_labels_have_none_for_they_are_the_answer(desk):
    study = desk.study("safety-labels", items="x.jsonl", taxonomy="pku-19")
    enter_uploaded(desk.collecting, study, labelled_rows(("q", (), (DRUGS,))), "jsonl")
    for item in read_items(desk.store, study.id):
        assert "topics" not in item.payload
        assert DRUGS not in json.dumps(dict(item.payload))


def test_a_ruling_has_none(desk):
    study = desk.study("two-axis-ranking", items="x.jsonl", taxonomy="pku-19", wellbeing=TOPICS)
    enter_uploaded(desk.collecting, study, labelled_rows(("q", (), (DRUGS,))), "jsonl")
    worker, other = desk.worker(), desk.worker()
    held = desk.next(study, worker)
    safe = next(place for place, label in enumerate(held.step.fields["labels"]) if label["is_safe"])
    dispute = {"position": safe, "categories": [VIOLENCE], "none_applies": False}
    desk.answer(
        held, worker, act="rank", helpfulness=[1, 2], harmlessness=[1, 1], confidence=1, disputes=[dispute]
    )  # fmt: skip
    ruled = desk.next(study, other, Purpose.ADJUDICATION)
    assert "topics" not in step_to_show(desk.collecting, ruled).fields


@pytest.mark.parametrize("purpose", [Purpose.GOLD, Purpose.ATTENTION, Purpose.TRAINING])
def test_what_only_known_answers_bring_is_not_told(desk, purpose):
    """The work has no categories at all: whatever has some would be gold."""
    study = desk.study(wellbeing=TOPICS)
    desk.pairs(study, range(3))
    desk.entered(study, (VIOLENCE,), purpose=purpose)
    (item,) = read_items(desk.store, study.id, purpose=purpose)
    assert item.payload["topics"] == [VIOLENCE]
    ask = Ask(act="judge-pair")
    assert with_topics(desk.collecting, study, item.payload, ask) == ask
    desk.entered(study, (VIOLENCE, CYBER))
    assert with_topics(desk.collecting, study, item.payload, ask).fields == {"topics": [VIOLENCE]}


def test_the_same_is_told_after_an_answer_and_of_ones_own_judgement(desk):
    study, worker = desk.open((VIOLENCE,)), desk.worker()
    receipt = desk.judge(desk.next(study, worker), worker).receipt
    own = own_judgement(desk.collecting, worker, receipt.judgement_ids[0])
    assert own.judged.ask.fields["topics"] == [VIOLENCE]


def test_gold_looks_like_work_in_the_step(desk):
    study, worker = desk.open((VIOLENCE,), gold={"items": "x", "share": 0.5}), desk.worker()
    desk.entered(study, (VIOLENCE,), purpose=Purpose.GOLD)
    asked = [
        task_for(study.settings, item.purpose).next_step(held_like(desk, study, worker, item), study.settings)
        for item in read_items(desk.store, study.id)
    ]
    told_of = [with_topics(desk.collecting, study, item.payload, ask) for item, ask in zip(read_items(desk.store, study.id), asked, strict=True)]  # fmt: skip
    first, second = ({**ask.fields, "continuations": None} for ask in told_of)
    assert first == second


def held_like(desk, study, worker, item):
    return Work(assignment_id="1", item_key=item.key, worker=worker.pseudonym, payload=item.payload)


def test_what_is_asked_after_an_answer_has_them_too(desk):
    replies = {"sampler": "two-samples", "sources": ["retrieval:x"]}
    study = desk.study("red-team-chat", items={"prompts": "x.jsonl"}, warning="w", replies=replies, wellbeing=TOPICS)
    prompt = {"prompt": "Tell me.", "category": "self_harm", "category_id": 10}
    enter_uploaded(desk.collecting, study, json.dumps(prompt).encode(), "jsonl")
    worker = desk.worker()
    step = desk.answer(desk.next(study, worker), worker, act="consent", agreed=True).step
    assert (step.act, step.fields["topics"]) == ("describe", ["self_harm"])


@pytest.mark.parametrize(("items", "told"), [([()], True), ([(), (VIOLENCE,)], False), ([], False)])
def test_a_server_tells_of_a_study_whose_items_name_no_topic(desk, caplog, items, told):
    study = desk.open(*items)
    asyncio.run(read_all_topics(desk.collecting))
    assert (f"study {study.settings.name} lets workers leave out topics" in caplog.text) is told
