"""hh-rlhf pairs: polarity, exact bytes both ways, the common context, refusals."""

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats import hh_rlhf
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.records import Axis, Kind, Message, Outcome, Role, UsageError, records_from_table, table_from_records

ORIGIN = Origin("x/harmless-base/train.jsonl", "harmless-base", "train")


def line(chosen: str, rejected: str) -> str:
    return json.dumps({"chosen": chosen, "rejected": rejected}, ensure_ascii=False)


def read(*lines: str | bytes):
    intake = Intake(ORIGIN.source)
    data = b"".join((text.encode() if isinstance(text, str) else text) + b"\n" for text in lines)
    return hh_rlhf.parse(LineBlock(data, 0), ORIGIN, intake)[Kind.COMPARISONS], intake


def written(table) -> tuple[list[bytes], Intake]:
    intake = Intake("")
    return list(hh_rlhf.format_lines({Kind.COMPARISONS: table}, intake)), intake


GOOD = "\n\nHuman: Hello\n\nAssistant: Good day"
BAD = "\n\nHuman: Hello\n\nAssistant: Go away"


def test_chosen_is_the_better_side_and_flipping_the_labels_flips_it():
    (first,), (flipped,) = (list(records_from_table(read(line(*pair))[0])) for pair in ((GOOD, BAD), (BAD, GOOD)))
    assert first.outcome is flipped.outcome is Outcome.FIRST
    assert first.continuations[0][0].text == "Good day"
    assert flipped.continuations[0][0].text == "Go away"
    assert first.item_id == flipped.item_id
    assert first.id != flipped.id
    assert first.axis is Axis.HARMLESSNESS


def test_an_outcome_second_is_written_with_the_second_side_chosen():
    (record,) = records_from_table(read(line(GOOD, BAD))[0])
    swapped = {name: getattr(record, name) for name in record.__dataclass_fields__}
    swapped |= {"continuations": record.continuations[::-1], "outcome": Outcome.SECOND}
    assert written(table_from_records([type(record)(**swapped)]))[0] == [line(GOOD, BAD).encode()]


@pytest.mark.parametrize(
    ("subset", "axis"),
    [("helpful-online", Axis.HELPFULNESS), ("deep/harmless-base", Axis.HARMLESSNESS), ("other", None), (None, None)],
)
def test_the_folder_tells_the_axis(subset, axis):
    assert hh_rlhf.axis_of(subset) is axis


def test_an_unknown_axis_is_asked_for_by_name():
    # The folder comes first: not every command takes --axis.
    told = r"PL-HH-001(.|\n)*Try: put the file into a folder(.|\n)*--axis, one of helpfulness, harmlessness, overall"
    with pytest.raises(UsageError, match=told):
        hh_rlhf.parse(LineBlock(b"{}\n", 0), Origin("x/pairs/train.jsonl", "pairs"), Intake(""))


def test_the_context_is_the_longest_common_run_of_messages():
    chosen = "\n\nHuman: a\n\nAssistant: same start, then this"
    rejected = "\n\nHuman: a\n\nAssistant: same start, then that"
    (record,) = records_from_table(read(line(chosen, rejected))[0])
    assert record.context == (Message(Role.HUMAN, "a"),)
    (early,) = records_from_table(read(line("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: c"))[0])
    assert early.context == ()
    assert [len(side) for side in early.continuations] == [2, 1]


def test_identical_sides_keep_a_message_each():
    (record,) = records_from_table(read(line(GOOD, GOOD))[0])
    assert [len(side) for side in record.continuations] == [1, 1]


# Texts that try the reader: quotes, escapes, markers in part, separators, control characters, blanks at both ends.
nasty = st.lists(
    st.sampled_from(
        ['"', "\\", "\n", "\t", "\x00", "\x1e", "\ue000", " ", "é", "😀", "a", "\r", "Human:", "\n\nHuman", "\u2028"]
    ),
    max_size=8,
).map("".join)
turns = st.lists(
    st.tuples(st.sampled_from(["\n\nHuman:", "\n\nAssistant:"]), st.sampled_from([" ", "", "  "]), nasty),
    min_size=1,
    max_size=4,
)
sides = turns.map(lambda parts: "".join(marker + blank + text for marker, blank, text in parts))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=5), st.booleans())
def test_any_line_is_written_back_to_the_byte(pairs, escaped):
    lines = [json.dumps({"chosen": a, "rejected": b}, ensure_ascii=escaped).encode() for a, b in pairs]
    table, intake = read(*lines)
    assert not intake.faults
    out, refused = written(table)
    assert out == lines
    assert not refused.faults


@pytest.mark.parametrize(
    "odd",
    [
        '{"chosen":"\\n\\nHuman: a","rejected":"\\n\\nHuman: b"}',
        '{"rejected": "\\n\\nHuman: b", "chosen": "\\n\\nHuman: a"}',
        '{"chosen": "\\n\\nHuman: a", "rejected": "\\n\\nHuman: b", "note": 1}',
        '{"chosen": "\\n\\nHuman: \\u00e9", "rejected": "\\n\\nHuman: \\/"}',
        '  {"chosen": "\\n\\nHuman: a", "rejected": "\\n\\nHuman: b"}\r',
    ],
)
def test_a_line_in_another_writing_is_kept_raw(odd):
    table, _ = read(odd, line(GOOD, BAD))
    assert written(table)[0] == [odd.encode(), line(GOOD, BAD).encode()]


def test_a_changed_record_is_not_written_from_its_raw_line():
    table, _ = read('{"chosen":"\\n\\nHuman: secret","rejected":"\\n\\nHuman: b"}')
    (record,) = records_from_table(table)
    changed = {name: getattr(record, name) for name in record.__dataclass_fields__}
    changed |= {"id": "0" * 32, "continuations": ((Message(Role.HUMAN, "[removed]"),), record.continuations[1])}
    (out,) = written(table_from_records([type(record)(**changed)]))[0]
    assert b"secret" not in out
    assert b"[removed]" in out


def test_rows_in_are_rows_out_and_faults_in_their_places():
    table, intake = read(
        line(GOOD, BAD), "{broken", line("no marker", GOOD), '{"chosen": 3, "rejected": ""}', line(BAD, GOOD), b"\xff"
    )
    assert table["row"].to_pylist() == [0, 4]
    assert [(fault.code, fault.row) for fault in intake.faults] == [
        ("PL-JSON-001", 1),
        ("PL-JSON-005", 3),
        ("PL-IO-010", 5),
        ("PL-HH-014", 2),
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outcome": Outcome.TIE}, "PL-HH-020"),
        ({"outcome": None}, "PL-HH-020"),
        ({"context": (Message(Role.SYSTEM, "s"),)}, "PL-HH-021"),
        ({"context": (Message(Role.HUMAN, "a\n\nAssistant: b"),)}, "PL-HH-022"),
    ],
)
def test_what_the_format_cannot_say_becomes_a_fault(change, code):
    (record,) = records_from_table(read(line(GOOD, BAD))[0])
    fields = {name: getattr(record, name) for name in record.__dataclass_fields__} | change
    out, intake = written(table_from_records([type(record)(**fields), record]))
    assert out == [line(GOOD, BAD).encode()]
    assert [fault.code for fault in intake.faults] == [code]


def test_every_real_line_comes_back_to_the_byte(real_data):
    files = sorted(path for path in real_data.glob("hh-rlhf/h*/*.jsonl.gz"))
    assert len(files) == 4
    for path in files:
        raw = gzip.decompress(path.read_bytes()).splitlines()
        origin = Origin(path.name, path.parent.name, path.name.split(".")[0])
        intake = Intake(path.name)
        table = hh_rlhf.parse(LineBlock(b"\n".join(raw) + b"\n", 0), origin, intake)[Kind.COMPARISONS]
        assert not intake.faults
        assert len(set(zip(table["source"].to_pylist(), table["row"].to_pylist(), strict=True))) == len(raw)
        assert written(table)[0] == raw


def test_the_vectorised_context_is_that_of_plain_python(real_data):
    path = real_data / "hh-rlhf/harmless-base/test.jsonl.gz"
    raw = gzip.decompress(path.read_bytes()).splitlines()
    table, _ = read(*raw)
    for record, text in zip(records_from_table(table), raw, strict=True):
        chosen, rejected = (_turns(json.loads(text)[key]) for key in ("chosen", "rejected"))
        shared = 0
        while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
            shared += 1
        assert record.context == tuple(chosen[:shared])
        assert record.continuations == (tuple(chosen[shared:]), tuple(rejected[shared:]))


def _turns(text: str) -> list[Message]:
    import re

    parts = re.split(r"\n\n(Human|Assistant):", text)
    roles = {"Human": Role.HUMAN, "Assistant": Role.ASSISTANT}
    return [Message(roles[name], body.removeprefix(" ")) for name, body in zip(parts[1::2], parts[2::2], strict=True)]


def test_a_slice_of_a_table_is_written_like_the_whole():
    table, _ = read(line(GOOD, BAD), line(BAD, GOOD), line(GOOD, BAD + "!"))
    assert written(table.slice(1, 1))[0] == [line(BAD, GOOD).encode()]
    assert written(pa.concat_tables([table.slice(2), table.slice(0, 1)]))[0] == [
        line(GOOD, BAD).encode(),
        line(GOOD, BAD + "!").encode(),
    ]
