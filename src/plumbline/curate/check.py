"""Findings: rows that can be read but look wrong. Checking only looks; recipes remove.

Every rule is a function from tables to the rows it finds; the rows' texts never leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.curate.conversations import Conversations, Positions, combined, prefixes_and_endings
from plumbline.records import ROLES, Kind, Outcome, Role
from plumbline.records.conclusions import apart_of
from plumbline.records.identity import NO_PROMPT, canonical_conversations

FINDINGS_SCHEMA = pa.schema(
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("part", pa.string()),
    ]
)
"""`part` tells a record apart from the others of its row (side, worker or axis), where not all of them are found."""

# Text written as UTF-8 and read as Windows-1252 or Latin-1 begins with one of a few letters, followed by characters
# that the wrong reading makes of continuation bytes: accented letters, then punctuation, then emoji. Greek, Cyrillic,
# Hebrew and Arabic letters begin with letters that are common in other languages: there two in a row count. U+FFFD
# stands where a reader gave up.
_WINDOWS = bytes(range(0x80, 0xA0)).decode("cp1252", errors="ignore")
_CONTINUATION = f"[\u0080-\u00bf{_WINDOWS}]"
_MOJIBAKE = (
    f"\ufffd|[\u00c3\u00c2]{_CONTINUATION}|\u00e2[\u0080\u20ac\u0082\u201a\u0084\u201e]{_CONTINUATION}"
    f"|\u00f0[\u009f\u0178]{_CONTINUATION}"
    f"|(?:[\u00ce-\u00d1\u00d7-\u00d9]{_CONTINUATION}){{2}}"
)
# White space, controls, and what takes no room or leaves it blank: zero-width characters and joiners, marks of
# direction, soft hyphens, variation selectors, Hangul fillers, the empty Braille cell.
_BLANK = r"\x{034F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}\x{E0100}-\x{E01EF}"
_VISIBLE = rf"[^\s\p{{Cc}}\p{{Cf}}{_BLANK}]"
# A marker at the start of a line of a text: the source's own turns have been split off already.
_MARKER_INSIDE = r"(?m)^[ \t]*(?:Human|Assistant)[ \t]*:"


@dataclass(frozen=True)
class _Subject:
    """A table with its conversations, taken apart once for all rules."""

    kind: Kind
    table: pa.Table
    prefixes: Conversations
    endings: Conversations

    @cached_property
    def places(self) -> pl.DataFrame:
        """Each record's source and row, what tells it apart from the others of its row, and how many those are."""
        return _places(self.table)

    @classmethod
    def of(cls, kind: Kind, table: pa.Table) -> _Subject:
        """A table as the rules look at it."""
        return cls(kind, table, *prefixes_and_endings(kind, table))

    def parts(self) -> list[Conversations]:
        """Every message once: of comparisons the shared context and both sides."""
        return [self.prefixes] if self.prefixes is self.endings else [self.prefixes, self.endings]


# --- rules on one table ---


def _empty_reply(subject: _Subject) -> Positions:
    """A last message in which nothing can be seen."""
    if subject.kind is Kind.PROMPTS:
        return np.empty(0, np.int64)
    last = subject.endings.last()
    blank = ~subject.endings.texts.gather(last).str.contains(_VISIBLE)
    return np.unique(subject.endings.last_owners()[blank.to_numpy()])


def _identical_sides(subject: _Subject) -> Positions:
    if subject.kind is not Kind.COMPARISONS:
        return np.empty(0, np.int64)
    sides = canonical_conversations(combined(subject.table, "continuations").flatten())
    return (sides.gather_every(2) == sides.gather_every(2, 1)).arg_true().to_numpy()


def _differ_early(subject: _Subject) -> Positions:
    """Sides that differ before the last reply."""
    if subject.kind is not Kind.COMPARISONS:
        return np.empty(0, np.int64)
    longer = subject.endings.ends - subject.endings.starts > 1
    return np.unique(subject.endings.owners[longer])


def _ends_with_human(subject: _Subject) -> Positions:
    if subject.kind is Kind.PROMPTS:
        return np.empty(0, np.int64)
    human = subject.endings.codes[subject.endings.last()] == ROLES.index(Role.HUMAN)
    return np.unique(subject.endings.last_owners()[human])


def _roles_out_of_order(subject: _Subject) -> Positions:
    """Two turns of one role in a row, an assistant who opens, or a system message that is not the first."""
    found = [_order_faults(subject.prefixes, None)]
    if subject.prefixes is not subject.endings:
        before = np.full(len(subject.table), -1)
        has_context = subject.prefixes.ends > subject.prefixes.starts
        before[has_context] = subject.prefixes.codes[subject.prefixes.ends[has_context] - 1]
        found.append(_order_faults(subject.endings, np.repeat(before, 2)))
    return np.unique(np.concatenate(found))


def _order_faults(conversations: Conversations, before: np.ndarray | None) -> Positions:
    """Rows whose roles are out of order; `before` is the role code ahead of each conversation, -1 for none."""
    previous = np.concatenate([[-1], conversations.codes[:-1]]).astype(np.int64)
    filled = conversations.ends > conversations.starts
    previous[conversations.starts[filled]] = -1 if before is None else before[filled]
    assistant, system = ROLES.index(Role.ASSISTANT), ROLES.index(Role.SYSTEM)
    codes = conversations.codes
    wrong = (codes == previous) | ((codes == assistant) & ((previous == -1) | (previous == system)))
    wrong |= (codes == system) & (previous != -1)
    return conversations.owners_where(wrong)


def _texts_matching(pattern: str) -> Callable[[_Subject], Positions]:
    def rule(subject: _Subject) -> Positions:
        """The rows with a text that matches."""
        found = [part.owners_where(part.texts.str.contains(pattern).to_numpy()) for part in subject.parts()]
        return np.unique(np.concatenate(found))

    return rule


def _exact_duplicate(subject: _Subject) -> Positions:
    """Rows whose id an earlier row has, and of which others say the same."""
    told = {"id": pl.Series(subject.table["id"]), "apart": pl.Series(apart_of(subject.kind, subject.table))}
    again = ~pl.DataFrame(told).select(pl.struct(pl.all()).is_first_distinct()).to_series()
    return again.arg_true().to_numpy()


def _judged_both_ways(subject: _Subject) -> Positions:
    """The first row of each pair that was judged for one side here and for the other there."""
    if subject.kind is not Kind.COMPARISONS:
        return np.empty(0, np.int64)
    sides = canonical_conversations(combined(subject.table, "continuations").flatten())
    outcome = pl.Series(subject.table["outcome"].cast(pa.string()))
    winner = sides.gather_every(2).zip_with((outcome == Outcome.FIRST).fill_null(False), sides.gather_every(2, 1))
    decided = outcome.is_in([Outcome.FIRST, Outcome.SECOND]).fill_null(False)
    return _contradicted(pl.Series(subject.table["item_id"]), winner.set(~decided, None))


def _safe_and_unsafe(subject: _Subject) -> Positions:
    """The first row of each question and answer that is called safe here and unsafe there."""
    if subject.kind is not Kind.SAFETY_LABELS:
        return np.empty(0, np.int64)
    return _contradicted(pl.Series(subject.table["item_id"]), pl.Series(subject.table["is_safe"]).cast(pl.String))


def _contradicted(items: pl.Series, verdicts: pl.Series) -> Positions:
    frame = pl.DataFrame({"item": items, "verdict": verdicts}).with_row_index("position").drop_nulls("verdict")
    repeated = frame.filter(pl.col("item").is_duplicated())
    several = repeated.group_by("item").agg(pl.col("verdict").n_unique().alias("verdicts"), pl.col("position").min())
    return np.sort(several.filter(pl.col("verdicts") > 1)["position"].to_numpy())


def _label_against_categories(subject: _Subject) -> Positions:
    """Called safe though a category applies, or unsafe though none does."""
    if subject.kind is not Kind.SAFETY_LABELS:
        return np.empty(0, np.int64)
    counts = pl.Series(subject.table["categories"]).list.len()
    is_safe = pl.Series(subject.table["is_safe"])
    return ((counts == 0) != is_safe).fill_null(False).arg_true().to_numpy()


@dataclass(frozen=True)
class CheckRule:
    """A rule of `plumbline data check`: its code, a name for people, and what finds it."""

    code: str
    name: str
    find: Callable[[_Subject], Positions] | None


CHECK_RULES: tuple[CheckRule, ...] = (
    CheckRule("PL-CHK-001", "empty reply", _empty_reply),
    CheckRule("PL-CHK-002", "identical sides", _identical_sides),
    CheckRule("PL-CHK-003", "sides differ before the last reply", _differ_early),
    CheckRule("PL-CHK-004", "conversation ends with the human", _ends_with_human),
    CheckRule("PL-CHK-005", "roles out of order", _roles_out_of_order),
    CheckRule("PL-CHK-006", "turn marker inside a text", _texts_matching(_MARKER_INSIDE)),
    CheckRule("PL-CHK-007", "exact duplicate of an earlier row", _exact_duplicate),
    CheckRule("PL-CHK-008", "same pair judged both ways", _judged_both_ways),
    CheckRule("PL-CHK-009", "one question and answer both safe and unsafe", _safe_and_unsafe),
    CheckRule("PL-CHK-010", "prompt stands in two splits", None),
    CheckRule("PL-CHK-011", "mojibake", _texts_matching(_MOJIBAKE)),
    CheckRule("PL-CHK-012", "label contradicts its categories", _label_against_categories),
)
"""In the order they are reported. The tenth looks across tables."""


ROW_CODES = (
    "PL-CHK-001",
    "PL-CHK-002",
    "PL-CHK-003",
    "PL-CHK-004",
    "PL-CHK-005",
    "PL-CHK-006",
    "PL-CHK-011",
    "PL-CHK-012",
)
"""Rules that look at each record by itself."""


def row_findings(kind: Kind, table: pa.Table) -> pl.Series:
    """The codes of what looks wrong about each of n records by itself: n lists, in the order of `CHECK_RULES`."""
    subject = _Subject.of(kind, table)
    found = [
        pl.DataFrame({"row": rule.find(subject), "code": rule.code}, schema={"row": pl.Int64, "code": pl.String})
        for rule in CHECK_RULES
        if rule.code in ROW_CODES and rule.find is not None
    ]
    codes = pl.concat(found).group_by("row", maintain_order=True).agg("code")
    rows = pl.DataFrame({"row": np.arange(len(table))})
    return rows.join(codes, "row", "left", maintain_order="left")["code"].fill_null(pl.lit([], pl.List(pl.String)))


def check_tables(tables: Mapping[Kind, pa.Table], advance: Callable[[str], None] | None = None) -> pa.Table:
    """Everything that looks wrong.

    Args:
        tables: tables of records by kind.
        advance: told the name of each rule as it begins, for progress.
    Returns:
        One row of `FINDINGS_SCHEMA` a finding: by rule, then kind, then position. A pair or a question that
        contradicts itself is one finding, placed at its first row; a prompt in two splits likewise.
    """
    subjects = [_Subject.of(kind, table) for kind, table in sorted(tables.items()) if len(table)]
    parts = []
    for rule in CHECK_RULES:
        if advance:
            advance(rule.name)
        found = _across_splits(subjects) if rule.find is None else _within(rule, subjects)
        parts += [_findings(rule.code, subject, positions) for subject, positions in found if len(positions)]
    return pa.concat_tables(parts) if parts else FINDINGS_SCHEMA.empty_table()


def _within(rule: CheckRule, subjects: list[_Subject]) -> Iterator[tuple[_Subject, Positions]]:
    for subject in subjects:
        if rule.find is not None:
            yield subject, rule.find(subject)


def _across_splits(subjects: list[_Subject]) -> Iterator[tuple[_Subject, Positions]]:
    """The first row of each first human message that stands in more than one split, over all tables."""
    frames = [
        pl.DataFrame(
            {
                "group": pl.Series(subject.table["group_id"]),
                "split": pl.Series(subject.table["split"].cast(pa.string())),
                "subject": pl.Series(np.full(len(subject.table), number)),
                "position": pl.Series(np.arange(len(subject.table))),
            }
        )
        for number, subject in enumerate(subjects)
    ]
    if not frames:
        return
    rows = pl.concat(frames).filter(pl.col("group") != NO_PROMPT).drop_nulls("split")
    # Rows stand in order of table and position, so that a group's first row is its earliest.
    by_group = rows.group_by("group").agg(pl.col("split").n_unique().alias("splits"), pl.all().exclude("split").first())
    leaking = by_group.filter(pl.col("splits") > 1)
    for number, subject in enumerate(subjects):
        yield subject, np.sort(leaking.filter(pl.col("subject") == number)["position"].to_numpy())


def _findings(code: str, subject: _Subject, positions: Positions) -> pa.Table:
    rows = subject.table.select(["source", "row", "id"]).take(pa.array(positions, pa.int64()))
    count = len(positions)
    return pa.Table.from_arrays(
        [
            pa.array([code] * count, pa.string()),
            pa.array([subject.kind.value] * count, pa.string()),
            rows["source"].cast(pa.string()),
            rows["row"],
            rows["id"],
            _parts(subject.places[positions]),
        ],
        schema=FINDINGS_SCHEMA,
    )


def _places(table: pa.Table) -> pl.DataFrame:
    """Columns source, row, part (what tells a record apart from the others of its row) and count (of those)."""
    names = [name for name in ("side", "worker", "axis") if name in table.schema.names]
    columns = [pl.Series(name, table[name].cast(pa.string())) for name in ("source", *names)]
    frame = pl.DataFrame([*columns, pl.Series("row", table["row"])])
    if "side" in names:
        frame = frame.with_columns(pl.col("side").replace({"0": "first reply", "1": "second reply"}))
    part = pl.coalesce(*names, pl.lit(None, pl.String)).alias("part")
    return frame.select("source", "row", part, pl.len().over("source", "row").alias("count"))


def _parts(places: pl.DataFrame) -> pa.Array:
    """Which of a row's records were found; null where all of them were."""
    all_found = pl.len().over("source", "row") == pl.col("count")
    parts = places.select(pl.when(~all_found).then("part"))["part"]
    return parts.to_arrow().cast(pa.string())
