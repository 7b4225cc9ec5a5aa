"""What an export is refused with.

ErasedMeanwhileError    somebody was erased while it was made: nothing is kept of it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plumbline.records import NoDataError, PlumblineError, UsageError


class ErasedMeanwhileError(PlumblineError):
    """An export that may hold words of somebody who was erased while it was made."""


def form_holds_nothing(form: str, study: str, kind: str, others: Sequence[str]) -> UsageError:
    """PL-EXP-001: a form without a place for what this kind of study collects."""
    return UsageError(
        "PL-EXP-001",
        "to (--to)",
        f"{form} holds nothing of what study {study} collects",
        expected=f"one of {', '.join(others)}, for a study of kind {kind}",
        advice=f"--to {others[0]}",
    )


def nothing_finished(study: str, left_out: Mapping[str, int] | None) -> NoDataError:
    """PL-EXP-002: no work that could be exported was finished yet; None where work need not be finished."""
    return NoDataError(
        "PL-EXP-002",
        f"study {study}",
        "nothing to export yet: nothing was judged"
        if left_out is None
        else "nothing to export yet: no work is finished",
        found=_counted(left_out or {}),
        advice="plumbline collect status says how far it is; export again once something is finished",
    )


def nothing_expressible(form: str, study: str, counts: Mapping[str, int]) -> NoDataError:
    """PL-EXP-003: there is finished work, and the form can express none of it."""
    return NoDataError(
        "PL-EXP-003",
        f"study {study}",
        f"{form} can express nothing of what is finished",
        found=_counted(counts),
        advice="--to parquet, which has a place for every record; --to judgements for what no record holds",
    )


def wrong_share(test_share: float) -> UsageError:
    """PL-EXP-004."""
    return UsageError(
        "PL-EXP-004",
        "test_share (--test-share)",
        "not a share for the test split",
        expected="at least 0 and below 1",
        found=f"{test_share:g}",
        advice="--test-share 0.05, say",
    )


def erased_meanwhile(study: str) -> ErasedMeanwhileError:
    """PL-EXP-006."""
    return ErasedMeanwhileError(
        "PL-EXP-006",
        f"study {study}",
        "somebody was erased while it was exported",
        advice="export again: this one may hold their words, and nothing was kept of it",
    )


def other_data_there(out: str, expected: str, found: str) -> UsageError:
    """PL-EXP-007: nobody loses one export to another."""
    return UsageError(
        "PL-EXP-007",
        out,
        "other data stands there",
        expected=f"nothing, or an earlier export of {expected}",
        found=found,
        advice="name another folder, or move that one away",
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} × {name}" for name, count in counts.items() if count)
