"""What every kind does alike when a submission comes: which judgement a correction is about, what follows an answer."""

from __future__ import annotations

from collections.abc import Callable

from plumbline.collect.kinds.refusals import SubmissionError
from plumbline.collect.kinds.work import (
    Accepted,
    HumanTurn,
    NewItem,
    NewJudgement,
    Step,
    StoredJudgement,
    Work,
    with_added,
)
from plumbline.collect.study_settings import StudyFile

NextStep = Callable[[Work, StudyFile], Step]


def accepted(
    work: Work,
    study: StudyFile,
    next_step: NextStep,
    *,
    turn: HumanTurn | None = None,
    judgement: NewJudgement | None = None,
    new_items: tuple[NewItem, ...] = (),
) -> Accepted:
    """What was accepted, and what is asked once it is stored."""
    judgements = () if judgement is None else (judgement,)
    after = next_step(with_added(work, turn, judgements), study)
    return Accepted(next=after, turn=turn, judgements=judgements, new_items=new_items)


def to_be_corrected(work: Work, judgement_id: str, kinds: tuple[str, ...]) -> StoredJudgement:
    """The judgement that a correction names: one of the assignment's, of these kinds, not corrected before.

    Raises:
        SubmissionError: it is none of these.
    """
    named = next((each for each in work.judgements if each.id == judgement_id), None)
    if named is None or named.kind not in kinds:
        raise SubmissionError(
            "PL-SUB-005",
            "no judgement to be corrected",
            expected=f"a judgement of this assignment, of kind {' or '.join(kinds)}",
            found="none of that id" if named is None else f"one of kind {named.kind}",
            advice="list the judgements of the assignment",
        )
    if any(effective.last.id == judgement_id for effective in work.effective(named.kind)):
        return named
    raise SubmissionError(
        "PL-SUB-006",
        "the judgement was corrected before",
        expected="the last correction's id",
        advice="correct the correction",
    )


def not_for_this_study(field: str, is_wanted: bool) -> SubmissionError:
    """A field that the study asks for and that is missing, or that it does not ask for."""
    return SubmissionError(
        "PL-SUB-004",
        "a field is missing" if is_wanted else "a field that this study does not ask for",
        expected=field if is_wanted else f"no {field}",
        advice=f"fill {field} in" if is_wanted else f"leave {field} out",
        field=field,
    )


def refuse_unasked(field: str, value: object, is_asked: bool) -> None:
    """Refuses what fills in a field that the study does not ask for; leaving out what it asks for is fine.

    Raises:
        SubmissionError: it does.
    """
    if value is not None and not is_asked:
        raise not_for_this_study(field, False)
