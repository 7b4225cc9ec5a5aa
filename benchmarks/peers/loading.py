"""The same job done with Hugging Face `datasets`: load, then one batched map that parses, checks and gives ids.

Two ways to write the map: ``lists``, lists in and out, as its documentation shows; ``arrow``, written for speed: Arrow
batches in and out, conversations built flat from offsets, nothing inferred. Two readers:

- ``json``: the builder for JSON lines. It refuses repeated keys and lone surrogates itself; missing keys show as nulls,
  further keys as columns. A number may be turned into text, which then fails for want of a turn marker.
- ``text``: lines as they are, decoded in the map with a hook that sees every key.

All refuse what Plumbline sets aside: repeated and missing keys, values that are no strings, lone surrogates, texts
without a marker. Where Plumbline sets one row aside, they end. Rows with further keys Plumbline reads (and keeps the
raw line), as ``json`` with ``lists`` does; the other two refuse them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

TURN = re.compile(r"\n\n(Human|Assistant):")
MARKERS = ("\n\nHuman:", "\n\nAssistant:")
ROLE_CODES = {"Human": 0, "Assistant": 1}
NAMES = ("5:human,", "9:assistant,")
NAMES_OF = ("human", "assistant")
AXES = {"harmless-base": "harmlessness", "helpful-base": "helpfulness"}

ROLE_TYPE = pa.dictionary(pa.int8(), pa.string())
ROLES = pa.array(NAMES_OF)

BATCH_ROWS = 4096


def pairs_of_lines(lines: list[str]) -> list[tuple[str, str]]:
    """Lines decoded so that a missing, further or repeated key, and a value that is no string, is an error."""
    return [json.loads(line, object_pairs_hook=_pair) for line in lines]


def _pair(items: list[tuple[str, Any]]) -> tuple[str, str]:
    values = dict(items)
    if len(items) != 2 or values.keys() != {"chosen", "rejected"}:
        raise ValueError("expected the keys chosen and rejected, once each")
    return values["chosen"], values["rejected"]


def turns_of(text: str) -> list[tuple[int, str]]:
    """(role code, text) of each turn, without the one space after the marker that belongs to the format."""
    pieces = TURN.split(text)
    return [
        (ROLE_CODES[role], turn[1:] if turn[:1] == " " else turn)
        for role, turn in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def canonical(turns: list[tuple[int, str]]) -> str:
    """Role and text of each turn as netstrings."""
    return "".join([NAMES[role] + netstring(text) for role, text in turns])


def netstring(text: str) -> str:
    return f"{len(text) if text.isascii() else len(text.encode())}:{text},"


def hex_digest(chain: str) -> str:
    return sha256(chain.encode()).hexdigest()[:32]


class Columns:
    """The columns of a batch, filled row by row."""

    def __init__(self, axis: str) -> None:
        self.axis = netstring(axis)
        self.ids: tuple[list[str], list[str], list[str]] = ([], [], [])
        self.context: tuple[list[int], list[int], list[str]] = ([0], [], [])
        self.sides: tuple[list[int], list[int], list[str]] = ([0], [], [])

    def add(self, chosen: str, rejected: str) -> tuple[list[tuple[int, str]], ...]:
        """Check and parse one pair; (context, chosen, rejected) as turns."""
        if not (isinstance(chosen, str) and isinstance(rejected, str)):
            raise ValueError("expected two strings")
        if not (chosen.startswith(MARKERS) and rejected.startswith(MARKERS)):
            raise ValueError("expected a turn marker at the start")
        first, second = turns_of(chosen), turns_of(rejected)
        most = min(len(first), len(second)) - 1
        shared = next((number for number in range(most) if first[number] != second[number]), most)
        context, first, second = first[:shared], first[shared:], second[shared:]
        _put(self.context, context)
        _put(self.sides, first)
        _put(self.sides, second)
        written = netstring(canonical(context))
        one, other = canonical(first), canonical(second)
        opening = self.axis + written
        one_written, other_written = netstring(one), netstring(other)
        both = one_written + other_written
        # Byte order of UTF-8 is the order of code points, which is how Python compares strings.
        in_order = both if one <= other else other_written + one_written
        human = next((text for role, text in [*context, *first] if role == 0), None)
        item = hex_digest(f"4:item,{opening}{in_order}")
        order = "0" if one <= other else "1"
        self.ids[0].append(hex_digest(f"10:comparison,32:{item},1:{order},5:first,-,-,"))
        self.ids[1].append(item)
        self.ids[2].append(hex_digest("5:group," + ("-," if human is None else netstring(human))))
        return context, first, second

    def table(self) -> pa.Table:
        sides = _conversations(self.sides)
        pairs = pa.ListArray.from_arrays(pa.array(range(0, len(sides) + 1, 2), pa.int32()), sides)
        columns = [*map(pa.array, self.ids), _conversations(self.context), pairs]
        return pa.Table.from_arrays(columns, names=["id", "item_id", "group_id", "context", "continuations"])


def parse_lists(batch: dict[str, list[Any]], axis: str) -> dict[str, list[Any]]:
    """As `parse_batch`, from lists and to lists."""
    columns = Columns(axis)
    context, continuations = [], []
    pairs = pairs_of_lines(batch["text"]) if "text" in batch else zip(batch["chosen"], batch["rejected"], strict=True)
    for chosen, rejected in pairs:
        sides = columns.add(chosen, rejected)
        shared, first, second = ([{"role": NAMES_OF[role], "text": text} for role, text in part] for part in sides)
        context.append(shared)
        continuations.append([first, second])
    names = ("id", "item_id", "group_id")
    return {**dict(zip(names, columns.ids, strict=True)), "context": context, "continuations": continuations}


def _put(column: tuple[list[int], list[int], list[str]], turns: list[tuple[int, str]]) -> None:
    offsets, roles, texts = column
    for role, text in turns:
        roles.append(role)
        texts.append(text)
    offsets.append(len(roles))


def _conversations(column: tuple[list[int], list[int], list[str]]) -> pa.ListArray:
    offsets, roles, texts = column
    named = pa.DictionaryArray.from_arrays(pa.array(roles, pa.int8()), ROLES).cast(pa.string())
    messages = pa.StructArray.from_arrays([named, pa.array(texts, pa.string())], names=["role", "text"])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), messages)


def parse_batch(batch: pa.Table, axis: str) -> pa.Table:
    """A batch of the builder's rows as comparisons with ids."""
    columns = Columns(axis)
    if batch.column_names == ["text"]:
        pairs: Any = pairs_of_lines(batch["text"].to_pylist())
    elif sorted(batch.column_names) == ["chosen", "rejected"]:
        pairs = zip(batch["chosen"].to_pylist(), batch["rejected"].to_pylist(), strict=True)
    else:
        raise ValueError(f"expected the columns chosen and rejected, found {batch.column_names}")
    for chosen, rejected in pairs:
        columns.add(chosen, rejected)
    return columns.table()


def parsed(folder: str, reader: str, style: str, processes: int) -> Iterator[Any]:
    """Candidate: load and map, `processes` at a time."""
    from datasets import concatenate_datasets, load_dataset

    from benchmarks.loading import fingerprint

    files = _files(folder)
    yield
    loaded = load_dataset(reader, data_files=files, num_proc=processes if processes > 1 else None)
    parts = []
    for split, rows in loaded.items():
        parts.append(
            (rows.with_format("arrow") if style == "arrow" else rows).map(
                parse_batch if style == "arrow" else parse_lists,
                batched=True,
                batch_size=BATCH_ROWS,
                remove_columns=rows.column_names,
                fn_kwargs={"axis": split},
                num_proc=processes if processes > 1 else None,
            )
        )
    whole = concatenate_datasets(parts)
    yield
    table = whole.with_format("arrow")[:]
    return {"rows": len(table), "fingerprint": fingerprint(table)}


def plain(folder: str) -> Iterator[Any]:
    """Candidate: `load_dataset` alone, which parses no turns and checks nothing."""
    from datasets import load_dataset

    files = _files(folder)
    yield
    loaded = load_dataset("json", data_files=files)
    yield
    return {"rows": sum(len(rows) for rows in loaded.values())}


def _files(folder: str) -> dict[str, list[str]]:
    """The files by axis, which serves as the split, so that a map is told the axis of its rows."""
    return {
        axis: sorted(map(str, (Path(folder) / subset).glob("*.jsonl.gz")))
        for subset, axis in AXES.items()
        if (Path(folder) / subset).is_dir()
    }
