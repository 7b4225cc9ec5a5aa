"""Replies that exist already, as a policy's: lines with ``prompt`` and ``reply``, or any source whose rows end in a reply.

Of a line `prompt` is a text or messages of ``{"role", "content"}``, and the reply stands in `reply`, `response` or `completion`,
the last as a text or as messages; further keys play no part. A best-of-n folder means the best reply to each prompt. Of other
sources the last reply of safety labels and of red-team attempts counts; a comparison holds two replies, and nothing says which of
them is the policy's. A reply is known by the conversation that it answers. Nobody judged it here, so it becomes a safety label
without a verdict, in memory alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from plumbline.formats.conversation_columns import Turn, conversations_column
from plumbline.formats.line_blocks import Intake, LineBlock, read_line_blocks
from plumbline.formats.loading import Loaded, load
from plumbline.formats.locations import ENDINGS
from plumbline.formats.lone_files import begin, loaded_whole
from plumbline.formats.origin import Origin
from plumbline.formats.own_folders import best_replies_of_best_of_n
from plumbline.formats.reading import first_row
from plumbline.formats.strict_json import Refusal, decode_rows, set_aside
from plumbline.formats.trl import ChatMessage
from plumbline.records import (
    CHAT_ROLES,
    UNSPECIFIED,
    Conversation,
    Kind,
    Message,
    NoDataError,
    Role,
    empty_table,
    safety_label_table,
)

_NAME = "replies"
_REPLY_KEYS = ("reply", "response", "completion")
_ROLES = {name: role for role, name in CHAT_ROLES.items()}


class Row(msgspec.Struct, kw_only=True):
    """The keys of a reply."""

    prompt: str | list[ChatMessage]
    reply: str | msgspec.UnsetType = msgspec.UNSET
    response: str | msgspec.UnsetType = msgspec.UNSET
    completion: str | list[ChatMessage] | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True)
class GivenReplies:
    """A policy's replies.

    Attributes:
        loaded: what was read.
        by_prompt: conversation → the replies to it, in the order of the rows.
        blank: rows whose reply is blank or missing: no replies.
        repeated: rows that say the same reply to the same prompt again, as several people's labels of one reply do; lines
            of replies are taken as they are.
    """

    loaded: Loaded
    by_prompt: dict[Conversation, list[str]]
    blank: int
    repeated: int

    @property
    def count(self) -> int:
        """Replies in all."""
        return sum(map(len, self.by_prompt.values()))


def load_replies(source: str | Path) -> GivenReplies:
    """The replies of a file or folder.

    Raises:
        SourceError: there is nothing to read.
        NoDataError: it holds no reply.
        FaultError, UsageError: as `load`.
    """
    path = _lines_of_best_of_n(Path(source)) or Path(source)
    is_plain = _is_plain(path)
    loaded = _load_plain(path) if is_plain else load(source)
    by_prompt: dict[Conversation, list[str]] = {}
    blank = repeated = 0
    for said in _conversations(loaded):
        if not said or said[-1].role is not Role.ASSISTANT or not said[-1].text.strip():
            blank += 1
        elif not is_plain and said[-1].text in by_prompt.get(said[:-1], ()):
            repeated += 1
        else:
            by_prompt.setdefault(said[:-1], []).append(said[-1].text)
    if not by_prompt:
        there = [f"{len(table):,} {kind.replace('_', ' ')}" for kind, table in loaded.tables.items() if len(table)]
        there = [f"{blank:,} rows without a reply"] if blank else there
        unread = [f"{count:,} × {code}" for code, count in loaded.quarantined.items()]
        raise NoDataError(
            "PL-RPL-001",
            str(source),
            "there are no replies of a policy",
            expected='lines like {"prompt": "...", "reply": "..."}, a best-of-n folder, safety labels or red-team attempts',
            found=", ".join([*there, *unread]) or "no rows",
            advice="write such lines; a comparison holds replies of two policies, and nothing says which is meant",
        )
    return GivenReplies(loaded, by_prompt, blank, repeated)


def parse(block: LineBlock, origin: Origin, intake: Intake) -> pa.Table:
    """Replies of a block of lines; what cannot be read becomes a fault of the intake."""
    rows: list[int] = []
    conversations: list[list[Turn]] = []
    for decoded in decode_rows(block.numbered_lines(), Row, intake):
        try:
            conversations.append([*_prompt(decoded.values.prompt), *_reply(decoded.values)])
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
        else:
            rows.append(decoded.row)
    if not rows:
        return empty_table(Kind.SAFETY_LABELS)
    columns = {"taxonomy": UNSPECIFIED, "source": origin.source, "split": origin.split, "row": rows}
    return safety_label_table(conversations_column(conversations), columns)


def _prompt(prompt: str | list[ChatMessage]) -> list[Turn]:
    turns = [(Role.HUMAN, prompt)] if isinstance(prompt, str) else _turns(prompt)
    if not turns or not turns[-1][1].strip():
        raise Refusal("PL-PRM-002", "the prompt is blank", "a text", "nothing, or blanks alone")
    return turns


def _reply(row: Row) -> list[Turn]:
    said = [each for name in _REPLY_KEYS if (each := getattr(row, name)) is not msgspec.UNSET]
    if len(said) != 1:
        raise Refusal(
            "PL-RPL-002", "a line holds other than one reply", f"one of {', '.join(_REPLY_KEYS)}", f"{len(said)}"
        )
    turns = [(Role.ASSISTANT, said[0])] if isinstance(said[0], str) else _turns(said[0])
    if [role for role, _ in turns] != [Role.ASSISTANT]:
        raise Refusal("PL-RPL-003", "a reply is no single message of the assistant", "one message", f"{len(turns)}")
    return turns


def _turns(messages: list[ChatMessage]) -> list[Turn]:
    if any(message.role not in _ROLES for message in messages):
        raise Refusal("PL-RPL-004", "a message is by nobody known", f"one of {', '.join(_ROLES)}", "another role")
    return [(_ROLES[message.role], message.content) for message in messages]


def _lines_of_best_of_n(folder: Path) -> Path | None:
    """The best replies of a best-of-n folder; None where it is none, or holds none."""
    best = best_replies_of_best_of_n(folder)
    return next(iter(sorted((folder / best).glob("*.jsonl"))), None) if best else None


def _is_plain(path: Path) -> bool:
    """Whether it is a file of lines with a reply, by the keys of the first that can be read."""
    try:
        is_lines = path.is_file() and path.name.lower().endswith(ENDINGS) and path.suffix.lower() != ".parquet"
    except (OSError, ValueError):  # no path at all; `load` says why
        return False
    keys = first_row(path).keys() if is_lines else ()
    return "prompt" in keys and "is_safe" not in keys and any(name in keys for name in _REPLY_KEYS)


def _load_plain(path: Path) -> Loaded:
    begun = intake, origin = begin(path)
    tables = [parse(block, origin, intake) for block in read_line_blocks(path, intake)]
    return loaded_whole(path, _NAME, Kind.SAFETY_LABELS, tables, begun)


def _conversations(loaded: Loaded) -> Iterator[Conversation]:
    for table, column in ((loaded.safety_labels, "conversation"), (loaded.red_team_attempts, "transcript")):
        for batch in table.select([column]).to_batches():
            for said in batch[column].to_pylist():
                yield tuple(Message(Role(each["role"]), each["text"]) for each in said)
