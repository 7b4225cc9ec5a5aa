"""A round, step by step: what is done and is as it was left is kept, everything else is done, and the same call goes on.

    exports ─► curated ─► release ─► models ─► evaluations ─► who may choose ─► best of n ─► next study ─► report ─► manifest

Nothing is written outside of the round's folder. Each step writes aside and renames; ``manifest.json`` stands there exactly
as long as the round is finished.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from plumbline.lineage import clear_leftovers
from plumbline.lineage.writing import MANIFEST_NAME
from plumbline.loop.rounds.choosing_steps import choosing_steps
from plumbline.loop.rounds.closing_steps import closing_steps
from plumbline.loop.rounds.data_steps import data_steps
from plumbline.loop.rounds.model_steps import Measured, measured, model_steps
from plumbline.loop.rounds.opened_round import Round
from plumbline.loop.rounds.round_state import (
    STATE_NAME,
    Began,
    Record,
    RoundState,
    held,
    open_state,
    output_digest,
)
from plumbline.loop.rounds.steps import Call, Say, Step, Told

What = Literal["done", "kept", "done anew", "gone on"]


@dataclass(frozen=True)
class Taken:
    """What became of a step.

    Attributes:
        what: done for the first time; kept as an earlier call left it; done anew, because its settings or what it reads
            changed; gone on where an earlier call was stopped.
        seconds: that it took, in whichever call.
    """

    step: str
    output: str | None
    what: What
    seconds: float
    told: Told


@dataclass
class RoundResult:
    """What a round came to.

    Attributes:
        steps: in order.
        models: measured, with those of the round before.
        notes: what a person should know, each once.
        unread: rows or records that could not be read or written, by code.
    """

    steps: list[Taken] = field(default_factory=list)
    models: list[Measured] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Of all steps."""
        return list(dict.fromkeys(note for taken in self.steps for note in taken.told.notes))

    @property
    def unread(self) -> dict[str, int]:
        """Of all steps: a row that a step before left out is not counted by the next."""
        counts = Counter[str]()
        for taken in self.steps:
            counts.update(taken.told.unread)
        return dict(counts)

    @property
    def is_whole(self) -> bool:
        """Whether the same command would get no more."""
        return all(taken.told.is_whole for taken in self.steps)


def steps_of(round_: Round, state: RoundState) -> list[Step]:
    """Every step of a round, in order."""
    steps = [*data_steps(round_), *model_steps(round_), *choosing_steps(round_)]
    return [*steps, *closing_steps(round_, state, steps)]


@dataclass(frozen=True)
class Planned:
    """What would become of a step: kept or to do; `what` of a step whose input is yet to be made is told as to do."""

    step: str
    output: str | None
    what: Literal["kept", "to do"]


def plan_of(round_: Round, *, restart: bool = False) -> list[Planned]:
    """What `run_round` would do; nothing is written.

    Args:
        restart: as of `run_round`.
    Raises:
        UsageError, SourceError: PL-RND-008.
    """
    state = open_state(round_.out, round_.settings.name, restart=restart)
    planned: list[Planned] = []
    is_made = True
    for step in steps_of(round_, state):
        # What a step that is to do will write nobody knows, so all that follows from it is to do as well.
        is_made = is_made and _is_kept(state.record(step.name), step.identity, _stands(round_, step))
        planned.append(Planned(step.name, step.output, "kept" if is_made else "to do"))
    return planned


def _stands(round_: Round, step: Step) -> str | None:
    """Digest of what stands at a step's output; None where nothing does, or the step writes nothing."""
    return output_digest(round_.out / step.output) if step.output else None


def _is_kept(record: Record | None, identity: str, stands: str | None) -> bool:
    return record is not None and record.is_whole and (record.identity, record.digest) == (identity, stands)


def run_round(
    round_: Round,
    *,
    restart: bool = False,
    command: Sequence[str] = (),
    say: Say = lambda _: None,
    note: Say = lambda _: None,
) -> RoundResult:
    """Do what is not done yet of a round.

    Args:
        round_: as `open_round` gave it.
        restart: do everything again, exports of studies too.
        command: as it was called, for manifests.
        say: told what is being done.
        note: told what a person should hear beside it.
    Raises:
        UsageError: PL-RND-008, something else stands at its folder; PL-RND-009, another call is at it.
        PlumblineError: a step cannot be done. What was done stays, and the same call goes on once that is mended.
    """
    with held(round_.out):
        clear_leftovers(round_.out, STATE_NAME)
        state = open_state(round_.out, round_.settings.name, restart=restart)
        state.write(round_.out)
        result = RoundResult()
        call = Call(goes_on=False, restart=restart, say=say, note=note, command=tuple(command))
        for step in steps_of(round_, state):
            say(step.name)
            try:
                result.steps.append(_taken(round_, step, state, call))
            except BaseException:
                note(
                    f"stopped at the step: {step.name}. What was done before stays in {round_.out}; the same command goes on from there"
                )
                raise
        result.models = measured(round_)
    return result


def _taken(round_: Round, step: Step, state: RoundState, call: Call) -> Taken:
    """Do a step where that is needed, and say in ``round.json`` that it is done."""
    output = round_.out / (step.output or "")
    identity, stands = step.identity, _stands(round_, step)
    record = state.record(step.name)
    if record is not None and _is_kept(record, identity, stands):
        return Taken(step.name, step.output, "kept", record.seconds, step.told(output))
    began = state.began
    goes_on = began is not None and (began.name, began.identity) == (step.name, identity)
    started = time.monotonic()
    if goes_on and began is not None and stands not in (None, began.stood):
        what: What = "gone on"  # it was done, and stopped before it could say so
    else:
        what = "gone on" if goes_on else "done" if record is None else "done anew"
        if not goes_on:
            if step.output != MANIFEST_NAME:
                (round_.out / MANIFEST_NAME).unlink(missing_ok=True)
            state.begin(round_.out, Began(name=step.name, identity=identity, stood=stands))
        step.run(replace(call, goes_on=goes_on))
        stands = _stands(round_, step)
    told = step.told(output)
    seconds = round(time.monotonic() - started, 3)
    state.finish(
        round_.out,
        Record(
            name=step.name,
            identity=identity,
            output=step.output,
            digest=stands,
            seconds=seconds,
            is_whole=told.is_whole,
        ),
    )
    return Taken(step.name, step.output, what, seconds, told)
