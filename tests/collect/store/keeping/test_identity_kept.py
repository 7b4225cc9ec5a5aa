"""What becomes of accounts, invitations, arrivals, wishes and moods in backups, restores and erasures."""

import json
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, text, update

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.identity.accounts import (
    NewAccount,
    account_of,
    find_account,
    set_password,
    take_account_in,
)
from plumbline.collect.store.identity.attempts import begin_attempt, keys_of_login
from plumbline.collect.store.identity.invitations import (
    NewInvitation,
    accept_invitation,
    add_invitation,
    find_invitation,
    read_invitation,
    revoke_invitation,
)
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.people import add_person, end_session, find_by_token, set_blocked
from plumbline.collect.store.rows import Role, TokenUse
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.tables import arrivals, invitations, moods, outside_identities, preferences
from tests.collect.store.filled import address, contents
from tests.collect.store.made_up import START, make_desk, make_items, person_of

LATER = START + timedelta(hours=1)
ENDS = START + timedelta(days=30)
OF_IDENTITY = ("accounts", "arrivals", "outside_identities", "preferences", "moods")
KEYS = keys_of_login("zzname", "192.0.2.1")


def invitation(store, *, uses=3, role=Role.WORKER, study=None, person=None):
    return add_invitation(store, NewInvitation(role, study, person, None, ENDS, uses), now=START)


def come(store, code, name):
    account = NewAccount(name, name.casefold(), f"hash of {name}")
    return accept_invitation(store, code, lambda _: account, now=START, session_ends=START + timedelta(hours=12))


def wish(store, person_id, study_id, topics):
    values = {"person_id": person_id, "study_id": study_id, "payload": {"opted_out": topics}, "updated_at": START}
    store.write(lambda connection: connection.execute(insert(preferences), values))


def feel(store, person_id, study_id, payload):
    values = {"person_id": person_id, "study_id": study_id, "payload": payload, "finished": 1, "created_at": START}
    store.write(lambda connection: connection.execute(insert(moods), values))


def arrive(store, person_id, study_id, external="zzexternal"):
    values = {"provider": "prolific", "external_id": external, "study_id": study_id, "person_id": person_id}
    values |= {"visit": "zzvisit", "created_at": START}
    store.write(lambda connection: connection.execute(insert(arrivals), values))


def outside(store, person_id, subject="zzsubject", issuer="https://login.example"):
    values = {"issuer": issuer, "subject": subject, "person_id": person_id, "created_at": START}
    store.write(lambda connection: connection.execute(insert(outside_identities), values))


def note(store, number, words):
    query = update(invitations).where(invitations.c.id == number).values(note=words)
    store.write(lambda connection: connection.execute(query))


@pytest.fixture
def desk(store):
    return make_desk(store, make_items(3), workers=2)


def taken_back(store, backup, folder, name="before.db"):
    return restore(backup, address(store), replace=True, now=LATER, before=folder / name).replaced


# --- backups ---


def test_a_backup_has_all_of_it_but_failed_logins(store, desk, tmp_path):
    person, _ = come(store, invitation(store)[1], "zzname")
    wish(store, person.id, desk.study_id, ["zztopic"])
    arrive(store, person.id, desk.study_id)
    feel(store, person.id, desk.study_id, {"feelings": {"calm": 1}})
    outside(store, person.id)
    begin_attempt(store, KEYS, now=START)
    made = back_up(store, tmp_path / "backup.db", now=START)
    assert {made.rows[name] for name in (*OF_IDENTITY, "invitations")} == {1}
    assert "login_attempts" not in made.rows
    with closing(connect_copy(made.path)) as copy:
        assert contents(copy) == contents(store)
        query = "SELECT COUNT(*) FROM login_attempts"
        assert copy.read(lambda connection: connection.exec_driver_sql(query).scalar_one()) == 0
    assert KEYS[0].encode() not in made.path.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if "journal" in path.name] == []


def test_failures_are_still_counted_after_a_restore(store, desk, tmp_path):
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    for _ in range(5):
        begin_attempt(store, KEYS, now=LATER)
    taken_back(store, backup, tmp_path)
    assert begin_attempt(store, KEYS, now=LATER) == timedelta(seconds=1)


# --- restores ---


def test_a_password_that_was_changed_since_opens_nothing_again(store, desk, tmp_path):
    person, session = come(store, invitation(store)[1], "zzname")
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    set_password(store, account_of(store, person.id), "another hash", now=LATER)
    taken_back(store, backup, tmp_path)
    assert account_of(store, person.id).password_hash == "another hash"
    assert find_by_token(store, session, now=LATER, use=TokenUse.SESSION) is None
    assert check_store(store) == []


def test_who_had_given_their_password_up_has_none_again(store, desk, tmp_path):
    person, _ = come(store, invitation(store)[1], "zzname")
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    assert store.write(lambda connection: take_account_in(connection, person.id)) == "zzname"
    taken_back(store, backup, tmp_path)
    assert account_of(store, person.id) is None


def test_a_session_that_was_ended_since_stays_so(store, desk, tmp_path):
    person, session = come(store, invitation(store)[1], "zzname")
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    end_session(store, session, now=START)
    assert taken_back(store, backup, tmp_path).tokens_revoked_still == 1
    assert find_by_token(store, session, now=LATER, use=TokenUse.SESSION) is None
    assert account_of(store, person.id) is not None


def test_invitations_are_never_good_for_more_than_before(store, desk, tmp_path):
    open_, revoked, used, since = (invitation(store, uses=2) for _ in range(4))
    first = back_up(store, tmp_path / "first.db", now=START).path
    revoke_invitation(store, revoked[0].id, by=None, now=START)
    for number in range(2):
        come(store, used[1], f"zzname {number}")
    come(store, open_[1], "zzother")
    last, _code = invitation(store, uses=7)
    second = back_up(store, tmp_path / "second.db", now=START).path
    come(store, _code, "zzlast")
    for number, backup in enumerate((first, second)):
        taken_back(store, backup, tmp_path, f"before-{number}.db")
        left = {row[0].id: read_invitation(store, row[0].id) for row in (open_, revoked, used, since)}
        assert [left[row[0].id].uses_left for row in (open_, revoked, used, since)] == [1, 2, 0, 2]
        assert left[revoked[0].id].revoked_at == START
        assert [find_invitation(store, row[1], now=LATER) is not None for row in (open_, revoked, used, since)] == [
            *(True, False, False, True),
        ]
        # One made since the first backup is void from then on, also where a later one knows it.
        assert find_invitation(store, _code, now=LATER) is None
        assert read_invitation(store, last.id).uses_left == 0
        assert check_store(store) == []


def test_who_was_erased_since_has_no_account_again(store, desk, tmp_path):
    person, session = come(store, invitation(store)[1], "zzname")
    arrive(store, person.id, desk.study_id)
    wish(store, person.id, desk.study_id, ["zztopic"])
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    erase_person(store, person.pseudonym, now=START)
    assert taken_back(store, backup, tmp_path).erased_again == 1
    assert account_of(store, person.id) is None
    assert find_by_token(store, session, now=LATER, use=TokenUse.SESSION) is None
    held = repr(contents(store, but=["events"]))
    for word in ("zzname", "zzexternal", "zzvisit", "zztopic"):
        assert word not in held


def test_topics_that_somebody_opted_out_of_since_stay_so(store, desk, tmp_path):
    one, two = desk.workers
    wish(store, one, desk.study_id, [])
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    store.write(lambda connection: connection.execute(text('UPDATE preferences SET payload = \'{"opted_out":["a"]}\'')))
    wish(store, two, desk.study_id, ["b"])
    taken_back(store, backup, tmp_path)
    found = {row["person_id"]: json.loads(row["payload"])["opted_out"] for row in contents(store)["preferences"]}
    assert found == {one: ["a"], two: ["b"]}


def test_who_was_blocked_since_does_not_arrive_as_somebody_new(store, desk, tmp_path):
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    person = add_person(store, now=START, only_study_id=desk.study_id)
    arrive(store, person.id, desk.study_id)
    set_blocked(store, person.id, True, now=START)
    assert taken_back(store, backup, tmp_path).people_kept == 1
    (row,) = contents(store)["arrivals"]
    assert (row["person_id"], row["external_id"]) == (person.id, "zzexternal")
    assert person_of(store, person.id).only_study_id == desk.study_id


def test_whose_only_study_is_gone_is_not_of_all_studies(store, desk, tmp_path):
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    study = create_study(store, "later", "pairs", "", "Read.", now=START)
    person, session = come(store, invitation(store, study=study.id)[1], "zzname")
    end_session(store, session, now=START)
    taken_back(store, backup, tmp_path)
    kept = person_of(store, person.id)
    assert kept.only_study_id is None
    assert kept.blocked_at is not None
    assert check_store(store) == []


def test_a_name_that_somebody_else_took_since_is_theirs(store, desk, tmp_path):
    """The backup knows somebody by the name who is not in the store any more, since an earlier one was restored."""
    early = back_up(store, tmp_path / "early.db", now=START).path
    old, _ = come(store, invitation(store)[1], "zzname")
    late = back_up(store, tmp_path / "late.db", now=START).path
    taken_back(store, early, tmp_path, "1.db")
    new = desk.workers[0]
    come(store, invitation(store, person=new, uses=1)[1], "zzname")
    taken_back(store, late, tmp_path, "2.db")
    assert find_account(store, "zzname")[1].id == new
    assert person_of(store, old.id).erased_at is None
    assert account_of(store, old.id) is None


def test_logins_elsewhere_are_afterwards_those_of_before(store, desk, tmp_path):
    one, two = desk.workers
    outside(store, one, "zz taken away since")
    outside(store, one, "zz moved to another since")
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    store.write(lambda connection: connection.execute(delete(outside_identities)))
    outside(store, two, "zz moved to another since")
    outside(store, two, "zz added since")
    outside(store, add_person(store, now=START).id, "zz of somebody whom the backup does not know")
    taken_back(store, backup, tmp_path)
    found = {(row["subject"], row["person_id"]) for row in contents(store)["outside_identities"]}
    assert found == {("zz moved to another since", two), ("zz added since", two)}


def test_the_note_of_an_invitation_that_the_backup_does_not_know_goes(store, desk, tmp_path):
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    note(store, invitation(store)[0].id, "zznote")
    taken_back(store, backup, tmp_path)
    assert [row["note"] for row in contents(store)["invitations"]] == [None]


def test_a_note_is_short(store, desk):
    number = invitation(store)[0].id
    note(store, number, "\U0001f600" * 200)
    with pytest.raises(StoreError, match="PL-COL-007"):
        note(store, number, "x" * 201)


# --- erasing ---


@pytest.mark.parametrize("table", [*OF_IDENTITY, "tokens"])
def test_the_checker_finds_what_erasing_should_have_taken(store, desk, table):
    person, _ = come(store, invitation(store)[1], "zzname")
    arrive(store, person.id, desk.study_id)
    wish(store, person.id, desk.study_id, [])
    feel(store, person.id, desk.study_id, {"declined": True})
    outside(store, person.id)
    assert check_store(store) == []

    def erase_all_but(connection):
        for name in {*OF_IDENTITY, "tokens"} - {table}:
            connection.execute(text(f"DELETE FROM {name}"))
        connection.execute(text("UPDATE people SET erased_at = 1 WHERE id = :id"), {"id": person.id})

    store.write(erase_all_but)
    assert [(fault.kind, fault.place) for fault in check_store(store)] == [("erased_kept", f"person {person.id}")]


def test_erasing_takes_identity_and_how_somebody_felt(store, desk, tmp_path):
    came_by, code = invitation(store)
    person, session = come(store, code, "zzname")
    outside(store, person.id)
    note(store, came_by.id, "zznote of whom it was for")
    arrive(store, person.id, desk.study_id)
    wish(store, person.id, desk.study_id, ["zztopic"])
    feel(store, person.id, desk.study_id, {"feelings": {"calm": 3, "tired": 0}, "words": "zzwords"})
    feel(store, person.id, desk.study_id, {"declined": True})
    other_by, code = invitation(store)
    other, _ = come(store, code, "zyname")
    feel(store, other.id, desk.study_id, {"feelings": {"calm": 4}, "words": "zywords"})
    begin_attempt(store, KEYS, now=START)
    made = invitation(store, person=person.id, uses=1)
    note(store, made[0].id, "zzagain")
    note(store, other_by.id, "zynote")
    _, counts = erase_person(store, person.pseudonym, now=LATER)
    assert (counts.identity, counts.tokens) == (6, 1)
    held = repr(contents(store))
    for word in ("zzname", "zzexternal", "zzvisit", "zztopic", "zzwords", "zzsubject", "zznote", "zzagain"):
        assert word not in held, word
    for word in ("zyname", "zywords", "zynote"):
        assert word in held
    assert [row["person_id"] for row in contents(store)["moods"]] == [other.id]
    assert find_by_token(store, session, now=LATER, use=TokenUse.SESSION) is None
    assert find_invitation(store, made[1], now=LATER) is None
    query = text("SELECT key FROM login_attempts")
    assert store.read(lambda connection: connection.execute(query).scalars().all()) == [KEYS[2]]
    assert check_store(store) == []
