"""Scoring tables of records: the columns that ``plumbline score`` writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from plumbline.models.linear_model import LinearModel
from plumbline.models.training_rows import conversation_replies, pair_replies
from plumbline.records import Kind


def score_tables(model: LinearModel, tables: Mapping[Kind, pa.Table]) -> pa.Table:
    """Scores of every reply in the tables; unjudged rows are scored too.

    Args:
        model: any linear model.
        tables: comparisons give two rows each (side 0 and 1); safety labels and attempts one (side null, or the side
            that a label is about). Prompts wait for a reply and are not scored.
    Returns:
        Columns id, side, score, probability. `score` is the main head's: reward, cost or log-odds of unsafe.
        `probability` is, for a side of a comparison scored by a preference or cost model, that it is the better one of
        the two; else that the reply is unsafe. It is null where a preference model scores a single reply: one reply
        alone has no probability of being preferred.

        A moderation model adds `kind` (of the record that `id` names: comparisons, safety_labels or
        red_team_attempts), `category` (what score and probability are of: unsafe) and `threshold` (the probability from
        which the model flags it); then for each category with a head ``probability_<category>`` and
        ``threshold_<category>``.
    """
    parts = [
        _score_comparisons(model, table) for kind, table in tables.items() if kind is Kind.COMPARISONS and len(table)
    ]
    for kind, column in ((Kind.SAFETY_LABELS, "conversation"), (Kind.RED_TEAM_ATTEMPTS, "transcript")):
        if kind in tables and len(tables[kind]):
            parts.append(_score_conversations(model, tables[kind], kind, column))
    return pa.concat_tables(parts) if parts else _schema(model).empty_table()


def _schema(model: LinearModel) -> pa.Schema:
    """The columns that a model's scores have."""
    columns = [("id", pa.string()), ("side", pa.int8()), ("score", pa.float64()), ("probability", pa.float64())]
    if model.task == "moderation":
        columns += [("kind", pa.string()), ("category", pa.string()), ("threshold", pa.float64())]
        for name in list(model.heads)[1:]:
            columns += [(f"probability_{name}", pa.float64()), (f"threshold_{name}", pa.float64())]
    return pa.schema(columns)


def _score_comparisons(model: LinearModel, table: pa.Table) -> pa.Table:
    first, second = pair_replies(table)
    scores = np.stack([model.score(first), model.score(second)], axis=1)  # (n, side, head)
    count = len(table)
    if model.task == "moderation":
        probabilities = model.main_head.calibration.probabilities(scores[:, :, 0])
    else:
        of_first = model.pair_probabilities(scores[:, 0, 0], scores[:, 1, 0])
        probabilities = np.stack([of_first, 1 - of_first], axis=1)
    ids = np.repeat(np.asarray(table["id"].to_pylist(), dtype=object), 2)
    sides = np.tile(np.array([0, 1], np.int8), count)
    return _table(
        model, Kind.COMPARISONS, ids, pa.array(sides), scores.reshape(2 * count, -1), pa.array(probabilities.ravel())
    )


def _score_conversations(model: LinearModel, table: pa.Table, kind: Kind, column: str) -> pa.Table:
    scores = model.score(conversation_replies(table[column]))
    sides = table["side"].combine_chunks() if "side" in table.schema.names else pa.nulls(len(table), pa.int8())
    if model.task == "preference":
        probabilities = pa.nulls(len(table), pa.float64())
    else:
        probabilities = pa.array(model.main_head.calibration.probabilities(scores[:, 0]))
    return _table(model, kind, np.asarray(table["id"].to_pylist(), dtype=object), sides, scores, probabilities)


def _table(
    model: LinearModel,
    kind: Kind,
    ids: np.ndarray,
    sides: pa.Array,
    scores: np.ndarray,
    probabilities: pa.Array,
) -> pa.Table:
    """The scores of one kind of record, with the columns of `_schema`."""
    columns = [pa.array(ids, pa.string()), pa.array(sides, pa.int8()), pa.array(scores[:, 0]), probabilities]
    if model.task == "moderation":
        columns += [pa.repeat(kind.value, len(ids)), pa.repeat(next(iter(model.heads)), len(ids))]
        columns.append(_repeated(model.main_head.threshold, len(ids)))
        for position, head in enumerate(list(model.heads.values())[1:], 1):
            columns += [
                pa.array(head.calibration.probabilities(scores[:, position])),
                _repeated(head.threshold, len(ids)),
            ]
    return pa.Table.from_arrays(columns, schema=_schema(model))


def _repeated(threshold: float | None, count: int) -> pa.Array:
    """The same threshold in every row."""
    return pa.nulls(count, pa.float64()) if threshold is None else pa.repeat(threshold, count)
