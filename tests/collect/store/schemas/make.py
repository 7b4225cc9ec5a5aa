"""Makes the rows that are kept for a revision: `python -m tests.collect.store.schemas.make > tests/…/<revision>.sql`.

Run it once, before the next migration is written; what it wrote is never changed after that. Plain INSERT statements that
both databases take.
"""

import sys
import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import insert

from plumbline.collect.store.conversations import add_turn
from plumbline.collect.store.database import Store
from plumbline.collect.store.drafts import save_draft
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.leasing import LeaseTerms, expire_leases, release, take
from plumbline.collect.store.migrating import create_store
from plumbline.collect.store.participation import record_consent
from plumbline.collect.store.people import issue_token, revoke_tokens
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import add_guidelines, find_study
from plumbline.collect.store.tables import (
    accounts,
    arrivals,
    deliveries,
    invitations,
    metadata,
    moods,
    outside_identities,
    people,
    preferences,
    tokens,
    webhooks,
)
from tests.collect.api.client import Api, rows, toml
from tests.collect.api.made_up_sources import ToldPool, ToldSampler

NEVER_FILLED = frozenset({"never", "erasing", "login_attempts"})
CHAT = {
    "name": "chat",
    "axes": ["helpfulness"],
    "items": "workers",
    "turns": 2,
    "edit": True,
    "comment": True,
    "rating": True,
    "overlap": 2,
    "replies": {"sampler": "two-samples", "sources": ["retrieval:data/comparisons.jsonl"]},
    "spot_check": {"first": 2, "share": 0.5},
}


def fill(store: Store) -> None:
    """Two rows or more in each table: work finished, corrected, late, lapsed, given back, in hand."""
    api = Api(store, make_pool=ToldPool(ToldSampler(text="It's a reply; \u00e9\U0001f600 \\n \u2028")))
    try:
        _pairs(api)
        _chat(api)
        _identity(api)
        _telling(api)
    finally:
        api.close()


def _pairs(api: Api) -> None:
    store = api.store
    study = api.study(toml(name="pairs", overlap=2, comment=True))["name"]
    number = find_study(store, study).id
    questions = [(f"Question {each}?", f"It's one, {each}.", f"Another; {each}") for each in range(6)]
    api.got("POST", f"/studies/{study}/items", api.owner, content=rows(*questions))
    add_guidelines(store, number, "Read both, and the question too.", now=api.now)
    workers = [api.somebody() for _ in range(3)]
    for worker in workers[:2]:
        work = api.next(study, worker)
        done = api.submitted(work, worker, act="judge-pair", helpfulness=2, comment="I'd say \u2018so\u2019.")
        body = {"guidelines_version": 2, "submission": {"act": "judge-pair", "helpfulness": 7}}
        api.got("POST", f"/judgements/{done['judgements'][0]}/correct", worker, json=body, key=api.key())
    people = [api.ids[worker].id for worker in workers]
    _late(api, study, workers)
    terms = LeaseTerms(api.now + timedelta(minutes=5))
    given = take(store, number, people[2], terms, now=api.now)
    release(store, given.assignment.id, people[2], given.assignment.fence, now=api.now)
    for person in people[:2]:
        held = take(store, number, person, terms, now=api.now)
        save_draft(store, held.assignment.id, person, {"comment": "half a"}, version_read=0, now=api.now)
        store.write(partial(record_consent, study_id=number, worker_id=person, now=api.now))
        revoke_tokens(store, person, now=api.now)
        issue_token(store, person, now=api.now, expires_at=api.now + timedelta(days=9000))


def _late(api: Api, study: str, workers: list[str]) -> None:
    """Two leases lapse, their items go to others, and both submissions come late."""
    lapsed = [(api.next(study, worker), worker) for worker in workers[:2]]
    api.wait(hours=1)
    expire_leases(api.store, find_study(api.store, study).id, now=api.now)
    for _ in range(4):
        other = api.somebody()
        while (work := api.next(study, other))["assignment"] is not None:
            api.submitted(work, other, act="judge-pair", helpfulness=3)
    found = [api.submitted(work, worker, act="judge-pair", helpfulness=1)["outcome"] for work, worker in lapsed]
    assert found == ["late", "late"], found
    api.got("POST", f"/studies/{study}/items", api.owner, content=rows(*((f"More {n}", "a", "b") for n in range(4))))


def _chat(api: Api) -> None:
    study = api.study(toml("preference-chat", **CHAT))["name"]
    first = worker = api.somebody()
    for number in range(2):
        work = api.next(study, worker)
        for turn in (1, 2):
            said = api.say(work, worker, turn, f"Who's there, {number}, {turn}?").json()["step"]["fields"]["shown"]
            edit = {"position": 0, "text": "A better one"} if turn == 1 else None
            done = api.submitted(work, worker, act="judge-turn", turn=turn, step=2, shown=said, edit=edit)
        again = {"act": "judge-turn", "turn": 2, "step": 8, "shown": said}
        body = {"guidelines_version": 1, "submission": again}
        api.got("POST", f"/judgements/{done['judgements'][0]}/correct", worker, json=body, key=api.key())
        api.submitted(work, worker, act="close", rating=3, comment="it's over")
        worker = api.somebody()
    work = api.next(study, worker)
    add_turn(api.store, work["assignment"], api.ids[worker].id, work["fence"], 1, "Not answered", now=api.now)
    reviewer = api.somebody(Role.REVIEWER)
    checked = api.next(study, reviewer, "spot-checks")
    api.submitted(checked, reviewer, act="check-writing", mark=3, note="well 'said'")
    erase_person(api.store, api.ids[worker].pseudonym, now=api.now)
    erase_person(api.store, api.ids[first].pseudonym, now=api.now)


def _identity(api: Api) -> None:
    """Accounts with sessions, invitations open, used up and revoked, arrivals of people of one study, wishes, moods."""
    now, later = api.now, api.now + timedelta(days=9000)
    pairs, chat = (find_study(api.store, name).id for name in ("pairs", "chat"))
    manager, one, two = (f"{letter}" * 32 for letter in "abc")
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$8u1oW0yZ4X5lq0b1r0jT3v2p0kq7fVtq9mH1sW3x5Yk"
    rows = {
        people: [
            {"id": manager, "pseudonym": "manager444", "role": "manager", "created_at": now, "only_study_id": pairs},
            {"id": one, "pseudonym": "arrived444", "role": "worker", "created_at": now, "only_study_id": pairs},
            {"id": two, "pseudonym": "invited444", "role": "worker", "created_at": now, "only_study_id": chat},
        ],
        tokens: [
            {"sha256": letter * 64, "person_id": who, "created_at": now, "expires_at": later, "use": "session"}
            for letter, who in (("d", manager), ("e", two))
        ],
        accounts: [
            {"person_id": who, "name": name, "name_key": name.casefold(), "password_hash": hashed, "changed_at": now}
            for who, name in ((manager, "Ada"), (two, "O'Brien \u00e9"))
        ],
        invitations: [
            {
                "sha256": letter * 64, "role": "worker", "study_id": study, "person_id": who, "created_by": by,
                "created_at": now, "expires_at": later, "uses_left": left, "revoked_at": now if letter == "h" else None,
                "note": None if letter == "h" else f"for {letter}; it's \u00e9\U0001f600",
            }
            for letter, study, who, by, left in (
                ("f", pairs, None, manager, 3), ("g", None, manager, None, 0), ("h", chat, None, None, 1)
            )
        ],
        arrivals: [
            {
                "provider": "prolific", "external_id": f"participant-{letter}", "study_id": pairs, "person_id": who,
                "visit": f"visit-{letter}", "created_at": now, "completed_at": now if letter == "x" else None,
            }
            for letter, who in (("x", one), ("y", manager))
        ],
        outside_identities: [
            {"issuer": "https://login.example", "subject": f"subject-{letter}", "person_id": who, "created_at": now}
            for letter, who in (("x", one), ("y", manager))
        ],
        preferences: [
            {"person_id": who, "study_id": pairs, "payload": {"opted_out": ["self-harm"]}, "updated_at": now}
            for who in (one, manager)
        ],
        moods: [
            {"person_id": one, "study_id": pairs, "payload": payload, "finished": count, "created_at": now}
            for payload, count in (({"feelings": {"calm": 3, "tired": 0}}, 10), ({"declined": True}, 20))
        ],
    }  # fmt: skip
    for table, lines in rows.items():
        api.store.write(lambda connection, table=table, lines=lines: connection.execute(insert(table), lines))


def _telling(api: Api) -> None:
    """Two webhooks, one of them removed, and deliveries made, given up, claimed and still to be made."""
    now, pairs = api.now, find_study(api.store, "pairs").id
    ends = {"claimed_until": None, "delivered_at": None, "given_up_at": None, "last_status": None}
    rows = {
        webhooks: [
            {
                "study_id": study, "url": "https://receiver.example/told", "secret": f"whsec_{letter * 32}",
                "events": ["item.finished", "study.paused"], "created_by": by, "created_at": now, "revoked_at": revoked,
            }
            for letter, study, by, revoked in (("a", None, "a" * 32, None), ("b", pairs, None, now))
        ],
        deliveries: [
            {
                "webhook_id": number, "event": "item.finished", "payload": {"id": f"msg_{number}", "data": {"item": 1}},
                "created_at": now, "attempts": attempts, "next_at": now, **ends, **end,
            }
            for number, attempts, end in (
                (1, 1, {"delivered_at": now, "last_status": 204}), (1, 9, {"given_up_at": now, "last_status": 500}),
                (1, 1, {"claimed_until": now}), (2, 0, {}),
            )
        ],
    }  # fmt: skip
    for table, lines in rows.items():
        api.store.write(lambda connection, table=table, lines=lines: connection.execute(insert(table), lines))


def dump(store: Store) -> str:
    """Every row as an INSERT, parents first."""
    lines = []
    for table in metadata.sorted_tables:
        if table.name in NEVER_FILLED:
            continue
        names = [column.name for column in table.columns]
        keys = ", ".join(column.name for column in table.primary_key)
        query = f"SELECT {', '.join(names)} FROM {table.name} ORDER BY {keys}"
        found = store.read(lambda connection, query=query: connection.exec_driver_sql(query).all())
        assert len(found) > 1, table.name
        for row in found:
            values = ", ".join(map(_literal, row))
            lines.append(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values});")
    return "\n".join(lines) + "\n"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = create_store(Path(folder) / "store.db")
        fill(made)
        sys.stdout.write(dump(made))
        made.close()
