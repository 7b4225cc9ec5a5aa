"""The worker's turn of a conversation: stored once, whatever becomes of the replies to it."""

from __future__ import annotations

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.held_work import Held, hold
from plumbline.collect.store.conversations import add_turn
from plumbline.collect.store.rows import Person


def say(collecting: Collecting, worker: Person, assignment_id: int, fence: int, turn: int, text: str) -> Held:
    """Stores what the worker says in a turn; the same text again changes nothing.

    Raises:
        SubmissionError: it is not the worker's turn to speak, or the text is blank or too long.
        ConflictError: PL-COL-028, the turn stands there with another text.
        NotFoundError, LeaseLostError: not theirs, or not in hand any more.
    """
    held = hold(collecting, assignment_id, worker)
    stands = any(said.number == turn for said in held.work.turns)
    if not stands:
        # The kind looks at the text and at whose turn it is; what stands already is compared by the store.
        held.task.accept(held.work, {"act": "say", "turn": turn, "text": text}, held.settings)
    add_turn(collecting.store, assignment_id, worker.id, fence, turn, text, now=collecting.clock())
    return hold(collecting, assignment_id, worker)
