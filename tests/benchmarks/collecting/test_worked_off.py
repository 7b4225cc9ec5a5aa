"""A study at its end is a store like any other, and work in it costs what it costs in a fresh one."""

import pytest
from sqlalchemy import event

from benchmarks.collecting.study import STUDY, empty_place, make_study
from benchmarks.collecting.worked_off import work_off
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.beginning import begin_work
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.giving_back import give_back
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.submitting import Answer, Request, correct_judgement, submit_answer
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.items import count_queues
from plumbline.collect.store.people import find_by_token
from tests.collect import postgres_server

OVERLAP = 3


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_end_of_a_study_is_a_store_in_which_nothing_is_wrong(database, tmp_path):
    if database == "postgres":
        try:
            postgres_server.find_program("initdb")
        except postgres_server.NoPostgres as error:
            pytest.skip(str(error))
    with empty_place(database, tmp_path) as place:
        study = make_study(tmp_path / "study", place, items=40, overlap=OVERLAP, workers=8)
        store = study.open()
        assert work_off(store, study, share=0.9, overlap=OVERLAP) == 36 * 3 + 4
        assert check_store(store) == []
        count = count_queues(store, study.study_id)[Purpose.WORK]
        assert (count.items, count.complete, count.submitted) == (40, 36, 112)
        store.close()


def test_work_costs_the_same_at_the_end_of_a_study_as_at_its_beginning(tmp_path):
    early = steps_of_work(tmp_path / "early", items=40, share=0.0)
    late = steps_of_work(tmp_path / "late", items=1500, share=0.95)
    assert early.keys() == late.keys()
    assert {name: late[name] < 1.3 * early[name] + 50 for name in late} == dict.fromkeys(late, True), (early, late)


def steps_of_work(folder, *, items, share):
    """By act, how many steps SQLite's machine makes for it: a measure of rows looked at that knows no clock."""
    folder.mkdir()
    study = make_study(folder / "study", str(folder / "s.db"), items=items, overlap=OVERLAP, workers=8)
    store, counted = study.open(), {"steps": 0}
    if share:
        work_off(store, study, share=share, overlap=OVERLAP)
    event.listen(store.engine, "checkout", lambda connection, *_: connection.set_progress_handler(tick, 1))

    def tick():
        counted["steps"] += 1

    collecting = open_collecting(store, SourceRules(folder))
    worker = find_by_token(store, study.workers[-1].token, now=utc_now())
    first = begin_work(collecting, worker, STUDY).held  # moves the worker's cursor past what they had
    give_back(collecting, worker, first.assignment.id, first.assignment.fence)
    answer = Answer(1, {"act": "judge-pair", "helpfulness": 2}, 1)

    def measured(act):
        before = counted["steps"]
        return act(), counted["steps"] - before

    found = {}
    held, found["next"] = measured(lambda: begin_work(collecting, worker, STUDY).held)
    number, request = held.assignment.id, Request("key-0001", "0" * 64)
    _, found["next again"] = measured(lambda: begin_work(collecting, worker, STUDY))
    done, found["submit"] = measured(lambda: submit_answer(collecting, worker, number, answer, request))
    _, found["submit again"] = measured(lambda: submit_answer(collecting, worker, number, answer, request))
    judgement, again = done.receipt.judgement_ids[0], Request("key-0002", "0" * 64)
    _, found["correct"] = measured(lambda: correct_judgement(collecting, worker, judgement, answer, again))
    held = begin_work(collecting, worker, STUDY).held
    _, found["release"] = measured(lambda: give_back(collecting, worker, held.assignment.id, 1))
    collecting.calls.close()
    store.close()
    return found
