"""PKU-SafeRLHF and BeaverTails preference rows: one row, up to two comparisons and two safety labels.

A row holds a prompt and two responses. `better_response_id` is the more helpful one and becomes a comparison on
helpfulness, where it is present; `safer_response_id` is the less harmful one and becomes a comparison on
harmlessness. Each response has a safety label, `side` 0 or 1. All four records share (source, row), and the writer
joins on that. The older schema and the newer one (sources, 19 harm categories, severity, digests) are both read.

Found by test, not documented: ``response_i_sha256`` is the SHA-256 of prompt and response, without a separator. It is
written anew from the texts, for the sides that had one.

Source: https://huggingface.co/datasets/PKU-Alignment/PKU-SafeRLHF, and Ji et al. 2023 (arXiv 2307.04657), §3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa

from plumbline.formats.category_flags import flags_of, names_that_apply
from plumbline.formats.conversation_columns import (
    answer_pair_column,
    question_answer_column,
    question_column,
    side_texts,
    turn_texts,
)
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import extra_column, fault_of, typed_extra
from plumbline.formats.row_groups import RowGroup, RowGroups, row_groups, unchanged_groups
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside, without_nulls
from plumbline.lineage import ALL_USES, Terms
from plumbline.records import (
    PKU_19,
    UNSPECIFIED,
    Axis,
    Kind,
    Outcome,
    Role,
    comparison_table,
    empty_table,
    safety_label_table,
)

KEYS = frozenset(
    {"prompt", "response_0", "response_1", "is_response_0_safe", "is_response_1_safe", "safer_response_id"}
)
KINDS = (Kind.COMPARISONS, Kind.SAFETY_LABELS)
TERMS = Terms(ALL_USES, "CC-BY-NC-4.0")

TAXONOMY = "pku-19"
_OUTCOMES = (Outcome.FIRST, Outcome.SECOND)
"""By response id: the response named is the better one."""
_MOST_SEVERE = 3


class Row(msgspec.Struct, kw_only=True):
    """The keys of a line, in the order of the newer schema; the older one leaves some out."""

    prompt: str
    response_0: str
    response_1: str
    prompt_source: str | msgspec.UnsetType = msgspec.UNSET
    response_0_source: str | msgspec.UnsetType = msgspec.UNSET
    response_1_source: str | msgspec.UnsetType = msgspec.UNSET
    is_response_0_safe: bool
    is_response_1_safe: bool
    response_0_harm_category: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET
    response_1_harm_category: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET
    response_0_severity_level: int | msgspec.UnsetType = msgspec.UNSET
    response_1_severity_level: int | msgspec.UnsetType = msgspec.UNSET
    better_response_id: int | msgspec.UnsetType = msgspec.UNSET
    safer_response_id: int
    response_0_sha256: str | msgspec.UnsetType = msgspec.UNSET
    response_1_sha256: str | msgspec.UnsetType = msgspec.UNSET


_OPTIONAL = tuple(field.name for field in msgspec.structs.fields(Row) if not field.required)


class _Judged(NamedTuple):
    """A checked row; two of a thing are its two sides.

    Attributes:
        wrong_digests: the sides whose digest in the row is not that of its texts.
    """

    row: int
    values: Row
    categories: tuple[list[str] | None, list[str] | None]
    severity: tuple[int | None, int | None]
    wrong_digests: list[int]
    raw: str | None


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Comparisons and safety labels of a block of lines; the first side is response 0."""
    judged: list[_Judged] = []
    for decoded in decode_rows(block.numbered_lines(), Row, intake, prepare=without_nulls(*_OPTIONAL)):
        try:
            judged.append(_checked(decoded))
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
            continue
        for side in judged[-1].wrong_digests:
            problem = f"response_{side}_sha256 is not the digest of prompt and response"
            intake.finding("PL-PKU-001", problem, decoded.row)
    if not judged:
        return {kind: empty_table(kind) for kind in KINDS}
    place = {"source": origin.source, "subset": origin.subset, "split": origin.split}
    return {Kind.COMPARISONS: _comparisons(judged, place), Kind.SAFETY_LABELS: _labels(judged, place)}


def _checked(decoded: DecodedRow[Row]) -> _Judged:
    values = decoded.values
    for response_id in (values.better_response_id, values.safer_response_id):
        if response_id is not msgspec.UNSET and response_id not in (0, 1):
            raise Refusal("PL-PKU-010", "a response id names neither response", "0 or 1", str(response_id))
    severity = _given(values.response_0_severity_level), _given(values.response_1_severity_level)
    for level in severity:
        if level is not None and not 0 <= level <= _MOST_SEVERE:
            raise Refusal("PL-PKU-012", "a severity level is out of range", f"0 to {_MOST_SEVERE}", str(level))
    first, first_official = _categories(values.response_0_harm_category)
    second, second_official = _categories(values.response_1_harm_category)
    wrong_digests = [side for side, given in _digests(values) if given != _digest(values, side)]
    as_written = first_official and second_official and not wrong_digests
    raw = decoded.raw if as_written else decoded.line()
    return _Judged(decoded.row, values, (first, second), severity, wrong_digests, raw)


def _categories(flags: dict[str, bool] | msgspec.UnsetType) -> tuple[list[str] | None, bool]:
    return (None, True) if flags is msgspec.UNSET else names_that_apply(flags, PKU_19, code="PL-PKU-011")


def _given(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


def _digests(values: Row) -> list[tuple[int, str]]:
    """(side, digest in the row) of the sides that have one."""
    digests = (values.response_0_sha256, values.response_1_sha256)
    return [(side, digest) for side, digest in enumerate(digests) if digest is not msgspec.UNSET]


def _digest(values: Row, side: int) -> str:
    response = values.response_1 if side else values.response_0
    return sha256((values.prompt + response).encode()).hexdigest()


# --- rows → tables ---


def _comparisons(judged: list[_Judged], place: Mapping[str, str | None]) -> pa.Table:
    """Helpfulness, where judged, then harmlessness, row after row; the latter keeps the raw line."""
    rows: list[_Judged] = []
    axes: list[Axis] = []
    better: list[int] = []
    for each in judged:
        if each.values.better_response_id is not msgspec.UNSET:
            rows.append(each)
            axes.append(Axis.HELPFULNESS)
            better.append(each.values.better_response_id)
        rows.append(each)
        axes.append(Axis.HARMLESSNESS)
        better.append(each.values.safer_response_id)
    raws = [each.raw if axis is Axis.HARMLESSNESS else None for each, axis in zip(rows, axes, strict=True)]
    columns: dict[str, object] = {
        **place,
        "axis": axes,
        "outcome": [_OUTCOMES[response_id] for response_id in better],
        "is_safe": [[each.values.is_response_0_safe, each.values.is_response_1_safe] for each in rows],
        "categories": [_both(each.categories) for each in rows],
        "severity": [_both(each.severity) for each in rows],
        "models": [_both(_sources(each.values)) for each in rows],
        "row": [each.row for each in rows],
        "extra": extra_column([_extra(each.values) for each in rows], raws),
    }
    sides = answer_pair_column([each.values.response_0 for each in rows], [each.values.response_1 for each in rows])
    return comparison_table(question_column([each.values.prompt for each in rows]), sides, columns)


def _both(sides: tuple[Any, Any]) -> list[Any] | None:
    return None if None in sides else list(sides)


def _sources(values: Row) -> tuple[str | None, str | None]:
    return _given(values.response_0_source), _given(values.response_1_source)


def _extra(values: Row) -> dict[str, Any]:
    """What the columns do not hold: the prompt's source, which sides have a digest, the model of a single side."""
    extra: dict[str, Any] = {}
    if values.prompt_source is not msgspec.UNSET:
        extra["prompt_source"] = values.prompt_source
    if sides := [side for side, _ in _digests(values)]:
        extra["sha256_sides"] = sides
    sources = _sources(values)
    if (sources[0] is None) != (sources[1] is None):
        extra["models"] = list(sources)
    return extra


def _labels(judged: list[_Judged], place: Mapping[str, str | None]) -> pa.Table:
    """The label of response 0, then that of response 1, row after row."""
    categories = [side for each in judged for side in each.categories]
    columns: dict[str, object] = {
        **place,
        "taxonomy": [UNSPECIFIED if names is None else TAXONOMY for names in categories],
        "categories": categories,
        "is_safe": [
            safe for each in judged for safe in (each.values.is_response_0_safe, each.values.is_response_1_safe)
        ],
        "severity": [level for each in judged for level in each.severity],
        "row": [each.row for each in judged for _ in range(2)],
        "side": [0, 1] * len(judged),
    }
    questions = [each.values.prompt for each in judged for _ in range(2)]
    answers = [text for each in judged for text in (each.values.response_0, each.values.response_1)]
    return safety_label_table(question_answer_column(questions, answers), columns)


# --- tables → lines ---

_COMPARED = ("side", "is_safe", "categories", "severity", "models")
"""Columns written back that the ids of comparisons leave out."""

_SAID_OF_SIDES = ("is_safe", "categories", "severity")
"""What the labels say of a side and a comparison may say of its two."""

Lists = dict[str, list[Any]]
"""A table's columns as lists."""


class _Extra(msgspec.Struct):
    """What `_extra` keeps."""

    prompt_source: str | None = None
    sha256_sides: list[Literal[0, 1]] = []
    models: tuple[str | None, str | None] = (None, None)


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The rows of comparisons and safety labels, by (source, row), without newlines.

    A row needs a comparison on harmlessness, at most one on helpfulness, and a safety label of either side; what the
    labels say of a side is written. Rows that lack something, contradict themselves or say what the format cannot
    become faults.
    """
    for rows in row_groups(tables, KINDS):
        unchanged = unchanged_groups(rows, parse, columns=_COMPARED)
        comparisons, labels = _comparison_lists(rows), _label_lists(rows)
        for index, group in enumerate(rows.groups):
            try:
                yield unchanged.get(index) or canonical_line(_joined(group, comparisons, labels))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, group.source, group.row))


def _comparison_lists(rows: RowGroups) -> Lists:
    table = rows.tables[Kind.COMPARISONS]
    (questions,) = turn_texts(table["context"].combine_chunks(), Role.HUMAN)
    first, second = side_texts(table["continuations"].combine_chunks())
    names = ("axis", "outcome", "models", "extra", *_SAID_OF_SIDES)
    lists: Lists = {name: table[name].to_pylist() for name in names}
    return {**lists, "texts": list(zip(questions, first, second, strict=True))}


def _label_lists(rows: RowGroups) -> Lists:
    table = rows.tables[Kind.SAFETY_LABELS]
    texts = turn_texts(table["conversation"].combine_chunks(), Role.HUMAN, Role.ASSISTANT)
    names = ("side", "taxonomy", *_SAID_OF_SIDES)
    lists: Lists = {name: table[name].to_pylist() for name in names}
    return {**lists, "texts": list(zip(*texts, strict=True))}


def _joined(group: RowGroup, comparisons: Lists, labels: Lists) -> Row:
    """The row that a group of records came from."""
    judged, labelled = group.positions[Kind.COMPARISONS], group.positions[Kind.SAFETY_LABELS]
    by_axis = {comparisons["axis"][at]: at for at in judged}
    by_side = {labels["side"][at]: at for at in labelled}
    if (
        len(by_axis) != len(judged)
        or not {Axis.HARMLESSNESS} <= set(by_axis) <= {Axis.HARMLESSNESS, Axis.HELPFULNESS}
        or (len(labelled), set(by_side)) != (2, {0, 1})
    ):
        raise Refusal(
            "PL-PKU-020", "a row needs one comparison on harmlessness and a safety label of either side, and not more"
        )
    first, second = by_side[0], by_side[1]
    prompt, response_0, response_1 = _texts_agreed(
        [comparisons["texts"][at] for at in judged], labels["texts"][first], labels["texts"][second]
    )
    better = {axis: _response_id(comparisons["outcome"][at]) for axis, at in by_axis.items()}
    extra = typed_extra(comparisons["extra"][by_axis[Axis.HARMLESSNESS]], _Extra)
    models = _models_agreed([comparisons["models"][at] for at in judged]) or extra.models
    row = Row(
        prompt=prompt,
        response_0=response_0,
        response_1=response_1,
        prompt_source=_set(extra.prompt_source),
        response_0_source=_set(models[0]),
        response_1_source=_set(models[1]),
        is_response_0_safe=_is_safe(labels, first),
        is_response_1_safe=_is_safe(labels, second),
        response_0_harm_category=_flags(labels, first),
        response_1_harm_category=_flags(labels, second),
        response_0_severity_level=_set(labels["severity"][first]),
        response_1_severity_level=_set(labels["severity"][second]),
        better_response_id=_set(better.get(Axis.HELPFULNESS)),
        safer_response_id=better[Axis.HARMLESSNESS],
    )
    for at in judged:
        _refuse_contradiction(comparisons, at, labels, (first, second))
    row.response_0_sha256 = _digest(row, 0) if 0 in extra.sha256_sides else msgspec.UNSET
    row.response_1_sha256 = _digest(row, 1) if 1 in extra.sha256_sides else msgspec.UNSET
    return row


def _texts_agreed(
    compared: list[tuple[str | None, ...]], first: tuple[str | None, ...], second: tuple[str | None, ...]
) -> tuple[str, str, str]:
    prompt, response_0, response_1 = compared[0]
    if prompt is None or response_0 is None or response_1 is None:
        raise Refusal("PL-PKU-021", "a comparison of other turns than one question and two answers cannot be a row")
    if set(compared) != {compared[0]} or first != (prompt, response_0) or second != (prompt, response_1):
        raise Refusal("PL-PKU-022", "the records of one row hold different texts, or their sides differ")
    return prompt, response_0, response_1


def _models_agreed(models: list[list[str | None] | None]) -> list[str | None] | None:
    stated = [both for both in models if both is not None]
    if any(both != stated[0] for both in stated):
        raise Refusal("PL-PKU-026", "the comparisons of one row name different models", found="models")
    return stated[0] if stated else None


def _refuse_contradiction(comparisons: Lists, at: int, labels: Lists, sides: tuple[int, int]) -> None:
    """Refuse a comparison that says of a side what the side's label does not; what it leaves open is the label's."""
    for name in _SAID_OF_SIDES:
        for own, label in zip(comparisons[name][at] or (None, None), sides, strict=True):
            if own is not None and _plain(own) != _plain(labels[name][label]):
                raise Refusal("PL-PKU-026", "a comparison says of a side what its safety label does not", found=name)


def _plain(value: Any) -> Any:
    """The value to compare; categories are sets."""
    return frozenset(value) if isinstance(value, list) else value


def _response_id(outcome: str | None) -> int:
    if outcome not in _OUTCOMES:
        raise Refusal("PL-PKU-023", "a comparison without a better side cannot be a row of PKU-SafeRLHF")
    return _OUTCOMES.index(Outcome(outcome))


def _is_safe(labels: Lists, at: int) -> bool:
    is_safe = labels["is_safe"][at]
    if is_safe is None:
        raise Refusal("PL-PKU-024", "a label that says neither safe nor unsafe cannot be part of a row")
    return bool(is_safe)


def _flags(labels: Lists, at: int) -> dict[str, bool] | msgspec.UnsetType:
    taxonomy, categories = labels["taxonomy"][at], labels["categories"][at]
    if categories is None and taxonomy in (UNSPECIFIED, TAXONOMY):
        return msgspec.UNSET
    if categories is None or taxonomy != TAXONOMY or not set(categories) <= set(PKU_19):
        raise Refusal("PL-PKU-025", "a label's categories are those of another taxonomy")
    return flags_of(categories, PKU_19)


def _set(value: Any) -> Any:
    return msgspec.UNSET if value is None else value
