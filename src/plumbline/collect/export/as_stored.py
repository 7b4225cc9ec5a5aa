"""What leaves as it is stored, a line a row: the log, and everything that was judged and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from plumbline.collect.export.forms import Form
from plumbline.collect.export.record_making import UNREADABLE
from plumbline.collect.store.rows import Reply
from plumbline.collect.store.stored_work import (
    ConversationAsStored,
    JudgementAsStored,
    stream_conversations,
    stream_judgements,
)
from plumbline.collect.store.study_log import LoggedEvent, stream_study_log
from plumbline.formats.line_stream import ByteLines

RowT = TypeVar("RowT")
Line = dict[str, object]


class StoredLines(Generic[RowT]):
    """Rows of the store → lines of JSON, zipped."""

    def __init__(self, line_of: Callable[[RowT], Line]) -> None:
        self._line_of = line_of
        self._lines = ByteLines(zipped=True)

    @property
    def rows(self) -> int:
        """See `files.Writer.rows`."""
        return self._lines.rows

    def feed(self, batch: list[RowT], quarantined: Counter[str]) -> Iterator[bytes]:
        """See `files.Writer.feed`."""
        yield from self._lines.feed(self._encoded(batch, quarantined))

    def end(self) -> bytes:
        """See `files.Writer.end`."""
        return self._lines.end()

    def _encoded(self, batch: list[RowT], quarantined: Counter[str]) -> Iterator[bytes]:
        for row in batch:
            try:
                line = msgspec.json.encode(self._line_of(row))
            except msgspec.DecodeError:
                quarantined[UNREADABLE] += 1
            else:
                yield line


@dataclass(frozen=True)
class StoredFile:
    """A file of rows as they are stored.

    Attributes:
        name: relative to the folder.
        stream: (store, study's number, as_of=…) → batches of rows.
        line_of: a row's line.
    """

    name: str
    stream: Callable[..., Iterator[list[Any]]]
    line_of: Callable[[Any], Line]


def _event(event: LoggedEvent) -> Line:
    return {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "person": event.person,
        "item": event.item_id,
        "assignment": event.assignment_id,
        "payload": event.payload,
    }


def _judgement(row: JudgementAsStored) -> Line:
    return {
        "id": row.id,
        "assignment": row.assignment_id,
        "item": row.item_key,
        "purpose": row.purpose,
        "worker": row.worker,
        "part": row.part,
        "kind": row.kind,
        "payload": _as_stored(row.payload),
        "corrects": row.corrects,
        "guidelines_version": row.guidelines_version,
        "seconds": row.seconds,
        "at": row.created_at.isoformat(),
        "assignment_state": row.state.value,
        "counts": row.counts,
    }


def _conversation(row: ConversationAsStored) -> Line:
    drawn: dict[int, list[Line]] = {turn.number: [] for turn in row.turns}
    for reply in row.replies:
        drawn[reply.turn].append(_reply(reply))
    return {
        "assignment": row.assignment_id,
        "item": row.item_key,
        "purpose": row.purpose,
        "worker": row.worker,
        "erased": row.erased,
        "assignment_state": row.state.value,
        "ended_at": _moment(row.ended_at),
        "opening": _as_stored(row.opening),
        "turns": [
            {
                "turn": turn.number,
                "human": turn.human,
                "at": turn.created_at.isoformat(),
                "replies": drawn[turn.number],
            }
            for turn in row.turns
        ],
    }


def _reply(reply: Reply) -> Line:
    return {
        "id": reply.id,
        "draw": reply.draw,
        "side": reply.side,
        "text": reply.text,
        "model": reply.model,
        "snapshot": reply.snapshot,
        "seed": reply.seed,
        "parameters": _as_stored(reply.parameters),
        "at": reply.created_at.isoformat(),
        "shown_at": _moment(reply.shown_at),
    }


def _as_stored(text: str) -> msgspec.Raw:
    """JSON to stand in a line as it is.

    Raises:
        msgspec.DecodeError: it is none; somebody changed it by hand.
    """
    msgspec.json.decode(text)
    # Between its tokens alone: within a string a line's end is written otherwise.
    return msgspec.Raw(text.replace("\r", " ").replace("\n", " ").encode())


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


AS_STORED: Mapping[Form, tuple[StoredFile, ...]] = {
    Form.JUDGEMENTS: (
        StoredFile("judgements/judgements.jsonl.gz", stream_judgements, _judgement),
        StoredFile("conversations/conversations.jsonl.gz", stream_conversations, _conversation),
    ),
    Form.EVENTS: (StoredFile("events/events.jsonl.gz", stream_study_log, _event),),
}
"""The forms that make no records, and their files."""
