"""What was submitted up to a moment is read whole, whatever the clock did."""

from plumbline.collect.store.finished_work import stream_finished
from plumbline.collect.store.rows import Purpose
from plumbline.collect.store.submission import correct
from tests.collect.store.made_up import a_judgement, make_desk, make_items


def _read(desk, as_of):
    (batch,) = stream_finished(desk.store, desk.study_id, [Purpose.WORK], as_of=as_of)
    (work,) = batch.works
    return [int(judgement.id) for judgement in work.work.judgements]


def _correct(desk, judgement_id, key):
    about = {"idempotency_key": key, "body_sha256": key, "now": desk.now}
    (number,) = correct(desk.store, judgement_id, desk.workers[0], a_judgement(), **about).judgement_ids
    return number


def test_a_clock_that_steps_back_between_the_parts_takes_none_away(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    desk.wait(seconds=10)
    first = desk.submit(taken, judgements=(a_judgement("turn-1"),), finished=False).judgement_ids
    desk.wait(seconds=-9)
    last = desk.submit(taken, judgements=(a_judgement("end"),)).judgement_ids
    assert _read(desk, desk.now) == [*first, *last]


def test_corrections_up_to_the_moment_are_read_and_none_without_what_it_corrects(store):
    desk = make_desk(store, make_items(1))
    (first,) = desk.submit(desk.take()).judgement_ids
    submitted_at = desk.now
    desk.wait(seconds=10)
    later = _correct(desk, first, "later")
    desk.wait(seconds=-5)
    earlier = _correct(desk, later, "earlier")
    assert _read(desk, submitted_at) == [first]
    assert _read(desk, desk.now) == [first]
    desk.wait(seconds=5)
    assert _read(desk, desk.now) == [first, later, earlier]
