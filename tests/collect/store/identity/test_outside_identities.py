"""Who somebody is elsewhere: one person for each identity, whatever happens at once; erased with them, never told."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import ConflictError, NotAllowedError
from plumbline.collect.store.identity.accounts import NewAccount, put_account_in
from plumbline.collect.store.identity.begun_logins import MOST_WAIT, begin_login, take_login
from plumbline.collect.store.identity.outside_identities import (
    OutsideIdentity,
    add_worker_outside,
    connect_outside,
    disconnect_outside,
    find_outside,
    has_outside,
    has_owner_outside,
)
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import add_person, end_session, issue_session, list_people, set_blocked
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.tables import outside_identities
from tests.collect.store.made_up import START

HERE = "https://id.example.org"
ADA = OutsideIdentity(HERE, "zz-ada-0815")
GRACE = OutsideIdentity(HERE, "zz-grace")


def owners(store, issuer=HERE):
    query = select(outside_identities.c.subject, outside_identities.c.person_id).order_by(outside_identities.c.subject)
    return {row.subject: row.person_id for row in store.rows(query.where(outside_identities.c.issuer == issuer))}


def together(count, call):
    gate, found = threading.Barrier(count), []

    def work():
        gate.wait()
        try:
            found.append(call())
        except ConflictError as error:
            found.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def test_an_identity_is_one_persons_and_a_person_has_one_of_an_issuer(store):
    ada, grace = add_person(store, Role.OWNER, now=START), add_person(store, now=START)
    assert find_outside(store, ADA) is None
    connect_outside(store, ada.id, ADA, now=START)
    connect_outside(store, ada.id, ADA, now=START)
    assert find_outside(store, ADA) == ada
    with pytest.raises(ConflictError) as caught:
        connect_outside(store, grace.id, ADA, now=START)
    assert (caught.value.code, ADA.subject in str(caught.value)) == ("PL-COL-037", False)
    # Of another issuer the same subject is somebody else.
    connect_outside(store, grace.id, OutsideIdentity("https://other.example", ADA.subject), now=START)
    assert not has_outside(store, grace.id, HERE)
    connect_outside(store, ada.id, GRACE, now=START)
    assert owners(store) == {GRACE.subject: ada.id}
    assert has_owner_outside(store, HERE)
    assert not has_owner_outside(store, "https://other.example")
    set_blocked(store, ada.id, True, now=START)
    assert not has_owner_outside(store, HERE)
    assert ADA.subject not in repr(read_events(store)) + repr(ADA)
    assert check_store(store) == []


def test_the_last_way_in_stays(store):
    ada = add_person(store, now=START)
    assert disconnect_outside(store, ada.id, HERE, now=START) is False
    connect_outside(store, ada.id, ADA, now=START)
    assert disconnect_outside(store, ada.id, HERE, now=START) is None
    assert owners(store) == {ADA.subject: ada.id}
    account = NewAccount("Ada", "ada", "hash")
    store.write(lambda connection: put_account_in(connection, ada.id, account, START))
    assert disconnect_outside(store, ada.id, HERE, now=START) is True
    assert owners(store) == {}


def test_who_comes_several_times_at_once_is_one_person(store):
    study = create_study(store, "s", "pairs", "", "Read.", now=START).id
    found = together(6, lambda: add_worker_outside(store, study, ADA, now=START).id)
    assert len(set(found)) == len(list_people(store)) == 1
    assert owners(store) == {ADA.subject: found[0]}
    assert list_people(store)[0].only_study_id == study


def test_of_several_who_connect_the_same_one_does(store):
    everybody = iter([add_person(store, now=START).id for _ in range(4)])
    lock = threading.Lock()

    def connect():
        with lock:
            person = next(everybody)
        return connect_outside(store, person, ADA, now=START)

    assert sorted(map(str, together(4, connect))) == [*["PL-COL-037"] * 3, "True"]


def test_erasing_takes_it(store):
    ada = add_person(store, now=START)
    connect_outside(store, ada.id, ADA, now=START)
    erase_person(store, ada.pseudonym, now=START)
    assert find_outside(store, ADA) is None
    assert owners(store) == {}
    spoiled = insert(outside_identities).values(issuer=HERE, subject="x", person_id=ada.id, created_at=START)
    store.write(lambda connection: connection.execute(spoiled))
    assert [fault.kind for fault in check_store(store)] == ["erased_kept"]


def test_nothing_is_connected_where_the_session_ended_or_the_person_is_blocked_meanwhile(store):
    """While the issuer is asked, minutes may go by."""
    ada, grace = add_person(store, now=START), add_person(store, now=START)
    later = START + timedelta(hours=1)
    tokens = [issue_session(store, who.id, now=START, expires_at=later) for who in (ada, grace)]
    assert not connect_outside(store, ada.id, ADA, now=START, session=tokens[1])
    end_session(store, tokens[0], now=START)
    assert not connect_outside(store, ada.id, ADA, now=START, session=tokens[0])
    set_blocked(store, grace.id, True, now=START)
    with pytest.raises(NotAllowedError, match="PL-COL-031"):
        connect_outside(store, grace.id, GRACE, now=START, session=tokens[1])
    assert owners(store) == {}


def test_what_was_begun_is_taken_once_and_for_a_while(store):
    begin_login(store, "one", now=START)
    begin_login(store, "two", now=START)
    assert not take_login(store, "three", now=START)
    assert sorted(together(4, lambda: take_login(store, "one", now=START + MOST_WAIT))) == [False, False, False, True]
    later = START + MOST_WAIT + timedelta(seconds=1)
    assert not take_login(store, "two", now=later)
    for number in range(100):
        begin_login(store, f"later {number}", now=later)
    kept = store.rows(text("SELECT key FROM login_attempts"))
    assert len(kept) == 100, "one in so many removes the old"
    assert not {"one", "two", "later 0"} & {row.key for row in kept}
