"""Redaction: nothing of a value is left anywhere in its row, and nothing else is touched."""

import json

import polars as pl
import pyarrow as pa
import pytest

from plumbline.curate.redaction import ID_BEFORE, MASKED, kinds_found, redact
from plumbline.curate.traits.personal import personal_data_of
from plumbline.records import SCHEMAS, Kind, records_from_table
from plumbline.records.tables import with_ids
from tests.curate.made_up import attempts, comparisons, kind_of, labels, placed, prompts

MAIL, CARD = "jo.doe@quietmail.net", "4111 1111 1111 1111"
TWO = f"write to {MAIL} or {CARD} "


def masked(table, kinds=("email", "credit-card"), mask=True):
    return redact(placed(table, 7), kinds=list(kinds), detector="patterns", mask=mask)


def plain(table):
    return table.select(SCHEMAS[kind_of(table.drop_columns(["position", MASKED, ID_BEFORE]))].names)


CLEAN = ("how are you", "well\n", "bad", "first", {"extra": '{"a":1.50,"b":"\\u00e9"}', "worker": "w"})
PAIRS = comparisons(
    CLEAN,
    (["H: hello", "A: " + TWO, "H: and?"], "clean", f" {MAIL}", "second", {"worker": "w", "parents": ["older"]}),
    (f"{MAIL}", ["A: one", "H: two", "S: three", "A: " + CARD], "x", "tie", {"strength": 3, "split": "test"}),
    ("q", "r", "s", "first", {"extra": json.dumps({"raw": f"the line with {MAIL}", "n": 3})}),
    ("q2", "r", "s", "first", {"extra": json.dumps({"deep": [{"to": [MAIL, 3, None, True]}], MAIL: 1, "x": 2.5})}),
    (CLEAN[0], "r", "s", None, {"extra": f"no JSON but {MAIL}"}),
    ("q3", "r", "s", None, {"extra": json.dumps([MAIL])}),
    CLEAN,
    source="file.jsonl",
    tranche="t",
)


def test_nothing_of_a_value_is_left_in_its_row():
    found = masked(PAIRS)
    assert found[MASKED].to_pylist()[:4] == [[], ["credit-card", "email"], ["credit-card", "email"], ["email"]]
    written = json.dumps(found.to_pylist())
    assert MAIL not in written
    assert "jo.doe" not in written
    assert "4111" not in written
    assert kinds_found(Kind.COMPARISONS, found).list.len().sum() == 0
    assert found["position"].to_pylist() == list(range(7, 15))
    before = [
        was if was != now else None for was, now in zip(PAIRS["id"].to_pylist(), found["id"].to_pylist(), strict=True)
    ]
    assert found[ID_BEFORE].to_pylist() == before
    assert any(before)
    again = masked(plain(found))
    assert plain(again).equals(plain(found))
    assert again[MASKED].combine_chunks().flatten().null_count == 0
    assert again[MASKED].to_pylist() == [[]] * 8


def test_rows_without_personal_data_are_what_they_were():
    found = plain(masked(PAIRS))
    assert found.schema == PAIRS.schema
    for row in (0, 7):
        assert found.slice(row, 1).to_pylist() == PAIRS.slice(row, 1).to_pylist()
    clean = comparisons(CLEAN, CLEAN)
    assert plain(masked(clean)).equals(clean)


def test_what_surrounds_a_value_stays_and_so_do_roles_sides_and_order():
    before, after = PAIRS.to_pylist(), plain(masked(PAIRS)).to_pylist()
    assert after[1]["context"] == [
        {"role": "human", "text": "hello"},
        {"role": "assistant", "text": "write to [EMAIL] or [CREDIT_CARD] "},
        {"role": "human", "text": "and?"},
    ]
    assert [side[-1]["text"] for side in after[1]["continuations"]] == ["clean", " [EMAIL]"]
    assert [turn["role"] for turn in after[2]["continuations"][0]] == ["assistant", "human", "system", "assistant"]
    for was, now in zip(before, after, strict=True):
        changing = {"id", "item_id", "group_id", "context", "continuations", "extra", "parents"}
        assert {k: v for k, v in was.items() if k not in changing} == {
            k: v for k, v in now.items() if k not in changing
        }
    assert json.loads(after[4]["extra"]) == {"deep": [{"to": ["[EMAIL]", 3, None, True]}], "[EMAIL]": 1, "x": 2.5}
    assert after[3]["extra"] == '{"n":3}', "the line as it was read is forgotten"
    assert (after[5]["extra"], after[6]["extra"]) == ("no JSON but [EMAIL]", '["[EMAIL]"]')


def test_ids_are_those_of_what_is_left_and_parents_those_that_were():
    before, found = PAIRS.to_pylist(), plain(masked(PAIRS))
    after = found.to_pylist()
    assert with_ids(Kind.COMPARISONS, found).equals(found)
    assert after[1]["parents"] == ["older", before[1]["id"]]
    assert after[2]["parents"] == [before[2]["id"]]
    assert after[1]["group_id"] == before[1]["group_id"], "the first human message was not masked"
    assert after[2]["group_id"] != before[2]["group_id"]
    for row in (3, 4, 5, 6):  # nothing that ids are made of has changed: no record is its own parent
        assert (after[row]["id"], after[row]["parents"]) == (before[row]["id"], [])
    other = comparisons(("mo.roe@quietmail.net", ["A: one", "H: two", "S: three", "A: " + CARD], "x", "tie"))
    assert plain(masked(other))["group_id"][0].as_py() == after[2]["group_id"], "prompts alike but for a value are one"


@pytest.mark.parametrize(
    "table",
    [
        labels((TWO, f"see {MAIL}", True, {"extra": json.dumps({"raw": TWO})}), ("a", "b", False)),
        attempts((TWO, "no", {"task_description": f"get {MAIL}", "tags": ["t"], "rating": 1.5}), ("a", "b")),
        attempts(("clean", "no", {"task_description": f"get {MAIL}"}), ("a", "b", {"task_description": None})),
        prompts((["S: be kind", "H: " + TWO], {"extra": json.dumps({"b": {"c": MAIL}})}), ("a",)),
    ],
)
def test_every_kind(table):
    found = masked(table)
    assert MAIL not in json.dumps(found.to_pylist())
    assert "4111" not in json.dumps(found.to_pylist())
    assert plain(found).slice(1).to_pylist() == table.slice(1).to_pylist()
    first = plain(found).to_pylist()[0]
    assert first["id"] != table["id"][0].as_py()
    if "parents" in first:
        assert first["parents"] == [table["id"][0].as_py()]
    assert len(list(records_from_table(plain(found)))) == 2
    nothing = plain(masked(table.slice(0, 0)))
    assert nothing.schema == table.schema
    assert len(nothing) == 0


def test_a_part_read_back_from_a_slice_is_masked_alike(tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pa.concat_tables([PAIRS, PAIRS.slice(2)]), tmp_path / "p.parquet", row_group_size=3)
    read = pq.read_table(tmp_path / "p.parquet").slice(8)
    assert plain(masked(read)).to_pylist() == plain(masked(PAIRS)).to_pylist()[2:]


def test_only_the_kinds_asked_for_and_looking_changes_nothing():
    only = masked(PAIRS, kinds=["email"])
    assert "4111" in json.dumps(only.to_pylist())
    assert MAIL not in json.dumps(only.to_pylist())
    looked = masked(PAIRS, mask=False)
    assert plain(looked).equals(PAIRS)
    assert looked[MASKED].to_pylist() == masked(PAIRS)[MASKED].to_pylist()
    assert personal_data_of(Kind.COMPARISONS, only)["personal_data"].to_pylist()[1:3] == [["email"]] * 2
    unseen = personal_data_of(Kind.COMPARISONS, placed(PAIRS))["personal_data"].to_pylist()
    assert unseen == masked(PAIRS)[MASKED].to_pylist()


def test_hostile_extras_lose_no_value_that_is_clean_and_end_no_run():
    mails = {f"{n}.{MAIL}": n for n in range(3)}
    deep = ['{"a":' * depth + json.dumps(MAIL) + "}" * depth for depth in (300, 600, 5000)]
    told = [json.dumps({**mails, "[EMAIL] 2": "own"}), *deep, f'{{"a":1e999,"b":"{MAIL}"}}']
    found = masked(labels(*[(f"q{n}", "r", True, {"extra": extra}) for n, extra in enumerate(told)]))
    extras = found["extra"].to_pylist()
    assert MAIL not in str(extras)
    assert sorted(json.loads(extras[0]).values(), key=str) == [0, 1, 2, "own"], "names that become one are told apart"
    assert json.loads(extras[1])
    assert found[MASKED].to_pylist() == [["email"]] * 5


def test_kinds_are_named_once_in_order():
    table = labels((f"{MAIL} {MAIL} {CARD}", MAIL, True))
    assert kinds_found(Kind.SAFETY_LABELS, table).to_list() == [["credit-card", "email"]]
    assert kinds_found(Kind.SAFETY_LABELS, table.slice(0, 0)).dtype == pl.List(pl.String)
