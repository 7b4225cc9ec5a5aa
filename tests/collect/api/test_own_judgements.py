"""A judgement of one's own over the network: as it was shown, and corrected from what is shown of it."""

from sqlalchemy import text

from tests.collect.api.client import toml
from tests.collect.api.made_up_sources import ToldPool, ToldSampler
from tests.collect.api.test_drawing import CHAT


def judged_chat(make_api):
    """Both turns of a conversation judged: the steps as they were asked, and the judgements' numbers."""
    api = make_api(make_pool=ToldPool(ToldSampler()))
    api.study(toml("preference-chat", **CHAT))
    worker = api.somebody()
    work = api.next("s", worker)
    asked, numbers = [], []
    for turn in (1, 2):
        step = api.say(work, worker, turn, f"hello {turn}").json()["step"]
        done = api.submitted(work, worker, act="judge-turn", turn=turn, step=turn, shown=step["fields"]["shown"])
        asked.append(step)
        numbers += done["judgements"]
    return api, worker, work, asked, numbers


def correct(api, worker, number, answer):
    body = {"guidelines_version": 1, "submission": answer}
    return api("POST", f"/judgements/{number}/correct", worker, json=body, key=api.key())


def test_a_judgement_is_shown_as_it_was_and_corrected_from_that(make_api):
    api, worker, work, asked, numbers = judged_chat(make_api)
    for turn, (step, number) in enumerate(zip(asked, numbers, strict=True), start=1):
        found = api.got("GET", f"/judgements/{number}", worker)
        assert found["step"] == step
        assert (found["assignment"], found["study"], found["part"]) == (work["assignment"], "s", f"turn-{turn}")
        assert found["answer"] == {
            "act": "judge-turn", "turn": turn, "step": turn, "shown": step["fields"]["shown"],
        }  # fmt: skip
        assert not any(word in str(found) for word in ("model-a", "snapshot-1", "made-up", "order", "side"))
    first = api.got("GET", f"/judgements/{numbers[0]}", worker)
    (new,) = correct(api, worker, numbers[0], first["answer"] | {"step": 8}).json()["judgements"]
    assert not api.got("GET", f"/judgements/{numbers[0]}", worker)["can_be_corrected"]
    again = api.got("GET", f"/judgements/{new}", worker)
    assert (again["step"], again["answer"]["step"], again["corrects"]) == (first["step"], 8, numbers[0])
    assert again["can_be_corrected"]


def test_a_correction_of_what_was_not_shown_is_refused(make_api):
    api, worker, _, asked, numbers = judged_chat(make_api)
    answer = api.got("GET", f"/judgements/{numbers[0]}", worker)["answer"]
    for wrong in ({"shown": "garbage"}, {"shown": asked[1]["fields"]["shown"]}, {"shown": None}):
        response = correct(api, worker, numbers[0], answer | wrong)
        assert (response.status_code, response.json()["code"]) == (409, "PL-SUB-002")
    assert len(api.got("GET", f"/assignments/{1}/judgements", worker)["judgements"]) == 2


def test_of_what_was_withdrawn_it_says_that_it_cannot_be_corrected(make_api):
    api, worker, _, _, numbers = judged_chat(make_api)
    api.store.write(lambda connection: connection.execute(text("UPDATE items SET withdrawn_at = 1, open_slots = 0")))
    assert not api.got("GET", f"/judgements/{numbers[0]}", worker)["can_be_corrected"]


def test_what_was_skipped_is_not_corrected_any_more(make_api):
    api, worker, _, _, numbers = judged_chat(make_api)
    answer = api.got("GET", f"/judgements/{numbers[0]}", worker)["answer"]
    api.store.write(lambda connection: connection.execute(text("UPDATE assignments SET state = 'released'")))
    assert not api.got("GET", f"/judgements/{numbers[0]}", worker)["can_be_corrected"]
    response = correct(api, worker, numbers[0], answer | {"step": 8})
    assert (response.status_code, response.json()["code"]) == (409, "PL-COL-032")


def test_one_s_own_judgements_are_listed_newest_first_as_they_stand(make_api):
    api, worker, _, _, numbers = judged_chat(make_api)
    answer = api.got("GET", f"/judgements/{numbers[0]}", worker)["answer"]
    (new,) = correct(api, worker, numbers[0], answer | {"step": 8}).json()["judgements"]
    listed = api.got("GET", "/studies/s/judgements/own", worker)
    assert [(each["id"], each["part"], each["corrects"]) for each in listed["judgements"]] == [
        (new, "turn-1", numbers[0]), (numbers[1], "turn-2", None),
    ]  # fmt: skip
    assert listed["before"] is None
    first = api.got("GET", "/studies/s/judgements/own?limit=1", worker)
    assert ([each["id"] for each in first["judgements"]], first["before"]) == ([new], new)
    rest = api.got("GET", f"/studies/s/judgements/own?limit=5&before={new}", worker)
    assert [each["id"] for each in rest["judgements"]] == [numbers[1]]


def test_others_judgements_and_those_of_another_study_are_not_listed(make_api):
    api, worker, _, _, _ = judged_chat(make_api)
    api.study(toml("preference-chat", **CHAT | {"name": "other"}))
    assert api.got("GET", "/studies/s/judgements/own", api.somebody())["judgements"] == []
    assert api.got("GET", "/studies/other/judgements/own", worker)["judgements"] == []
    assert len(api.got("GET", "/studies/s/judgements/own", worker)["judgements"]) == 2
