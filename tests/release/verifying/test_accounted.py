"""The notes of a curation in a handed-over release: ledger, summary and recipe tell the same, and name nobody."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.release.spoiling import LEDGER, codes, places, rewrite, rewrite_json, rewrite_table, tell_anew


def with_value(table, name, value):
    index = table.schema.get_field_index(name)
    return table.set_column(
        index, table.schema.field(name), pa.array([value] * len(table), table.schema.field(name).type)
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda table: with_value(table, "worker", "w7"), LEDGER),
        (lambda table: with_value(table, "rule", "lengths"), f"{LEDGER}, step 1"),
        (lambda table: with_value(table, "kind", "prompts"), f"{LEDGER}, step 1"),
        (lambda table: with_value(table, "step", 9), LEDGER),
        (lambda table: table.slice(1), f"{LEDGER}, step 1"),
        (lambda table: table.append_column("text", pa.array(["x"] * len(table))), LEDGER),
        (lambda table: table.replace_schema_metadata({b"text": b"x"}), LEDGER),
        (lambda table: table.set_column(3, "row", pa.array(["x"] * len(table))), LEDGER),
    ],
    ids=["a worker", "a rule", "a kind", "a step", "a row less", "a column", "beside the columns", "a type"],
)
def test_a_ledger_that_is_not_of_these_notes(spoiled, change, place):
    rewrite_table(spoiled / LEDGER, change)
    tell_anew(spoiled)
    assert place in places(spoiled)["PL-REL-034"]


def test_a_ledger_that_is_gone_or_none(spoiled):
    (spoiled / LEDGER).write_bytes(b"PAR1 and no more")
    tell_anew(spoiled)
    assert "PL-IO-012" in codes(spoiled)
    (spoiled / LEDGER).unlink()
    tell_anew(spoiled)
    assert places(spoiled)["PL-REL-034"] == [LEDGER]


def test_a_summary_that_tells_other_numbers(spoiled):
    def one_more(told):
        told["steps"][0]["removed"]["comparisons"]["train"] += 1

    rewrite_json(spoiled / "curation/summary.json", one_more)
    tell_anew(spoiled)
    assert {"PL-REL-015", "PL-REL-033", "PL-REL-034"} <= codes(spoiled)


@pytest.mark.parametrize("text", ["", "[" * 50_000, json.dumps({"recipe": 1}), '{"rows": ' + "9" * 6_000 + "}"])
def test_a_summary_that_is_none(spoiled, text):
    (spoiled / "curation/summary.json").write_text(text)
    tell_anew(spoiled)
    assert "PL-REL-009" in codes(spoiled)


def test_a_recipe_that_is_another(spoiled):
    rewrite(spoiled / "recipe.toml", "version = 1", "version = 2")
    tell_anew(spoiled)
    assert places(spoiled) == {"PL-REL-034": ["recipe.toml"]}
    (spoiled / "recipe.toml").write_text("[" * 50_000)
    tell_anew(spoiled)
    assert "PL-RCP-003" in codes(spoiled)


def test_notes_without_their_summary(spoiled):
    (spoiled / "curation/summary.json").unlink()
    tell_anew(spoiled)
    assert set(places(spoiled)["PL-REL-034"]) == {LEDGER, "recipe.toml"}


def test_a_ledger_that_unpacks_without_end_is_not_unpacked(spoiled):
    row = pq.read_table(spoiled / LEDGER).to_pylist()[0] | {"reason": "x" * (1 << 20)}
    schema = pq.read_schema(spoiled / LEDGER)
    with pq.ParquetWriter(spoiled / LEDGER, schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(3):
            writer.write_table(pa.Table.from_pylist([row] * 100, schema=schema))
    tell_anew(spoiled)
    assert "PL-IO-004" in codes(spoiled)
