"""What a judge looked at, as the text in which near-duplicates are looked for.

A record is a near-duplicate only where each part is: the conversation before, what was asked, each reply. One text over
all would call two rows alike that share a long prompt and differ in their short replies, or share one long reply and
differ in the other; both are different judgements. So are successive turns of one conversation: of the conversation
before the last question only a digest is taken, which must be the same.

Two records of one item (the same texts, judged twice) are alike here, too: repeated judgements are told by `item_id`,
and one who drops near-duplicates must leave them alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import polars_hash
import pyarrow as pa

from plumbline.curate.conversations import combined
from plumbline.curate.shingles import join_parts
from plumbline.curate.words import Places
from plumbline.records.identity import first_human_texts, netstrings, opening_texts
from plumbline.records.message import ROLES, Role, join_messages, role_codes
from plumbline.records.tables import SHAPES, Kind


def judged_text(kind: Kind, table: pa.Table) -> pl.Series:
    """The text in which near-duplicate records are looked for, of `join_parts`; n strings.

    The parts are, of a comparison: the conversation before, what was asked, the shorter and the longer reply (so that
    sides do not matter); of a safety label: the conversation before, what was asked, the reply; of a
    prompt: the conversation before, what was asked; of a red-team attempt: all that the human and all that the
    assistant said.
    """
    return join_parts(_PARTS[kind](table))


def prompt_text(kind: Kind, table: pa.Table) -> pl.Series:
    """The first human message, in which near-duplicate prompts are looked for; n strings, empty where no human speaks.

    The text that `group_id` is made of, so that rows of one group are alike here, too.
    """
    if kind is Kind.COMPARISONS:
        return opening_texts(combined(table, "context"), combined(table, "continuations")).fill_null("")
    return first_human_texts(combined(table, SHAPES[kind].conversation)).fill_null("")


def _comparison_parts(table: pa.Table) -> list[pl.Series]:
    before, asked, after = _around_last_question(combined(table, "context"))
    sides = _said(combined(table, "continuations").flatten())
    first, second = sides.gather_every(2), sides.gather_every(2, 1)
    # By length an edit seldom changes the order: 1 to 2 % of pairs with 5 % of their words edited; by bytes 6 to 8 %.
    lengths, others = first.str.len_bytes(), second.str.len_bytes()
    in_order = (lengths < others) | ((lengths == others) & (first <= second))
    return [before, asked + after, first.zip_with(in_order, second), second.zip_with(in_order, first)]


def _safety_label_parts(table: pa.Table) -> list[pl.Series]:
    return list(_around_last_question(combined(table, "conversation")))


def _prompt_parts(table: pa.Table) -> list[pl.Series]:
    before, asked, after = _around_last_question(combined(table, "conversation"))
    return [before, asked + after]


def _attempt_parts(table: pa.Table) -> list[pl.Series]:
    transcripts = combined(table, "transcript")
    codes = role_codes(transcripts.flatten())
    return [_said(transcripts, codes == ROLES.index(role)) for role in (Role.HUMAN, Role.ASSISTANT)]


_PARTS: dict[Kind, Callable[[pa.Table], list[pl.Series]]] = {
    Kind.COMPARISONS: _comparison_parts,
    Kind.SAFETY_LABELS: _safety_label_parts,
    Kind.RED_TEAM_ATTEMPTS: _attempt_parts,
    Kind.PROMPTS: _prompt_parts,
}


def _around_last_question(conversations: pa.ListArray) -> tuple[pl.Series, pl.Series, pl.Series]:
    """(digest of what was said before, what was asked last, what was said after) of each conversation."""
    codes = role_codes(conversations.flatten())
    asked = _last_questions(conversations, codes == ROLES.index(Role.HUMAN))
    place = np.arange(len(codes))
    before, question, after = place < asked, place == asked, place > asked
    return _digest(conversations, before), _said(conversations, question), _said(conversations, after)


def _last_questions(conversations: pa.ListArray, human: np.ndarray) -> Places:
    """For each message the place of its conversation's last human message; -1 where there is none. Shape (messages,)."""
    lengths = np.diff(conversations.offsets.to_numpy())
    row = np.repeat(np.arange(len(lengths)), lengths)
    last = np.full(len(lengths), -1)
    last[row[human]] = np.flatnonzero(human)
    found: Places = last[row]
    return found


def _said(conversations: pa.ListArray, taken: np.ndarray | None = None) -> pl.Series:
    """The texts of the messages taken, each conversation's after one another."""
    texts = pl.Series(conversations.flatten().field("text")).fill_null("") + "\n"
    if taken is not None:
        texts = texts.set(pl.Series(~taken), "")
    return join_messages(conversations, texts)


def _digest(conversations: pa.ListArray, taken: np.ndarray) -> pl.Series:
    """A word for the messages taken, roles, letter case and outer white space aside; empty where none is taken."""
    texts = pl.Series(conversations.flatten().field("text")).fill_null("").str.strip_chars().str.to_lowercase()
    written = pl.DataFrame([texts.alias("text")]).select(netstrings(pl.col("text")))[:, 0]
    joined = pl.DataFrame([join_messages(conversations, written.set(pl.Series(~taken), "")).alias("said")])
    word = joined.select(polars_hash.col("said").nchash.xxh3_64().cast(pl.String))[:, 0]
    return word.set(joined["said"] == "", "")
