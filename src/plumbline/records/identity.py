"""Identities: the same content has the same id on every machine, whoever wrote the row.

The canonical text of a record is a chain of netstrings (``5:hello,``, the length counted in UTF-8 bytes; an
absent field is ``-,``), so no two records share one by accident of punctuation:

    conversation  = netstring(role) + netstring(text), message after message
    item          = "item" axis context, then both sides in byte order
    comparison    = "comparison" item_id order outcome strength worker; order says which of the sides in byte order
                    stands first: "0" the lesser, "1" the greater
    safety label  = "safety_label" conversation taxonomy categories is_safe severity confidence worker
    item of it    = "item" conversation
    attempt       = "red_team_attempt" transcript task_description rating model_type model_size worker
    prompt        = "prompt" conversation
    group         = "group", first human message (absent where no human speaks); of a comparison that of the context,
                    else the lesser in byte order of those of its sides

each field a netstring of its own; an id is the first 128 bits of the SHA-256 of the chain, in hex. A comparison names
its item instead of repeating its texts, so that each text is hashed once. The functions on columns give the same ids as
those on single rows and leave no work to Python row by row.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import polars as pl
import polars_hash
import pyarrow as pa

from plumbline.records.message import ROLES, Conversation, Role, join_messages, role_codes

_DIGEST_CHARACTERS = 32
_ABSENT = "-,"
_IN_ORDER, _SWAPPED = "0", "1"


def netstring(text: str | None) -> str:
    """``len:text,`` with the length in UTF-8 bytes; ``-,`` for an absent field."""
    if text is None:
        return _ABSENT
    return f"{len(text) if text.isascii() else len(text.encode())}:{text},"


_ROLES = {role: netstring(role) for role in ROLES}


def canonical_conversation(conversation: Conversation) -> str:
    """Role and text of every message as netstrings, in order."""
    return "".join([_ROLES[message.role] + netstring(message.text) for message in conversation])


def digest(*fields: str | None) -> str:
    """The first 128 bits of SHA-256, in hex, over the netstrings of the fields."""
    chain = "".join([netstring(field) for field in fields])
    return sha256(chain.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def group_id(conversation: Conversation) -> str:
    """Hash of the first human message: rows that share it never stand on two sides of a split."""
    return digest("group", _first_human_text(conversation))


NO_PROMPT = digest("group", None)
"""The group of all rows in which no human speaks: strangers to each other, that share no prompt."""


def _first_human_text(conversation: Conversation) -> str | None:
    return next((message.text for message in conversation if message.role is Role.HUMAN), None)


def _opening(context: Conversation, continuations: tuple[Conversation, Conversation]) -> str | None:
    """The human text that a comparison's group is made of; the order of the sides does not matter."""
    if (asked := _first_human_text(context)) is not None:
        return asked
    texts = [text for side in continuations if (text := _first_human_text(side)) is not None]
    return min(texts, key=str.encode, default=None)


def comparison_ids(
    context: Conversation,
    continuations: tuple[Conversation, Conversation],
    axis: str,
    *,
    outcome: str | None = None,
    strength: int | None = None,
    worker: str | None = None,
) -> tuple[str, str, str]:
    """(id, item_id, group_id) of one comparison."""
    shared, first, second = (canonical_conversation(part) for part in (context, *continuations))
    lesser, greater = sorted((first, second), key=str.encode)
    item = digest("item", axis, shared, lesser, greater)
    order = _IN_ORDER if first == lesser else _SWAPPED
    written_strength = None if strength is None else str(strength)
    identity = digest("comparison", item, order, outcome, written_strength, worker)
    return identity, item, digest("group", _opening(context, continuations))


def safety_label_ids(
    conversation: Conversation,
    taxonomy: str,
    *,
    categories: frozenset[str] | None = None,
    is_safe: bool | None = None,
    severity: int | None = None,
    confidence: int | None = None,
    worker: str | None = None,
) -> tuple[str, str, str]:
    """(id, item_id, group_id) of one safety label."""
    canonical = canonical_conversation(conversation)
    names = None if categories is None else "".join(netstring(name) for name in sorted(categories, key=str.encode))
    written_safe = None if is_safe is None else str(is_safe).lower()
    numbers = [None if number is None else str(number) for number in (severity, confidence)]
    identity = digest("safety_label", canonical, taxonomy, names, written_safe, *numbers, worker)
    return identity, digest("item", canonical), group_id(conversation)


def red_team_attempt_ids(
    transcript: Conversation,
    *,
    task_description: str | None = None,
    rating: float | None = None,
    model_type: str | None = None,
    model_size: str | None = None,
    worker: str | None = None,
) -> tuple[str, str]:
    """(id, group_id) of one red-team attempt."""
    # Arrow's way to write a number, so that a column gives the same id.
    written_rating = pa.scalar(rating, pa.float64()).cast(pa.string()).as_py()
    canonical = canonical_conversation(transcript)
    names = (task_description, written_rating, model_type, model_size, worker)
    return digest("red_team_attempt", canonical, *names), group_id(transcript)


# --- the same on columns ---


def netstrings(texts: pl.Expr) -> pl.Expr:
    """An expression that writes each string as a netstring, nulls as absent."""
    written = pl.concat_str(texts.str.len_bytes().cast(pl.String), pl.lit(":"), texts, pl.lit(","))
    return written.fill_null(_ABSENT)


def digests(*fields: pl.Series | str) -> pa.Array:
    """Ids of rows from columns of strings; a plain string is the same in every row.

    Args:
        fields: the canonical fields in order; columns of one length n.
    Returns:
        string array of n hex digests.
    """
    parts = [pl.lit(netstring(field)) if isinstance(field, str) else netstrings(pl.lit(field)) for field in fields]
    chains = pl.select(pl.concat_str(parts).alias("chain"))
    hexes = chains.select(polars_hash.col("chain").chash.sha2_256().str.head(_DIGEST_CHARACTERS))["chain"]
    return hexes.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def canonical_conversations(conversations: pa.ListArray) -> pl.Series:
    """The canonical text of each conversation of a column."""
    messages = conversations.flatten()
    codes = role_codes(messages)
    role_netstrings = pl.Series([netstring(role) for role in ROLES])
    texts = pl.lit(pl.Series(messages.field("text")))
    written = pl.select(pl.concat_str(pl.lit(role_netstrings.gather(codes)), netstrings(texts)))[:, 0]
    return join_messages(conversations, written)


def first_human_texts(conversations: pa.ListArray) -> pl.Series:
    """The first human message of each conversation; null where no human speaks."""
    messages = conversations.flatten()
    ends = np.cumsum(np.diff(conversations.offsets.to_numpy()))
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    codes = role_codes(messages)
    human = np.append(np.flatnonzero(codes == ROLES.index(Role.HUMAN)), len(codes))
    positions = human[np.searchsorted(human, starts)]
    index = pl.Series(np.where(positions < ends, positions, 0)).cast(pl.UInt32)
    texts = pl.Series(messages.field("text"))
    if len(texts) == 0:
        return pl.Series([None] * len(conversations), dtype=pl.String)
    found = pl.Series(positions < ends)
    return pl.select(pl.when(pl.lit(found)).then(pl.lit(texts.gather(index))))[:, 0]


def comparison_id_columns(
    context: pa.ListArray,
    continuations: pa.ListArray,
    axis: pl.Series,
    *,
    outcome: pl.Series,
    strength: pl.Series,
    worker: pl.Series,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(id, item_id, group_id) columns of comparisons; `continuations` holds two conversations a row."""
    shared = canonical_conversations(context)
    sides = canonical_conversations(continuations.flatten())
    first, second = sides.gather_every(2), sides.gather_every(2, 1)
    in_order = first <= second
    lesser, greater = first.zip_with(in_order, second), second.zip_with(in_order, first)
    items = digests("item", axis, shared, lesser, greater)
    order = pl.Series([_SWAPPED, _IN_ORDER]).gather(in_order.cast(pl.UInt32))
    identities = digests("comparison", pl.Series(items), order, outcome, strength, worker)
    return identities, items, digests("group", opening_texts(context, continuations))


def opening_texts(context: pa.ListArray, continuations: pa.ListArray) -> pl.Series:
    """The human text that each comparison's group is made of, null where no human speaks; n strings.

    The sides are looked at only where a context has none.
    """
    opening = first_human_texts(context)
    missing = opening.is_null().arg_true()
    if missing.is_empty():
        return opening
    sides = first_human_texts(continuations.take(pa.array(missing.to_numpy(), pa.int64())).flatten())
    first, second = sides.gather_every(2), sides.gather_every(2, 1)
    # Comparing with null gives null: where one side has no human message, the other's counts.
    lesser = first.zip_with((first <= second).fill_null(second.is_null()), second)
    return opening.scatter(missing, lesser)
