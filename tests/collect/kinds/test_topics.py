"""Topics of items: where they come from, and that payloads without any are what they always were."""

import pytest
from pydantic import ValidationError

from plumbline.collect.kinds import Purpose, items_from_records
from plumbline.collect.kinds.chat import ChatItem
from plumbline.collect.kinds.pairs import PairItem
from plumbline.collect.kinds.ranking_items import RankingItem
from plumbline.collect.kinds.topics import MOST_TOPICS, Topical, topics_in, with_topics
from plumbline.collect.study_file import parse_study_file
from plumbline.records import Axis, Comparison, Message, Outcome, Prompt, Role
from tests.collect.study_texts import text_of

TOPICAL = "[wellbeing]\ntopics = true\n"
A, B, C = "animal_abuse", "child_abuse", "self_harm"
"""Of the studies' taxonomy: a ranking takes labels of no other."""


def study(kind, wellbeing=TOPICAL, **replaced):
    text = text_of(kind).replace('items = "workers"', 'items = { prompts = "x.jsonl" }')
    return parse_study_file(f"{text}\n{wellbeing}")


def comparison(row, *categories, question="q"):
    replies = ((Message(Role.ASSISTANT, "one"),), (Message(Role.ASSISTANT, "other"),))
    return Comparison(
        id=f"c{row}", item_id="i", group_id="g", context=(Message(Role.HUMAN, question),), continuations=replies,
        axis=Axis.HARMLESSNESS, outcome=Outcome.FIRST, is_safe=tuple(not each for each in categories),
        categories=tuple(map(frozenset, categories)), source="f", row=row,
    )  # fmt: skip


def prompt(*categories):
    conversation = (Message(Role.HUMAN, "q"),)
    return Prompt(id="p", group_id="g", conversation=conversation, categories=frozenset(categories), source="f", row=0)


def payloads(records, settings, purpose=Purpose.WORK):
    return [item.payload for item in items_from_records(records, settings, purpose)]


@pytest.mark.parametrize("kind", ["pairs", "two-axis-ranking", "preference-chat", "red-team-chat"])
def test_both_sides_together_sorted(kind):
    (payload,) = payloads([comparison(0, {B}, {C, A})], study(kind))
    assert payload["topics"] == [A, B, C]
    assert topics_in(payload) == {A, B, C}
    assert next(iter(payload)) == "topics", "the store reads them without the rest"


@pytest.mark.parametrize("kind", ["preference-chat", "red-team-chat"])
def test_of_a_prompt(kind):
    (payload,) = payloads([prompt("x", "y")], study(kind))
    assert payload["topics"] == ["x", "y"]


def test_labels_have_none():
    settings = parse_study_file(text_of("safety-labels"))
    for payload in payloads([comparison(0, {"b"}, {"c"})], settings):
        assert sorted(payload) == ["conversation", "parents"]


@pytest.mark.parametrize("kind", ["pairs", "two-axis-ranking", "preference-chat", "red-team-chat"])
def test_without_the_setting_payloads_are_what_they_were(kind):
    """Data that are entered again into a store of before must give the same payloads, or each would count as another."""
    found = payloads([comparison(0, {B}, {C})], study(kind, wellbeing=""))
    topical = payloads([comparison(0, {B}, {C})], study(kind))
    assert found
    assert [{**each, "topics": [B, C]} for each in found] == topical
    assert all("topics" not in each for each in found)
    without = payloads([comparison(0, set(), set())], study(kind))
    assert all("topics" not in each for each in without)


def test_a_known_answer_has_those_of_all_its_records():
    records = [comparison(0, set(), {"a"}), comparison(1, set(), {"b"})]
    (payload,) = payloads(records, study("pairs"), Purpose.GOLD)
    assert payload["topics"] == ["a", "b"]


def test_topics_beyond_the_bounds_make_no_item():
    for categories in ({"x" * 201}, {f"c{number}" for number in range(MOST_TOPICS + 1)}, {"a\0b"}):
        (refused,) = items_from_records([prompt(*categories)], study("preference-chat"))
        assert refused.code == "PL-ITM-002"


@pytest.mark.parametrize("model", [ChatItem, PairItem, RankingItem])
def test_items_are_read_back_with_their_topics(model):
    assert issubclass(model, Topical)
    values = with_topics({}, frozenset(("b", "a")))
    assert Topical(topics=("a", "b")).as_json() == values == {"topics": ["a", "b"]}
    assert Topical().as_json() == with_topics({}, frozenset()) == {}
    with pytest.raises(ValidationError):
        with_topics({}, frozenset(("",)))


@pytest.mark.parametrize(
    "payload", [{}, {"topics": None}, {"topics": "a"}, {"topics": {"a": 1}}, {"topics": [1, None]}]
)
def test_what_is_no_list_of_topics_is_none(payload):
    assert topics_in(payload) == frozenset()
