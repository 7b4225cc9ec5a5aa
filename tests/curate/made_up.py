"""Made-up records of every kind from few words, and curations of them in a folder of their own."""

import json
from collections.abc import Sequence
from unittest.mock import patch

import polars as pl
import pyarrow as pa

from plumbline.curate import intake
from plumbline.curate.curation import curate
from plumbline.curate.intake import take_in
from plumbline.curate.recipe import parse_recipe
from plumbline.engine import Workspace, open_engine, read_whole
from plumbline.records import (
    Kind,
    Message,
    Role,
    comparison_table,
    conversation_column,
    prompt_table,
    red_team_attempt_table,
    safety_label_table,
)

ROLES = {"H": Role.HUMAN, "A": Role.ASSISTANT, "S": Role.SYSTEM}


def talk(*turns: str):
    """A conversation of turns such as "H: Hi" and "A: Hello"."""
    return tuple(Message(ROLES[turn[0]], turn[3:]) for turn in turns)


def turns(words):
    """One turn of a human, where it is a text; else the turns as they are."""
    return talk(f"H: {words}") if isinstance(words, str) else talk(*words)


def columns_of(rows: Sequence[dict], **same: object) -> dict[str, object]:
    """Columns of what rows have beside their texts; what only some have is null in the others."""
    names = {name for row in rows for name in row}
    return {
        "source": "made-up",
        "row": list(range(len(rows))),
        **{name: [row.get(name, [] if name == "parents" else None) for row in rows] for name in sorted(names)},
        **same,
    }


def comparisons(*rows, axis="helpfulness", **same):
    """Rows (prompt, first reply, second reply, outcome, {further columns}); a reply may be a list of turns."""
    texts = [row[:3] for row in rows]
    further = [{"outcome": row[3], **(row[4] if len(row) > 4 else {})} for row in rows]
    sides = [talk(*side) if isinstance(side, list) else talk(f"A: {side}") for _, *both in texts for side in both]
    nested = pa.ListArray.from_arrays(pa.array(range(0, 2 * len(rows) + 1, 2), pa.int32()), conversation_column(sides))
    return comparison_table(
        conversation_column([turns(asked) for asked, *_ in texts]), nested, columns_of(further, axis=axis, **same)
    )


def labels(*rows, taxonomy="beavertails-14", **same):
    """Rows (prompt, reply, is_safe, {further columns})."""
    further = [{"is_safe": row[2], **(row[3] if len(row) > 3 else {})} for row in rows]
    talks = conversation_column([turns(asked) + talk(f"A: {reply}") for asked, reply, *_ in rows])
    return safety_label_table(talks, columns_of(further, taxonomy=taxonomy, **same))


def attempts(*rows, **same):
    """Rows (prompt, reply, {further columns})."""
    talks = conversation_column([turns(asked) + talk(f"A: {reply}") for asked, reply, *_ in rows])
    return red_team_attempt_table(talks, columns_of([row[2] if len(row) > 2 else {} for row in rows], **same))


def prompts(*rows, **same):
    """Rows (prompt, {further columns})."""
    talks = conversation_column([turns(row[0]) for row in rows])
    return prompt_table(talks, columns_of([row[1] if len(row) > 1 else {} for row in rows], **same))


def placed(table, start=0):
    """The records with their positions."""
    return table.append_column("position", pa.array(range(start, start + len(table)), pa.int64()))


def frame(rows: Sequence[dict], **types) -> pl.DataFrame:
    """Rows for a rule: each a dict; position counts up unless given."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    found = pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, schema_overrides=types)
    if "position" in found.columns:
        return found
    return found.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("position"))


def gone(verdicts: pl.DataFrame) -> dict[int, tuple[str, str | None]]:
    """position → (reason, partner) of rows that a rule removes."""
    removed = verdicts.filter("removed").sort("position")
    return {row["position"]: (row["reason"], row["partner"]) for row in removed.iter_rows(named=True)}


def recipe_of(*rules: str, takes=tuple(Kind)):
    """A recipe of rules in TOML, each ``name`` or ``name\\nsetting = …``."""
    written = "".join(
        f'\n[[rule]]\nname = "{name}"\n{settings}\n' for name, _, settings in (rule.partition("\n") for rule in rules)
    )
    return parse_recipe(f'name = "own"\nversion = 1\ntakes = {json.dumps([str(k) for k in takes])}\n{written}', "own")


def curated(folder, recipe, *tables, rows_of_a_part=20_000):
    """The tables, in this order, through a recipe on the local engine."""
    blocks = [{kind_of(table): table} for table in tables]
    workspace = Workspace(folder)
    with patch.object(intake, "ROWS_OF_A_PART", rows_of_a_part), open_engine("local") as engine:
        taken = take_in(lambda: iter(blocks), lambda: None, [rows_of_a_part], workspace)
        return curate(taken, recipe, workspace, engine)


def kind_of(table):
    """The kind of record of a table."""
    from plumbline.records import kind_of as kind

    return kind(table)


def ledger(result) -> list[dict]:
    """The ledger of a curation, row by row."""
    return read_whole(result.ledger).to_pylist()


def rows_gone(result) -> dict[tuple[str, int], str]:
    """(kind, row of the source) → rule, of what is not in the output."""
    return {(row["kind"], row["row"]): row["rule"] for row in ledger(result)}
