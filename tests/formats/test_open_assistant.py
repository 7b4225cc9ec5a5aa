"""Open-Assistant trees: pairs, weights, polarity, what is passed over, the trees written back."""

import json
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.open_assistant import parse
from plumbline.formats.open_assistant_writing import format_lines
from plumbline.lineage import count_by_code
from plumbline.records import Axis, Kind, Message, Outcome, Role
from tests.formats.reading_back import (
    TEXTS,
    assert_written_or_refused,
    codes,
    extras,
    line,
    read,
    read_file,
    records,
    remade,
    replace_texts,
    set_values,
    written,
)


def message(message_id, *replies, role="assistant", **keys):
    return {"message_id": message_id, "text": f"text {message_id}", "role": role, **keys, "replies": list(replies)}


def asked(message_id, *replies, **keys):
    return message(message_id, *replies, role="prompter", **keys)


def tree(*replies, **keys):
    return line(message_tree_id="t", tree_state="ready_for_export", prompt=asked("root", *replies, **keys))


def sides(comparison):
    return tuple(side[0].text for side in comparison.continuations)


def test_rank_zero_is_best_and_flipping_the_ranks_flips_the_outcome():
    (as_is,) = records(parse, Kind.COMPARISONS, tree(message("a", rank=0), message("b", rank=1)))
    (flipped,) = records(parse, Kind.COMPARISONS, tree(message("a", rank=1), message("b", rank=0)))
    assert (as_is.outcome, flipped.outcome) == (Outcome.FIRST, Outcome.SECOND)
    assert sides(as_is) == sides(flipped) == ("text a", "text b")
    assert as_is.item_id == flipped.item_id
    assert (as_is.axis, as_is.conversation_id) == (Axis.OVERALL, "t")
    assert as_is.context == (Message(Role.HUMAN, "text root"),)


def test_every_pair_of_ranked_siblings_weighs_one_over_the_number_of_the_others():
    text = tree(*(message(name, rank=rank) for name, rank in (("a", 2), ("b", 0), ("c", 1), ("d", 1))))
    found = {sides(each): each for each in records(parse, Kind.COMPARISONS, text)}
    outcomes = {tuple(side[-1] for side in pair): each.outcome for pair, each in found.items()}
    first, second, tie = Outcome.FIRST, Outcome.SECOND, Outcome.TIE
    assert outcomes == {
        ("a", "b"): second,
        ("a", "c"): second,
        ("a", "d"): second,
        ("b", "c"): first,
        ("b", "d"): first,
        ("c", "d"): tie,
    }
    assert [each.weight for each in found.values()] == pytest.approx([1 / 3] * 6)


def test_replies_below_are_compared_in_the_context_of_the_path():
    below = asked("q", message("x", rank=1), message("y", rank=0))
    compared = records(parse, Kind.COMPARISONS, tree(message("a", below, rank=0), message("b", rank=1)))
    assert [sides(each) for each in compared] == [("text a", "text b"), ("text x", "text y")]
    assert [message.text for message in compared[1].context] == ["text root", "text a", "text q"]
    assert [message.role for message in compared[1].context] == [Role.HUMAN, Role.ASSISTANT, Role.HUMAN]
    assert compared[1].outcome is Outcome.SECOND


def test_models_are_named_where_both_sides_have_one():
    both = tree(message("a", rank=0, model_name="m"), message("b", rank=1, model_name="n"))
    one = tree(message("a", rank=0, model_name="m"), message("b", rank=1, model_name=None))
    assert [each.models for each in records(parse, Kind.COMPARISONS, both, one)] == [("m", "n"), None]


@pytest.mark.parametrize(
    ("replies", "pairs", "findings"),
    [
        ([message("a", rank=0), message("b"), message("c", rank=None)], 0, {"PL-OA-001": 2, "PL-OA-004": 1}),
        ([message("a"), message("b")], 0, {"PL-OA-001": 2, "PL-OA-004": 1}),
        ([], 0, {"PL-OA-004": 1}),
        ([message("a")], 0, {"PL-OA-004": 1}),
        ([message("a", rank=0)], 0, {"PL-OA-004": 1}),
        ([message("a", rank=0), message("b", rank=1), message("c")], 1, {"PL-OA-001": 1}),
        ([message("a", rank=0), message("b", rank=1), asked("c", rank=2)], 1, {}),
        ([message("a", rank=0), message("b", rank=1, deleted=True), message("c", rank=2)], 1, {"PL-OA-002": 1}),
        (
            [message("a", asked("q", message("x"), message("y")), rank=0, deleted=True), message("b", rank=1)],
            0,
            {"PL-OA-002": 1, "PL-OA-003": 3, "PL-OA-004": 1},
        ),
    ],
)
def test_what_is_not_compared_is_noted(replies, pairs, findings):
    tables, intake = read(parse, tree(*replies))
    assert not intake.faults
    assert (len(tables[Kind.COMPARISONS]), count_by_code(intake.findings)) == (pairs, findings)


def test_a_deleted_prompt_leaves_nothing():
    tables, intake = read(parse, tree(message("a", rank=0), message("b", rank=1), deleted=True, text=None))
    assert len(tables[Kind.COMPARISONS]) == 0
    assert count_by_code(intake.findings) == {"PL-OA-002": 1, "PL-OA-003": 2, "PL-OA-004": 1}


def chain(depth):
    """A tree whose only pair hangs below `depth` messages."""
    opening = b'{"message_id":"m","text":"a","role":"assistant","replies":['
    pair = b",".join(line(**message(name, rank=rank)) for name, rank in (("a", 0), ("b", 1)))
    return b'{"message_tree_id": "t", "prompt": ' + opening * depth + pair + b"]}" * depth + b"}"


def test_a_deep_tree_is_read_and_a_deeper_one_set_aside():
    (record,) = records(parse, Kind.COMPARISONS, chain(200))
    assert len(record.context) == 200
    assert codes(parse, tree(), chain(100_000)) == {"PL-JSON-006": 1}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (tree(message("a", role="moderator")), "PL-OA-010"),
        (tree(message("a", text=None)), "PL-OA-011"),
        (tree(*(message(str(rank), rank=rank) for rank in range(30)), text="x" * (1 << 20)), "PL-OA-012"),
        (line(message_tree_id="t", prompt=[]), "PL-JSON-005"),
        (line(message_tree_id="t", prompt=asked("a") | {"replies": {"b": 1}}), "PL-JSON-005"),
        (line(message_tree_id="t", prompt={"text": "a", "role": "prompter"}), "PL-JSON-004"),
        (tree(message("a", rank="0")), "PL-JSON-005"),
        (line(prompt=asked("a")), "PL-JSON-004"),
    ],
)
def test_what_cannot_be_read_is_set_aside(text, code):
    good = tree(message("a", rank=0), message("b", rank=1))
    assert codes(parse, good, text) == {code: 1}


def test_a_tree_set_aside_leaves_no_findings():
    _, intake = read(parse, tree(message("a"), message("b"), message("c", message("d", role="x"))))
    assert (len(intake.faults), intake.findings) == (1, [])


# --- written back ---


def reread(*texts):
    """Ids read, ids read again from what was written, faults of writing."""
    tables, intake = read(parse, *texts)
    assert not intake.faults
    lines, faults = written(format_lines, tables)
    again, intake = read(parse, *lines)
    assert not intake.faults
    return (*(list(each[Kind.COMPARISONS]["id"].to_pylist()) for each in (tables, again)), faults, lines)


def test_a_minimal_tree_is_written_back_to_the_byte():
    text = tree(message("a", message("x", role="prompter"), rank=0), message("b", rank=1))
    before, after, faults, lines = reread(text)
    assert (before, faults) == (after, {})
    assert json.loads(lines[0]) == json.loads(tree(message("a", rank=0), message("b", rank=1)))
    assert reread(*lines)[3] == lines


def replies(below):
    """Some replies, most of them the assistant's and ranked."""
    rank, is_reply, model = (st.sampled_from(each) for each in ([0, 1, 2, 0, 1, None], [1, 1, 1, 0], ["m", None]))
    return st.lists(st.tuples(TEXTS, rank, is_reply, model, below), min_size=2, max_size=4)


REPLIES = replies(st.just([]) | replies(st.just([]) | replies(st.just([]))))


def built(replies, names):
    return [
        message(
            str(next(names)),
            *built(below, names),
            role=("prompter", "assistant")[is_reply],
            rank=rank,
            text=text,
            model_name=model,
        )
        for text, rank, is_reply, model, below in replies
    ]


@settings(max_examples=60, deadline=None)
@given(REPLIES, TEXTS)
def test_any_trees_read_the_same_when_written_back(replies, prompt):
    before, after, faults, _ = reread(tree(*built(replies, iter(range(1000))), text=prompt))
    assert (sorted(before), faults) == (sorted(after), {})


def three():
    return read(parse, tree(message("a", rank=0), message("b", rank=1), message("c", rank=2)))[0][Kind.COMPARISONS]


def test_comparisons_in_another_order_build_the_same_tree():
    table = three()
    assert written(format_lines, {Kind.COMPARISONS: table.take([2, 1, 0])}) == written(
        format_lines, {Kind.COMPARISONS: table}
    )


def of_first_pair(change):
    return lambda row: change(row) if row["continuations"][0][0]["text"] == "text a" else None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_values(extra=None), "PL-OA-020"),
        (lambda row: row["context"].clear(), "PL-OA-020"),
        (lambda row: row["context"][0].update(role="system"), "PL-OA-020"),
        (lambda row: row["continuations"][0].append(row["context"][0]), "PL-OA-020"),
        (of_first_pair(replace_texts("text b", "NAME")), "PL-OA-021"),
        (of_first_pair(set_values(outcome="tie")), "PL-OA-021"),
        (of_first_pair(set_values(conversation_id="other")), "PL-OA-021"),
        (set_values(worker="someone"), "PL-OA-021"),
        (set_values(weight=0.25), "PL-OA-021"),
        (of_first_pair(set_values(weight=None)), "PL-OA-021"),
        (of_first_pair(set_values(models=["m", "n"])), "PL-OA-021"),
    ],
)
def test_comparisons_that_are_no_tree_become_a_fault(change, code):
    changed = {Kind.COMPARISONS: remade(Kind.COMPARISONS, three(), change)}
    assert written(format_lines, changed) == ([], {code: 1})


@settings(max_examples=60, deadline=None)
@given(extras(path=[["root"], "r"], replies=[["a", "b"], ["a", "a"]], ranks=[[0, 1], [1, 0]], tree_state=["s"]))
def test_whatever_stands_in_extra_is_written_so_that_it_reads_back_or_refused(extra):
    tables, _ = read(parse, tree(message("a", rank=0), message("b", rank=1)))
    changed = {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=extra))}
    assert_written_or_refused(parse, format_lines, changed)


def test_a_tree_without_one_of_its_pairs_is_not_written_as_if_it_had_it():
    assert written(format_lines, {Kind.COMPARISONS: three().slice(1)}) == ([], {"PL-OA-021": 1})


def test_a_text_redacted_throughout_is_written_redacted():
    redacted = {Kind.COMPARISONS: remade(Kind.COMPARISONS, three(), replace_texts("text", "NAME"))}
    (text,), faults = written(format_lines, redacted)
    assert not faults
    assert b"text a" not in text


# --- real trees ---


def count_pairs(node):
    """Pairs of ranked replies, counted the plain way."""
    ranked = [reply for reply in node["replies"] if reply["role"] == "assistant" and reply.get("rank") is not None]
    return comb(len(ranked), 2) + sum(map(count_pairs, node["replies"]))


def test_real_trees(real_data):
    tables, lines, intake = read_file(parse, real_data / "oasst" / "en_100_tree.jsonl")
    table = tables[Kind.COMPARISONS]
    trees = [json.loads(text)["prompt"] for text in lines]
    assert (len(trees), intake.faults, count_by_code(intake.findings)) == (100, [], {"PL-OA-001": 6})
    assert len(table) == sum(map(count_pairs, trees)) == 754
    for comparison in table.select(["outcome", "extra", "weight"]).to_pylist():
        first, second = json.loads(comparison["extra"])["ranks"]
        assert comparison["outcome"] == ("first" if first < second else "second")
        assert 0 < comparison["weight"] <= 1
    # k replies make k(k-1)/2 pairs of weight 1/(k-1): each group of siblings weighs half of its size.
    assert sum(table["weight"].to_pylist()) == pytest.approx(sum(map(half_of_the_ranked, trees)), rel=1e-5)
    before, after, faults, _ = reread(*lines)
    assert (before, faults) == (after, {})


def half_of_the_ranked(node):
    ranked = sum(reply.get("rank") is not None and reply["role"] == "assistant" for reply in node["replies"])
    return (ranked / 2 if ranked > 1 else 0) + sum(map(half_of_the_ranked, node["replies"]))
