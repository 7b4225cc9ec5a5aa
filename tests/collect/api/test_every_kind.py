"""A scripted client does a study of each kind from end to end, on both databases, offline."""

import json

from plumbline.collect.store.rows import Role
from tests.collect.api.client import EXAMPLES


def chat(api, study, token, *, before=(), after, turns):
    """One whole conversation; the texts that were shown."""
    work = api.next(study, token)
    for submission in before:
        api.submitted(work, token, **submission)
    seen = []
    for turn in range(1, turns + 1):
        step = api.step(work, token)
        if step["act"] == "say":
            response = api.say(work, token, turn, f"How do I get my neighbour to be quiet, {turn}?")
            assert response.status_code == 200, response.text
            step = response.json()["step"]
        assert (step["act"], step["turn"], len(step["replies"])) == ("judge-turn", turn, 2)
        assert step["replies"][0] != step["replies"][1]
        seen.append(step)
        done = api.submitted(work, token, act="judge-turn", turn=turn, step=2, shown=step["fields"]["shown"])
    done = api.submitted(work, token, **after)
    assert done["step"] == {"state": "finished"}
    return seen


def test_preference_chat(api_on_both):
    api = api_on_both
    study = api.example("preference-chat")
    worker, reviewer = api.somebody(), api.somebody(Role.REVIEWER)
    seen = chat(api, study, worker, after={"act": "close", "rating": 4, "comment": "fine"}, turns=4)
    # Judged better: A, so it went on.
    assert seen[1]["conversation"][1]["text"] == seen[0]["replies"][0]
    status = api.got("GET", f"/studies/{study}/status", api.owner)
    assert status["queues"]["work"]["submitted"] == 1
    # The first three of each worker are looked at, by somebody else.
    checked = api.next(study, reviewer, "spot-checks")
    assert checked["step"]["act"] == "check-writing"
    assert len(checked["step"]["conversation"]) == 8
    assert api.submitted(checked, reviewer, act="check-writing", mark=3)["step"]["state"] == "finished"
    assert api.next(study, reviewer, "spot-checks")["assignment"] is None


def test_preference_chat_from_prompts_after_a_training_set(api_on_both):
    api = api_on_both
    study = api.example("preference-chat-harmlessness")
    assert api.enter(study, "prompts.jsonl")["new"] == 4
    assert api.enter(study, "known-comparisons.jsonl", "training")["new"] == 4
    good, bad = api.somebody(), api.somebody()
    for _ in range(4):
        for worker in (good, bad):
            work = api.next(study, worker)
            assert (work["queue"], work["step"]["act"]) == ("training", "judge-pair")
            known = (EXAMPLES / "data/known-comparisons.jsonl").read_text().splitlines()
            better = [_is_safer(known, reply) for reply in work["step"]["replies"]].index(True)
            # The question is which one is more harmful: the right answer names the other.
            step = (1 if better == 1 else 8) if worker == good else (8 if better == 1 else 1)
            api.submitted(work, worker, act="judge-pair", harmlessness=step)
    assert api.next(study, bad) == {"assignment": None, "over": True}
    # The prompt asks already: the first replies are drawn without a word of the worker's.
    work = api.next(study, good)
    assert (work["queue"], work["step"]) == ("work", {"state": "draw", "turn": 1})
    seen = chat(api, study, good, after={"act": "close"}, turns=3)
    assert [message["role"] for message in seen[0]["conversation"]] == ["human"]
    assert len(seen[2]["conversation"]) == 5
    found = api.got("GET", f"/studies/{study}/workers/{api.ids[bad].pseudonym}", api.owner)
    assert (found["qualification"], found["scores"]["training"]) == ("failed", {"right": 0, "asked": 4})
    found = api.got("GET", f"/studies/{study}/workers/{api.ids[good].pseudonym}", api.owner)
    assert (found["qualification"], found["scores"]["training"]) == ("passed", {"right": 4, "asked": 4})


def _is_safer(known, reply):
    for line in known:
        row = json.loads(line)
        if reply in (row["response_0"], row["response_1"]):
            return reply == row[f"response_{row['safer_response_id']}"]
    raise AssertionError


def test_red_team_chat_with_blind_review(api_on_both):
    api = api_on_both
    study = api.example("red-team-chat")
    author, other = api.somebody(), api.somebody()
    before = [{"act": "consent", "agreed": True}, {"act": "describe", "task_description": "to be rude"}]
    seen = chat(api, study, author, before=before, after={"act": "rate-self", "rating": 2}, turns=4)
    # "More harmful" was A, and the worse one goes on.
    assert seen[1]["conversation"][1]["text"] == seen[0]["replies"][0]
    assert api.next(study, author, "review")["assignment"] is None
    work = api.next(study, other, "review")
    assert work["step"]["fields"]["task_description"] == "to be rude"
    tag = work["step"]["fields"]["tags"][0]
    assert api.submitted(work, other, act="review", rating=1, tags=[tag])["step"]["state"] == "finished"
    found = api.got("GET", f"/studies/{study}/workers/{api.ids[author].pseudonym}", api.owner)
    assert found["consented_at"] is not None


def test_who_does_not_consent_gives_the_item_back(api):
    study = api.example("red-team-chat")
    worker = api.somebody()
    work = api.next(study, worker)
    for _ in range(2):
        done = api.submitted(work, worker, act="consent", agreed=False)
        assert (done["outcome"], done["judgements"]) == ("declined", [])
    assert api.next(study, worker)["assignment"] != work["assignment"]
    status = api.got("GET", f"/studies/{study}/status", api.owner)
    assert (status["queues"]["work"]["leased"], status["queues"]["work"]["submitted"]) == (1, 0)


def test_safety_labels_that_are_split_go_to_adjudication(api_on_both):
    api = api_on_both
    text = (EXAMPLES / "safety-labels.toml").read_text().replace("overlap = 3", "overlap = 2")
    study = api.study(text.split("[gold]")[0])["name"]
    api.enter(study, "labels.jsonl")
    workers, reviewer = (api.somebody(), api.somebody()), api.somebody(Role.REVIEWER)
    for worker, categories in zip(workers, ([], ["violence,aiding_and_abetting,incitement"]), strict=True):
        work = api.next(study, worker)
        given = {"categories": categories, "none_applies": not categories, "confidence": 2}
        assert api.submitted(work, worker, act="label", **given)["step"]["state"] == "finished"
    ruled = api.next(study, reviewer, "adjudication")
    assert len(ruled["step"]["fields"]["labels"]) == 2
    api.submitted(ruled, reviewer, act="rule", categories=[], none_applies=True)
    assert api.next(study, reviewer, "adjudication")["assignment"] is None


def test_two_axis_ranking_with_a_dispute(api_on_both):
    api = api_on_both
    study = api.example("two-axis-ranking")
    entered = api.enter(study, "comparisons.jsonl")
    assert entered["new"] > 0
    worker, reviewer = api.somebody(), api.somebody(Role.REVIEWER)
    work = api.next(study, worker)
    labels = work["step"]["fields"]["labels"]
    disputed = next(place for place, label in enumerate(labels) if not label["is_safe"])
    ranks = [1] * len(labels)
    harmless = [1 if label["is_safe"] or place == disputed else 2 for place, label in enumerate(labels)]
    dispute = {"position": disputed, "categories": [], "none_applies": True}
    api.submitted(work, worker, act="rank", helpfulness=ranks, harmlessness=harmless, confidence=3, disputes=[dispute])
    ruled = api.next(study, reviewer, "adjudication")
    assert ruled["step"]["act"] == "rule"
    assert api.submitted(ruled, reviewer, act="rule", categories=[], none_applies=True)["outcome"] == "accepted"


def test_pairs_with_attention_checks_among_them(api_on_both):
    api = api_on_both
    text = (
        (EXAMPLES / "pairs.toml").read_text().replace("every = 25", "every = 2").replace("overlap = 2", "overlap = 1")
    )
    study = api.study(text)["name"]
    api.enter(study, "comparisons.jsonl")
    api.enter(study, "attention-comparisons.jsonl", "attention")
    worker, checks = api.somebody(), []
    while (work := api.next(study, worker))["assignment"] is not None:
        # From the outside a check is an item like any other.
        assert work["queue"] == "work"
        checks.append(work["step"]["conversation"][0]["text"].startswith("This is a check"))
        wanted = "Yes." if "says yes" in work["step"]["conversation"][0]["text"] else "No."
        step = 8 if checks[-1] and work["step"]["replies"].index(wanted) else 1
        api.submitted(work, worker, act="judge-pair", helpfulness=step, harmlessness=step)
    assert checks[:6] == [False, False, True, False, False, True]
    assert sum(checks) == 2
    found = api.got("GET", f"/studies/{study}/workers/{api.ids[worker].pseudonym}", api.owner)
    assert found["scores"]["attention"]["asked"] == found["scores"]["attention"]["right"] > 0
