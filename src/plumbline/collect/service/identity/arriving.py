"""People who come from Prolific: a participant of a study is the same person of ours whenever they come.

What a link brings proves nothing: who knows a participant's id and the study's can come in as them. So an arrival gives a worker
of one study, who may do their own work there and nothing else.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.visits import PROLIFIC
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.arrivals import Participant, add_arrival, find_arrived
from plumbline.collect.store.rows import Person, StudyState
from plumbline.collect.store.studies import read_study


@dataclass(frozen=True, slots=True)
class Arriving:
    """What the link of a provider says.

    Attributes:
        study: ours, by name.
        participant: their id there; it is compared, and told to nobody.
        visit: the number of the visit there.
        study_of_provider: their id of the study.
    """

    study: str
    participant: str
    visit: str
    study_of_provider: str


def arrive_from_prolific(collecting: Collecting, arriving: Arriving) -> Person:
    """The person that a participant is: somebody new the first time, a worker of this study and no other.

    Raises:
        NotFoundError: PL-COL-010, no such study, or one that takes nobody from Prolific.
        ServiceError: PL-ARR-001 another study there, PL-ARR-002 the study is closed, and they are new to it.
    """
    study = collecting.catalogue.named(arriving.study)
    prolific = study.settings.prolific
    if prolific is None:
        raise not_found("study", f"{arriving.study} of Prolific")
    if not hmac.compare_digest(prolific.study.encode(), arriving.study_of_provider.encode()):
        raise _another_study()
    participant = Participant(PROLIFIC, arriving.participant, arriving.visit)
    known = find_arrived(collecting.store, study.id, participant)
    if known is not None:
        return known  # also where the study is closed by now: they may finish what they have, and see their code
    if read_study(collecting.store, study.id).state is StudyState.CLOSED:
        raise _closed()
    return add_arrival(collecting.store, study.id, participant, now=collecting.clock())


def _another_study() -> ServiceError:
    return ServiceError(
        "PL-ARR-001",
        "study_of_provider",
        "this link belongs to another study on Prolific",
        expected="the id that the study file names",
        advice="open the study from its page on Prolific; if you came from there, tell the researcher by Prolific's messages",
    )


def _closed() -> ServiceError:
    return ServiceError(
        "PL-ARR-002",
        "study",
        "this study is over, and takes nobody new any more: thank you for coming",
        expected="a study that is open",
        advice="return your submission on Prolific, which counts against nobody",
    )
