"""The conversations of records as flat messages: what the rules of `check` and the traits look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.records import ROLES, Kind, Role, role_codes

Positions = np.ndarray


@dataclass(frozen=True)
class Conversations:
    """What the rules look at: each row's whole conversations as flat messages.

    Attributes:
        starts, ends: shape (c,); messages of conversation j are starts[j]:ends[j].
        owners: shape (c,); the row of the table that conversation j belongs to.
        codes: shape (m,); index into `ROLES`.
        texts: m texts.
    """

    starts: np.ndarray
    ends: np.ndarray
    owners: np.ndarray
    codes: np.ndarray
    texts: pl.Series

    @classmethod
    def of(cls, column: pa.ListArray, owners: np.ndarray) -> Conversations:
        """The conversations of a column; conversation j belongs to row owners[j]."""
        lengths = np.diff(column.offsets.to_numpy())
        messages = column.flatten()
        codes = role_codes(messages)
        ends = np.cumsum(lengths)
        return cls(ends - lengths, ends, owners, codes, pl.Series(messages.field("text")))

    def owners_where(self, message_flags: np.ndarray) -> Positions:
        """The rows any of whose messages is flagged."""
        found = np.concatenate([[0], np.cumsum(message_flags)])
        return np.unique(self.owners[found[self.ends] > found[self.starts]])

    def last(self) -> np.ndarray:
        """Position of each conversation's last message; conversations without messages are left out."""
        return self.ends[self.ends > self.starts] - 1

    def last_owners(self) -> np.ndarray:
        """The row of each position that `last` gives."""
        return self.owners[self.ends > self.starts]


def prefixes_and_endings(kind: Kind, table: pa.Table) -> tuple[Conversations, Conversations]:
    """What stands before the judged replies, and the conversations that end with them.

    Args:
        kind: of the records.
        table: n records.
    Returns:
        Of comparisons the n contexts and the 2n continuations; of other kinds the n conversations twice, the same object.
    """
    rows = np.arange(len(table))
    if kind is not Kind.COMPARISONS:
        name = "transcript" if kind is Kind.RED_TEAM_ATTEMPTS else "conversation"
        whole = Conversations.of(combined(table, name), rows)
        return whole, whole
    sides = combined(table, "continuations").flatten()
    return Conversations.of(combined(table, "context"), rows), Conversations.of(sides, np.repeat(rows, 2))


def said_texts(kind: Kind, table: pa.Table) -> pl.Series:
    """What the human said in each of n records, message after message; of comparisons in the context only."""
    return _joined(prefixes_and_endings(kind, table)[0], Role.HUMAN, len(table))


def whole_said_texts(kind: Kind, table: pa.Table) -> pl.Series:
    """The same, of comparisons in the context and in both sides."""
    prefixes, endings = prefixes_and_endings(kind, table)
    if prefixes is endings:
        return _joined(prefixes, Role.HUMAN, len(table))
    before, sides = (_joined(part, Role.HUMAN, len(table)) for part in (prefixes, endings))
    parts = pl.DataFrame({"before": before, "sides": sides})
    return parts.select(text=pl.concat_str("before", "sides", separator="\n"))["text"]


def reply_texts(kind: Kind, table: pa.Table) -> pl.Series:
    """The replies that are judged in each of n records: the last messages; of comparisons of both sides."""
    endings = prefixes_and_endings(kind, table)[1]
    last = pl.DataFrame({"row": endings.last_owners(), "text": endings.texts.gather(endings.last())})
    return _by_row(last, len(table))


def _joined(part: Conversations, role: Role, count: int) -> pl.Series:
    owners = np.repeat(part.owners, part.ends - part.starts)
    spoken = part.codes == ROLES.index(role)
    return _by_row(pl.DataFrame({"row": owners, "text": part.texts}).filter(pl.Series(spoken)), count)


def _by_row(texts: pl.DataFrame, count: int) -> pl.Series:
    """The texts of each row joined by line breaks; empty where a row has none."""
    joined = texts.group_by("row", maintain_order=True).agg(pl.col("text").str.join("\n"))
    rows = pl.DataFrame({"row": np.arange(count)})
    return rows.join(joined, "row", "left", maintain_order="left")["text"].fill_null("")


def combined(table: pa.Table, name: str) -> pa.ListArray:
    """A column in one piece."""
    return table[name].combine_chunks()
