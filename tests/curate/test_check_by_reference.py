"""The rules of `plumbline data check` against a plain-Python reference: on random records, the real samples, the synthetic corpus."""

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
from plumbline.curate.check import check_tables
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.records import Kind, Message, Outcome, records_from_table
from tests.curate.checked import (
    ASSISTANT,
    CODES,
    HUMAN,
    NAMES,
    SYSTEM,
    comparisons,
    found,
    labels,
    prompts,
)

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
