"""Tables → what has been asked, and what was replied: the corpus that `retrieval` answers from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pyarrow as pa

from plumbline.lineage import Terms, terms_of
from plumbline.records import Kind, NoDataError, Role, UsageError, kind_of
from plumbline.sources.failures import ReplyError, check_text

_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Corpus:
    """n replies and what each replied to.

    Attributes:
        asked: n last human turns.
        before: n texts of the turns before that; "" at a conversation's beginning.
        replies: n texts, none blank or beyond storing; the same prompt and reply stand here once.
        snapshot: digest of the above.
        terms: what the table permits and its licence; they hold for what is collected with these replies too. None
            where the table does not say.
    """

    asked: list[str]
    before: list[str]
    replies: list[str]
    snapshot: str
    terms: Terms | None


def corpus_from_table(table: pa.Table) -> Corpus:
    """The replies of a table.

    Args:
        table: comparisons (both sides are replies), safety labels, or any with the text columns ``prompt`` and ``reply``.
    Raises:
        UsageError: the table is of another kind.
        NoDataError: it holds no reply to a human.
    """
    found: dict[tuple[str, str, str], None] = {}
    for entry in _entries(table):
        if _is_usable(entry[2]):
            found[entry] = None
    if not found:
        raise NoDataError(
            "PL-REP-007",
            "retrieval",
            "the corpus holds no reply to a human turn",
            expected="at least one",
            found=f"{table.num_rows:,} rows without",
            advice="name data with replies: plumbline data show SOURCE",
        )
    hashed = sha256()
    for entry in found:
        for text in entry:
            hashed.update(f"{len(text)}:".encode())
            hashed.update(text.encode())
    asked, before, replies = (list(column) for column in zip(*found, strict=True))
    return Corpus(asked, before, replies, f"sha256:{hashed.hexdigest()[:32]}", terms_of(table))


def _is_usable(reply: str) -> bool:
    try:
        check_text(reply, "retrieval")
    except ReplyError:
        return False
    return True


def _entries(table: pa.Table) -> Iterator[tuple[str, str, str]]:
    """(asked, before, reply) of every row, in order."""
    kind = kind_of(table)
    if kind is Kind.COMPARISONS:
        for row in _rows(table, ["context", "continuations"]):
            for side in row["continuations"]:
                yield from _reply_to(row["context"], side[:1])
    elif kind is Kind.SAFETY_LABELS:
        for row in _rows(table, ["conversation"]):
            yield from _reply_to(row["conversation"][:-1], row["conversation"][-1:])
    elif {"prompt", "reply"} <= set(table.schema.names) and all(
        pa.types.is_string(table.schema.field(name).type) or pa.types.is_large_string(table.schema.field(name).type)
        for name in ("prompt", "reply")
    ):
        for row in _rows(table, ["prompt", "reply"]):
            if row["prompt"] is not None and row["reply"] is not None:
                yield row["prompt"], "", row["reply"]
    else:
        raise UsageError(
            "PL-REP-007",
            "retrieval",
            "the table is none that replies can be taken from",
            expected="comparisons, safety labels, or the text columns prompt and reply",
            found=kind or f"the columns {', '.join(table.schema.names[:8])}",
            advice="name other data; red-team attempts are for analysis only, and prompts have no replies",
        )


def _rows(table: pa.Table, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in table.select(columns).to_batches(max_chunksize=_BATCH_ROWS):
        yield from batch.to_pylist()


def _reply_to(context: list[dict[str, str]], reply: list[dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """The reply, where it is one: the assistant's, to a human's turn."""
    if not context or not reply:
        return
    if context[-1]["role"] != Role.HUMAN or reply[0]["role"] != Role.ASSISTANT:
        return
    before = "\n".join(message["text"] for message in context[:-1])
    yield context[-1]["text"], before, reply[0]["text"]
