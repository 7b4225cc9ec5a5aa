"""Scoring tables of records: the columns that ``plumbline score`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from plumbline.models.figures.uncertainty import pair_spread, reply_spread
from plumbline.models.scored_model import Advance, Floats, ScoredModel, Scores, main_head, pair_probabilities
from plumbline.records import Kind

_PLACES = ["id", "source", "row", "split"]


@dataclass(frozen=True)
class ScoredReplies:
    """Scores of n replies.

    Attributes:
        rows: n rows, see `score_tables`.
        truncated: replies of whose conversation the model read a part only.
        without_number: replies for which a head gave no finite number.
    """

    rows: pa.Table
    truncated: int
    without_number: int = 0


def score_tables(
    model: ScoredModel, tables: Mapping[Kind, pa.Table], *, advance: Advance | None = None
) -> ScoredReplies:
    """Scores of every reply in the tables; unjudged rows are scored too.

    Args:
        model: any.
        tables: comparisons give two rows each (side 0 and 1); safety labels and attempts one (side null, or the side
            that a label is about). Prompts wait for a reply and are not scored.
        advance: told how far it is.
    Returns:
        Rows with the columns id, side, score, probability, uncertainty, kind, source, row, split. `score` is the main head's: reward, cost or
        log-odds of unsafe.
        `probability` is, for a side of a comparison scored by a preference or cost model, that it is the better one of
        the two; else that the reply is unsafe. It is null where a preference model scores a single reply: one reply
        alone has no probability of being preferred.

        `uncertainty` is how far the heads of the model's ensemble lie apart: the standard deviation of what they say that
        probability is. It is null where the probability is, and of every model without an ensemble.

        Where a head gives no finite number, what it would have told is null: nothing was said of the reply.

        `kind` is of the record that `id` names (comparisons, safety_labels or red_team_attempts): it tells the two
        meanings of `probability` apart. `source` and `row` (counted from 0) say where the record stood, `split` of which
        split it is; null where it has none.

        A moderation model adds `category` (what score and probability are of: unsafe) and `threshold` (the probability from
        which the model flags it); then for each category with a head ``probability_<category>`` and
        ``threshold_<category>``.
    """
    parts = [
        _score_comparisons(model, table, advance)
        for kind, table in tables.items()
        if kind is Kind.COMPARISONS and len(table)
    ]
    for kind, column in ((Kind.SAFETY_LABELS, "conversation"), (Kind.RED_TEAM_ATTEMPTS, "transcript")):
        if kind in tables and len(tables[kind]):
            parts.append(_score_conversations(model, tables[kind], kind, column, advance))
    rows = pa.concat_tables([part.rows for part in parts]) if parts else _schema(model).empty_table()
    return ScoredReplies(rows, sum(part.truncated for part in parts), sum(part.without_number for part in parts))


def _schema(model: ScoredModel) -> pa.Schema:
    """The columns that a model's scores have."""
    columns = [("id", pa.string()), ("side", pa.int8()), ("score", pa.float64())]
    columns += [("probability", pa.float64()), ("uncertainty", pa.float64())]
    columns += [("kind", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("split", pa.string())]
    if model.task == "moderation":
        columns += [("category", pa.string()), ("threshold", pa.float64())]
        for name in list(model.heads)[1:]:
            columns += [(f"probability_{name}", pa.float64()), (f"threshold_{name}", pa.float64())]
    return pa.schema(columns)


def _score_comparisons(model: ScoredModel, table: pa.Table, advance: Advance | None) -> ScoredReplies:
    read = model.read_pairs(table, advance=advance)
    scores, count = _numbers_alone(read.heads), len(table)
    if model.task == "moderation":
        probabilities = main_head(model).calibration.probabilities(scores[:, :, 0])
        each = None if read.members is None else read.members.reshape(2 * count, -1)
        spread = reply_spread(model, each)
    else:
        of_first = pair_probabilities(model, scores[:, 0, 0], scores[:, 1, 0])
        probabilities = np.stack([of_first, 1 - of_first], axis=1)
        of_pairs = pair_spread(model, read.members)
        spread = None if of_pairs is None else np.repeat(of_pairs, 2)
    sides = pa.array(np.tile(np.array([0, 1], np.int8), count))
    places = table.select(_PLACES).take(np.repeat(np.arange(count), 2))
    said = _Said(scores.reshape(2 * count, -1), probabilities.ravel(), spread)
    return _scored(_table(model, Kind.COMPARISONS, places, sides, said), read, said)


def _score_conversations(
    model: ScoredModel, table: pa.Table, kind: Kind, column: str, advance: Advance | None
) -> ScoredReplies:
    read = model.read_conversations(table[column], advance=advance)
    scores = _numbers_alone(read.heads)
    sides = table["side"].combine_chunks() if "side" in table.schema.names else pa.nulls(len(table), pa.int8())
    if model.task == "preference":
        said = _Said(scores, np.full(len(table), np.nan), None)
    else:
        probabilities = main_head(model).calibration.probabilities(scores[:, 0])
        said = _Said(scores, probabilities, reply_spread(model, read.members))
    return _scored(_table(model, kind, table.select(_PLACES), sides, said), read, said)


def _numbers_alone(scores: Floats) -> Floats:
    """The scores, NaN where one is no finite number."""
    return np.where(np.isfinite(scores), scores, np.nan)


@dataclass(frozen=True)
class _Said:
    """What a model says of n replies; NaN where it says nothing.

    Attributes:
        scores: shape (n, heads).
        probabilities: shape (n,); of the main head.
        spread: shape (n,), of the ensemble beside it; None without one.
    """

    scores: Floats
    probabilities: Floats
    spread: Floats | None


def _scored(rows: pa.Table, read: Scores, said: _Said) -> ScoredReplies:
    truncated = 0 if read.truncated is None else int(read.truncated.sum())
    return ScoredReplies(rows, truncated, int(np.isnan(said.scores).any(axis=1).sum()))


def _table(model: ScoredModel, kind: Kind, places: pa.Table, sides: pa.Array, said: _Said) -> pa.Table:
    """The scores of one kind of record, with the columns of `_schema`."""
    count = len(places)
    spread = (
        np.full(count, np.nan) if said.spread is None else np.where(np.isnan(said.probabilities), np.nan, said.spread)
    )
    columns = [
        places["id"],
        pa.array(sides, pa.int8()),
        *map(_or_nulls, (said.scores[:, 0], said.probabilities, spread)),
    ]
    columns += [pa.repeat(kind.value, count), *(places[name] for name in _PLACES[1:])]
    if model.task == "moderation":
        columns += [pa.repeat(next(iter(model.heads)), count), _repeated(main_head(model).threshold, count)]
        for position, head in enumerate(list(model.heads.values())[1:], 1):
            columns += [
                _or_nulls(head.calibration.probabilities(said.scores[:, position])),
                _repeated(head.threshold, count),
            ]
    schema = _schema(model)
    return pa.Table.from_arrays(
        [column.cast(each) for column, each in zip(columns, schema.types, strict=True)], schema=schema
    )


def _or_nulls(numbers: Floats) -> pa.Array:
    return pa.array(numbers, from_pandas=True)  # NaN becomes null


def _repeated(threshold: float | None, count: int) -> pa.Array:
    """The same threshold in every row."""
    return pa.nulls(count, pa.float64()) if threshold is None else pa.repeat(threshold, count)
