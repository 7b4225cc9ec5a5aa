"""What becomes of webhooks, and of what was still to be told, in backups and restores."""

import json
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import insert, text

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.tables import deliveries, webhooks
from tests.collect.store.filled import address, contents
from tests.collect.store.made_up import START, make_desk, make_items

LATER = START + timedelta(hours=1)


@pytest.fixture
def desk(store):
    return make_desk(store, make_items(1), workers=1)


def hook(store, *, study=None, by=None, secret="whsec_zz"):
    values = {"study_id": study, "url": "https://receiver.example", "secret": secret, "events": ["study.paused"]}
    values |= {"created_by": by, "created_at": START}
    query = insert(webhooks).values(**values).returning(webhooks.c.id)
    return store.write(lambda connection: connection.execute(query).scalar_one())


def deliver(store, webhook, **values):
    values = {"attempts": 0, "next_at": START, "created_at": START, "payload": {}, "event": "study.paused"} | values
    query = insert(deliveries).values(webhook_id=webhook, **values).returning(deliveries.c.id)
    return store.write(lambda connection: connection.execute(query).scalar_one())


def left(store):
    return {row["id"]: row for row in contents(store)["deliveries"]}


def test_what_was_still_to_be_told_is_given_up_wherever_the_backup_goes(store, desk, tmp_path):
    webhook = hook(store)
    told = deliver(store, webhook, delivered_at=START, attempts=1, last_status=204)
    open_ = [deliver(store, webhook), deliver(store, webhook, claimed_until=LATER, attempts=3)]
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    # The store goes on: one of them is delivered, and another event comes.
    store.write(lambda connection: connection.execute(text("UPDATE deliveries SET delivered_at = 1 WHERE id = 2")))
    later = deliver(store, webhook)
    done = restore(backup, tmp_path / "new.db", replace=False, now=LATER)
    assert done.given_up == 2
    with closing(open_store(tmp_path / "new.db")) as made:
        copied = left(made)
        assert [row["secret"] for row in contents(made)["webhooks"]] == ["whsec_zz"]
    over = restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    assert over.given_up == 2
    for found in (copied, left(store)):
        assert {number: row["given_up_at"] is None for number, row in found.items()} == {
            told: True,
            **dict.fromkeys(open_, False),
        }
        assert {row["claimed_until"] for row in found.values()} == {None}
    # The number of what the backup does not know is not given again.
    assert deliver(store, webhook) > later
    assert check_store(store) == []


def test_webhooks_are_afterwards_those_of_before(store, desk, tmp_path):
    stays, removed = hook(store), hook(store, study=desk.study_id)
    backup = back_up(store, tmp_path / "backup.db", now=START).path
    study = create_study(store, "later", "pairs", "", "Read.", now=START)
    owner = add_person(store, now=START, role=Role.OWNER)
    since, of_study = hook(store, by=owner.id, secret="whsec_since"), hook(store, study=study.id)
    query = text("UPDATE webhooks SET revoked_at = 7 WHERE id = :id")
    store.write(lambda connection: connection.execute(query, {"id": removed}))
    restore(backup, address(store), replace=True, now=LATER, before=tmp_path / "before.db")
    found = {row["id"]: row for row in contents(store)["webhooks"]}
    assert {number: row["revoked_at"] is None for number, row in found.items()} == {
        stays: True,
        removed: False,
        since: True,
        of_study: False,
    }
    assert (found[since]["secret"], found[since]["created_by"]) == ("whsec_since", None)
    assert json.loads(found[stays]["events"]) == ["study.paused"]
    assert check_store(store) == []
