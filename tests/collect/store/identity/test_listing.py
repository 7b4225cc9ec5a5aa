"""What the page of people lists: names, and invitations that are still good."""

from datetime import timedelta

from plumbline.collect.store.identity.accounts import NewAccount, account_names, put_account_in
from plumbline.collect.store.identity.invitations import (
    NewInvitation,
    accept_invitation,
    add_invitation,
    list_open_invitations,
    revoke_invitation,
)
from plumbline.collect.store.people import add_person
from plumbline.collect.store.rows import Role
from tests.collect.store.made_up import START


def invited(store, *, days=7, uses=1):
    ends = START + timedelta(days=days)
    return add_invitation(store, NewInvitation(Role.WORKER, None, None, None, ends, uses), now=START)


def test_names_are_those_of_the_people_asked_for(store):
    people = [add_person(store, now=START) for _ in range(3)]
    for number, person in enumerate(people[:2]):
        account = NewAccount(f"Name {number}", f"name {number}", "hash")
        store.write(
            lambda connection, person=person, account=account: put_account_in(connection, person.id, account, START)
        )
    assert account_names(store, [people[0].id, people[2].id]) == {people[0].id: "Name 0"}
    assert account_names(store, []) == {}


def test_invitations_are_listed_as_long_as_they_let_somebody_in(store):
    (open_one, _), (ended, _), (revoked, _), (_, code) = (
        *(invited(store), invited(store, days=1), invited(store), invited(store)),
    )
    newest, _ = invited(store, uses=3)
    revoke_invitation(store, revoked.id, by=None, now=START)
    ends = START + timedelta(days=1)
    accept_invitation(store, code, lambda _: NewAccount("n", "n", "hash"), now=START, session_ends=ends)
    listed = list_open_invitations(store, now=START + timedelta(days=2))
    assert [each.invitation.id for each in listed] == [newest.id, open_one.id]
    assert [each.invitation.id for each in list_open_invitations(store, now=START)] == [
        newest.id,
        ended.id,
        open_one.id,
    ]
