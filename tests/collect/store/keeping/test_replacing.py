"""Restoring over a store that is at work: what was done since is kept apart, and what must not come back stays away."""

import threading
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.events import log_event, read_events
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.keeping import replacing, restoring
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.erasing import erase_person, exports_with_work_of
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.participation import read_participation, record_consent
from plumbline.collect.store.people import (
    add_person,
    find_by_token,
    issue_token,
    revoke_tokens,
    set_blocked,
)
from plumbline.collect.store.rows import NewItem, NewJudgement, StudyState
from plumbline.collect.store.studies import add_guidelines, create_study, list_studies, newest_version, set_study_state
from tests.collect.store.filled import address, contents
from tests.collect.store.made_up import LEASE, START, make_desk, make_items, person_of

LATER = START + timedelta(days=1)


def _worked_on(store, folder):
    """A store, its backup, and what was judged, entered and added after it."""
    desk = make_desk(store, make_items(6, overlap=2), workers=3)
    desk.submit(desk.take(0))
    made = back_up(store, folder / "backup.db", now=desk.now)
    desk.submit(desk.take(1))
    desk.submit(desk.take(0))
    enter_items(store, desk.study_id, [NewItem("later", {})], now=desk.now)
    return desk, made.path


def test_what_was_judged_since_is_counted_kept_apart_and_gone(store, tmp_path):
    desk, backup = _worked_on(store, tmp_path)
    before = contents(store)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert {name: count for name, count in done.replaced.lost.items() if count} == {
        "judgements": 2, "items": 1, "assignments": 2, "events": 5,
    }  # fmt: skip
    assert done.before.path == tmp_path / "before.db"
    with closing(connect_copy(tmp_path / "before.db")) as kept, closing(connect_copy(backup)) as then:
        assert contents(kept) == before
        assert contents(store, but=["events"]) == contents(then, but=["events"])
    assert check_store(store) == []
    assert read_events(store)[-1].kind == "restored"
    assert read_events(store)[-1].payload["lost"]["judgements"] == 2
    # Nothing is open that was not, and no number comes back.
    with pytest.raises(StoreError, match="PL-COL-007"):
        store.write(lambda connection: connection.execute(text("DELETE FROM judgements")))
    known = {row["id"] for row in before["assignments"]}
    taken = desk.take(1)
    assert taken.assignment.id not in known
    receipt = desk.submit(taken)
    assert receipt.judgement_ids[0] not in {row["id"] for row in before["judgements"]}
    assert check_store(store) == []


def test_the_kept_backup_can_be_restored_in_turn(store, tmp_path):
    _, backup = _worked_on(store, tmp_path)
    before = contents(store, but=["events"])
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    again = restore(done.before.path, address(store), replace=True, now=LATER, before=tmp_path / "second.db")
    assert contents(store, but=["events"]) == before
    assert sum(again.replaced.lost.values()) == 1  # that it was restored
    assert check_store(store) == []


def test_by_default_the_kept_backup_stands_beside(store, tmp_path):
    _, backup = _worked_on(store, tmp_path)
    done = restore(backup, address(store), replace=True, now=LATER)
    beside = Path(store.engine.url.database).parent if store.is_sqlite else tmp_path
    assert done.before.path.parent == beside
    assert ".before-restore-20261122T090000.123456Z" in done.before.path.name


def test_a_faulty_store_can_be_replaced(store, tmp_path):
    """It is what one restores for."""
    _, backup = _worked_on(store, tmp_path)
    store.write(lambda connection: connection.execute(text("UPDATE tallies SET submitted = 9")))
    assert check_store(store) != []
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert check_store(store) == []


def test_what_a_faulty_store_held_can_be_brought_back(store, tmp_path):
    """Where it is asked for: what was judged in it would be out of reach else."""
    _, backup = _worked_on(store, tmp_path)
    store.write(lambda connection: connection.execute(text("UPDATE tallies SET submitted = 9")))
    with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*--with-faults"):
        back_up(store, tmp_path / "faulty.db", now=LATER)
    made = back_up(store, tmp_path / "faulty.db", now=LATER, with_faults=True)
    assert {fault.split(" ")[0] for fault in made.faults} == {"tally_wrong"}
    before = contents(store, but=["events"])
    kept = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db").before
    for path in (kept.path, made.path):
        for place, replace in ((address(store), True), (tmp_path / "new.db", False)):
            with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*--with-faults"):
                restore(path, place, replace=replace, now=LATER)
    done = restore(kept.path, address(store), replace=True, now=LATER, before=tmp_path / "2.db", with_faults=True)
    assert done.faults == made.faults
    assert contents(store, but=["events"]) == before
    assert restore(made.path, tmp_path / "new.db", replace=False, now=LATER, with_faults=True).faults == made.faults
    with closing(open_store(tmp_path / "new.db")) as new:
        assert contents(new, but=["events"]) == before


def test_what_is_replaced_is_kept_in_a_new_file_alone(store, tmp_path):
    """A file that stands there may be the only copy of what was judged once: the backup itself, or one kept before."""
    _, backup = _worked_on(store, tmp_path)
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    (tmp_path / "lost.db.manifest.json").write_text("{}")
    before, rows = {path: path.read_bytes() for path in tmp_path.glob("*.db")}, contents(store)
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere.db")
    for name in ("before.db", "backup.db", "lost.db", "link.db"):
        with pytest.raises(StoreError, match="PL-COL-055"):
            restore(backup, address(store), replace=True, now=LATER, before=tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.glob("*.db") if path.exists()} == before
    assert contents(store) == rows


def test_a_restore_that_is_tried_again_keeps_one_file(store, tmp_path, monkeypatch):
    """The database may end a transaction because of others'; what the first attempt kept is made anew."""
    _, backup = _worked_on(store, tmp_path)
    before, real, calls = contents(store), replacing._remove_all, []

    def ended_once(target):
        calls.append(target)
        if len(calls) == 1:
            original = type("Ended", (Exception,), {"sqlstate": "40P01"})()
            raise OperationalError("", {}, original)
        real(target)

    monkeypatch.setattr(replacing, "_remove_all", ended_once)
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert len(calls) == 2
    with closing(connect_copy(tmp_path / "before.db")) as kept:
        assert contents(kept) == before


def test_who_was_erased_blocked_or_lost_their_tokens_since_stays_so(store, tmp_path):
    desk = make_desk(store, make_items(4, overlap=3), workers=3)
    ends = LATER + timedelta(days=9)
    tokens = [issue_token(store, worker, now=START, expires_at=ends) for worker in desk.workers]
    for worker in range(3):
        desk.submit(desk.take(worker), judgements=(NewJudgement("p", "pair", {"comment": f"words of {worker}"}, 1),))
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    erase_person(store, person_of(store, desk.workers[0]).pseudonym, now=START)
    set_blocked(store, desk.workers[1], True, now=START)
    revoke_tokens(store, desk.workers[2], now=START)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert (done.replaced.erased_again, done.replaced.blocked_still, done.replaced.tokens_revoked_still) == (1, 1, 1)
    assert done.bytes_removed
    assert person_of(store, desk.workers[0]).erased_at == START
    assert person_of(store, desk.workers[1]).blocked_at is not None
    found = [find_by_token(store, token, now=LATER) for token in tokens]
    assert [person and person.id for person in found] == [None, desk.workers[1], None]
    payloads = [row["payload"] for row in contents(store)["judgements"]]
    assert sorted(payloads) == ['{"comment":"words of 1"}', '{"comment":"words of 2"}', '{"comment":null}']
    assert check_store(store) == []
    if store.is_sqlite:
        place = Path(store.engine.url.database)
        held = b"".join(path.read_bytes() for path in place.parent.glob("store.db*") if "before" not in path.name)
        assert b"words of 1" in held
        assert b"words of 0" not in held


def test_no_study_is_reopened_by_restoring(store, tmp_path):
    """A study each, by (state then, state now, state afterwards)."""
    states = [
        ("open", "closed", "closed"),
        ("open", "paused", "paused"),
        ("paused", "closed", "closed"),
        ("closed", "open", "closed"),
        ("paused", "open", "paused"),
    ]
    studies = [create_study(store, f"s{n}", "pairs", "", "Read.", now=START).id for n in range(len(states))]
    for study, (then, _, _) in zip(studies, states, strict=True):
        set_study_state(store, study, StudyState(then), now=START)
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    for study, (_, now, _) in zip(studies, states, strict=True):
        set_study_state(store, study, StudyState(now), now=START)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    found = {study.id: study.state.value for study in list_studies(store)}
    assert [found[study] for study in studies] == [stays for _, _, stays in states]
    assert done.replaced.studies_still == sum(now == stays for _, now, stays in states)


def test_who_was_unblocked_since_stays_unblocked(store, tmp_path):
    desk = make_desk(store, make_items(1), workers=2)
    for worker in desk.workers:
        set_blocked(store, worker, True, now=START)
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    set_blocked(store, desk.workers[0], False, now=START)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db").replaced
    assert [person_of(store, worker).blocked_at is None for worker in desk.workers] == [True, False]
    assert (done.blocked_still, done.unblocked_still) == (0, 1)


def test_versions_of_guidelines_and_exports_since_are_kept(store, tmp_path):
    desk = make_desk(store, make_items(2), workers=2)
    desk.submit(desk.take(0))
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    add_guidelines(store, desk.study_id, "The second version.", now=START)
    told = {"form": "events", "as_of": START.isoformat(), "files": [], "manifest_sha256": "0" * 64}
    log_event(store, "exported", now=START, study_id=desk.study_id, payload=told)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert (done.replaced.guidelines_kept, done.replaced.exports_kept) == (1, 1)
    assert newest_version(store, desk.study_id) == 2
    # Whose work was in it is not known any more: it counts for everybody.
    ((name, event),) = exports_with_work_of(store, desk.workers[1])
    assert (name, event.payload["before_restore"]) == ("pairs", True)


def test_it_stays_so_when_one_backup_after_another_is_restored(store, tmp_path):
    """The first backup knows nothing of these people; the second does, and must not bring them back."""
    desk = make_desk(store, make_items(5, overlap=3), workers=1)
    first = back_up(store, tmp_path / "first.db", now=START).path
    ends, tokens = LATER + timedelta(days=9), []
    for _ in range(4):
        desk.workers.append(add_person(store, now=START).id)
        tokens.append(issue_token(store, desk.workers[-1], now=START, expires_at=ends))
    words = NewJudgement("p", "pair", {"comment": "words of theirs"}, 1)
    desk.submit(desk.take(1), judgements=(words,))
    second = back_up(store, tmp_path / "second.db", now=START).path
    erase_person(store, person_of(store, desk.workers[1]).pseudonym, now=START)
    set_blocked(store, desk.workers[2], True, now=START)
    revoke_tokens(store, desk.workers[3], now=START)
    done = restore(first, address(store), replace=True, now=LATER, before=tmp_path / "before-1.db").replaced
    assert (done.people_kept, done.tokens_revoked_still, done.lost["people"]) == (3, 1, 1)
    assert check_store(store) == []
    done = restore(second, address(store), replace=True, now=LATER, before=tmp_path / "before-2.db").replaced
    assert (done.people_kept, done.erased_again, done.blocked_still, done.tokens_revoked_still) == (0, 1, 1, 1)
    assert [row["payload"] for row in contents(store)["judgements"]] == ['{"comment":null}']
    found = [find_by_token(store, token, now=LATER) for token in tokens]
    assert [person and person.blocked_at is not None for person in found] == [None, True, None, False]
    assert check_store(store) == []


def test_an_export_is_known_once_however_often_backups_are_restored(store, tmp_path):
    desk = make_desk(store, make_items(2), workers=2)
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    desk.submit(desk.take(0))
    told = {"form": "events", "as_of": (START + timedelta(1)).isoformat(), "files": [], "manifest_sha256": "0" * 64}
    log_event(store, "exported", now=START, study_id=desk.study_id, payload=told)
    kept = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "1.db").before
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "2.db")
    assert [name for name, _ in exports_with_work_of(store, desk.workers[1])] == ["pairs"]
    restore(kept.path, address(store), replace=True, now=LATER, before=tmp_path / "3.db")
    # The work is there again, so it is known whose it was.
    assert [len(exports_with_work_of(store, worker)) for worker in desk.workers] == [1, 0]


def test_whatever_is_written_meanwhile_stands_after_the_restore(store, tmp_path, monkeypatch):
    """What a writer was told is done must not vanish: it waits, and is done to what was restored."""
    desk = make_desk(store, make_items(3), workers=3)
    token = issue_token(store, desk.workers[0], now=START, expires_at=LATER + timedelta(days=9))
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    writer = open_store(address(store))
    acts = {
        "revoke": lambda: revoke_tokens(writer, desk.workers[0], now=LATER),
        "block": lambda: set_blocked(writer, desk.workers[1], True, now=LATER),
        "guidelines": lambda: add_guidelines(writer, desk.study_id, "Other rules.", now=LATER).version,
        "state": lambda: set_study_state(writer, desk.study_id, StudyState.CLOSED, now=LATER),
        "log": lambda: log_event(writer, "draw_failed", now=LATER, study_id=desk.study_id),
        "consent": lambda: writer.write(
            partial(record_consent, study_id=desk.study_id, worker_id=desk.workers[2], now=LATER)
        ),
    }
    done, threads = [], []
    real = replacing._remove_all

    def late_comers(target):
        for name, act in acts.items():
            threads.append(threading.Thread(target=lambda name=name, act=act: (act(), done.append(name))))
            threads[-1].start()
        threads[-1].join(0.5)
        assert done == []
        real(target)

    monkeypatch.setattr(replacing, "_remove_all", late_comers)
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    for thread in threads:
        thread.join()
    writer.close()
    assert set(done) == set(acts)
    assert find_by_token(store, token, now=LATER) is None
    assert person_of(store, desk.workers[1]).blocked_at == LATER
    assert newest_version(store, desk.study_id) == 2
    assert list_studies(store)[0].state is StudyState.CLOSED
    assert read_participation(store, desk.study_id, desk.workers[2]).consented_at == LATER
    kinds = [event.kind for event in read_events(store)]
    assert [kinds.count(kind) for kind in ("token_revoked", "draw_failed", "study_state", "consented")] == [1] * 4
    assert check_store(store) == []


def test_nobody_writes_between_the_kept_backup_and_the_restore(store, tmp_path, monkeypatch):
    """A judgement is either in the kept backup and told as lost, or made after the restore."""
    desk, backup = _worked_on(store, tmp_path)
    writer, came = open_store(address(store)), []

    def late_comer():
        person = add_person(writer, now=LATER)
        taken = take(writer, desk.study_id, person.id, LeaseTerms(LATER + LEASE), now=LATER)
        came.append(taken.assignment.id)

    thread = threading.Thread(target=late_comer)
    real = restoring.keep_aside

    def slow(*args, **values):
        made = real(*args, **values)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        return made

    monkeypatch.setattr(restoring, "keep_aside", slow)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    thread.join()
    writer.close()
    assert done.before.rows["people"] == 3
    assert len(came) == 1
    assert check_store(store) == []


def test_a_restore_that_breaks_off_changes_nothing(store, tmp_path, monkeypatch):
    _, backup = _worked_on(store, tmp_path)
    before = contents(store)

    def broken(*_):
        raise RuntimeError("the machine stopped here")

    monkeypatch.setattr(replacing, "_carry_over", broken)
    with pytest.raises(RuntimeError):
        restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert contents(store) == before
    assert check_store(store) == []
