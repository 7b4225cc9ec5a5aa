"""Records as examples: which side wins on which head, what is known of whom, and what is set aside."""

import pyarrow as pa
import pytest

from plumbline.models.transformer.examples.goals import TaskData, goals_of
from plumbline.models.transformer.examples.training_examples import conversations, prepare_rows
from plumbline.models.transformer.settings import LossSettings, TokenSettings
from plumbline.models.transformer.trunk.conversation_tokens import ConversationEncoder
from plumbline.records import (
    Axis,
    Message,
    NoDataError,
    Role,
    UsageError,
    comparison_table,
    conversation_column,
    kind_of,
    safety_label_table,
)
from tests.models.transformer import tiny

TOKENS = tiny.tokenizer()
KIND, RUDE = "sure, here it is", "no, go away"


def human(text):
    return (Message(Role.HUMAN, text),)


def reply(text):
    return (Message(Role.ASSISTANT, text),)


def comparisons(*rows, axis="harmlessness", context="how do I make tea", **columns):
    """Rows of (first reply, second reply, outcome)."""
    sides = conversation_column([reply(text) for row in rows for text in row[:2]])
    offsets = pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32())
    given = {"axis": axis, "outcome": [row[2] for row in rows], "source": "made-up", "row": list(range(len(rows)))}
    contexts = conversation_column([human(context)] * len(rows))
    return comparison_table(contexts, pa.ListArray.from_arrays(offsets, sides), {**given, **columns})


def labels(*rows, taxonomy="beavertails-14", context="how do I make tea"):
    """Rows of (reply, is safe, categories)."""
    columns = {
        "taxonomy": taxonomy,
        "is_safe": [row[1] for row in rows],
        "categories": [row[2] for row in rows],
        "source": "made-up",
        "row": list(range(len(rows))),
    }
    return safety_label_table(conversation_column([human(context) + reply(row[0]) for row in rows]), columns)


def prepare(tables, task="preference", *, axis=None, margin=0.0, seed=0, max_tokens=None):
    encoder = ConversationEncoder(TOKENS, TokenSettings(max_tokens=max_tokens), 256)
    by_kind = {}
    for table in tables:
        by_kind.setdefault(kind_of(table), []).append(table)
    merged = {kind: pa.concat_tables(of_kind) for kind, of_kind in by_kind.items()}
    tasks = (task,) if isinstance(task, str) else task
    goals = goals_of(TaskData(merged, tasks, axis, "the data", together=tasks is task))
    return prepare_rows(goals, encoder, loss=LossSettings(margin=margin), seed=seed)


def said(example, sequence):
    """The last reply of a sequence."""
    return TOKENS.decode(example.sequences[sequence]).rpartition("Assistant: ")[2].removesuffix("</s>")


def winners(rows, head):
    number = rows.head_names.index(head)
    return [
        (said(example, pair.better), said(example, pair.worse))
        for example in rows.examples
        for pair in example.preferences
        if pair.head == number
    ]


# --- polarity ---


@pytest.mark.parametrize("seed", range(4))
def test_the_better_side_is_better_wherever_it_stands(seed):
    table = comparisons((KIND, RUDE, "first"), (RUDE, KIND, "second"), (RUDE, KIND, "first"), axis="helpfulness")
    rows = prepare([table], seed=seed)
    assert rows.head_names == ("reward:helpfulness",)
    assert winners(rows, "reward:helpfulness") == [(KIND, RUDE), (KIND, RUDE), (RUDE, KIND)]
    flipped = comparisons((KIND, RUDE, "second"), (RUDE, KIND, "first"), (RUDE, KIND, "second"), axis="helpfulness")
    assert winners(prepare([flipped], seed=seed), "reward:helpfulness") == [(RUDE, KIND), (RUDE, KIND), (KIND, RUDE)]


def test_a_cost_is_higher_for_the_more_harmful_side():
    table = comparisons((KIND, RUDE, "first"), is_safe=[[True, False]])
    assert winners(prepare([table], "cost"), "cost") == [(RUDE, KIND)]


def test_which_side_comes_first_tells_nothing():
    table = comparisons(*[(f"{KIND} {number}", f"{RUDE} {number}", "first") for number in range(60)])
    better = [example.preferences[0].better for example in prepare([table]).examples]
    assert 15 < sum(better) < 45
    again, other = (
        [example.preferences[0].better for example in prepare([table], seed=seed).examples] for seed in (0, 1)
    )
    assert better == again != other


def test_margins_weights_ids_and_groups_come_from_the_records():
    table = comparisons(
        (KIND, RUDE, "first"), (RUDE, KIND, "first"), strength=[3, None], weight=[0.5, None], axis="helpfulness"
    )
    rows = prepare([table], margin=0.25)
    pairs = [example.preferences[0] for example in rows.examples]
    assert [(pair.margin, pair.weight) for pair in pairs] == [(0.75, 0.5), (0.0, 1.0)]
    assert [example.ids for example in rows.examples] == [(identity,) for identity in table["id"].to_pylist()]
    assert list(rows.group_ids) == table["group_id"].to_pylist()
    assert all(pair.margin == 0 for example in prepare([table]).examples for pair in example.preferences)


# --- what is set aside ---


def test_ties_and_identical_sides_are_set_aside_and_counted():
    table = comparisons((KIND, RUDE, "tie"), (KIND, RUDE, None), (KIND, KIND, "first"), (KIND, RUDE, "first"))
    rows = prepare([table])
    assert rows.set_aside == {"PL-TRN-001": 2, "PL-TRN-002": 1}
    assert len(rows.examples) == len(rows.group_ids) == 1


def test_sides_that_truncation_makes_equal_are_set_aside_and_counted():
    end = " and then some more of it" * 3
    table = comparisons(("x" + end, "y" + end, "first"), (KIND, RUDE, "first"))
    rows = prepare([table], max_tokens=24)
    assert rows.set_aside == {"PL-TRN-004": 1}
    assert [len(example.sequences) for example in rows.examples] == [2]
    assert rows.truncated >= 2
    assert rows.tokens["longest"] <= 24
    assert rows.tokens["dropped_turns"] >= 2
    with pytest.raises(NoDataError) as refused:
        prepare([table.slice(0, 1)], max_tokens=24)
    assert refused.value.code == "PL-TRN-020"


def test_a_conversation_of_several_axes_and_tables_is_counted_once():
    end = " and then some more of it" * 3
    pair = [("x" + end, RUDE, "first")]
    tables = [
        comparisons(*pair),
        comparisons(*pair, axis="helpfulness"),
        labels(("x" + end, True, []), (RUDE, False, [])),
    ]
    alone = prepare(tables[:1], max_tokens=24)
    rows = prepare(tables, ("preference", "moderation"), max_tokens=24)
    assert len(rows.examples) == 4
    assert (rows.truncated, rows.tokens) == (alone.truncated, alone.tokens)
    assert rows.tokens["sequences"] == rows.truncated == 2


def test_tokens_are_counted():
    rows = prepare([comparisons((KIND, RUDE, "first"))])
    lengths = [len(sequence) for sequence in rows.examples[0].sequences]
    assert rows.tokens == {"sequences": 2, "tokens": sum(lengths), "longest": max(lengths), "dropped_turns": 0}
    assert rows.truncated == 0


# --- signs ---


def signs(rows):
    return sorted(
        (said(example, known.sequence), known.value, known.weight)
        for example in rows.examples
        for known in example.signs
    )


def test_signs_of_labels():
    pairs = comparisons((KIND, RUDE, "first"))
    rows = prepare([pairs, labels((KIND, True, []), (RUDE, False, ["self_harm"]))], "cost")
    assert rows.head_names == ("cost",)
    assert signs(rows) == [(RUDE, 1.0, 1.0), (KIND, -1.0, 1.0)]
    assert [len(example.sequences) for example in rows.examples] == [2, 1, 1]


def test_a_reply_that_is_labelled_is_not_counted_again_by_its_comparison():
    pairs = comparisons((KIND, RUDE, "first"), (KIND, "fine", "first"), is_safe=[[True, False], [True, True]])
    rows = prepare([pairs, labels((RUDE, False, []))], "cost")
    assert signs(rows) == [("fine", -1.0, 1.0), (RUDE, 1.0, 1.0), (KIND, -1.0, 0.5), (KIND, -1.0, 0.5)]


def test_judgements_of_one_reply_share_its_weight_even_where_they_differ():
    rows = prepare([comparisons((KIND, RUDE, "first")), labels((RUDE, False, []), (RUDE, True, []))], "cost")
    assert signs(rows) == [(RUDE, -1.0, 0.5), (RUDE, 1.0, 0.5)]


@pytest.mark.parametrize("is_safe", [None, [[True, True]]])
def test_a_cost_needs_both_kinds(is_safe):
    columns = {} if is_safe is None else {"is_safe": is_safe}
    with pytest.raises(NoDataError) as refused:
        prepare([comparisons((KIND, RUDE, "first"), **columns)], "cost")
    assert refused.value.code == "PL-TRN-016"


# --- labels ---


def known_of(rows, number):
    return {rows.head_names[known.head]: known.value for known in rows.examples[number].labels}


def test_labels_and_categories():
    table = labels((RUDE, False, ["self_harm"]), (KIND, True, []), (KIND, True, None), (KIND, None, []))
    rows = prepare([table], "moderation")
    assert rows.head_names == ("unsafe", "category:self_harm")
    assert known_of(rows, 0) == {"unsafe": 1.0, "category:self_harm": 1.0}
    assert known_of(rows, 1) == {"unsafe": 0.0, "category:self_harm": 0.0}
    assert known_of(rows, 2) == {"unsafe": 0.0}, "nobody said which categories apply"
    assert rows.set_aside == {"PL-TRN-003": 1}


def test_a_taxonomy_knows_only_its_own_categories():
    rows = prepare(
        [
            labels((RUDE, False, ["self_harm"])),
            labels((RUDE, False, ["Drugs"]), taxonomy="pku-19"),
            labels((RUDE, False, ["own"]), (KIND, True, []), taxonomy="ours"),
        ],
        "moderation",
    )
    assert rows.head_names == ("unsafe", "category:Drugs", "category:own", "category:self_harm")
    assert known_of(rows, 0) == {"unsafe": 1.0, "category:self_harm": 1.0}
    assert known_of(rows, 1) == {"unsafe": 1.0, "category:Drugs": 1.0}
    assert known_of(rows, 2) == {"unsafe": 1.0, "category:own": 1.0}
    assert known_of(rows, 3) == {"unsafe": 0.0, "category:own": 0.0}


def test_several_heads_from_tables_of_different_kinds():
    tables = [
        comparisons((KIND, RUDE, "first"), axis="helpfulness"),
        comparisons((RUDE, KIND, "second"), axis="harmlessness", is_safe=[[False, True]]),
        labels((RUDE, False, ["self_harm"])),
    ]
    rows = prepare(tables, ("preference", "cost", "moderation"))
    assert rows.head_names == ("reward:harmlessness", "reward:helpfulness", "cost", "unsafe", "category:self_harm")
    assert winners(rows, "reward:helpfulness") == winners(rows, "reward:harmlessness") == [(KIND, RUDE)]
    assert winners(rows, "cost") == [(RUDE, KIND)]
    assert signs(rows) == [(RUDE, 1.0, 1.0), (KIND, -1.0, 1.0)]
    assert len(rows.examples) == len(rows.group_ids) == 3
    one_axis = prepare(tables, ("preference", "cost"), axis=Axis.HELPFULNESS)
    assert one_axis.head_names == ("reward:helpfulness", "cost")


def test_what_a_task_needs():
    pairs, judged = comparisons((KIND, RUDE, "first")), labels((RUDE, False, []))
    both = [comparisons((KIND, RUDE, "first"), axis="helpfulness"), pairs]
    for code, kind, tables, task, axis in [
        ("PL-TRN-015", NoDataError, [judged], "preference", None),
        ("PL-TRN-015", NoDataError, [pairs], "moderation", None),
        ("PL-TRN-011", UsageError, both, "preference", None),
        ("PL-TRN-011", UsageError, both[:1], "cost", None),
        ("PL-TRN-014", UsageError, both, "cost", Axis.HELPFULNESS),
        ("PL-TRN-010", NoDataError, [comparisons((KIND, RUDE, "tie"))], "preference", None),
        ("PL-TRN-012", NoDataError, [labels((RUDE, None, []))], "moderation", None),
    ]:
        with pytest.raises(kind) as refused:
            prepare(tables, task, axis=axis)
        assert refused.value.code == code


def test_conversations_of_a_slice_of_a_column():
    column = conversation_column([human("a") + reply("b"), human("c"), (), human("d") + reply("e")])
    wanted = [((Role.HUMAN, "c"),), (), ((Role.HUMAN, "d"), (Role.ASSISTANT, "e"))]
    assert conversations(column.slice(1)) == wanted
    assert conversations(pa.chunked_array([column.slice(1, 1), column.slice(2)])) == wanted
