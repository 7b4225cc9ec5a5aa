"""Comparisons → the smallest Open-Assistant trees that read as the same comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from plumbline.formats.conversation_columns import Turn, conversation_turns
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.open_assistant import ROLES_READ, parse
from plumbline.formats.origin import Origin
from plumbline.formats.row_groups import row_groups
from plumbline.formats.strict_json import Refusal, canonical_line
from plumbline.lineage import Fault
from plumbline.records import Kind
from plumbline.records.extra import extra_values

_ROLES_WRITTEN = {role: name for name, role in ROLES_READ.items()}


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """One tree for the comparisons of a (source, row), in that order, without newlines.

    A tree that is written reads as exactly the comparisons it was built from; ids, models and weights are compared.
    Where that cannot be (a pair was removed, a text or an outcome changed on one side only, a weight is not 1/(k-1),
    the comparisons are of no tree) the row becomes a fault.
    """
    for rows in row_groups(tables, (Kind.COMPARISONS,)):
        table = rows.tables[Kind.COMPARISONS]
        contexts = conversation_turns(table["context"].combine_chunks())
        sides = conversation_turns(table["continuations"].combine_chunks().flatten())
        lists = {name: table[name].to_pylist() for name in ("conversation_id", "models", "extra")}
        said = _said(table)
        for group in rows.groups:
            positions = group.positions[Kind.COMPARISONS]
            pairs = [
                _Compared(
                    lists["conversation_id"][at],
                    contexts[at],
                    sides[2 * at : 2 * at + 2],
                    lists["models"][at] or [None, None],
                    extra_values(lists["extra"][at]),
                )
                for at in positions
            ]
            try:
                yield _tree_line(pairs, sorted(said[at] for at in positions))
            except Refusal as refusal:
                found = f"{len(positions)} comparisons"
                intake.faults.append(Fault(refusal.code, group.source, group.row, refusal.problem, found=found))


@dataclass(frozen=True)
class _Compared:
    """A comparison of a tree."""

    tree_id: str | None
    context: list[Turn]
    sides: list[list[Turn]]
    models: list[str | None]
    extra: dict[str, Any]


@dataclass
class _Tree:
    """A tree being built.

    Attributes:
        nodes: messages by id, as the file writes them.
        times_first: by id, how often a reply is the first of its pair; the first of k siblings k-1 times, the last
            never.
    """

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    times_first: Counter[str] = field(default_factory=Counter)

    def add(self, parent_id: str | None, message_id: str, turn: Turn) -> dict[str, Any]:
        """The message of that id, put below its parent where it is new."""
        if message_id not in self.nodes:
            role, text = turn
            node = {"message_id": message_id, "text": text, "role": _ROLES_WRITTEN[role], "replies": []}
            self.nodes[message_id] = node
            if parent_id is not None:
                self.nodes[parent_id]["replies"].append(node)
        return self.nodes[message_id]

    def order_replies(self) -> None:
        """Siblings in the order in which their pairs have them as sides."""
        for node in self.nodes.values():
            node["replies"].sort(key=lambda reply: -self.times_first[reply["message_id"]])


def _said(table: pa.Table) -> list[str]:
    """What each comparison says and a tree must say again: its id, its models, its weight; one text, to be sorted."""
    columns = (table[name].to_pylist() for name in ("id", "models", "weight"))
    return [
        f"{record_id} {models} {1.0 if weight is None else weight}"
        for record_id, models, weight in zip(*columns, strict=True)
    ]


def _tree_line(pairs: list[_Compared], said: list[str]) -> bytes:
    first = pairs[0]
    try:
        tree = _built(pairs)
        line = canonical_line(
            {
                "message_tree_id": first.tree_id,
                "tree_state": first.extra.get("tree_state"),
                "prompt": tree.nodes[first.extra["path"][0]],
            }
        )
    except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise Refusal("PL-OA-020", "the comparisons are not those of a conversation tree") from error
    again = parse(LineBlock(line, 0), Origin(""), Intake(""))[Kind.COMPARISONS]
    same_tree = all(pair.tree_id == first.tree_id for pair in pairs)
    if not same_tree or sorted(_said(again)) != said:
        raise Refusal("PL-OA-021", "no tree reads as exactly these comparisons: all pairs of its ranked replies")
    return line


def _built(pairs: list[_Compared]) -> _Tree:
    """All messages of the comparisons as one tree. What does not fit together is found when it is read again."""
    tree = _Tree()
    for pair in pairs:
        parent_id: str | None = None
        for message_id, turn in zip(pair.extra["path"], pair.context, strict=True):
            tree.add(parent_id, message_id, turn)
            parent_id = message_id
        keys = (pair.extra["replies"], pair.extra["ranks"], pair.sides, pair.models)
        for message_id, rank, (turn,), model in zip(*keys, strict=True):
            node = tree.add(parent_id, message_id, turn)
            node["rank"] = rank
            if model is not None:
                node["model_name"] = model
        tree.times_first[pair.extra["replies"][0]] += 1
    tree.order_replies()
    return tree
