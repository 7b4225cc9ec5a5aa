"""The rules of `plumbline data check` against records made by hand."""

import pyarrow as pa
import pytest

from plumbline.curate.check import CHECK_RULES, FINDINGS_SCHEMA, check_tables
from plumbline.records import SCHEMAS, Axis, Kind, Message, Outcome, comparison_table, empty_table
from tests.curate.checked import (
    ASSISTANT,
    CODES,
    HUMAN,
    SYSTEM,
    attempts,
    comparisons,
    found,
    label,
    labels,
    pair,
    prompts,
    said,
    turns,
)

CLEAN = [
    pair(),
    pair("Yes.", "Maybe.", context=turns("Is it?", "What?", "The cake.")),
    pair("Of course. Human beings: they err.", "Assistants: none.", context=turns((SYSTEM, "Be kind."), (HUMAN, "Hi"))),
    pair("Ā, São, Ação, naïve, 10 £, 20 °C, âge, «Ã.»", "It’s “fine” – really… ™", context=turns("Façade?")),
    pair("Both fine.", "As good.", outcome=Outcome.TIE, context=turns("Which?")),
    pair("\u200bYes.\u200b", "👨\u200d👩\ufe0f", context=turns("Zero\u200bwidth?")),
    pair(
        "ÎLE, MAÎTRE, ÏAMBE, ÐORÐ, AÑO, “Ñ”, ×², × ×, ÑANDÚ, ØRE", "МИР, мир, Ελλάδα, שלום, سلام", context=turns("¿Ñ?")
    ),
    pair("Nobody asked.", "Indeed.", outcome=None, context=turns("Who?")),
]

HITS = {
    "blank reply": (pair(" \n\t"), "empty reply"),
    "no reply": (pair(second=""), "empty reply"),
    "zero-width reply": (pair("\u200b"), "empty reply"),
    "reply of what cannot be seen": (pair(" \ufeff\u2060\u200d\u00ad\u3164\u2800\ufe0f\x00\n"), "empty reply"),
    "equal sides": (pair("Yes.", "Yes."), "identical sides"),
    "earlier difference": (
        pair(said("Why?", "So.", "Fine."), said("No.", "Ah.", "Bye.")), "sides differ before the last reply"
    ),
    "one side longer": (pair(said("Why?", "So.", "Fine."), said("No.")), "sides differ before the last reply"),
    "human last": (
        pair((Message(HUMAN, "Bye"),), (Message(HUMAN, "See you"),), context=turns("Hi", "Hello")),
        "conversation ends with the human",
    ),
    "two humans": (pair(context=turns("Hi", (HUMAN, "Anyone?"))), "roles out of order"),
    "two assistants across the seam": (pair(context=turns("Hi", "Hello")), "roles out of order"),
    "assistant opens": (pair(context=turns((ASSISTANT, "Welcome"), (HUMAN, "Hi"))), "roles out of order"),
    "assistant opens, no context": (pair(context=()), "roles out of order"),
    "assistant after system": (pair(context=turns((SYSTEM, "Be kind."))), "roles out of order"),
    "system later": (pair(context=turns("Hi", "Hello", (SYSTEM, "Be kind."), (HUMAN, "Oh"))), "roles out of order"),
    "marker at the start": (pair("Human: me"), "turn marker inside a text"),
    "marker on a later line": (pair("Yes.\n\tAssistant : no"), "turn marker inside a text"),
    "marker in the context": (pair(context=turns("Hi\n\nHuman: again")), "turn marker inside a text"),
    "replacement character": (pair("It\ufffds"), "mojibake"),
}  # fmt: skip


@pytest.mark.parametrize("name", HITS)
def test_each_rule_is_hit_by_one_row_and_by_no_clean_one(name):
    odd, rule = HITS[name]
    assert found({Kind.COMPARISONS: comparisons(CLEAN)}) == {}
    hit = found({Kind.COMPARISONS: comparisons([*CLEAN[:3], odd, *CLEAN[3:]])})
    also = {"roles out of order"} if name == "one side longer" else set()
    assert hit.pop((rule, "comparisons")) == [3]
    assert {rule for rule, _ in hit} <= also


WRONGLY_READ = "ÄÖÜäöüßÀÉÑéñç°£«»’‘“”–—…•™„‚€‰😀🙂\u200e\u2003"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("character", WRONGLY_READ)
def test_mojibake_of_common_characters_is_found(character, encoding):
    misread = "".join(_misread(byte, encoding) for byte in character.encode())
    assert found({Kind.COMPARISONS: comparisons([pair(f"It {misread} is")])}) == {("mojibake", "comparisons"): [0]}
    assert found({Kind.COMPARISONS: comparisons([pair(f"It {character} is")])}) == {}


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("word", ["мир", "Я не", "ёж", "їжак", "λόγος", "Ώρα", "שלום", "سلام"])
def test_mojibake_of_other_alphabets_is_found(word, encoding):
    misread = "".join(_misread(byte, encoding) for byte in word.encode())
    assert found({Kind.COMPARISONS: comparisons([pair(f"It {misread} is")])}) == {("mojibake", "comparisons"): [0]}
    assert found({Kind.COMPARISONS: comparisons([pair(f"It {word} is")])}) == {}


def _misread(byte, encoding):
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return bytes([byte]).decode("latin-1")  # the five bytes that Windows-1252 leaves undefined


def test_an_exact_duplicate_is_every_row_but_the_first():
    rows = [pair(), pair(second="Never."), pair(), pair(outcome=Outcome.SECOND), pair(), pair("No.", "Yes.")]
    hit = found({Kind.COMPARISONS: comparisons(rows)})
    assert hit.pop(("exact duplicate of an earlier row", "comparisons")) == [2, 4]
    assert hit == {("same pair judged both ways", "comparisons"): [0]}


def test_the_same_pair_judged_both_ways_is_one_finding_whatever_the_order_of_sides():
    swapped_and_agreeing = [pair(), pair("No.", "Yes.", outcome=Outcome.SECOND)]
    assert found({Kind.COMPARISONS: comparisons(swapped_and_agreeing)}) == {}
    with_ties = [pair(outcome=Outcome.TIE), pair(outcome=None), pair()]
    assert found({Kind.COMPARISONS: comparisons(with_ties)}) == {}
    for against in (pair(outcome=Outcome.SECOND), pair("No.", "Yes.")):
        rows = [pair(second="Never."), pair(outcome=Outcome.TIE), pair(), against]
        assert found({Kind.COMPARISONS: comparisons(rows)}) == {("same pair judged both ways", "comparisons"): [2]}


def test_both_ways_on_two_axes_is_no_contradiction():
    one, other = comparisons([pair()]), comparisons([pair(outcome=Outcome.SECOND)])
    renamed = comparison_table(
        other["context"].combine_chunks(),
        other["continuations"].combine_chunks(),
        {"axis": Axis.HELPFULNESS, "outcome": Outcome.SECOND, "source": "pairs.jsonl", "row": [1], "split": "train"},
    )
    assert found({Kind.COMPARISONS: pa.concat_tables([one, renamed])}) == {}


def test_labels():
    rows = [
        label("How?", "So."),
        label("How?", "", is_safe=True),
        label("Why?", "Because.", is_safe=False),
        label("Why?", "Because."),
        label("Why?", "Because.", is_safe=None),
        label("What?", "That.", is_safe=True, categories=["violence"]),
        label("Who?", "He.", is_safe=False, categories=[]),
        label("When?", "Now.", is_safe=False, categories=["violence"]),
        label("Then?", "No.", is_safe=True, categories=[]),
        label("Which?", "This.", is_safe=None, categories=["violence"]),
    ]
    assert found({Kind.SAFETY_LABELS: labels(rows)}) == {
        ("empty reply", "safety_labels"): [1],
        ("one question and answer both safe and unsafe", "safety_labels"): [2],
        ("label contradicts its categories", "safety_labels"): [5, 6],
    }


def test_attempts_and_prompts():
    odd = [turns("Do it.", "No."), turns("Do it."), turns("Do it.", "No.", (ASSISTANT, "Really."))]
    assert found({Kind.RED_TEAM_ATTEMPTS: attempts(odd)}) == {
        ("conversation ends with the human", "red_team_attempts"): [1],
        ("roles out of order", "red_team_attempts"): [2],
    }
    # A prompt ends with the human and waits for a reply: neither is odd.
    assert found({Kind.PROMPTS: prompts([(turns("Hi"), "a"), (turns("Hi"), "a"), (turns(""), "a")])}) == {
        ("exact duplicate of an earlier row", "prompts"): [1]
    }


def test_a_prompt_in_two_splits_is_found_across_kinds_once():
    tables = {
        Kind.COMPARISONS: comparisons([pair(context=turns("A")), pair(context=turns("B", "?", "C")), pair()]),
        Kind.SAFETY_LABELS: labels([label("B", "Yes", split="test"), label("A", "Yes"), label("Z", "Yes", split=None)]),
        Kind.PROMPTS: prompts([(turns("Z"), "test"), (turns("Y"), "test"), (turns("Y"), None)]),
    }
    hit = found(tables)
    assert hit.pop(("exact duplicate of an earlier row", "prompts")) == [2]
    assert hit == {("prompt stands in two splits", "comparisons"): [1]}


def test_rows_without_any_human_message_share_no_prompt():
    rows = [pair(context=(), split=split) for split in ("train", "test")]
    assert ("prompt stands in two splits", "comparisons") not in found({Kind.COMPARISONS: comparisons(rows)})


# --- the shape of what is returned ---


def test_findings_name_their_rows_and_never_a_text():
    table = comparisons([*CLEAN, HITS["blank reply"][0]])
    findings = check_tables({Kind.COMPARISONS: table})
    assert findings.schema == FINDINGS_SCHEMA
    assert findings.to_pylist() == [
        {
            "code": CODES["empty reply"],
            "kind": "comparisons",
            "source": "pairs.jsonl",
            "row": len(CLEAN),
            "record_id": table["id"][len(CLEAN)].as_py(),
            "part": None,
        }
    ]


def test_no_tables_and_empty_tables_give_no_findings():
    for tables in ({}, {kind: empty_table(kind) for kind in Kind}):
        assert check_tables(tables).equals(FINDINGS_SCHEMA.empty_table())
    mixed = {**{kind: empty_table(kind) for kind in Kind}, Kind.COMPARISONS: comparisons([pair("")])}
    assert found(mixed) == {("empty reply", "comparisons"): [0]}


def test_progress_is_told_rule_by_rule():
    told = []
    check_tables({Kind.COMPARISONS: comparisons(CLEAN)}, advance=told.append)
    assert told == [rule.name for rule in CHECK_RULES]


def test_slices_chunks_and_otherwise_numbered_roles_do_not_matter():
    whole = comparisons([*CLEAN, *(row for row, _ in HITS.values())])
    expected = check_tables({Kind.COMPARISONS: whole})
    assert len(expected) >= len(HITS)
    renumbered = _renumbered(whole)
    pieces = pa.concat_tables([whole.slice(0, 5), renumbered.slice(5, 7), whole.slice(12)])
    for same in (renumbered, pieces):
        assert check_tables({Kind.COMPARISONS: same}).equals(expected)
    tail = check_tables({Kind.COMPARISONS: whole.slice(6)})
    assert sorted(set(tail["row"].to_pylist()) - set(range(6, len(whole)))) == []


def _renumbered(table):
    """The table as another program might have built it: assistant is role 1, human role 2."""
    for name in ("context", "continuations"):
        column = table[name].combine_chunks()
        table = table.set_column(
            table.schema.get_field_index(name), SCHEMAS[Kind.COMPARISONS].field(name), _turned(column)
        )
    return table  # fmt: skip


def _turned(array):
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _turned(array.flatten()), type=array.type)
    texts = [role.as_py() for role in array.field("role")]
    others = [SYSTEM.value, ASSISTANT.value, HUMAN.value]
    roles = pa.DictionaryArray.from_arrays(
        pa.array([others.index(text) for text in texts], pa.int8()), pa.array(others)
    )
    return pa.StructArray.from_arrays([roles, array.field("text")], fields=list(array.type))  # fmt: skip
