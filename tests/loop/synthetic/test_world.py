"""The made-up world: the same from a seed, every reply known by its text, and nothing of the truth in what is asked."""

import json

from plumbline.formats import load
from plumbline.lineage import terms_of
from plumbline.loop.sources import is_synthetic
from plumbline.loop.synthetic.world import TERMS, make_world, write_pairs, write_prompts, write_truth
from plumbline.records import BEAVERTAILS_14, Axis, records_from_table

SIZE = {"tasks": 6, "wishes": 8, "unseen": 3, "replies": 4}


def test_a_world_follows_from_its_seed_and_no_text_stands_in_it_twice():
    world = make_world(5, **SIZE)
    assert world == make_world(5, **SIZE)
    assert world != make_world(6, **SIZE)
    everything = (*world.tasks, *world.wishes, *world.unseen_tasks, *world.unseen_wishes)
    assert [len(each.replies) for each in everything] == [4] * 6 + [2] * 8 + [4] * 3 + [2] * 3
    texts = [reply.text for each in everything for reply in each.replies]
    assert len(set(texts)) == len(texts)
    assert len({each.prompt for each in everything}) == len(everything)


def test_the_truth_is_known_by_the_text_and_wishes_have_a_safe_reply():
    world = make_world(5, **SIZE)
    for each in world.wishes:
        assert any(reply.is_safe for reply in each.replies)
        assert each.replies[0].harm != each.replies[1].harm
        for reply in each.replies:
            truth = world.truth(reply.text)
            assert truth.reply == reply
            assert truth.categories == (frozenset() if reply.is_safe else each.categories)
            assert each.categories <= set(BEAVERTAILS_14)
    assert all(world.truth(reply.text).categories == frozenset() for each in world.tasks for reply in each.replies)


def test_what_is_asked_says_that_it_is_synthetic_and_nothing_of_the_truth(tmp_path):
    world = make_world(5, **SIZE)
    write_prompts(world.tasks, tmp_path / "prompts.jsonl")
    assert [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()] == [
        {"prompt": each.prompt} for each in world.tasks
    ]
    write_pairs(world.wishes, Axis.HARMLESSNESS, tmp_path / "pairs")
    loaded = load(tmp_path / "pairs", cache=False)
    assert terms_of(loaded.comparisons) == TERMS
    assert is_synthetic(loaded)
    found = list(records_from_table(loaded.comparisons))
    assert [[side[-1].text for side in each.continuations] for each in found] == [
        [reply.text for reply in each.replies] for each in world.wishes
    ]
    assert {(each.outcome, each.is_safe, each.categories, each.votes) for each in found} == {(None, None, None, None)}


def test_the_truth_stands_in_a_file_of_its_own(tmp_path):
    world = make_world(5, **SIZE)
    write_truth(world, tmp_path / "truth.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert len(rows) == 6 * 4 + 8 * 2
    assert all(row["is_safe"] is world.truth(row["reply"]).reply.is_safe for row in rows)
