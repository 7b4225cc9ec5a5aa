"""PandaLM's test set: pairs of answers judged by three people each.

A row is ``{"idx", "motivation_app", "cmp_key", "instruction", "input", "response1", "response2", "annotator1",
"annotator2", "annotator3"}``; a judgement is 0 for a tie, 1 or 2 for the better response. Each of the three becomes a
comparison of its own with the same (source, row), on the overall axis; the writer joins on that. The question is the
instruction, followed by a blank line and the input where there is one.

Source: https://github.com/WeOpenML/PandaLM (data/testset-v1.json), and Wang et al. 2023 (arXiv 2306.05087), §3.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from plumbline.formats.conversation_columns import answer_pair_column, question_column, side_texts, turn_texts
from plumbline.formats.line_blocks import Intake, LineBlock
from plumbline.formats.origin import Origin
from plumbline.formats.raw_lines import extra_column, fault_of, typed_extra
from plumbline.formats.row_groups import RowGroup, RowGroups, row_groups, unchanged_groups
from plumbline.formats.strict_json import DecodedRow, Refusal, canonical_line, decode_rows, set_aside
from plumbline.lineage import Terms, Use
from plumbline.records import Axis, Kind, Outcome, Role, comparison_table, empty_table

KEYS = frozenset({"instruction", "input", "response1", "response2", "annotator1", "annotator2", "annotator3"})
TERMS = Terms(frozenset({Use.PREFERENCE, Use.POLICY, Use.ANALYSIS}), "Apache-2.0")

ANNOTATORS = ("annotator1", "annotator2", "annotator3")
_OUTCOMES = (Outcome.TIE, Outcome.FIRST, Outcome.SECOND)
"""By the number that a person gave."""
_GAP = "\n\n"


class Row(msgspec.Struct, kw_only=True):
    """The keys of a row."""

    idx: int
    motivation_app: str
    cmp_key: str
    instruction: str
    input: str
    response1: str
    response2: str
    annotator1: int
    annotator2: int
    annotator3: int

    def judgements(self) -> tuple[int, int, int]:
        """Those of the three people, in order."""
        return self.annotator1, self.annotator2, self.annotator3


def parse(block: LineBlock, origin: Origin, intake: Intake) -> dict[Kind, pa.Table]:
    """Three comparisons a row; the first side is response1."""
    decoded = [each for each in decode_rows(block.numbered_lines(), Row, intake) if _readable(each, intake)]
    if not decoded:
        return {Kind.COMPARISONS: empty_table(Kind.COMPARISONS)}
    rows = [each.values for each in decoded]
    thrice = pa.array(np.repeat(np.arange(len(rows)), len(ANNOTATORS)))
    raws = [raw for each in decoded for raw in (each.raw, None, None)]  # one copy a row is enough
    columns: dict[str, object] = {
        "axis": Axis.OVERALL,
        "outcome": [_OUTCOMES[judgement] for row in rows for judgement in row.judgements()],
        "models": [models for row in rows for models in [_models(row.cmp_key)] * 3],
        "worker": list(ANNOTATORS) * len(rows),
        "source": origin.source,
        "subset": origin.subset,
        "split": origin.split,
        "row": [each.row for each in decoded for _ in ANNOTATORS],
        "extra": extra_column([extra for row in rows for extra in [_extra(row)] * 3], raws),
    }
    questions = question_column([_question(row) for row in rows]).take(thrice)
    answers = answer_pair_column([row.response1 for row in rows], [row.response2 for row in rows]).take(thrice)
    return {Kind.COMPARISONS: comparison_table(questions, answers, columns)}


def _readable(decoded: DecodedRow[Row], intake: Intake) -> bool:
    others = [judgement for judgement in decoded.values.judgements() if judgement not in (0, 1, 2)]
    if others:
        refusal = Refusal("PL-PAN-010", "a judgement is none of the three", "0, 1 or 2", str(others[0]))
        set_aside(decoded.row, refusal, intake)
    return not others


def _question(row: Row) -> str:
    return row.instruction + _GAP + row.input if row.input else row.instruction


def _models(cmp_key: str) -> list[str] | None:
    """The two models of a key like ``bloom-7b_llama-7b``; None where it does not name exactly two."""
    names = cmp_key.split("_")
    return names if len(names) == 2 and all(names) else None


def _extra(row: Row) -> dict[str, Any]:
    """What writes the row back: never its texts, only where the instruction ends within the question."""
    extra = {"idx": row.idx, "motivation_app": row.motivation_app, "cmp_key": row.cmp_key}
    return {**extra, "instruction_characters": len(row.instruction)} if row.input else extra


# --- tables → lines ---

Lists = dict[str, list[Any]]
"""A table's columns as lists."""


class _Extra(msgspec.Struct):
    """What `_extra` keeps."""

    idx: int | msgspec.UnsetType = msgspec.UNSET
    motivation_app: str = ""
    cmp_key: str | None = None
    instruction_characters: int | None = None


def format_lines(tables: Mapping[Kind, pa.Table], intake: Intake) -> Iterator[bytes]:
    """The rows of comparisons, by (source, row), without newlines.

    A row needs the judgements of annotator1, annotator2 and annotator3 on the same question and answers. Whatever
    lacks something or says what the format cannot becomes a fault.
    """
    for rows in row_groups(tables, (Kind.COMPARISONS,)):
        unchanged = unchanged_groups(rows, parse, columns=("models",))
        lists = _lists(rows)
        for index, group in enumerate(rows.groups):
            try:
                yield unchanged.get(index) or canonical_line(_joined(group, lists))
            except Refusal as refusal:
                intake.faults.append(fault_of(refusal, group.source, group.row))


def _lists(rows: RowGroups) -> Lists:
    table = rows.tables[Kind.COMPARISONS]
    (questions,) = turn_texts(table["context"].combine_chunks(), Role.HUMAN)
    first, second = side_texts(table["continuations"].combine_chunks())
    lists: Lists = {name: table[name].to_pylist() for name in ("worker", "outcome", "axis", "models", "extra")}
    return {**lists, "texts": list(zip(questions, first, second, strict=True))}


def _joined(group: RowGroup, lists: Lists) -> Row:
    """The row that three comparisons came from."""
    positions = group.positions[Kind.COMPARISONS]
    by_worker = {lists["worker"][at]: at for at in positions}
    if len(positions) != len(ANNOTATORS) or set(by_worker) != set(ANNOTATORS):
        raise Refusal("PL-PAN-020", "a row needs the judgements of annotator1, annotator2 and annotator3, once each")
    question, first, second = lists["texts"][positions[0]]
    if None in (question, first, second):
        raise Refusal("PL-PAN-021", "a comparison of other turns than one question and two answers cannot be a row")
    if any(lists["texts"][at] != (question, first, second) for at in positions):
        raise Refusal("PL-PAN-022", "the judgements of one row are on different texts")
    if any(lists["axis"][at] != Axis.OVERALL for at in positions):
        raise Refusal("PL-PAN-024", "PandaLM's judgements are on the overall axis only")
    if any(lists["models"][at] != lists["models"][positions[0]] for at in positions):
        raise Refusal("PL-PAN-025", "the judgements of one row name different models", found="models")
    extra = typed_extra(lists["extra"][by_worker[ANNOTATORS[0]]], _Extra)
    instruction, added = _split_question(question, extra.instruction_characters)
    judgements = [_judgement(lists["outcome"][by_worker[worker]]) for worker in ANNOTATORS]
    return Row(
        idx=group.row if extra.idx is msgspec.UNSET else extra.idx,
        motivation_app=extra.motivation_app,
        cmp_key=_cmp_key(lists["models"][positions[0]], extra.cmp_key),
        instruction=instruction,
        input=added,
        response1=first,
        response2=second,
        annotator1=judgements[0],
        annotator2=judgements[1],
        annotator3=judgements[2],
    )


def _cmp_key(models: list[str | None] | None, kept: str | None) -> str:
    """The key that was read where it still names these models, else one made of them."""
    if kept is not None and _models(kept) == models:
        return kept
    key = "_".join(name or "" for name in models or [])
    if _models(key) != models:
        raise Refusal("PL-PAN-025", "a key of two models cannot name these: one is empty, or holds an underscore")
    return key


def _split_question(question: str, instruction_characters: int | None) -> tuple[str, str]:
    """Instruction and input; a question changed since, so that they no longer meet there, is all instruction."""
    if instruction_characters is not None:
        instruction, gap, added = (
            question[:instruction_characters],
            question[instruction_characters : instruction_characters + len(_GAP)],
            question[instruction_characters + len(_GAP) :],
        )
        if gap == _GAP and added:
            return instruction, added
    return question, ""


def _judgement(outcome: str | None) -> int:
    if outcome is None:
        raise Refusal("PL-PAN-023", "a comparison that nobody judged cannot be part of a row")
    return _OUTCOMES.index(Outcome(outcome))
