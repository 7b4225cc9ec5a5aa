"""BeaverTails: safety labels of questions and answers, and the evaluation prompts.

A label is ``{"prompt", "response", "category": {14 flags}, "is_safe"}``; copies without the category dictionary are
read as labels of an unspecified taxonomy. An evaluation prompt is ``{"prompt", "category", "category_id"}``. The
preference rows of BeaverTails are those of `pku_saferlhf`. Not carried by either: worker, severity, confidence.

Source: https://huggingface.co/datasets/PKU-Alignment/BeaverTails, and Ji et al. 2023 (arXiv 2307.04657).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from plumbline.formats.category_flags import flags_of, names_that_apply
from plumbline.formats.conversation_columns import question_answer_column, question_column, turn_texts
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import extra_column, fault_of, unchanged_lines
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside, without_nulls
from plumbline.formats.written_parts import written_parts
from plumbline.lineage import ALL_USES, Terms
from plumbline.records import (
    BEAVERTAILS_14,
    BEAVERTAILS_ALIASES,
    UNSPECIFIED,
    Kind,
    Role,
    empty_table,
    prompt_table,
    safety_label_table,
)

LABEL_KEYS = frozenset({"prompt", "response", "is_safe"})
EVALUATION_KEYS = frozenset({"prompt", "category", "category_id"})
TERMS = Terms(ALL_USES, "CC-BY-NC-4.0")

TAXONOMY = "beavertails-14"


class LabelRow(msgspec.Struct, kw_only=True):
    """The keys of a label's line."""

    prompt: str
    response: str
    category: dict[str, bool] | msgspec.UnsetType = msgspec.UNSET
    is_safe: bool


class EvaluationRow(msgspec.Struct, kw_only=True):
    """The keys of an evaluation prompt."""

    prompt: str
    category: str
    category_id: int


# --- labels ---


def parse_labels(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Safety labels of a block of lines; `categories` is null where a line has no category dictionary."""
    kept: list[LabelRow] = []
    rows: list[int] = []
    raws: list[str | None] = []
    categories: list[list[str] | None] = []
    for decoded in decode_rows(block.numbered_lines(), LabelRow, intake, prepare=without_nulls("category")):
        try:
            names, raw = _categories(decoded)
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
            continue
        kept.append(decoded.values)
        rows.append(decoded.row)
        raws.append(raw)
        categories.append(names)
    if not kept:
        return {Kind.SAFETY_LABELS: empty_table(Kind.SAFETY_LABELS)}
    columns = {
        "taxonomy": [UNSPECIFIED if names is None else TAXONOMY for names in categories],
        "categories": categories,
        "is_safe": [values.is_safe for values in kept],
        "source": origin.source,
        "subset": origin.subset,
        "split": origin.split,
        "row": rows,
        "extra": extra_column([{}] * len(rows), raws),
    }
    pairs = question_answer_column([values.prompt for values in kept], [values.response for values in kept])
    return {Kind.SAFETY_LABELS: safety_label_table(pairs, columns)}


def _categories(decoded: DecodedRow[LabelRow]) -> tuple[list[str] | None, str | None]:
    flags = decoded.values.category
    if flags is msgspec.UNSET:
        return None, decoded.raw
    names, official = names_that_apply(flags, BEAVERTAILS_14, code="PL-BT-010", aliases=BEAVERTAILS_ALIASES)
    return names, decoded.raw if official else decoded.line()


def format_label_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The lines of safety labels, by (source, row), without newlines.

    Labels that the format cannot express become faults: other turns than one question and one answer, no verdict,
    categories of another taxonomy.
    """
    for part in written_parts(tables, Kind.SAFETY_LABELS):
        unchanged = unchanged_lines(part, parse_labels)
        texts = turn_texts(part["conversation"].combine_chunks(), Role.HUMAN, Role.ASSISTANT)
        said = zip(*texts, *(part[name].to_pylist() for name in ("taxonomy", "categories", "is_safe")), strict=True)
        places = zip(part["source"].to_pylist(), part["row"].to_pylist(), strict=True)
        for position, (label, (source, row)) in enumerate(zip(said, places, strict=True)):
            try:
                yield unchanged.get(position) or canonical_line(_label_row(*label))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, source, row))


def _label_row(
    prompt: str | None, response: str | None, taxonomy: str, categories: list[str] | None, is_safe: bool | None
) -> LabelRow:
    if prompt is None or response is None:
        raise Refusal("PL-BT-020", "a label of other turns than one question and one answer is none of BeaverTails")
    if is_safe is None:
        raise Refusal("PL-BT-021", "a label that says neither safe nor unsafe is none of BeaverTails")
    if categories is None and taxonomy in (UNSPECIFIED, TAXONOMY):
        return LabelRow(prompt=prompt, response=response, is_safe=is_safe)
    if categories is None or taxonomy != TAXONOMY or not set(categories) <= set(BEAVERTAILS_14):
        raise Refusal("PL-BT-022", "the label's categories are those of another taxonomy")
    return LabelRow(prompt=prompt, response=response, category=flags_of(categories, BEAVERTAILS_14), is_safe=is_safe)


# --- evaluation prompts ---


def parse_evaluation(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Prompts of a block of lines, each with its one category."""
    kept: list[EvaluationRow] = []
    rows: list[int] = []
    raws: list[str | None] = []
    for decoded in decode_rows(block.numbered_lines(), EvaluationRow, intake):
        values = decoded.values
        name = BEAVERTAILS_ALIASES.get(values.category, values.category)
        try:
            _check_category_id(name, values.category_id)
        except Refusal as refusal:
            set_aside(decoded.row, refusal, intake)
            continue
        raws.append(decoded.raw if name == values.category else decoded.line())
        rows.append(decoded.row)
        kept.append(EvaluationRow(prompt=values.prompt, category=name, category_id=values.category_id))
    if not kept:
        return {Kind.PROMPTS: empty_table(Kind.PROMPTS)}
    columns: dict[str, Any] = {
        "categories": [[values.category] for values in kept],
        "source": origin.source,
        "split": origin.split,
        "row": rows,
        "extra": extra_column([{}] * len(rows), raws),
    }
    return {Kind.PROMPTS: prompt_table(question_column([values.prompt for values in kept]), columns)}


def _check_category_id(category: str, category_id: int) -> None:
    if category not in BEAVERTAILS_14:
        raise Refusal("PL-BT-010", "a category is unknown", "one of the 14 categories", "another name")
    place = BEAVERTAILS_14.index(category)
    if category_id != place:
        raise Refusal("PL-BT-011", "category and category_id name two categories", str(place), str(category_id))


def format_evaluation_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The lines of prompts, by (source, row), without newlines.

    Prompts that the format cannot express become faults: more than one question, other than one of the 14 categories.
    """
    for part in written_parts(tables, Kind.PROMPTS):
        unchanged = unchanged_lines(part, parse_evaluation, columns=("categories",))
        (prompts,) = turn_texts(part["conversation"].combine_chunks(), Role.HUMAN)
        columns = [part[name].to_pylist() for name in ("categories", "source", "row")]
        for position, (prompt, categories, source, row) in enumerate(zip(prompts, *columns, strict=True)):
            try:
                yield unchanged.get(position) or canonical_line(_evaluation_row(prompt, categories))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, source, row))


def _evaluation_row(prompt: str | None, categories: list[str] | None) -> EvaluationRow:
    if prompt is None:
        raise Refusal("PL-BT-023", "a prompt of other turns than one question is none of BeaverTails-Evaluation")
    if categories is None or len(categories) != 1 or categories[0] not in BEAVERTAILS_14:
        raise Refusal("PL-BT-024", "BeaverTails-Evaluation knows exactly one of its 14 categories a prompt")
    return EvaluationRow(prompt=prompt, category=categories[0], category_id=BEAVERTAILS_14.index(categories[0]))
