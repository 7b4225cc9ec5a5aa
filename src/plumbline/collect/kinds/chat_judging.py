"""What a worker's submission says about a turn: their own words, or none any more, a verdict, an edit, a correction."""

from __future__ import annotations

from pydantic import JsonValue

from plumbline.collect.kinds.bounds import JsonObject, read_stored, read_submission
from plumbline.collect.kinds.chat import (
    ENDED,
    TURN,
    EndChat,
    Ended,
    JudgeTurn,
    Say,
    StoredEdit,
    TurnVerdict,
    judged_pair,
    shown_token,
)
from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.kinds.refusals import StoredWorkError, SubmissionError
from plumbline.collect.kinds.sides import ShownOrder
from plumbline.collect.kinds.strength import Scale, asked_on, verdict
from plumbline.collect.kinds.work import Ask, DrawnReply, HumanTurn, NewJudgement, StoredJudgement, Work
from plumbline.collect.study_settings import Continues, StudyFile


def said_turn(ask: Ask, submission: JsonObject) -> HumanTurn:
    """The worker's turn from what was submitted."""
    say = read_submission(Say, submission)
    _require_turn(ask, say.turn)
    return HumanTurn(number=say.turn, text=say.text)


def ended_chat(ask: Ask, submission: JsonObject) -> NewJudgement:
    """The end of a chat before its last turn, where the study lets the worker say when."""
    end = read_submission(EndChat, submission)
    _require_turn(ask, end.turn)
    return NewJudgement(kind=ENDED, payload=Ended(turns=end.turn - 1).as_json())


def judged_turn(work: Work, study: StudyFile, ask: Ask, submission: JsonObject) -> NewJudgement:
    """The verdict from what was submitted on the replies of a turn."""
    judged = read_submission(JudgeTurn, submission)
    _require_turn(ask, judged.turn)
    _require_shown(ask.fields["shown"], judged, "ask for the next step, and answer that")
    pair = work.pair(judged.turn)
    if pair is None or ask.order is None:
        raise StoredWorkError(work.assignment_id, f"turn {judged.turn} has no replies")
    require_step(judged.step, study)
    axis = study.judged_axes[0]
    question = asked_on(axis, study.question)
    ruled = verdict(judged.step, Scale(study.strengths), ask.order, question)
    stored = TurnVerdict(
        turn=judged.turn,
        axis=axis,
        question=question,
        step=judged.step,
        shown=ask.order.sides,
        replies=(pair[0].id, pair[1].id),
        outcome=ruled.outcome,
        strength=ruled.strength,
        continues_with=_continuing_side(work, study, ask, judged, ruled.better_side),
        continues=study.continues,
        edit=_stored_edit(study, ask, judged, pair),
    )
    return NewJudgement(kind=TURN, payload=stored.as_json())


def corrected_turn(work: Work, study: StudyFile, judgement: StoredJudgement, submission: JsonObject) -> NewJudgement:
    """Another step for a turn that was judged: the conversation went on as it did, and an edit stays."""
    corrected = read_submission(JudgeTurn, submission)
    before = read_stored(TurnVerdict, judgement.payload)
    if corrected.turn != before.turn:
        raise SubmissionError(
            "PL-SUB-002",
            "another turn than the one to be corrected",
            expected=f"turn {before.turn}",
            found=f"turn {corrected.turn}",
            advice="name the judgement of that turn",
            field="turn",
        )
    if corrected.edit is not None or corrected.continue_with is not None:
        raise SubmissionError(
            "PL-SUB-004",
            "a correction changes the step alone",
            expected="no edit and no continue_with",
            advice="leave both out: the conversation has gone on",
            field="edit" if corrected.edit is not None else "continue_with",
        )
    order = ShownOrder(before.shown)
    _require_shown(shown_token(work, study, judged_pair(work, before), order), corrected, "look at the judgement again")
    require_step(corrected.step, study)
    ruled = verdict(corrected.step, Scale(study.strengths), order, before.question)
    changes = {"step": corrected.step, "outcome": ruled.outcome, "strength": ruled.strength}
    stored = before.model_copy(update=changes)
    return NewJudgement(kind=TURN, payload=stored.as_json(), corrects=judgement.id)


def require_step(step: int, study: StudyFile, field: str = "step") -> None:
    """Refuse a step beyond the study's scale."""
    if step > study.strengths:
        raise SubmissionError(
            "PL-SUB-004",
            "a step beyond the scale",
            expected=f"1 to {study.strengths}",
            found=str(step),
            advice="take a step of the scale that is shown",
            field=field,
        )


def _require_shown(shown: JsonValue, judged: JudgeTurn, advice: str) -> None:
    if judged.shown != shown:
        raise SubmissionError(
            "PL-SUB-002",
            "not a verdict on the replies that are shown",
            expected="shown, as the question has it",
            found="none" if judged.shown is None else "another",
            advice=advice,
            field="shown",
        )


def _require_turn(ask: Ask, turn: int) -> None:
    if turn != ask.turn:
        raise SubmissionError(
            "PL-SUB-002",
            "another turn than the one that is asked for",
            expected=f"turn {ask.turn}",
            found=f"turn {turn}",
            advice="ask for the next step, and answer that",
            field="turn",
        )


def _continuing_side(work: Work, study: StudyFile, ask: Ask, judged: JudgeTurn, better_side: int) -> int:
    """The stored side that goes on, by the study's rule."""
    is_choice = study.continues is Continues.CHOICE
    if (judged.continue_with is not None) != is_choice:
        raise SubmissionError(
            "PL-SUB-004",
            "which reply goes on is the worker's choice"
            if is_choice
            else "which reply goes on is not the worker's choice",
            expected="continue_with, 0 for A or 1 for B" if is_choice else "no continue_with",
            advice="choose a reply" if is_choice else "leave it out",
            field="continue_with",
        )
    if judged.continue_with is not None and ask.order is not None:
        return ask.order.side_at(judged.continue_with)
    if study.continues is Continues.RANDOM:
        return int(drawn_share(study.seed, "continues", work.assignment_id, str(judged.turn)) >= 0.5)
    return better_side if study.continues is Continues.BETTER else 1 - better_side


def _stored_edit(
    study: StudyFile, ask: Ask, judged: JudgeTurn, pair: tuple[DrawnReply, DrawnReply]
) -> StoredEdit | None:
    if judged.edit is None or ask.order is None:
        return None
    side = ask.order.side_at(judged.edit.position)
    if not study.edit or judged.edit.text == pair[side].text:
        raise SubmissionError(
            "PL-SUB-004",
            "the edited text is the reply itself" if study.edit else "replies are not edited in this study",
            expected="another text" if study.edit else "no edit",
            advice="change it, or leave edit out" if study.edit else "leave edit out",
            field="edit",
        )
    return StoredEdit(side=side, text=judged.edit.text)
