"""Everybody whom the store knows, and invitations."""

from datetime import timedelta

from plumbline.collect.store.identity.accounts import NewAccount
from plumbline.collect.store.identity.invitations import accept_invitation
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.rows import Role
from tests.collect.pages.browsing import HOSTILE
from tests.collect.pages.parsing import elements, texts


def test_people_are_invited_by_who_reaches_them(browsing):
    def roles(session):
        found = browsing.page("/people", session)
        return [role for role in ("worker", "reviewer", "manager", "owner") if f"<option>{role}</option>" in found]

    assert roles(browsing.somebody(Role.MANAGER)) == ["worker", "reviewer"]
    assert roles(browsing.somebody(Role.OWNER)) == ["worker", "reviewer", "manager", "owner"]


def test_open_invitations_are_listed_until_they_are_revoked(browsing):
    session = browsing.somebody()
    asked = {"role": "worker", "study": "s", "note": f" {HOSTILE} "}
    made = browsing("POST", "/api/v1/invitations", session, json=asked).json()
    found = browsing.page("/people", session)
    assert "<script>alert(1)</script>" in " ".join(texts(found))
    assert elements(found).count("img") == 1  # the brand's
    assert f'data-revoke="{made["id"]}"' in found
    assert made["code"] not in found
    browsing("DELETE", f"/api/v1/invitations/{made['id']}", session)
    assert "data-revoke" not in browsing.page("/people", session)


def test_the_note_of_an_invitation_stands_beside_who_came_by_it(browsing):
    session, store = browsing.somebody(), browsing.world.store
    asked = {"role": "worker", "study": "s", "note": "for Zelda", "uses": 2}
    code = browsing("POST", "/api/v1/invitations", session, json=asked).json()["code"]
    ends = browsing.world.now + timedelta(days=1)
    came = [
        accept_invitation(
            store, code, lambda _, name=name: NewAccount(name, name, "hash"), now=browsing.world.now, session_ends=ends
        )[0]
        for name in ("ada", "bob")
    ]
    assert browsing.page("/people", session).count("for Zelda") == 2
    erase_person(store, came[0].pseudonym, now=browsing.world.now)
    assert "for Zelda" not in browsing.page("/people", session)
