"""What is refused, and that nothing is stored by it: leases, keys, drafts, states, bodies."""

import json

import pytest

from plumbline.collect.service.held_work import hold
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.judgements import judgements_of_assignment
from plumbline.collect.store.rows import AssignmentState, Role
from plumbline.collect.store.studies import find_study
from plumbline.collect.store.submission import find_receipt, list_late
from tests.collect.api.client import EXAMPLES, rows, toml

PAIR = {"act": "judge-pair", "helpfulness": 2}


@pytest.fixture
def work(api):
    """(api, worker's token, an item in their hands) of a study of three pairs."""
    api.study(toml())
    pairs = rows(*[(f"question {number}", "one", "other") for number in range(3)])
    assert api.got("POST", "/studies/s/items", api.owner, content=pairs)["new"] == 3
    worker = api.somebody()
    return api, worker, api.next("s", worker)


def judged(api, work):
    return [judgement.payload for judgement in judgements_of_assignment(api.store, work["assignment"])]


# --- keys ---


def test_the_same_request_again_gives_the_first_answer_and_stores_nothing(work):
    api, worker, item = work
    first = api.submit(item, worker, key="one-key-0", **PAIR).json()
    second = api.submit(item, worker, key="one-key-0", **PAIR).json()
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first | {"repeated": True} == second
    assert len(judged(api, item)) == 1


def test_the_same_key_with_another_body_is_refused(work):
    api, worker, item = work
    api.submit(item, worker, key="one-key-0", **PAIR)
    response = api.submit(item, worker, key="one-key-0", **PAIR | {"helpfulness": 3})
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-023")
    other = api.next("s", worker)
    response = api.submit(other, worker, key="one-key-0", **PAIR)
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-023")
    assert judged(api, other) == []


def test_requests_at_once_under_one_key_are_stored_once(work):
    api, worker, item = work
    body = {"fence": 1, "guidelines_version": 1, "submission": PAIR}
    path = f"/assignments/{item['assignment']}/submit"
    answers = api.together(*[("POST", path, worker, {"json": body, "key": "one-key-0"}) for _ in range(6)])
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(answer.json()["repeated"] for answer in answers) == [False] + [True] * 5
    assert len(judged(api, item)) == 1


def _blind_at_first(monkeypatch):
    """As if the twin of a request were answered right after the look for its receipt."""
    looked = []

    def find(*about):
        looked.append(about)
        return None if len(looked) == 1 else find_receipt(*about)

    monkeypatch.setattr("plumbline.collect.service.submitting.find_receipt", find)


def test_a_twin_that_is_answered_in_between_is_recognised(work, monkeypatch):
    api, worker, item = work
    held_before = []

    def remembered(*about):
        held_before.append(hold(*about))
        return held_before[-1]

    def stale_at_first(*about):
        return held_before.pop() if held_before else hold(*about)

    monkeypatch.setattr("plumbline.collect.service.submitting.hold", remembered)
    first = api.submit(item, worker, key="one-key-0", **PAIR).json()
    monkeypatch.setattr("plumbline.collect.service.submitting.hold", stale_at_first)
    assert api.submit(item, worker, key="one-key-0", **PAIR).json() == first | {"repeated": True}
    assert len(judged(api, item)) == 1


def test_a_correction_whose_twin_is_answered_in_between_is_recognised(work, monkeypatch):
    api, worker, item = work
    number = api.submitted(item, worker, **PAIR)["judgements"][0]
    body = {"guidelines_version": 1, "submission": PAIR | {"helpfulness": 5}}
    first = api.got("POST", f"/judgements/{number}/correct", worker, json=body, key="one-key-1")
    _blind_at_first(monkeypatch)
    second = api.got("POST", f"/judgements/{number}/correct", worker, json=body, key="one-key-1")
    assert second == first | {"repeated": True}


def test_an_item_is_submitted_once_whatever_the_key(work):
    api, worker, item = work
    api.submitted(item, worker, **PAIR)
    response = api.submit(item, worker, **PAIR)
    assert (response.status_code, response.json()["code"]) == (409, "PL-SUB-003")


@pytest.mark.parametrize("key", [None, "short", "a" * 129, "with blank", "ключ-ключ"])
def test_a_request_needs_a_key_of_its_own(work, key):
    api, worker, item = work
    body = {"fence": 1, "guidelines_version": 1, "submission": PAIR}
    headers = {} if key is None else {"Idempotency-Key": key.encode()}
    path = f"/assignments/{item['assignment']}/submit"
    api.problem("POST", path, worker, json=body, headers=headers, status=400, code="PL-WEB-014")
    assert judged(api, item) == []


# --- leases ---


def test_a_submission_under_an_old_fence_is_kept_told_and_not_counted(work):
    api, worker, item = work
    api.wait(minutes=31)
    other = api.somebody()
    # Somebody asked for work, so the lease was ended and they got the item; they give it back.
    taken = api.next("s", other)
    api.got("POST", f"/assignments/{taken['assignment']}/release", other, json={"fence": 1})
    again = api.next("s", worker)
    assert (again["assignment"], again["fence"]) == (item["assignment"], 2)
    done = api.submitted(item, worker, **PAIR)
    assert (done["outcome"], done["judgements"]) == ("late", [])
    assert judged(api, item) == []
    studies = {name: find_study(api.store, name).id for name in (api.study(toml(name="other"))["name"], "s")}
    assert [late.reason for late in list_late(api.store, studies["s"])] == ["fence"]
    for name, found in (("s", [(item["assignment"], 1)]), ("other", [])):
        manager = api.somebody(Role.MANAGER, only_study_id=studies[name])
        listed = api.got("GET", f"/studies/{name}/late", manager)["late"]
        assert [(line["assignment"], line["fence"]) for line in listed] == found
    api.problem("GET", "/studies/s/late", manager, status=404, code="PL-COL-010")
    assert api.submitted(again, worker, **PAIR)["outcome"] == "accepted"


def test_a_slot_that_is_anothers_by_now_makes_a_submission_late(work):
    api, worker, item = work
    api.wait(minutes=31)
    other = api.somebody()
    for _ in range(3):
        api.submitted(api.next("s", other), other, **PAIR)
    late = api.submit(item, worker, key="one-key-0", **PAIR).json()
    assert (late["outcome"], late["step"]["state"]) == ("late", "finished")
    assert api.submit(item, worker, key="one-key-0", **PAIR).json() == late | {"repeated": True}
    path = f"/assignments/{item['assignment']}/extend"
    api.problem("POST", path, worker, json={"fence": 1}, status=409, code="PL-COL-021")


def test_a_lease_is_longer_as_long_as_the_worker_is_at_it(work):
    api, worker, item = work
    path = f"/assignments/{item['assignment']}"
    api.wait(minutes=20)
    lease = api.got("POST", f"{path}/extend", worker, json={"fence": 1})
    assert lease["expires_at"] > item["expires_at"]
    assert lease["state"] == "leased"
    api.problem("POST", f"{path}/extend", worker, json={"fence": 7}, status=409, code="PL-COL-021")
    api.wait(minutes=40)
    assert api.next("s", worker)["assignment"] == item["assignment"], "theirs until somebody else asks"


def test_an_item_given_back_is_not_offered_again(work):
    api, worker, item = work
    path = f"/assignments/{item['assignment']}/release"
    for _ in range(2):
        assert api.got("POST", path, worker, json={"fence": 1})["state"] == "released"
    seen = []
    while (again := api.next("s", worker))["assignment"] is not None:
        seen.append(again["step"]["conversation"][0]["text"])
        api.submitted(again, worker, **PAIR)
    assert len(seen) == 2
    assert item["step"]["conversation"][0]["text"] not in seen


# --- states ---


def test_a_paused_study_hands_out_nothing_new_but_takes_what_is_in_hand(work):
    api, worker, item = work
    other = api.somebody()
    for state in ("paused", "closed"):
        assert api.got("PUT", "/studies/s/state", api.owner, json={"state": state})["state"] == state
        api.problem("POST", "/studies/s/next", other, status=409, code="PL-COL-030")
        assert api.next("s", worker)["assignment"] == item["assignment"]
    api.wait(minutes=60)
    assert api.next("s", worker)["expires_at"] > item["expires_at"]
    assert api.submitted(item, worker, **PAIR)["outcome"] == "accepted"
    api.problem("POST", "/studies/s/next", worker, status=409, code="PL-COL-030")
    api.got("PUT", "/studies/s/state", api.owner, json={"state": "open"})
    assert api.next("s", other)["assignment"] is not None


def test_the_version_of_the_guidelines_must_be_one(work):
    api, worker, item = work
    body = {"fence": 1, "guidelines_version": 2, "submission": PAIR}
    path = f"/assignments/{item['assignment']}/submit"
    api.problem("POST", path, worker, json=body, key=api.key(), status=422, code="PL-SVC-007")
    assert api.got("POST", "/studies/s/guidelines", api.owner, json={"text": "New."}, status=201)["version"] == 2
    assert api.got("POST", path, worker, json=body, key=api.key())["outcome"] == "accepted"
    assert judgements_of_assignment(api.store, item["assignment"])[0].guidelines_version == 2
    assert api.next("s", worker)["guidelines_version"] == 2


# --- drafts ---


def test_two_tabs_cannot_overwrite_each_others_draft(work):
    api, worker, item = work
    path = f"/assignments/{item['assignment']}/draft"
    assert api.got("GET", path, worker) == {"version": 0, "payload": None}
    for _ in range(2):
        assert api.got("PUT", path, worker, json={"version": 0, "payload": {"a": 1}})["version"] == 1
    document = api.problem("PUT", path, worker, json={"version": 0, "payload": {"a": 2}}, status=409, code="PL-COL-022")
    assert document["stored"] == {"version": 1, "payload": {"a": 1}}
    assert api.got("PUT", path, worker, json={"version": 1, "payload": {"a": 2}})["version"] == 2
    assert api.got("GET", path, worker) == {"version": 2, "payload": {"a": 2}}
    api.submitted(item, worker, **PAIR)
    assert api.got("GET", path, worker)["version"] == 0
    api.problem("PUT", path, worker, json={"version": 0, "payload": {}}, status=409, code="PL-COL-020")


# --- corrections ---


def test_undo_is_a_correction_and_both_stay(work):
    api, worker, item = work
    (first,) = api.submitted(item, worker, **PAIR)["judgements"]
    body = {"guidelines_version": 1, "submission": PAIR | {"helpfulness": 7}}
    path = f"/judgements/{first}/correct"
    done = api.got("POST", path, worker, json=body, key="correct-1")
    again = api.got("POST", path, worker, json=body, key="correct-1")
    assert again == done | {"repeated": True}
    changed = body | {"submission": PAIR | {"helpfulness": 6}}
    api.problem("POST", path, worker, json=changed, key="correct-1", status=409, code="PL-COL-023")
    api.problem("POST", path, worker, json=changed, key="correct-2", status=409, code="PL-SUB-006")
    lines = api.got("GET", f"/assignments/{item['assignment']}/judgements", worker)["judgements"]
    assert [(line["id"], line["corrects"]) for line in lines] == [(first, None), (done["judgements"][0], first)]
    assert [payload["verdicts"][0]["step"] for payload in judged(api, item)] == [2, 7]
    api.problem("POST", "/judgements/999/correct", worker, json=body, key=api.key(), status=404, code="PL-COL-010")
    wrong = body | {"submission": PAIR | {"helpfulness": 9}}
    path = f"/judgements/{done['judgements'][0]}/correct"
    api.problem("POST", path, worker, json=wrong, key=api.key(), status=422, code="PL-SUB-004")


# --- bodies ---


def send(api, worker, item, body, **headers):
    return api(
        "POST", f"/assignments/{item['assignment']}/submit", worker, content=body, key=api.key(),
        headers={"Content-Type": "application/json"} | headers,
    )  # fmt: skip


def whole(**changes):
    return json.dumps({"fence": 1, "guidelines_version": 1, "submission": PAIR} | changes).encode()


BODIES = {
    "no JSON": (b"{", 400, "PL-WEB-004"),
    "empty": (b"", 400, "PL-WEB-004"),
    "a list": (b"[]", 422, "PL-WEB-006"),
    "NaN": (b'{"fence": NaN}', 400, "PL-WEB-004"),
    "a key twice": (
        b'{"fence": 1, "guidelines_version": 1, "submission": {"act": "x", "act": "y"}}',
        400,
        "PL-WEB-004",
    ),
    "half a pair": (b'{"fence": 1, "guidelines_version": 1, "submission": {"act": "\\ud800"}}', 400, "PL-WEB-004"),
    "no UTF-8": (b'{"fence": 1, "guidelines_version": 1, "submission": {"act": "\xff"}}', 400, "PL-WEB-004"),
    "deep": (whole(submission={"act": "x"}).replace(b'"x"', b"[" * 5000 + b"]" * 5000), 400, "PL-WEB-003"),
    "deep objects": (b'{"a":' * 40 + b"1" + b"}" * 40, 400, "PL-WEB-003"),
    "large": (whole(submission={"act": "x" * (2 << 20)}), 413, "PL-WEB-001"),
    "a text for a number": (whole(fence="1"), 422, "PL-WEB-006"),
    "true for a number": (whole(fence=True), 422, "PL-WEB-006"),
    "a fraction": (whole(fence=1.5), 422, "PL-WEB-006"),
    "a number of over 64 bits": (whole(fence=1 << 70), 422, "PL-WEB-006"),
    "an unknown field": (whole(fency=1), 422, "PL-WEB-006"),
    "a missing field": (b'{"fence": 1}', 422, "PL-WEB-006"),
    "negative seconds": (whole(seconds=-1), 422, "PL-WEB-006"),
    "no object": (whole(submission=[1]), 422, "PL-WEB-006"),
    "no act": (whole(submission={}), 409, "PL-SUB-002"),
    "another act": (whole(submission={"act": "rank"}), 409, "PL-SUB-002"),
    "an act that is none": (whole(submission={"act": ["judge-pair"]}), 409, "PL-SUB-002"),
    "say": (whole(submission={"act": "say", "turn": 1, "text": "x"}), 409, "PL-SUB-002"),
    "unknown in the submission": (whole(submission=PAIR | {"secret words": 1}), 422, "PL-SUB-001"),
    "wrong in the submission": (whole(submission=PAIR | {"helpfulness": "secret words"}), 422, "PL-SUB-001"),
    "another axis": (whole(submission=PAIR | {"harmlessness": 1}), 422, "PL-SUB-004"),
    "a step beyond": (whole(submission=PAIR | {"helpfulness": 9}), 422, "PL-SUB-004"),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_refused(work, name):
    api, worker, item = work
    body, status, code = BODIES[name]
    response = send(api, worker, item, body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert "secret words" not in response.text
    assert judged(api, item) == []
    assert send(api, worker, item, whole()).status_code == 200


def test_a_fields_place_and_nearest_name_are_told(work):
    api, worker, item = work
    response = send(api, worker, item, whole(secondz=1)).json()
    assert response["fields"] == [{"field": "", "problem": "an unknown field secondz; is seconds meant?"}]
    assert send(api, worker, item, whole(fence="1")).json()["fields"][0]["field"] == "fence"
    response = send(api, worker, item, whole(submission=PAIR | {"helpfulness": "x"})).json()
    assert response["fields"][0]["field"] == "helpfulness"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_forms_of_other_sites_are_refused(work, kind):
    api, worker, item = work
    response = send(api, worker, item, whole(), **{"Content-Type": kind})
    assert (response.status_code, response.json()["code"]) == (415, "PL-WEB-005")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", str(1 << 63), "1" * 5000])
def test_numbers_in_addresses_are_bounded(work, number):
    api, worker, _ = work
    response = api("POST", f"/assignments/{number}/step", worker)
    assert (response.status_code, response.json()["code"]) == (422, "PL-WEB-006")


def test_every_answer_has_an_id_and_is_kept_by_nobody(work):
    api, worker, _ = work
    for response in (api("GET", "/me", worker), api("GET", "/me"), api("GET", "/nowhere", worker)):
        assert len(response.headers["x-request-id"]) == 32
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
    assert api("GET", "/me").json()["request_id"]


def test_a_fault_of_ours_tells_nothing_but_its_id(work, monkeypatch, caplog):
    api, worker, _ = work

    def fail(*args, **kwargs):
        raise ValueError("what somebody wrote")

    monkeypatch.setattr("plumbline.collect.api.work_routes.begin_work", fail)
    document = api.problem("POST", "/studies/s/next", worker, status=500, code="PL-WEB-011")
    assert "wrote" not in str(document)
    assert "wrote" not in caplog.text
    assert document["request_id"] in caplog.text
    assert "fail" in caplog.text


def test_a_wrong_fence_counts_for_nothing_and_the_step_stays_what_it_was(api):
    study = api.example("preference-chat")
    worker = api.somebody()
    work = api.next(study, worker)
    api.say(work, worker, 1, "Hello?")
    asked = api.step(work, worker)
    answer = {"act": "judge-turn", "turn": 1, "step": 1, "shown": asked["fields"]["shown"]}
    late = api.submitted(work | {"fence": 77}, worker, **answer)
    assert (late["outcome"], late["step"]) == ("late", asked)
    assert api.submitted(work, worker, **answer)["step"]["act"] == "say"


def test_a_repeated_request_gets_its_receipt_after_the_item_went_to_another(api):
    study = api.example("preference-chat")
    worker = api.somebody()
    work = api.next(study, worker)
    api.say(work, worker, 1, "Hello?")
    answer = {"act": "judge-turn", "turn": 1, "step": 1, "shown": api.step(work, worker)["fields"]["shown"]}
    first = api.submit(work, worker, key="one-key-0", **answer).json()
    api.say(work, worker, 2, "And then?")
    api.wait(minutes=31)
    assert api.next(study, api.somebody())["assignment"] is not None
    again = api.submit(work, worker, key="one-key-0", **answer).json()
    assert (again["outcome"], again["repeated"], again["step"]["state"]) == ("accepted", True, "finished")
    assert again["judgements"] == first["judgements"]


def _declining(api):
    api.study((EXAMPLES / "red-team-chat.toml").read_text())
    worker = api.somebody()
    return worker, api.next("red-team-chat", worker)


def _logged(api, kind):
    return [event for event in read_events(api.store, limit=5000) if event.kind == kind]


def test_consent_that_comes_after_it_was_declined_takes_nothing_in_hand(api_on_both):
    api = api_on_both
    worker, work = _declining(api)
    declined = api.submit(work, worker, key="no-no-no-0", act="consent", agreed=False).json()
    assert (declined["outcome"], declined["step"]["state"]) == ("declined", "finished")
    late = api.submitted(work, worker, act="consent", agreed=True)
    assert (late["outcome"], late["step"]["state"]) == ("late", "finished")
    assert read_assignment(api.store, work["assignment"]).state is AssignmentState.RELEASED
    assert _logged(api, "consented") == []


def test_a_decline_is_logged_once_and_answered_the_same_again(api_on_both):
    api = api_on_both
    worker, work = _declining(api)
    path = f"/assignments/{work['assignment']}/submit"
    body = {"fence": work["fence"], "guidelines_version": 1, "submission": {"act": "consent", "agreed": False}}
    asked = [("POST", path, worker, {"json": body, "key": f"no-no-no-{number // 2}"}) for number in range(6)]
    answers = [answer.json() for answer in api.together(*asked)]
    assert [answer["outcome"] for answer in answers] == ["declined"] * 6
    assert sorted(answer["repeated"] for answer in answers) == [False] * 3 + [True] * 3
    assert len(_logged(api, "consent_declined")) == len(_logged(api, "released")) == 1
    assert check_store(api.store) == []


def test_the_key_of_a_decline_stands_for_nothing_else(api):
    worker, work = _declining(api)
    api.submit(work, worker, key="no-no-no-0", act="consent", agreed=False)
    response = api.submit(work, worker, key="no-no-no-0", act="consent", agreed=True)
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-023")
