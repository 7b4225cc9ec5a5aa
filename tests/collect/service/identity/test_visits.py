"""When a visit from Prolific is complete, and who is told the code."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select, update

from plumbline.collect.kinds import Purpose
from plumbline.collect.service.giving_back import give_back
from plumbline.collect.service.studies import change_state
from plumbline.collect.service.wellbeing.preferences import set_opted_out
from plumbline.collect.service.wellbeing.standing import read_standing
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import ConflictError
from plumbline.collect.store.identity.arrivals import Participant
from plumbline.collect.store.identity.hit_visits import begin_hit_visit
from plumbline.collect.store.participation import count_submitted
from plumbline.collect.store.people import list_people
from plumbline.collect.store.rows import StudyState
from plumbline.collect.store.tables import arrivals
from tests.collect.service.identity.made_up import MTURK, PROLIFIC, arrive, come_for
from tests.collect.service.wellbeing.made_up import VIOLENCE, statements

URL = "https://app.prolific.com/submissions/complete?cc=C0DE-1"


def visit(desk, worker):
    return read_standing(desk.collecting, worker, "s").visit


def work(desk, study, worker):
    desk.judge(desk.next(study, worker), worker)


def test_the_code_comes_with_the_last_of_the_items_and_stays(desk):
    study = desk.study(prolific=PROLIFIC)
    desk.pairs(study, range(5))
    worker = arrive(desk)
    to_go = []
    for _ in range(2):
        assert visit(desk, worker).completion is None
        to_go.append(visit(desk, worker).items_to_go)
        work(desk, study, worker)
    assert to_go == [2, 1]
    desk.wait(minutes=1)
    for _ in range(2):
        found = visit(desk, worker)
        assert (found.completion.code, found.completion.url, found.items_to_go) == ("C0DE-1", URL, None)
    completed = [event for event in read_events(desk.store) if event.kind == EventKind.VISIT_COMPLETED]
    assert [(event.person_id, event.at) for event in completed] == [(worker.id, desk.now)]


def test_gold_counts_as_work_does(desk):
    study = desk.study(prolific=PROLIFIC, gold={"items": "x", "share": 0.999})
    desk.pairs(study, range(5))
    desk.pairs(study, range(5), Purpose.GOLD)
    worker = arrive(desk)
    work(desk, study, worker)
    work(desk, study, worker)
    assert visit(desk, worker).completion is not None


def test_who_did_not_come_from_there_has_no_visit(desk):
    study = desk.study(prolific={**PROLIFIC, "items": 1})
    desk.pairs(study, range(2))
    worker = desk.worker()
    work(desk, study, worker)
    assert (visit(desk, worker).completion, visit(desk, worker).items_to_go) == (None, None)


def test_where_nothing_is_left_what_was_finished_is_enough(desk):
    study = desk.study(prolific={**PROLIFIC, "items": 9})
    desk.pairs(study, range(2))
    worker = arrive(desk)
    assert visit(desk, worker).completion is None
    work(desk, study, worker)
    assert visit(desk, worker).completion is None, "one is left"
    work(desk, study, worker)
    assert visit(desk, worker).completion is not None
    desk.pairs(study, range(7, 9))
    assert visit(desk, worker).completion is not None, "it stays complete"


def test_a_lease_of_another_may_lapse_and_so_something_is_left(desk):
    study, other = desk.study(prolific={**PROLIFIC, "items": 9}), desk.worker()
    desk.pairs(study, range(2))
    worker = arrive(desk)
    held = desk.next(study, other)
    work(desk, study, worker)
    assert visit(desk, worker).completion is None
    desk.judge(held, other)
    assert visit(desk, worker).completion is not None


def test_what_the_worker_has_in_hand_is_left(desk):
    study = desk.study(prolific={**PROLIFIC, "items": 9})
    desk.pairs(study, range(2))
    worker = arrive(desk)
    work(desk, study, worker)
    held = desk.next(study, worker)
    assert visit(desk, worker).completion is None
    give_back(desk.collecting, worker, held.assignment.id, held.assignment.fence)
    assert visit(desk, worker).completion is not None, "one finished, the other given back"


def test_places_in_items_that_the_worker_had_are_none_for_them(desk):
    study = desk.study(prolific={**PROLIFIC, "items": 9}, overlap=3)
    desk.pairs(study, range(1))
    worker = arrive(desk)
    work(desk, study, worker)
    assert visit(desk, worker).completion is not None


def test_who_only_gave_items_back_has_no_code(desk):
    study = desk.open((VIOLENCE,), (VIOLENCE,), prolific=PROLIFIC)
    worker = arrive(desk)
    set_opted_out(desk.collecting, worker, "s", [VIOLENCE])
    assert desk.next(study, worker) is None
    assert visit(desk, worker).completion is None
    assert visit(desk, worker).items_to_go == 2


def test_who_fails_the_training_has_worked(desk):
    study = desk.study(prolific=PROLIFIC, qualification={"items": "x", "pass_share": 1.0})
    desk.pairs(study, range(3))
    desk.pairs(study, range(2), Purpose.TRAINING)
    worker = arrive(desk)
    for _ in range(2):
        assert visit(desk, worker).completion is None
        desk.judge(desk.next(study, worker), worker, right=False)
    assert desk.next(study, worker) is None
    assert visit(desk, worker).completion is not None


def test_a_study_that_closes_completes_what_was_begun(desk):
    study = desk.study(prolific=PROLIFIC)
    desk.pairs(study, range(5))
    worker, idle = arrive(desk), arrive(desk, "idle")
    work(desk, study, worker)
    change_state(desk.collecting, "s", StudyState.PAUSED)
    assert visit(desk, worker).completion is None
    change_state(desk.collecting, "s", StudyState.CLOSED)
    assert visit(desk, worker).completion is not None
    assert visit(desk, idle).completion is None


@pytest.mark.parametrize(("conversations", "is_left"), [(None, True), (2, True), (1, False)])
def test_conversations_to_come_are_left(desk, conversations, is_left):
    items = {"from_workers": True} | ({} if conversations is None else {"conversations": conversations})
    replies = {"sampler": "two-samples", "sources": ["retrieval:x"]}
    study = desk.study("red-team-chat", items=items, replies=replies, warning="w", prolific=PROLIFIC, turns=1)
    worker, other = arrive(desk), arrive(desk, "other")
    held = desk.next(study, other)
    assert held is not None
    give_back(desk.collecting, other, held.assignment.id, held.assignment.fence)
    # Of their own they have finished one: said by hand, for a chat needs replies.
    desk.store.write(lambda connection: count_submitted(connection, study.id, worker.id, Purpose.WORK))
    held = desk.next(study, worker)
    give_back(desk.collecting, worker, held.assignment.id, held.assignment.fence)
    assert (visit(desk, worker).completion is None) is is_left


def test_a_study_that_is_not_on_prolific_is_not_asked_about(desk):
    study = desk.study()
    desk.pairs(study, range(1))
    with statements(desk.store) as sent:
        read_standing(desk.collecting, desk.worker(), "s")
    assert not any("arrivals" in each for each in sent)


def test_training_that_is_left_is_left_where_no_work_is(desk):
    study = desk.study(prolific=PROLIFIC, qualification={"items": "x", "pass_share": 0.5})
    desk.pairs(study, range(2), Purpose.TRAINING)
    worker = arrive(desk)
    work(desk, study, worker)
    assert visit(desk, worker).completion is None
    work(desk, study, worker)
    assert visit(desk, worker).completion is not None


def test_conversations_that_nobody_asked_for_yet_are_left(desk):
    """They are entered as they are asked for: that none stands there says nothing."""
    replies = {"sampler": "two-samples", "sources": ["retrieval:x"]}
    items = {"from_workers": True, "conversations": 1}
    study = desk.study("red-team-chat", items=items, replies=replies, warning="w", prolific=PROLIFIC)
    worker = arrive(desk)
    desk.store.write(lambda connection: count_submitted(connection, study.id, worker.id, Purpose.WORK))
    assert visit(desk, worker).completion is None


def together(*calls):
    """Calls at once, each in a thread."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result() for each in [threads.submit(run, call) for call in calls]]


def test_the_work_of_one_hit_completes_one_of_those_that_are_looked_at_at_once(desk):
    study, people = desk.study(mturk=MTURK), ("zzone", "zzanother", "zzthird")
    desk.pairs(study, range(20))

    def look(who, worker, hit):
        for _ in range(2):
            come_for(desk, f"{who}-{hit}", who)
            visit(desk, worker)

    for who in people:
        worker, *_ = [come_for(desk, f"{who}-{hit}", who) for hit in range(6)]
        for _ in range(2):
            work(desk, study, worker)
        desk.wait(minutes=1)
        together(*(partial(look, who, worker, hit) for hit in range(6)))
    completed = [event.person_id for event in read_events(desk.store) if event.kind == EventKind.VISIT_COMPLETED]
    assert len(completed) == len(set(completed)) == len(people)


def test_a_hit_that_turns_out_to_be_anothers_is_nobodys_visit(desk):
    """As where two workers come for one at once: both find it free, and one is later."""
    study = desk.study(mturk=MTURK)
    desk.pairs(study, range(4))
    worker = come_for(desk, "zzown")
    come_for(desk, "zztaken", "zzother")
    for who in ("zzworker", "zznobody yet"):
        with pytest.raises(ConflictError, match="PL-ARR-003"):
            begin_hit_visit(desk.store, study.id, Participant("mturk", who, "zztaken"), now=desk.now)
    assert len(list_people(desk.store)) == 2
    for _ in range(2):
        work(desk, study, worker)
    theirs = select(arrivals.c.visit).where(arrivals.c.external_id == "zzworker")
    assert desk.store.row(theirs).visit == "zzown"
    # Were it their visit all the same, their work would not complete it.
    desk.store.write(lambda connection: connection.execute(update(arrivals).values(visit="zztaken")))
    assert visit(desk, worker).completion is None
    come_for(desk, "zzown")
    assert visit(desk, worker).completion is not None
