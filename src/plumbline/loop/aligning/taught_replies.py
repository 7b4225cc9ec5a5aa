"""The conversations of a source that a policy is taught: the better sides of comparisons, replies labelled safe, or every reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from plumbline.formats import Loaded
from plumbline.lineage import Use, require_use
from plumbline.loop.sources import told_records
from plumbline.models.rows.training_rows import of_one_axis
from plumbline.records import (
    Axis,
    Comparison,
    Conversation,
    Kind,
    NoDataError,
    Outcome,
    SafetyLabel,
    UsageError,
    records_from_table,
)

Taught = Literal["better", "safe", "all"]


@dataclass(frozen=True)
class TaughtReplies:
    """Conversations that end with a reply to learn.

    Attributes:
        said: each once, in the order of the source.
        repeated: how often one of them came again.
        not_meant: records that are passed over: comparisons without a better side, labels of replies that anybody did not call safe.
    """

    said: list[Conversation]
    repeated: int
    not_meant: int


def taught_replies(
    loaded: Loaded, which: str | None, *, place: str, on: Axis | None = None, override_uses: bool
) -> TaughtReplies:
    """The replies of a source that are to be learnt.

    Args:
        loaded: comparisons, labels, or both.
        which: "better", the side of each comparison that was judged better; "safe", replies whose every label says so; "all".
        on: the axis that "better" is meant on; None where the comparisons have only one. What is better on one may be worse on another.
        place: of the source, for errors.
        override_uses: go on though a table does not permit supervised training.
    Raises:
        UsageError: PL-SUP-004, there is no such choice, or none was made; or comparisons of several axes, and none was chosen.
        PermittedUseError: a table does not permit it.
        NoDataError: PL-SUP-005, the source has no such reply.
    """
    if which is None or which not in get_args(Taught):
        raise UsageError(
            "PL-SUP-004",
            "--replies",
            "it is not said which replies are to be learnt",
            expected="better (sides that were judged better), safe (replies labelled safe), or all",
            found=which or "nothing",
            advice="say which: what is learnt is what the policy will say",
        )
    for table in (loaded.comparisons, loaded.safety_labels):
        if len(table):
            require_use(table, Use.SUPERVISED, place=place, override=override_uses)
    if which == "better" and len(loaded.comparisons):
        loaded = replace(
            loaded, tables={**loaded.tables, Kind.COMPARISONS: of_one_axis(loaded.comparisons, on, place)[0]}
        )
    every = list(_SAID[which](loaded))
    meant = [each for each in every if each is not None]
    found = list(dict.fromkeys(meant))
    if not found:
        raise NoDataError(
            "PL-SUP-005",
            place,
            "there is no such reply",
            expected={"better": "comparisons with an outcome", "safe": "safety labels", "all": "comparisons or labels"}[
                which
            ],
            found=", ".join(told_records([loaded])) or "no rows",
            advice="take other --replies, or another source",
        )
    return TaughtReplies(found, len(meant) - len(found), len(every) - len(meant))


# Each gives what a record has to teach, or None where that is nothing.


def _better(loaded: Loaded) -> Iterator[Conversation | None]:
    for record in records_from_table(loaded.comparisons):
        if isinstance(record, Comparison):
            is_decided = record.outcome in (Outcome.FIRST, Outcome.SECOND)
            side = record.continuations[1 if record.outcome is Outcome.SECOND else 0]
            yield record.context + side if is_decided else None


def _safe(loaded: Loaded) -> Iterator[Conversation | None]:
    """Replies that everybody called safe."""
    labels = [each for each in records_from_table(loaded.safety_labels) if isinstance(each, SafetyLabel)]
    unsafe = {each.conversation for each in labels if each.is_safe is not True}
    yield from (None if each.conversation in unsafe else each.conversation for each in labels)


def _every(loaded: Loaded) -> Iterator[Conversation | None]:
    for record in records_from_table(loaded.comparisons):
        if isinstance(record, Comparison):
            yield from (record.context + side for side in record.continuations)
    for label in records_from_table(loaded.safety_labels):
        if isinstance(label, SafetyLabel):
            yield label.conversation


_SAID = {"better": _better, "safe": _safe, "all": _every}
