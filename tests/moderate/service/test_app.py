"""The application: right answers, right refusals, and nothing of what was sent in either log or refusal."""

import asyncio
import json
import logging

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.moderate.batching import BatchSettings
from plumbline.moderate.policy import Policy, PolicyCalibration, Threshold
from plumbline.moderate.policy_files import PolicyFiles
from plumbline.moderate.policy_text import format_policy
from plumbline.moderate.service.keys import KeyFile, add_key
from plumbline.moderate.service.openapi import openapi_document
from plumbline.moderate.service.request_log import JsonLines
from plumbline.web.bodies import BodyLimits
from plumbline.web.rate_limits import Rate
from tests.moderate.service.asking import app_of, ask, ask_async, while_it_runs

MODERATIONS = "/v1/moderations"
SECRET = "nobody-may-read-this"


@pytest.fixture
def app(moderation, preference, cost):
    return app_of(("mod", moderation), ("reward", preference), ("cost", cost))


def results(app, **asked):
    answer = ask(app, "POST", MODERATIONS, asked)
    assert answer.status == 200, answer.body
    return answer.json["results"]


def test_the_rude_reply_is_flagged_and_the_kind_one_is_not(app):
    rude, kind = results(app, input=["no go away", "happy to help with that"])
    assert (rude["flagged"], kind["flagged"]) == (True, False)
    assert rude["category_scores"]["unsafe"] > 0.5 > kind["category_scores"]["unsafe"]
    assert rude["judged_by"]["model"].startswith("mod@")
    (talk,) = results(app, messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "no go away"}])
    assert talk["flagged"]
    (pair,) = results(app, question="question number 1?", answer="no go away")
    assert pair["flagged"]
    assert "turns" not in pair


def test_what_was_not_judged_stands_among_what_was(app):
    judged, blank = results(app, input=["happy to help with that", "  "])
    assert (judged["error"], judged["flagged"]) == (None, False)
    assert (blank["error"]["code"], blank["flagged"]) == ("PL-MDR-020", True)


def test_rewards_and_costs(app):
    talk = {"messages": [{"role": "user", "content": "q"}], "replies": ["happy to help with that", "no go away"]}
    answer = ask(app, "POST", "/v1/score", {"conversations": [talk, talk | {"replies": ["of course see below"]}]}).json
    reward, cost = answer["models"]
    assert (reward["name"], cost["name"]) == ("reward", "cost")
    kind, rude = reward["conversations"][0]["replies"]
    assert kind["reward"] > rude["reward"]
    assert kind["best_probability"] > 0.5
    assert [len(each["replies"]) for each in cost["conversations"]] == [2, 1]
    only = ask(app, "POST", "/v1/score", {"conversations": [talk], "model": "cost"}).json
    assert [each["name"] for each in only["models"]] == ["cost"]


def test_a_reply_that_cannot_be_scored_shifts_no_other(app):
    talk = {"messages": [{"role": "user", "content": "q"}], "replies": ["happy to help with that", " ", "no go away"]}
    image = [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]
    seen = {"messages": [{"role": "user", "content": image}], "replies": ["of course see below"]}
    for model in ask(app, "POST", "/v1/score", {"conversations": [talk, seen, talk]}).json["models"]:
        first, unseen, last = [each["replies"] for each in model["conversations"]]
        value = "reward" if model["name"] == "reward" else "cost"
        kind, blank, rude = (each[value] for each in first)
        assert (blank, unseen[0][value]) == (None, None)
        assert [each["error"] and each["error"]["code"] for each in first + unseen] == [
            None,
            "PL-MDR-020",
            None,
            "PL-MDR-021",
        ]
        assert kind > rude if value == "reward" else kind < rude
        assert first == last


def test_while_it_stops_it_is_not_ready_and_every_answer_is_its_connections_last(app):
    assert "connection" not in ask(app, "GET", "/readyz").headers
    app.stop()
    ready, alive = ask(app, "GET", "/readyz"), ask(app, "GET", "/healthz")
    assert (ready.status, alive.status) == (503, 200)
    answer = ask(app, "POST", MODERATIONS, {"input": "no go away"})
    assert (answer.status, answer.json["results"][0]["flagged"]) == (200, True)
    assert {each.headers["connection"] for each in (ready, alive, answer)} == {"close"}


def test_models_policies_and_what_operators_ask(app):
    listed = ask(app, "GET", "/v1/models").json["data"]
    assert [(each["id"], each["task"]) for each in listed] == [
        ("mod", "moderation"),
        ("reward", "preference"),
        ("cost", "cost"),
    ]
    assert [each["name"] for each in ask(app, "GET", "/v1/policies").json["data"]] == ["model"]
    assert ask(app, "GET", "/healthz").status == ask(app, "GET", "/readyz").status == 200
    results(app, input=["no go away", " "])
    metrics = ask(app, "GET", "/metrics").body.decode()
    assert 'plumbline_rows_total{decision="flagged",model="mod"} 1.0' in metrics
    assert 'plumbline_rows_total{decision="unjudged",model="mod"} 1.0' in metrics
    assert 'plumbline_requests_total{route="/v1/moderations",status="200"} 1.0' in metrics
    assert 'plumbline_waiting_characters{model="mod"} 0.0' in metrics


def test_openais_model_names_mean_the_first_and_other_names_must_exist(app):
    for name in ("omni-moderation-latest", "text-moderation-007", "mod"):
        assert ask(app, "POST", MODERATIONS, {"input": "x", "model": name}).status == 200
    talk = {"messages": [{"role": "user", "content": "q"}], "replies": ["a"]}
    for path, asked, code, told in [
        (MODERATIONS, {"input": "x", "model": "other"}, "PL-MDR-012", "no model of this name is served"),
        (MODERATIONS, {"input": "x", "model": "reward"}, "PL-MDR-012", "a preference model, which POST /v1/score"),
        (MODERATIONS, {"input": "x", "policy": "none"}, "PL-MDR-013", "no policy of this name"),
        (
            "/v1/score",
            {"conversations": [talk], "model": "mod"},
            "PL-MDR-012",
            "a moderation model, which POST /v1/mod",
        ),
    ]:
        answer = ask(app, "POST", path, asked)
        assert (answer.status, answer.code) == (404, code)
        assert told in answer.body.decode()


def test_what_nothing_serves_is_said(moderation, preference):
    talk = {"messages": [{"role": "user", "content": "q"}], "replies": ["a"]}
    assert ask(app_of(("mod", moderation)), "POST", "/v1/score", {"conversations": [talk]}).code == "PL-MDR-014"
    assert ask(app_of(("reward", preference)), "POST", MODERATIONS, {"input": "x"}).code == "PL-MDR-017"


def test_a_policy_decides_and_a_request_may_name_another(moderation, tmp_path):
    heads = list(moderation.heads)
    lenient = Policy("lenient", 3, {heads[0]: Threshold(1.0, 1.0)}, tuple(heads[1:]))
    path = tmp_path / "lenient.toml"
    path.write_text(format_policy(lenient))
    app = app_of(("mod", moderation), policies=[path])
    (result,) = results(app, input="no go away")
    assert not result["flagged"]
    assert result["judged_by"]["policy"] == f"lenient@3@{lenient.digest[:12]}"
    listed = ask(app, "GET", "/v1/policies").json["data"]
    assert [(each["name"], each["model"]) for each in listed] == [("lenient", "mod"), ("model", "mod")]
    assert listed[0]["digest"] == lenient.digest
    (result,) = results(app, input="no go away", policy="model")
    assert result["flagged"]


def test_a_refused_policy_is_one_line_with_its_code_in_a_field(moderation, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("plumbline.moderate.service.app.RELOAD_SECONDS", 0.01)
    heads, path = list(moderation.heads), tmp_path / "own.toml"
    path.write_text(format_policy(Policy("own", 1, {heads[0]: Threshold(0.5, 0.5)}, tuple(heads[1:]))))
    app = app_of(("mod", moderation), policies=[path])
    while_it_runs(app, (lambda: path.write_text("name = "), lambda: "not replaced" in caplog.text))
    (line,) = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert (line["event"], line["code"]) == ("policies were not replaced", "PL-POL-003")
    assert str(path) in line["detail"]
    assert line["advice"]
    assert not any("\n" in str(each) for each in line.values())


def test_policies_are_looked_at_again_after_a_fault_and_what_is_to_be_told_of_them_is(
    moderation, tmp_path, monkeypatch, caplog
):
    heads, path = list(moderation.heads), tmp_path / "own.toml"

    def write(version, calibration=None):
        thresholds = {heads[0]: Threshold(0.5, 0.5)}
        path.write_text(format_policy(Policy("own", version, thresholds, tuple(heads[1:]), calibration)))

    def looked(files):
        looks.append(files)
        if len(looks) == 1:
            raise RuntimeError(SECRET)
        return look(files)

    foreign = PolicyCalibration(
        "other", "e" * 64, 0.01, 0.05, together=False, safe_rows=0, safe_flagged=0, safe_reviewed=0, data=(), heads={}
    )
    looks, look = [], PolicyFiles.reload_if_changed
    monkeypatch.setattr(PolicyFiles, "reload_if_changed", looked)
    monkeypatch.setattr("plumbline.moderate.service.app.RELOAD_SECONDS", 0.01)
    write(1)
    app = app_of(("mod", moderation), policies=[path])
    while_it_runs(app, (lambda: write(2, foreign), lambda: "policies were replaced" in caplog.text))
    assert "could not be looked at: RuntimeError" in caplog.text
    assert "was fitted for another model (other)" in caplog.text
    assert SECRET not in caplog.text
    (policy, _) = ask(app, "GET", "/v1/policies").json["data"]
    assert policy["version"] == 2


WRONG = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 422),
    (b'{"input": "x", "input": "y"}', 400),
    (b'{"input": "\xff"}', 400),
    (b'{"input": "\\ud800"}', 400),
    (b'{"input": NaN}', 400),
    (b'{"input": 3}', 422),
    (b'{"input": null}', 422),
    (b'{"input": [null]}', 422),
    (b'{"input": [["x"]]}', 422),
    (b'{"input": "x", "modle": "m"}', 422),
    (b'{"input": [{"type": "text"}]}', 422),
    (b'{"input": [{"type": "audio", "audio": "x"}]}', 422),
    (b'{"messages": [{"role": "tool", "content": "x"}]}', 422),
    (b'{"messages": {}}', 422),
    (b'{"question": "x"}', 422),
    (b'{"input": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
    (b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, 400),
    (b'{"input": "' + b"[" * 100_000, 400),
    (json.dumps({"input": ["x"] * 100_000}).encode(), 422),
    (b'{"input": [' + b'"x",' * 600_000 + b'"x"]}', 422),
    (b'{"input": [' + b'"x",' * 1_100_000 + b'"x"]}', 413),
    (b'{"input": "' + b"x" * 10_000_000 + b'"}', 413),
    (b'\xef\xbb\xbf{"input": "x"}', 400),
    (b'{"input": "a\0b"}', 400),
    (b'{"input": ' + b"9" * 5000 + b"}", 422),
    (b'{"input": [[1, 2], [3]]}', 422),
    (json.dumps({"input": "x", "model": "m" * 300}).encode(), 422),
]


@pytest.mark.parametrize(("body", "status"), WRONG)
def test_what_is_wrong_is_refused_with_a_code(app, body, status):
    answer = ask(app, "POST", MODERATIONS, body)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.code.startswith("PL-")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["input", "messages", "roles", "question", "answer", "model", "policy", "role", "content", "x"]
)


@pytest.fixture(scope="module")
def module_app(moderation, preference):
    return app_of(("mod", moderation), ("reward", preference))


@given(st.dictionaries(FIELDS, VALUES, max_size=4), st.sampled_from([MODERATIONS, "/v1/score"]))
@settings(max_examples=150)
def test_no_field_however_wrong_breaks_it(module_app, asked, path):
    answer = ask(module_app, "POST", path, json.dumps(asked).encode())
    assert answer.status in (200, 400, 404, 413, 422)
    if answer.status == 200 and path == MODERATIONS:
        assert all(
            each["error"] is not None or each["categories"]["unsafe"] is not None for each in answer.json["results"]
        )


@pytest.mark.parametrize("character", [*map(chr, range(32)), "\x7f", "\u2028", "\ufeff", "\U0001f4a9", "\ufffe"])
def test_odd_characters_are_judged_like_any_other(module_app, character):
    (result,) = results(module_app, input=f"a{character}b")
    assert result["error"] is None


def test_routes_methods_and_types_that_are_not_there(app):
    assert ask(app, "GET", "/v1/nothing").code == "PL-WEB-012"
    wrong = ask(app, "GET", MODERATIONS)
    assert (wrong.code, wrong.headers["allow"]) == ("PL-WEB-013", "POST")
    for kind in ("text/plain", None, "application/jsonx"):
        assert ask(app, "POST", MODERATIONS, {"input": "x"}, content_type=kind).code == "PL-WEB-005"


def test_refusals_are_told_in_openais_words_too(moderation):
    app = app_of(("mod", moderation), rate=Rate(0.01, 5), bodies=BodyLimits(most_bytes=50))
    refused = [
        (ask(app, "POST", MODERATIONS, {"input": "x", "model": 3}), "invalid_request_error", "model"),
        (ask(app, "POST", MODERATIONS, {"input": "x" * 50}), "invalid_request_error", None),
        (ask(app, "GET", "/nothing"), "invalid_request_error", None),
        (ask(app, "GET", "/healthz", host="evil.example"), "invalid_request_error", None),
        *[(ask(app, "POST", MODERATIONS, {"input": "x"}), "rate_limit_error", None) for _ in range(3)][2:],
    ]
    assert [answer.status for answer, _, _ in refused] == [422, 413, 404, 403, 429]
    for answer, kind, field in refused:
        error = answer.json["error"]
        assert (error["type"], error["param"], error["code"]) == (kind, field, answer.code)
        assert answer.json["detail"] in error["message"]
        assert int(answer.headers["content-length"]) == len(answer.body)


def test_bodies_and_texts_have_an_end(moderation):
    small = app_of(("mod", moderation), bodies=BodyLimits(most_bytes=100))
    assert ask(small, "POST", MODERATIONS, {"input": "x" * 100}).status == 413
    bounds = BatchSettings(most_waiting_characters=100, most_request_characters=50)
    tight = app_of(("mod", moderation), settings=bounds)
    answer = ask(tight, "POST", MODERATIONS, {"input": "x" * 51})
    assert (answer.status, answer.code) == (413, "PL-MDR-011")


def test_what_would_wait_too_long_is_refused_told_when_to_come_back_and_counted(moderation):
    app = app_of(("mod", moderation), settings=BatchSettings(most_waiting_characters=10, most_request_characters=10))

    async def both():
        return await asyncio.gather(*(ask_async(app, "POST", MODERATIONS, {"input": "no rude"}) for _ in range(2)))

    first, second = asyncio.run(both())
    assert (first.status, second.status, second.code) == (200, 429, "PL-MDR-010")
    assert second.headers["retry-after"] == "1"
    metrics = ask(app, "GET", "/metrics").body.decode()
    assert 'plumbline_refused_requests_total{model="mod"} 1.0' in metrics
    kinds = {line.split()[2]: line.split()[3] for line in metrics.splitlines() if line.startswith("# TYPE")}
    assert {kinds[f"plumbline_{name}_total"] for name in ("batches", "turns", "refused_requests")} == {"counter"}
    assert 'plumbline_waiting_characters{model="mod"} 0.0' in metrics


def test_only_names_of_this_machine_are_answered_without_keys(moderation, tmp_path):
    app = app_of(("mod", moderation))
    for host in ("localhost", "127.0.0.1", "[::1]:8000", "LOCALHOST:1"):
        assert ask(app, "GET", "/healthz", host=host).status == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1].evil.example", None):
        assert ask(app, "GET", "/healthz", host=host).code == "PL-MDR-018"
    add_key(tmp_path / "keys.toml", "somebody")  # a proxy on this machine tells the name asked for
    for options in ({"is_local": False}, {"keys": KeyFile(tmp_path / "keys.toml")}):
        assert ask(app_of(("mod", moderation), **options), "GET", "/healthz", host="any.example").status == 200


def test_too_many_requests_wait(moderation):
    app = app_of(("mod", moderation), rate=Rate(1, 2))
    statuses = [ask(app, "POST", MODERATIONS, {"input": "x"}) for _ in range(3)]
    assert [each.status for each in statuses] == [200, 200, 429]
    assert int(statuses[2].headers["retry-after"]) >= 1


def test_no_word_of_a_request_is_logged_or_told_back(app, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(app, "POST", MODERATIONS, {"input": SECRET})
        ask(app, "POST", "/v1/" + SECRET)
        refused = [
            ask(app, "POST", MODERATIONS, {"input": SECRET, SECRET: SECRET}),
            ask(app, "POST", MODERATIONS, {"input": "x", "model": SECRET}),
            ask(app, "POST", MODERATIONS, {"input": "x", "policy": SECRET}),
            ask(app, "POST", MODERATIONS, SECRET.encode()),
            ask(app, "POST", MODERATIONS, {"messages": [{"role": SECRET, "content": "x"}]}),
        ]
    assert all(each.status >= 400 and SECRET not in each.body.decode() for each in refused)
    lines = [JsonLines().format(record) for record in caplog.records]
    assert len(lines) >= len(refused)
    assert SECRET not in "".join(lines)
    told = [json.loads(line) for line in lines if json.loads(line)["event"] == "request"]
    assert {"method", "route", "status", "milliseconds", "request", "key", "time", "level"} <= set(told[0])
    assert "other" in {each["route"] for each in told}
    codes = [None, "PL-WEB-012", "PL-WEB-006", "PL-MDR-012", "PL-MDR-013", "PL-WEB-004", "PL-WEB-006"]
    assert [each["code"] for each in told] == codes


def test_every_answer_forbids_what_pages_could_do_with_it(app):
    for answer in (
        ask(app, "GET", "/healthz"),
        ask(app, "GET", "/nothing"),
        ask(app, "POST", MODERATIONS, {"input": "x"}),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert len(answer.headers["x-request-id"]) == 32


def test_the_document_describes_every_route(app):
    document = ask(app, "GET", "/openapi.json").json
    assert document == msgspec.json.decode(msgspec.json.encode(openapi_document()))
    for path, methods in document["paths"].items():
        for method in methods:
            assert ask(app, method.upper(), path, {}).status in (200, 422), path
