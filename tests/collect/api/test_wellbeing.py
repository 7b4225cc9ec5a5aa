"""Standing, wishes and moods over the API."""

import msgspec
import pytest

from plumbline.collect.api import schemas
from plumbline.collect.service.wellbeing.moods import FEELINGS, SCALE
from plumbline.collect.store.rows import Role
from tests.collect.api.client import rows, toml
from tests.collect.service.wellbeing.made_up import DRUGS, VIOLENCE, labelled_rows

WELLBEING = {
    "warning": "It may be hard to read.", "blur": True, "topics": True, "mood_every": 1,
    "break_after_minutes": 45, "most_minutes_a_day": 240,
}  # fmt: skip
FINE = dict.fromkeys(FEELINGS, 3)


@pytest.fixture
def worker(api_on_both):
    return api_on_both.somebody()


def topical(api, **settings):
    api.study(toml(wellbeing=WELLBEING, help="mailto:team@example.org", **settings))
    data = labelled_rows(("a", (), (VIOLENCE,)), ("b", (), (DRUGS,)), ("c", (), (DRUGS, VIOLENCE)))
    api.got("POST", "/studies/s/items", api.owner, content=data)


def judged(api, worker, seconds=None):
    work = api.next("s", worker)
    body = {"fence": work["fence"], "guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 1}}
    path = f"/assignments/{work['assignment']}/submit"
    return api.got("POST", path, worker, json=body | {"seconds": seconds}, key=api.key())


def test_standing_from_the_first_item_on(api_on_both, worker):
    api = api_on_both
    topical(api)
    start = api.got("GET", "/studies/s/standing", worker)
    assert start == {
        "finished": 0,
        "submitted": {},
        "training_items_left": None,
        "qualified": None,
        "over": False,
        "minutes_today": 0,
        "enough_today": False,
        "mood_due": False,
        "feelings": list(FEELINGS),
        "feeling_scale": list(SCALE),
        "topics": {"all": sorted([DRUGS, VIOLENCE]), "opted_out": []},
        "wellbeing": WELLBEING,
        "help": "mailto:team@example.org",
        "completion": None,
        "next_items_to_completion": None,
        "items_open": 1,
        "newest_note_at": None,
    }
    judged(api, worker, seconds=125.5)
    then = api.got("GET", "/studies/s/standing", worker)
    changed = {"finished": 1, "submitted": {"work": 1}, "minutes_today": 2, "mood_due": True}
    assert then == start | changed
    assert api.got("GET", "/studies/s/standing", api.somebody()) == start


def test_of_a_study_without_any_of_it(api):
    api.study(toml())
    found = api.got("GET", "/studies/s/standing", api.somebody())
    assert (found["wellbeing"], found["help"], found["feelings"], found["feeling_scale"]) == (None, None, [], [])
    assert found["topics"] == {"all": [], "opted_out": []}


def test_topics_stand_in_the_fields_of_a_step_and_are_opted_out_of(api_on_both, worker):
    api = api_on_both
    topical(api)
    work = api.next("s", worker)
    assert work["step"]["fields"]["topics"] == [VIOLENCE]
    assert api.step(work, worker)["fields"]["topics"] == [VIOLENCE]
    wished = api.got("PUT", "/studies/s/preferences", worker, json={"opted_out": [VIOLENCE, VIOLENCE]})
    assert wished == {"opted_out": [VIOLENCE]}
    work = api.next("s", worker)
    assert work["step"]["fields"]["topics"] == [DRUGS]
    judged(api, worker)
    assert api.next("s", worker) == {"assignment": None, "left": ["topics"]}
    assert api.got("PUT", "/studies/s/preferences", worker, json={"opted_out": []}) == {"opted_out": []}
    assert api.got("GET", "/studies/s/standing", worker)["topics"]["opted_out"] == []


def test_wishes_that_are_refused(api):
    worker = api.somebody()
    topical(api)
    api.study(toml(name="t"))
    path = "/studies/s/preferences"
    for body in ({}, {"opted_out": "x"}, {"opted_out": [""]}, {"opted_out": ["x"] * 101}, {"opted_out": [], "more": 1}):
        api.problem("PUT", path, worker, json=body, status=422, code="PL-WEB-006")
    unknown = api.problem("PUT", path, worker, json={"opted_out": ["zzmine"]}, status=422, code="PL-WEL-002")
    assert "zzmine" not in str(unknown)
    api.problem("PUT", "/studies/t/preferences", worker, json={"opted_out": []}, status=409, code="PL-WEL-001")
    api.problem("PUT", "/studies/u/preferences", worker, json={"opted_out": []}, status=404, code="PL-COL-010")


def test_moods(api_on_both, worker):
    api = api_on_both
    topical(api)
    judged(api, worker)
    path = "/studies/s/moods"
    assert api.got("POST", path, worker, json={"feelings": FINE}, status=201) == {"stored": True}
    assert not api.got("GET", "/studies/s/standing", worker)["mood_due"]
    assert api.got("POST", path, worker, json={"feelings": FINE}, status=201) == {"stored": False}
    judged(api, worker)
    assert api.got("POST", path, worker, json={"declined": True}, status=201) == {"stored": True}


def test_moods_that_are_refused(api):
    worker = api.somebody()
    topical(api)
    api.study(toml(name="t", wellbeing={"blur": True}))
    path = "/studies/s/moods"
    for feelings in (
        {**FINE, "calm": 5},
        {**FINE, "calm": 1.5},
        {**FINE, "else": 1},
        {"calm": 1},
        {**FINE, "calm": True},
    ):
        api.problem("POST", path, worker, json={"feelings": feelings}, status=422, code="PL-WEB-006")
    for body in ({}, {"declined": False}, {"feelings": FINE, "declined": True}):
        api.problem("POST", path, worker, json=body, status=422, code="PL-WEL-004")
    api.problem("POST", "/studies/t/moods", worker, json={"declined": True}, status=409, code="PL-WEL-003")


def test_the_feelings_of_the_api_are_those_that_are_asked():
    fields = msgspec.structs.fields(schemas.Feelings)
    assert tuple(field.name for field in fields) == FEELINGS
    assert all(field.required for field in fields)


def test_a_gold_item_opted_out_of_leaves_no_trace(api):
    """Neither in what the worker is told, nor in how often they have to ask."""
    worker = api.somebody()
    topical(api, gold={"items": "x", "share": 0.999})
    data = labelled_rows(("gold", (), (VIOLENCE,)), ("gold too", (), (DRUGS,)))
    api.got("POST", "/studies/s/items?purpose=gold", api.owner, content=data)
    api.got("PUT", "/studies/s/preferences", worker, json={"opted_out": [VIOLENCE]})
    seen = []
    while (work := api.next("s", worker))["assignment"] is not None:
        seen.append((work["queue"], sorted(work), work["step"]["fields"]["topics"]))
        judged(api, worker)
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_managers_read_nobodys_moods_or_wishes(api):
    """No route gives them back: what managers see of moods is the summary, of wishes nothing."""
    worker, manager = api.somebody(), api.somebody(Role.MANAGER)
    topical(api)
    judged(api, worker)
    api.got("POST", "/studies/s/moods", worker, json={"feelings": {**FINE, "sad": 4}}, status=201)
    api.got("PUT", "/studies/s/preferences", worker, json={"opted_out": [VIOLENCE]})
    pseudonym = api.ids[worker].pseudonym
    found = api("GET", f"/studies/s/workers/{pseudonym}", manager).text
    assert "disgusted" not in found
    assert VIOLENCE not in found
    assert api.got("GET", "/studies/s/standing", manager)["topics"]["opted_out"] == []


def test_a_study_made_before_there_were_such_settings_is_as_it_was(api):
    worker = api.somebody()
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    work = api.next("s", worker)
    assert "topics" not in work["step"]["fields"]
