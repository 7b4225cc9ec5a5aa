"""A restore and a backup under a server that goes on: each request is answered, before, meanwhile and afterwards."""

import threading
from contextlib import closing
from pathlib import Path

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.studies import find_study
from tests.collect.api.client import rows, toml
from tests.collect.store.filled import address, contents


def study_of_pairs(api, count=30):
    api.study(toml(overlap=3))
    api.got("POST", "/studies/s/items", api.owner, content=rows(*((f"Q{n}?", "one", "two") for n in range(count))))


def judge(api, worker):
    work = api.next("s", worker)
    return work, api.submitted(work, worker, act="judge-pair", helpfulness=2)


def test_a_server_answers_right_after_a_restore(api_on_both, tmp_path):
    api = api_on_both
    study_of_pairs(api)
    worker, other = api.somebody(), api.somebody()
    judge(api, worker)
    held = api.next("s", worker)
    backup = back_up(api.store, tmp_path / "backup.db", now=api.now).path
    judge(api, other)
    gone = api.next("s", other)
    study = find_study(api.store, "s")
    api.got("POST", "/studies/s/guidelines", api.owner, json={"text": "The second."}, status=201)
    seen = {row["id"] for row in contents(api.store)["assignments"]}
    late = api.somebody()
    done = restore(backup, address(api.store), replace=True, now=api.now, before=tmp_path / "before.db")
    assert done.replaced.lost["judgements"] == 1
    # What was in hand when the backup was made still is, and is submitted under the guidelines shown since.
    body = {"fence": held["fence"], "guidelines_version": 2, "submission": {"act": "judge-pair", "helpfulness": 1}}
    path = f"/assignments/{held['assignment']}/submit"
    assert api.got("POST", path, worker, json=body, key=api.key())["outcome"] == "accepted"
    # What was taken since is unknown, never somebody else's.
    response = api.submit(gone, other, act="judge-pair", helpfulness=1)
    assert (response.status_code, response.json()["code"]) == (404, "PL-COL-010")
    again, judged = judge(api, other)
    assert again["assignment"] not in seen
    assert judged["outcome"] == "accepted"
    # Who came since is not there any more, and is told so.
    api.problem("POST", "/studies/s/next", late, status=401, code="PL-WEB-007")
    assert find_study(api.store, "s") == study
    assert api.got("GET", "/studies/s/status", api.owner)["queues"]["work"]["submitted"] == 3
    assert check_store(api.store) == []


def test_a_study_made_again_after_a_restore_is_found_by_servers_that_knew_the_old_one(api_on_both, tmp_path):
    api = api_on_both
    study_of_pairs(api)
    backup = back_up(api.store, tmp_path / "backup.db", now=api.now).path
    api.study(toml(name="t"))
    api.got("POST", "/studies/t/items", api.owner, content=rows(("Q?", "one", "two")))
    restore(backup, address(api.store), replace=True, now=api.now, before=tmp_path / "before.db")
    api.problem("POST", "/studies/t/next", api.owner, status=404, code="PL-COL-010")
    api.study(toml(name="t", strengths=2))
    api.got("POST", "/studies/t/items", api.owner, content=rows(("Q?", "one", "two")))
    work = api.next("t", api.owner)
    assert work["step"]["fields"]["steps"] == 2
    assert api.submitted(work, api.owner, act="judge-pair", helpfulness=1)["outcome"] == "accepted"


def test_requests_go_on_while_backups_and_restores_are_made(api_on_both, tmp_path):
    api = api_on_both
    study_of_pairs(api)
    workers = [api.somebody() for _ in range(3)]
    backup = back_up(api.store, tmp_path / "backup.db", now=api.now).path
    errors = []

    def restore_often():
        try:
            for number in range(4):
                kept = tmp_path / f"{number}.db"
                restore(backup, address(api.store), replace=True, now=api.now, before=kept)
                back_up(api.store, tmp_path / f"again-{number}.db", now=api.now)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=restore_often)
    thread.start()
    told, statuses = {}, set()
    while thread.is_alive():
        for worker in workers:
            response = api("POST", "/studies/s/next", worker)
            statuses.add(response.status_code)
            if response.status_code == 200 and response.json()["assignment"] is not None:
                response = api.submit(response.json(), worker, act="judge-pair", helpfulness=2)
                statuses.add(response.status_code)
                if response.status_code == 200:
                    told.setdefault(response.json()["judgements"][0], []).append(worker)
    thread.join()
    assert errors == []
    # Answered, or gone with the restore in between; and no number was given to two judgements.
    assert statuses <= {200, 404}
    assert all(len(given) == 1 for given in told.values())
    assert len(told) >= 3
    assert check_store(api.store) == []
    # Every judgement that somebody was told of stands in the store or in one of the backups made before a restore.
    kept = {row["id"] for row in contents(api.store)["judgements"]}
    for number in range(4):
        with closing(connect_copy(Path(tmp_path / f"{number}.db"))) as copy:
            assert check_store(copy) == []
            kept |= {row["id"] for row in contents(copy)["judgements"]}
    assert told.keys() <= kept
