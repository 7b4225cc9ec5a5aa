"""What who looks after a study asks for may take long; no worker waits for it."""

import threading

from plumbline.collect.api import study_routes, work_routes
from tests.collect.api.client import rows, toml

GIVE_UP_SECONDS = 60


def test_a_worker_gets_an_item_while_all_threads_of_managers_are_taken(api, monkeypatch):
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("question", "one", "other")))
    worker, answered, waited = api.somebody(), threading.Event(), []
    study_status, begin_work = study_routes.study_status, work_routes.begin_work

    def slow_status(*about):
        waited.append(answered.wait(GIVE_UP_SECONDS))
        return study_status(*about)

    def begin(*about):
        begun = begin_work(*about)
        answered.set()
        return begun

    monkeypatch.setattr(study_routes, "study_status", slow_status)
    monkeypatch.setattr(work_routes, "begin_work", begin)
    of_managers = [("GET", "/studies/s/status", api.owner, {}) for _ in range(20)]
    *statuses, given = api.together(*of_managers, ("POST", "/studies/s/next", worker, {}))
    assert given.json()["assignment"]
    assert waited == [True] * 20
    assert [status.status_code for status in statuses] == [200] * 20
