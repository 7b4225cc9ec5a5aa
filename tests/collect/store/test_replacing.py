"""Restoring over a store that is at work: what was done since is kept apart, and what must not come back stays away."""

import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from plumbline.collect.store import replacing, restoring
from plumbline.collect.store.assignment import LeaseTerms, take
from plumbline.collect.store.backup import back_up
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.erasing import erase_person, exports_with_work_of
from plumbline.collect.store.events import log_event, read_events
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import (
    add_person,
    find_by_token,
    issue_token,
    read_person,
    revoke_tokens,
    set_blocked,
)
from plumbline.collect.store.restoring import restore
from plumbline.collect.store.rows import NewItem, NewJudgement
from plumbline.collect.store.studies import add_guidelines, newest_version
from tests.collect.store.filled import address, contents
from tests.collect.store.made_up import LEASE, START, make_desk, make_items

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


def test_who_was_erased_blocked_or_lost_their_tokens_since_stays_so(store, tmp_path):
    desk = make_desk(store, make_items(4, overlap=3), workers=3)
    ends = LATER + timedelta(days=9)
    tokens = [issue_token(store, worker, now=START, expires_at=ends) for worker in desk.workers]
    for worker in range(3):
        desk.submit(desk.take(worker), judgements=(NewJudgement("p", "pair", {"comment": f"words of {worker}"}, 1),))
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    erase_person(store, read_person(store, desk.workers[0]).pseudonym, now=START)
    set_blocked(store, desk.workers[1], True, now=START)
    revoke_tokens(store, desk.workers[2], now=START)
    done = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert (done.replaced.erased_again, done.replaced.blocked_still, done.replaced.tokens_revoked_still) == (1, 1, 1)
    assert done.bytes_removed
    assert read_person(store, desk.workers[0]).erased_at == START
    assert read_person(store, desk.workers[1]).blocked_at is not None
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


def test_nobody_writes_between_the_kept_backup_and_the_restore(store, tmp_path, monkeypatch):
    """A judgement is either in the kept backup and told as lost, or made after the restore."""
    desk, backup = _worked_on(store, tmp_path)
    writer, came = open_store(address(store)), []

    def late_comer():
        person = add_person(writer, now=LATER)
        taken = take(writer, desk.study_id, person.id, LeaseTerms(LATER + LEASE), now=LATER)
        came.append(taken.assignment.id)

    thread = threading.Thread(target=late_comer)
    real = restoring.write_backup

    def slow(*args, **values):
        made = real(*args, **values)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        return made

    monkeypatch.setattr(restoring, "write_backup", slow)
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
