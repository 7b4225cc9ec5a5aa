"""Workers of MTurk: one person whatever HIT they come for, a visit for each HIT, and a code for each visit."""

import csv
import re
import xml.etree.ElementTree as ElementTree

import pytest
from typer.testing import CliRunner

from plumbline.cli.main import app
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.hit_codes import Given, Verdict, check_codes, completion_code
from plumbline.collect.service.identity.hit_question import hit_question
from plumbline.collect.service.studies import change_state
from plumbline.collect.service.wellbeing.standing import read_standing
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import ConflictError, NotFoundError
from plumbline.collect.store.people import list_people
from plumbline.collect.store.rows import Role, StudyState
from plumbline.collect.store.studies import find_study
from tests.collect.api.client import toml
from tests.collect.service.identity.made_up import MTURK, PROLIFIC, arrive, come_for

COMPLETE, INCOMPLETE, UNKNOWN, WRONG, TWICE = (
    *(Verdict.COMPLETE, Verdict.INCOMPLETE, Verdict.UNKNOWN),
    *(Verdict.WRONG_CODE, Verdict.GIVEN_TWICE),
)


def visit(desk, worker):
    return read_standing(desk.collecting, worker, "s").visit


def work(desk, study, worker, count=1):
    """Judges items; what is finished at a moment is later than what was complete before it."""
    for _ in range(count):
        desk.wait(seconds=1)
        desk.judge(desk.next(study, worker), worker)


def code(desk, worker):
    found = visit(desk, worker).completion
    assert found.url is None
    return found.code


def checked(desk, *given):
    return check_codes(desk.store, find_study(desk.store, "s"), [Given(*each) for each in given])


def test_two_hits_of_a_worker_are_two_visits_of_one_person(desk):
    study = desk.study(mturk=MTURK)
    desk.pairs(study, range(9))
    worker = come_for(desk, "hit-1")
    assert (worker.role, worker.only_study_id) == (Role.WORKER, study.id)
    work(desk, study, worker)
    assert visit(desk, worker).items_to_go == 1
    work(desk, study, worker)
    first = code(desk, worker)
    desk.wait(minutes=1)
    assert come_for(desk, "hit-2") == worker
    assert visit(desk, worker).items_to_go == 2, "nothing counts for two HITs"
    work(desk, study, worker, 2)
    second = code(desk, worker)
    assert first != second
    assert come_for(desk, "hit-1") == worker
    assert code(desk, worker) == first, "the HIT that they look at"
    assert len(list_people(desk.store)) == 1
    kinds = [event.kind for event in read_events(desk.store)]
    assert (kinds.count(EventKind.ARRIVED), kinds.count(EventKind.VISIT_COMPLETED)) == (2, 2)
    assert come_for(desk, "hit-3", "another") != worker


def test_a_hit_that_was_returned_keeps_what_was_judged_and_it_counts_for_the_next(desk):
    study = desk.study(mturk=MTURK)
    desk.pairs(study, range(9))
    worker = come_for(desk, "returned")
    work(desk, study, worker)
    assert come_for(desk, "next") == worker
    assert visit(desk, worker).items_to_go == 1
    work(desk, study, worker)
    assert checked(desk, (code(desk, worker), "next"), ("", "returned")) == [COMPLETE, INCOMPLETE]
    desk.wait(minutes=1)
    come_for(desk, "returned")
    assert visit(desk, worker).items_to_go == 2, "it was counted for the other"


def test_where_nothing_is_left_for_another_hit_it_has_no_code(desk):
    study = desk.study(mturk=MTURK)
    desk.pairs(study, range(3))
    worker = come_for(desk, "hit-1")
    work(desk, study, worker, 2)
    code(desk, worker)
    desk.wait(minutes=1)
    come_for(desk, "hit-2")
    work(desk, study, worker)
    assert visit(desk, worker).completion is not None, "there was one, and it is done"
    desk.wait(minutes=1)
    come_for(desk, "hit-3")
    assert (visit(desk, worker).completion, visit(desk, worker).items_to_go) == (None, 2)


def test_the_hit_of_another_opens_nothing(desk):
    desk.study(mturk=MTURK)
    worker = come_for(desk, "hit-1")
    for other in ("zznew", "zzknown"):
        if other == "zzknown":
            come_for(desk, "hit-2", other)
        with pytest.raises(ConflictError, match="PL-ARR-003") as refused:
            come_for(desk, "hit-1", other)
        assert "zz" not in str(refused.value)
    assert come_for(desk, "hit-1") == worker
    assert len(list_people(desk.store)) == 2


def test_a_closed_study_takes_no_new_hit_and_lets_those_back_that_were_begun(desk):
    desk.study(mturk=MTURK)
    worker = come_for(desk, "hit-1")
    change_state(desk.collecting, "s", StudyState.CLOSED)
    assert come_for(desk, "hit-1") == worker
    for who in ("zzworker", "new"):
        with pytest.raises(ServiceError, match="PL-ARR-002"):
            come_for(desk, "hit-2", who)


def test_a_study_may_be_on_both_and_one_that_is_not_on_mturk_says_nothing(desk):
    both = desk.study(mturk=MTURK, prolific={**PROLIFIC, "items": 1})
    desk.pairs(both, range(4))
    one, other = arrive(desk, "same-name"), come_for(desk, "hit", "same-name")
    assert one.id != other.id
    for worker in (one, other):
        work(desk, both, worker)
    assert visit(desk, one).completion.url
    assert visit(desk, other).items_to_go == 1
    desk.study(name="t", prolific=PROLIFIC)
    for name in ("t", "nowhere"):
        with pytest.raises(NotFoundError, match="PL-COL-010"):
            come_for(desk, "hit", study=name)
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        check_codes(desk.store, find_study(desk.store, "t"), [])


def test_codes_are_told_from_each_other_however_they_are_typed(desk):
    study = desk.study(mturk=MTURK)
    desk.pairs(study, range(9))
    worker = come_for(desk, "hit-1")
    work(desk, study, worker, 2)
    right = code(desk, worker)
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", right)
    typed = right.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert checked(desk, (right,), (typed,), (right[:-1],), ("",)) == [COMPLETE, TWICE, UNKNOWN, UNKNOWN]
    assert checked(desk, (typed,), ("",), ("",)) == [COMPLETE, UNKNOWN, UNKNOWN]
    come_for(desk, "hit-2")
    found = checked(desk, (right, "hit-1"), (right, "hit-2"), ("x", "hit-1"), (right, "none"), ("", ""))
    assert found == [COMPLETE, INCOMPLETE, WRONG, UNKNOWN, UNKNOWN]


def test_a_code_is_made_under_the_studys_own_secret(desk):
    for name in ("s", "t"):
        study = desk.study(name=name, mturk={**MTURK, "items": 1})
        desk.pairs(study, range(1))
        work(desk, study, come_for(desk, "hit", study=name))
    codes = {
        read_standing(desk.collecting, come_for(desk, "hit", study=name), name).visit.completion.code
        for name in ("s", "t")
    }
    assert len(codes) == 2


def test_the_letters_of_a_code():
    assert completion_code("00" * 32) == "0000-0000-0000-0000"
    assert completion_code("ff" * 32) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"


def test_the_question_of_a_hit_leads_to_its_page_over_tls_alone(desk):
    settings = desk.study(mturk=MTURK).settings
    question = ElementTree.fromstring(hit_question(settings, "https://judge.example.org", 0))
    said = {each.tag.rpartition("}")[2]: each.text for each in question}
    assert said == {"ExternalURL": "https://judge.example.org/arrive/mturk/s", "FrameHeight": "0"}
    for address in (None, "http://judge.example.org"):
        with pytest.raises(ServiceError, match="PL-ARR-005"):
            hit_question(settings, address, 0)
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        hit_question(desk.study(name="t").settings, "https://judge.example.org", 0)


def test_a_file_of_results_is_looked_up_by_the_command(desk, tmp_path):
    text = toml(mturk=MTURK)
    study = desk.study_of(text)
    desk.pairs(study, range(4))
    worker = come_for(desk, "hit-1", "zzworker")
    work(desk, study, worker, 2)
    (tmp_path / "study.toml").write_text(text)
    results, lines = tmp_path / "r.csv", [("hit-1", code(desk, worker)), ("hit-1", "guessed"), ("\x1b[2Jhit-2", "")]
    with results.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("AssignmentId", "WorkerId", "Answer.code"), *((who, "w", told) for who, told in lines)]
        )
    place = desk.store.engine.url.render_as_string(hide_password=False)
    store = desk.store.engine.url.database if place.startswith("sqlite") else place.replace("+psycopg", "")
    found = CliRunner().invoke(app, ["collect", "codes", str(tmp_path), "--results", str(results), "--store", store])
    assert found.exit_code == 1, found.output
    assert [line[:11].strip() for line in found.output.splitlines()] == ["complete", "wrong code", "unknown"]
    assert "zz" not in found.output
    assert "\x1b" not in found.output
