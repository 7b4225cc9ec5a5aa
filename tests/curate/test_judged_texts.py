"""What near-duplicate records are looked for in: all that the judge saw, and each part of it."""

import polars as pl
import pyarrow as pa

from plumbline.curate.judged_texts import judged_text, prompt_text
from plumbline.curate.traits.identity import identity_of
from plumbline.records.message import Message, Role, conversation_column
from plumbline.records.tables import Kind, comparison_table, prompt_table, red_team_attempt_table, safety_label_table
from tests.curate.made_up import placed
from tests.curate.verified import verified_among

ASKED = "How do I write a short letter to the landlord about the broken heating in my flat?"
FIRST = "Say what is broken since when and ask for a date by which it is repaired"
SECOND = "Write that you will pay less rent from the first of next month until it works"
THIRD = "Never write letters at all but call a lawyer who will tell you what is to be done"


def talk(*texts, first=Role.HUMAN):
    other = {Role.HUMAN: Role.ASSISTANT, Role.ASSISTANT: Role.HUMAN}
    return tuple(Message(first if n % 2 == 0 else other[first], text) for n, text in enumerate(texts))


def comparisons(*rows, axis="overall"):
    """Rows of (context, first, second)."""
    context = conversation_column([talk(*context) for context, *_ in rows])
    sides = conversation_column([talk(side, first=Role.ASSISTANT) for _, *both in rows for side in both])
    offsets = pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32())
    columns = {"axis": axis, "source": "made.jsonl", "row": list(range(len(rows)))}
    return comparison_table(context, pa.ListArray.from_arrays(offsets, sides), columns)


def pairs(kind, table):
    families = pl.Series(identity_of(kind, placed(table))["family"])
    found = verified_among(judged_text(kind, table), families=families)
    return {(row["a"], row["b"]) for row in found.to_pylist()}


def test_comparisons_are_alike_where_the_question_and_both_replies_are():
    table = comparisons(
        ([ASKED], FIRST, SECOND),
        ([ASKED.upper()], SECOND + "!", FIRST),  # the sides changed over
        ([ASKED], FIRST, THIRD),  # one other reply
        ([THIRD], FIRST, SECOND),  # another question
        (["Hello", "Hi", ASKED], FIRST, SECOND),  # another conversation before
        ([" hello", "HI ", ASKED], FIRST, SECOND),
    )
    assert pairs(Kind.COMPARISONS, table) == {(0, 1), (4, 5)}
    # A slice of a table gives the texts of its rows.
    assert judged_text(Kind.COMPARISONS, table[2:]).to_list() == judged_text(Kind.COMPARISONS, table).to_list()[2:]


def test_turns_of_one_conversation_are_different_judgements():
    told = [ASKED, FIRST, THIRD, SECOND]
    table = comparisons((told[:1], FIRST, SECOND), (told[:3], SECOND, FIRST), ([*told, ASKED], FIRST, SECOND))
    assert pairs(Kind.COMPARISONS, table) == set()
    assert prompt_text(Kind.COMPARISONS, table).to_list() == [ASKED] * 3


def test_axes_are_different_families():
    rows = ([ASKED], FIRST, SECOND)
    table = pa.concat_tables([comparisons(rows, axis="helpfulness"), comparisons(rows, axis="harmlessness")])
    assert pairs(Kind.COMPARISONS, table) == set()


def test_labels_prompts_and_attempts():
    talks = conversation_column([talk(ASKED, FIRST), talk(ASKED + "?", FIRST + "."), talk(ASKED, SECOND)])
    where = {"source": "made.jsonl", "row": [0, 1, 2]}
    labels = safety_label_table(talks, {**where, "taxonomy": "plain"})
    attempts = red_team_attempt_table(talks, where)
    assert pairs(Kind.SAFETY_LABELS, labels) == pairs(Kind.RED_TEAM_ATTEMPTS, attempts) == {(0, 1)}
    asked = conversation_column(
        [talk("Hi", "Hello", ASKED), talk("hi ", "hello", ASKED + "!"), talk("Ho", "Hello", ASKED)]
    )
    prompts = prompt_table(asked, where)
    assert pairs(Kind.PROMPTS, prompts) == {(0, 1)}
    assert prompt_text(Kind.PROMPTS, prompts).to_list() == ["Hi", "hi ", "Ho"]
