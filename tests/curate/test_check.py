"""The rules of `plumbline data check` against records made by hand, a plain-Python reference, and the real samples."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plumbline
from plumbline.curate.check import FINDINGS_SCHEMA, RULES, check_tables
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.records import (
    SCHEMAS,
    Axis,
    Kind,
    Message,
    Outcome,
    Role,
    comparison_table,
    conversation_column,
    empty_table,
    prompt_table,
    records_from_table,
    red_team_attempt_table,
    safety_label_table,
)

HUMAN, ASSISTANT, SYSTEM = Role.HUMAN, Role.ASSISTANT, Role.SYSTEM
NAMES = {rule.code: rule.name for rule in RULES}
CODES = {name: code for code, name in NAMES.items()}


def turns(*messages):
    """A conversation: humans and assistants in turn, or (role, text)."""
    usual = (HUMAN, ASSISTANT)
    return tuple(
        Message(usual[number % 2], message) if isinstance(message, str) else Message(*message)
        for number, message in enumerate(messages)
    )


def said(*texts):
    """The assistant's side of a comparison, then perhaps the human's again."""
    return tuple(Message((ASSISTANT, HUMAN)[number % 2], text) for number, text in enumerate(texts))


def comparisons(rows):
    """A table of (context, first, second, outcome, split)."""
    sides = conversation_column([side for _, first, second, *_ in rows for side in (first, second)])
    pairs = pa.ListArray.from_arrays(pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32()), sides)
    columns = {
        "axis": Axis.HARMLESSNESS,
        "outcome": [row[3] for row in rows],
        "split": [row[4] for row in rows],
        "source": "pairs.jsonl",
        "row": list(range(len(rows))),
    }
    return comparison_table(conversation_column([row[0] for row in rows]), pairs, columns)


def labels(rows):
    """A table of (conversation, is_safe, categories, split)."""
    columns = {
        "taxonomy": "beavertails-14",
        "is_safe": [row[1] for row in rows],
        "categories": [row[2] for row in rows],
        "split": [row[3] for row in rows],
        "source": "labels.jsonl",
        "row": list(range(len(rows))),
    }
    return safety_label_table(conversation_column([row[0] for row in rows]), columns)


def attempts(conversations):
    columns = {"source": "attempts.jsonl", "row": list(range(len(conversations)))}
    return red_team_attempt_table(conversation_column(conversations), columns)


def prompts(rows):
    columns = {"source": "prompts.jsonl", "row": list(range(len(rows))), "split": [split for _, split in rows]}
    return prompt_table(conversation_column([conversation for conversation, _ in rows]), columns)


def pair(first="Yes.", second="No.", *, context=None, outcome=Outcome.FIRST, split="train"):
    sides = (said(side) if isinstance(side, str) else side for side in (first, second))
    return (turns("May I?") if context is None else context, *sides, outcome, split)


def label(*texts, is_safe=True, categories=None, split="train"):
    return turns(*texts), is_safe, categories, split


def found(tables):
    """{(rule's name, kind): rows}."""
    places = defaultdict(list)
    for finding in check_tables(tables).to_pylist():
        places[NAMES[finding["code"]], finding["kind"]].append(finding["row"])
    return dict(places)


# --- by hand ---

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
    assert told == [rule.name for rule in RULES]


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


# --- a reference in plain Python ---

Found = dict[str, set[tuple[str, int]]]
"""Rule → (kind, position)."""


def reference(tables) -> Found:
    """What each rule should find, row by row on records; nothing is shared with the code under test."""
    found: Found = {name: set() for name in CODES}
    places = defaultdict(list)
    for kind, table in sorted(tables.items()):
        seen, verdicts = set(), defaultdict(list)
        for position, record in enumerate(records_from_table(table)):
            place = (kind.value, position)
            for name in _odd_by_itself(kind, record):
                found[name].add(place)
            if record.id in seen:
                found["exact duplicate of an earlier row"].add(place)
            seen.add(record.id)
            if (verdict := _verdict(kind, record)) is not None:
                verdicts[record.item_id].append((verdict, place))
            if record.split is not None and any(
                message.role is HUMAN for whole in _wholes(kind, record) for message in whole
            ):
                places[record.group_id].append((record.split, place))
        name = (
            "same pair judged both ways" if kind is Kind.COMPARISONS else "one question and answer both safe and unsafe"
        )
        found[name] |= _first_of_several(verdicts.values())
    found["prompt stands in two splits"] = _first_of_several(places.values())
    return found


def _first_of_several(groups: Iterable[list]) -> set:
    return {group[0][1] for group in groups if len({value for value, _ in group}) > 1}


def _wholes(kind, record):
    if kind is Kind.COMPARISONS:
        return [record.context + side for side in record.continuations]
    return [record.transcript if kind is Kind.RED_TEAM_ATTEMPTS else record.conversation]


def _verdict(kind, record):
    if kind is Kind.SAFETY_LABELS:
        return record.is_safe
    if kind is Kind.COMPARISONS and record.outcome in (Outcome.FIRST, Outcome.SECOND):
        return record.continuations[record.outcome is Outcome.SECOND]
    return None


def _odd_by_itself(kind, record):
    wholes = _wholes(kind, record)
    texts = [message.text for whole in wholes for message in whole]
    lasts = [whole[-1] for whole in wholes if whole and kind is not Kind.PROMPTS]
    if any(not last.text.strip() for last in lasts):
        yield "empty reply"
    if any(last.role is HUMAN for last in lasts):
        yield "conversation ends with the human"
    if any(_is_out_of_order([message.role for message in whole]) for whole in wholes):
        yield "roles out of order"
    if any(re.match(r"[ \t]*(Human|Assistant)[ \t]*:", line) for text in texts for line in text.split("\n")):
        yield "turn marker inside a text"
    if any(_is_misread(text) for text in texts):
        yield "mojibake"
    if kind is Kind.COMPARISONS:
        if record.continuations[0] == record.continuations[1]:
            yield "identical sides"
        if any(len(side) > 1 for side in record.continuations):
            yield "sides differ before the last reply"
    is_whole = kind is Kind.SAFETY_LABELS and None not in (record.is_safe, record.categories)
    if is_whole and record.is_safe is bool(record.categories):
        yield "label contradicts its categories"


def _is_out_of_order(roles):
    for number, role in enumerate(roles):
        before = roles[number - 1] if number else None
        if role is before or (role is ASSISTANT and before is not HUMAN) or (role is SYSTEM and number):
            return True
    return False


def _is_misread(text):
    """Whether some few characters, taken for bytes of Windows-1252 or Latin-1, are one character of UTF-8."""
    if "\ufffd" in text:
        return True
    for lead, length in (("Ã", 2), ("Â", 2), ("â[€\x80‚\x82„\x84]", 3), ("ð[Ÿ\x9f]", 4)):
        for match in re.finditer(lead, text):
            window = text[match.start() : match.start() + length]
            try:
                if len(b"".join(_byte(character) for character in window).decode()) == 1:
                    return True
            except UnicodeError:
                continue
    return False


def _byte(character):
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def assert_as_the_reference(tables):
    positions = {
        kind.value: {place: at for at, place in enumerate(zip(*_places(table), strict=True))}
        for kind, table in tables.items()
    }
    ours: Found = {name: set() for name in CODES}
    findings = check_tables(tables).to_pylist()
    for finding in findings:
        place = (finding["source"], finding["row"], finding["record_id"])
        ours[NAMES[finding["code"]]].add((finding["kind"], positions[finding["kind"]][place]))
    assert ours == reference(tables)
    assert len(findings) == sum(map(len, ours.values())), "a row was named twice by one rule"
    return {name: len(places) for name, places in ours.items()}


def _places(table):
    return table["source"].to_pylist(), table["row"].to_pylist(), table["id"].to_pylist()


TEXTS = st.sampled_from(
    ["", " \n", "a", "b", "Human: x", "a\n Assistant\t: y", "Humans: x", "say Human: x", "Ã©", "Ãœ", "Ã", "â€ž", "â€x"]
)
MESSAGES = st.builds(Message, st.sampled_from([HUMAN, HUMAN, ASSISTANT, ASSISTANT, SYSTEM]), TEXTS)


def conversations(least, most):
    return st.lists(MESSAGES, min_size=least, max_size=most).map(tuple)


SPLITS = st.sampled_from([None, "train", "test"])
OUTCOMES = st.sampled_from([None, *Outcome])
PAIRS = st.tuples(conversations(0, 2), conversations(1, 2), conversations(1, 2), OUTCOMES, SPLITS)
LABELS = st.tuples(
    conversations(0, 2), st.sampled_from([None, True, False]), st.sampled_from([None, [], ["violence"]]), SPLITS
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(PAIRS, min_size=1, max_size=12),
    st.lists(LABELS, min_size=1, max_size=12),
    st.lists(st.tuples(conversations(1, 2), SPLITS), min_size=1, max_size=4),
)
def test_random_records_are_judged_as_the_reference_judges_them(pairs, labelled, asked):
    assert_as_the_reference(
        {
            Kind.COMPARISONS: comparisons(pairs + pairs[:2]),
            Kind.SAFETY_LABELS: labels(labelled + labelled[:2]),
            Kind.PROMPTS: prompts(asked),
        }
    )


# --- real samples ---

SAMPLES = {"hh-rlhf": 3467, "beavertails": 2247, "pku-saferlhf": 3883, "pandalm": 999, "oasst": 100}


@pytest.mark.parametrize("folder", SAMPLES)
def test_every_rule_finds_in_the_real_samples_what_the_reference_finds(real_data, folder):
    how = {"data_dir": None, "format": "hh-rlhf"} if folder == "hh-rlhf" else {}
    loaded = plumbline.load(real_data / folder, **how)
    assert loaded.rows_read == SAMPLES[folder]
    counts = assert_as_the_reference(loaded.tables)
    if folder == "hh-rlhf":
        assert counts["sides differ before the last reply"] == 10
    assert not counts["prompt stands in two splits"] or folder == "pku-saferlhf"


def test_the_contradictions_of_pku_are_those_counted_from_its_lines(real_data):
    folder = real_data / "pku-saferlhf"
    rows = [
        json.loads(line)
        for name in ("train", "test")
        for line in gzip.decompress((folder / f"{name}.jsonl.gz").read_bytes()).splitlines()
    ]
    judged, verdicts = defaultdict(set), defaultdict(set)
    whole = [tuple(sorted(row.items())) for row in rows]
    for row in rows:
        replies = row["response_0"], row["response_1"]
        judged[row["prompt"], frozenset(replies)].add(replies[row["safer_response_id"]])
        for side, reply in enumerate(replies):
            verdicts[row["prompt"], reply].add(row[f"is_response_{side}_safe"])
    counted = (
        len(rows) - len(set(whole)),
        len(judged),
        sum(len(winners) == 2 for winners in judged.values()),
        sum(len(each) == 2 for each in verdicts.values()),
        len(verdicts),
    )
    assert counted == (1120, 2617, 111, 362, 3611)

    parts = [plumbline.load(folder / f"{name}.jsonl.gz") for name in ("train", "test")]
    tables = {kind: pa.concat_tables([part.tables[kind] for part in parts]) for kind in parts[0].tables}
    hit = found(tables)
    assert (
        len(hit["exact duplicate of an earlier row", "comparisons"]),
        len(set(tables[Kind.COMPARISONS]["item_id"].to_pylist())),
        len(hit["same pair judged both ways", "comparisons"]),
        len(hit["one question and answer both safe and unsafe", "safety_labels"]),
        len(set(tables[Kind.SAFETY_LABELS]["item_id"].to_pylist())),
    ) == counted


# --- the synthetic corpus ---


def test_what_is_planted_in_the_synthetic_corpus_is_found_and_nothing_else(tmp_path):
    truth = write_synthetic_corpus(tmp_path / "corpus", scale=0.3)
    loaded = plumbline.load(tmp_path / "corpus", split="train", format=None)
    counts = assert_as_the_reference(loaded.tables)
    assert len(loaded.faults) == truth.unreadable_count
    assert {name: count for name, count in counts.items() if count} == dict(truth.planted)
