"""People who come from Prolific or MTurk: whom a platform knows as one is one person of ours in a study, whenever they come.

What a link brings proves nothing: who knows somebody's id there can come in as them. So an arrival gives a worker of one
study, who may do their own work there and nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.visits import PROLIFIC
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.arrivals import MTURK, Participant, add_arrival, find_arrived
from plumbline.collect.store.identity.hit_visits import begin_hit_visit, find_hit_visit
from plumbline.collect.store.rows import Person, StudyState
from plumbline.collect.store.studies import read_study


@dataclass(frozen=True, slots=True)
class Arriving:
    """What the link of a platform says.

    Attributes:
        provider: ``prolific`` or ``mturk``.
        study: ours, by name.
        participant: their id there; it is compared, and told to nobody.
        visit: the number of the visit there; of MTurk the assignment.
        study_of_provider: Prolific's id of the study.
    """

    provider: str
    study: str
    participant: str
    visit: str
    study_of_provider: str | None = None


def arrive_from(collecting: Collecting, arriving: Arriving) -> Person:
    """The person that a participant is: somebody new the first time, a worker of this study and no other.

    Raises:
        NotFoundError: PL-COL-010, no such study, or one that takes nobody from there.
        ServiceError: PL-ARR-001 another study there, PL-ARR-002 the study is closed, and they are new to it.
        ConflictError: PL-ARR-003, the visit is somebody else's.
    """
    study = collecting.catalogue.named(arriving.study)
    return _WAYS[arriving.provider](collecting, study, arriving)


def _from_prolific(collecting: Collecting, study: KnownStudy, arriving: Arriving) -> Person:
    prolific = study.settings.prolific
    if prolific is None:
        raise not_found("study", f"{arriving.study} of Prolific")
    if not hmac.compare_digest(prolific.study.encode(), (arriving.study_of_provider or "").encode()):
        raise _another_study()
    participant = Participant(PROLIFIC, arriving.participant, arriving.visit)
    known = find_arrived(collecting.store, study.id, participant)
    if known is not None:
        return known  # also where the study is closed by now: they may finish what they have, and see their code
    _require_open(collecting, study, "return your submission on Prolific, which counts against nobody")
    return add_arrival(collecting.store, study.id, participant, now=collecting.clock())


def _from_mturk(collecting: Collecting, study: KnownStudy, arriving: Arriving) -> Person:
    """Another HIT of a worker is another visit of the same person; the last that they came for is the one that counts."""
    if study.settings.mturk is None:
        raise not_found("study", f"{arriving.study} of MTurk")
    participant = Participant(MTURK, arriving.participant, arriving.visit)
    known = find_hit_visit(collecting.store, study.id, participant)
    if known is not None:
        return known
    _require_open(collecting, study, "return the HIT on MTurk, which counts against nobody")
    return begin_hit_visit(collecting.store, study.id, participant, now=collecting.clock())


_WAYS: Mapping[str, Callable[[Collecting, KnownStudy, Arriving], Person]] = {
    PROLIFIC: _from_prolific,
    MTURK: _from_mturk,
}


def _another_study() -> ServiceError:
    return ServiceError(
        "PL-ARR-001",
        "your link",
        "it belongs to another study on Prolific",
        expected="the link on the page of this study there",
        advice="open the study from its page on Prolific; if you came from there, tell the researcher by Prolific's messages",
    )


def _require_open(collecting: Collecting, study: KnownStudy, advice: str) -> None:
    if read_study(collecting.store, study.id).state is StudyState.CLOSED:
        raise ServiceError(
            "PL-ARR-002",
            "study",
            "this study is over, and takes nobody new any more: thank you for coming",
            expected="a study that is open",
            advice=advice,
        )
