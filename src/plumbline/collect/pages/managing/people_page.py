"""Everybody whom the store knows, for managers of the whole store. Names are told here and nowhere else."""

from __future__ import annotations

from plumbline.collect.pages.contexts.frame import HOME, Crumb
from plumbline.collect.pages.contexts.people import InvitationRow, PeoplePage, PersonRow
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.service.people import RANKS
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.identity.accounts import account_names
from plumbline.collect.store.identity.invitations import (
    ListedInvitation,
    list_open_invitations,
    notes_of_people,
)
from plumbline.collect.store.overview import PersonCount, list_person_counts
from plumbline.collect.store.rows import Person, Role
from plumbline.collect.store.studies import list_studies

PAGE = 200
MOST_INVITATIONS = 100


def people_page(visit: Visit, begin: int) -> PeoplePage:
    """A part of everybody.

    Args:
        begin: how many stand before it. Who comes new stands at the end, so nobody moves between two parts.
    Raises:
        NotFoundError: PL-COL-010, who looks is of one study alone.
    """
    if visit.worker.only_study_id is not None:
        raise not_found("page", "of people, for you")
    store, now = visit.collecting.store, visit.collecting.clock()
    studies = {row.id: row.name for row in list_studies(store)}
    everybody = list_person_counts(store)
    shown = everybody[begin : begin + PAGE]
    ids = [each.person.id for each in shown]
    names, notes = account_names(store, ids), notes_of_people(store, ids)
    invitations = list_open_invitations(store, now=now, limit=MOST_INVITATIONS + 1)
    return PeoplePage(
        frame=visit.frame("People", crumbs=(HOME, Crumb("People")), script="manage/people.js"),
        people=tuple(_row(visit.worker, each, (names, notes), studies) for each in shown),
        count=len(everybody),
        invitations=tuple(_invitation(visit.worker, each, studies) for each in invitations[:MOST_INVITATIONS]),
        roles=tuple(role.value for role in RANKS if _reaches(visit.worker, role)),
        studies=tuple(studies.values()),
        more=f"/people?begin={begin + PAGE}" if begin + PAGE < len(everybody) else None,
        more_invitations=len(invitations) > MOST_INVITATIONS,
    )


def _row(
    looks: Person, each: PersonCount, known: tuple[dict[str, str], dict[str, str]], studies: dict[int, str]
) -> PersonRow:
    person, (names, notes) = each.person, known
    blocked, erased = person.blocked_at is not None, person.erased_at is not None
    study = "" if person.only_study_id is None else studies.get(person.only_study_id, "")
    return PersonRow(
        pseudonym=person.pseudonym,
        name=names.get(person.id, ""),
        came_by=notes.get(person.id, ""),
        role=person.role.value,
        study=study,
        finished=each.finished,
        tags=tuple(tag for tag, is_so in (("blocked", blocked), ("erased", erased)) if is_so),
        blocked=blocked,
        in_reach=not erased and person.id != looks.id and _reaches(looks, person.role),
    )


def _reaches(looks: Person, role: Role) -> bool:
    """As `service.people` has it, whose word counts: here only buttons depend on it."""
    return looks.role is Role.OWNER or RANKS[role] < RANKS[looks.role]


def _invitation(looks: Person, each: ListedInvitation, studies: dict[int, str]) -> InvitationRow:
    row = each.invitation
    where = "" if row.study_id is None else f" in {studies.get(row.study_id, 'a study')}"
    whom = f"a password for {each.person}" if each.person else f"{row.role.value}{where or ' in all studies'}"
    in_reach = row.created_by == looks.id or _reaches(looks, row.role)
    return InvitationRow(row.id, whom, row.note or "", each.created_by or "", row.expires_at, row.uses_left, in_reach)
