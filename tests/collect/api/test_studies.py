"""Setting a study up and looking at it."""

import pytest

from plumbline.collect.store.events import read_events
from plumbline.collect.store.rows import Role, StudyState
from plumbline.collect.store.studies import list_studies, set_study_state
from tests.collect.api.client import EXAMPLES, rows, toml


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_example_makes_a_study(api, file):
    made = api.study(file.read_text())
    assert made["state"] == "open"
    assert made["guidelines_version"] == 1
    assert api.got("GET", f"/studies/{made['name']}", api.somebody()) == made
    found = api.got("GET", f"/studies/{made['name']}/file", api.somebody(Role.MANAGER))
    assert found["file"] == file.read_text()


def test_there_are_examples():
    assert len(list(EXAMPLES.glob("*.toml"))) == 6


def test_all_mistakes_of_a_study_file_are_told_at_once(api):
    text = toml(overlap=0, turnz=3)
    document = api.problem(
        "POST", "/studies", api.owner, json={"file": text, "guidelines": "x"}, status=422, code="PL-STY-002"
    )
    assert {each["code"] for each in document["problems"]} == {"PL-STY-001", "PL-STY-002"}
    assert all(each["line"] for each in document["problems"])
    assert list_studies(api.store) == []


def test_a_name_is_taken_once(api):
    api.study(toml())
    body = {"file": toml(), "guidelines": "x"}
    api.problem("POST", "/studies", api.owner, json=body, status=409, code="PL-COL-025")


@pytest.mark.parametrize(
    ("field", "text"), [("file", "#" * (64 << 10) + toml()), ("guidelines", "x" * ((128 << 10) + 1))]
)
def test_what_is_too_large_is_told(api, field, text):
    body = {"file": toml(), "guidelines": "x"} | {field: text}
    api.problem("POST", "/studies", api.owner, json=body, status=422, code="PL-STY-008")


def test_the_longest_guidelines_come_through_however_json_writes_them(api):
    body = {"file": toml(), "guidelines": "\u00e9" * (64 << 10)}
    assert api.got("POST", "/studies", api.owner, json=body, status=201)["name"] == "s"


CHAT = {"axes": ["helpfulness"], "items": {"from_workers": True}}
FORBIDDEN = {
    "another folder": {"sources": ["retrieval:../../../README.md"]},
    "the root": {"sources": ["retrieval:/etc"]},
    "a model": {"sources": ["transformers:gpt2"]},
    "a secret": {"sources": ["openai:m@https://x.example/v1"], "key_variable": "AWS_SECRET_ACCESS_KEY"},
    "the loopback": {"sources": ["openai:m@http://127.0.0.1/v1"], "allow_private": True},
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_study_that_is_sent_names_nothing_of_the_servers(api, name):
    text = toml("preference-chat", **CHAT, replies={"sampler": "two-samples"} | FORBIDDEN[name])
    body = {"file": text, "guidelines": "x"}
    api.problem("POST", "/studies", api.owner, json=body, status=422, code="PL-SVC-003")
    assert list_studies(api.store) == []


def test_workers_do_not_see_a_studys_file(api):
    api.study(toml())
    for token in (api.somebody(), api.somebody(Role.REVIEWER)):
        api.problem("GET", "/studies/s/file", token, status=403, code="PL-WEB-008")
        assert "file" not in api.got("GET", "/studies", token)["studies"][0]


def test_versions_of_the_guidelines_stay(api):
    api.study(toml(), "First.")
    for _ in range(2):
        made = api.got("POST", "/studies/s/guidelines", api.owner, json={"text": "Second."}, status=201)
        assert made["version"] == 2
    worker = api.somebody()
    assert api.got("GET", "/studies/s/guidelines/1", worker)["text"] == "First."
    assert api.got("GET", "/studies/s/guidelines", worker)["text"] == "Second."
    api.problem("GET", "/studies/s/guidelines/3", worker, status=404, code="PL-COL-010")
    api.problem("GET", "/studies/other/guidelines", worker, status=404, code="PL-COL-010")


def test_the_log_says_who_did_it(api):
    """Who made, changed and exported a study; nobody where the command line did."""
    manager = api.somebody(Role.MANAGER)
    api.study(toml())
    number = list_studies(api.store)[0].id
    set_study_state(api.store, number, StudyState.PAUSED, now=api.now)
    api.got("PUT", "/studies/s/state", manager, json={"state": "open"})
    api.got("POST", "/studies/s/guidelines", manager, status=201, json={"text": "Other."})
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b")))
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    assert api("GET", "/studies/s/export?to=parquet", manager).status_code == 200
    kinds = ("study_created", "study_state", "guidelines_added", "exported")
    told = [(line.kind, line.person_id) for line in read_events(api.store, study_id=number) if line.kind in kinds]
    who = {token: api.ids[token].id for token in (api.owner, manager)}
    assert told == [
        ("study_created", who[api.owner]),
        ("guidelines_added", who[api.owner]),
        ("study_state", None),
        ("study_state", who[manager]),
        ("guidelines_added", who[manager]),
        ("exported", who[manager]),
    ]


def test_a_study_lists_its_queues_and_has_no_others(api):
    assert api.study(toml())["queues"] == ["work"]
    for queue in ("review", "adjudication", "spot-checks"):
        api.problem("POST", f"/studies/s/{queue}/next", api.owner, status=404, code="PL-SVC-005")
    red_team = (EXAMPLES / "red-team-chat.toml").read_text()
    assert api.study(red_team)["queues"] == ["work", "review"]


def test_status_counts(api):
    api.study(toml(overlap=2))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b"), ("r", "a", "b")))
    first, second = api.somebody(), api.somebody()
    for worker in (first, second):
        api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    api.next("s", first)
    queues = api.got("GET", "/studies/s/status", api.somebody(Role.MANAGER))["queues"]
    assert queues == {"work": {"items": 2, "complete": 1, "slots": 4, "leased": 1, "submitted": 2}}


def test_the_limit_of_a_worker_is_the_end_of_their_work(api):
    api.study(toml(per_worker_limit=1))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b"), ("r", "a", "b")))
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    assert api.next("s", worker) == {"assignment": None, "over": True}
    assert api.next("s", api.somebody())["assignment"] is not None
