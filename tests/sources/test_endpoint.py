"""Endpoints against a real server on loopback, spoken to by the real client."""

import asyncio
import gzip
import json
import logging

import pytest

from plumbline.records import Message, MissingExtraError, Role, UsageError
from plumbline.sources import EndpointOptions, EndpointSource, LimitSettings, Reply, ReplyError, Sampling, parse_address
from tests.sources.chat_server import (
    CONVERSATION,
    SECRET,
    answer,
    chat_server,
    drip,
    drop,
    end_without_reason,
    flood,
    hang,
    send,
    status,
    stream_of,
)
from tests.sources.endpoints_asked import ask, refusal

BOTH = pytest.mark.parametrize("streaming", [True, False], ids=["streaming", "whole"])


# --- what is sent and what comes back ---


@BOTH
def test_a_reply_comes_with_all_that_is_known_of_it(server, streaming):
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=64, seed=5)
    (reply,) = ask(server.source(streaming=streaming), sampling=sampling)
    sent = server.bodies[0]
    assert reply == Reply(
        f"reply {sent['seed']}",
        f"openai:toy@http://127.0.0.1:{server.port}/v1",
        "toy",
        "toy-2026-01-02 fp_1",
        sent["seed"],
        sampling,
        "stop",
        reply.seconds,
    )
    assert 0 < reply.seconds < 60
    assert (sent["model"], sent["temperature"], sent["top_p"], sent["max_tokens"]) == ("toy", 0.7, 0.9, 64)
    assert sent["messages"] == [{"role": "user", "content": CONVERSATION[0].text}]
    assert "top_k" not in sent
    assert sent.get("stream", False) is streaming


def test_roles_top_k_and_the_longer_name_of_the_limit_are_sent(server):
    conversation = (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.HUMAN, "one"),
        Message(Role.ASSISTANT, "two"),
        Message(Role.HUMAN, "three"),
    )
    source = server.source(length_parameter="max_completion_tokens")
    ask(source, sampling=Sampling(top_k=30, max_tokens=9), conversation=conversation)
    assert [message["role"] for message in server.bodies[0]["messages"]] == ["system", "user", "assistant", "user"]
    assert (server.bodies[0]["top_k"], server.bodies[0]["max_completion_tokens"]) == (30, 9)
    assert "max_tokens" not in server.bodies[0]


@BOTH
def test_a_cut_reply_is_recorded_as_cut(server, streaming):
    server.plans.append(answer("and then", finish="length"))
    assert ask(server.source(streaming=streaming))[0].finish == "length"


def test_samples_of_one_request_have_different_seeds_that_follow_from_its_own(server):
    first, again = ask(server.source(), 8), ask(server.source(), 8)
    assert len({reply.seed for reply in first}) == 8
    assert [reply.seed for reply in first] == [reply.seed for reply in again]
    assert [reply.text for reply in first] == [f"reply {reply.seed}" for reply in first]


def test_the_key_comes_from_the_variable_named_and_nothing_else_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-this-one")
    monkeypatch.setenv("OPENAI_ORG_ID", "my-organisation")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-mine: yes")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    source = server.source({"MY_KEY": "sk-right"}, key_variable="MY_KEY")
    assert "sk-right" not in repr(source.__dict__)
    ask(source)
    ask(server.source())
    with_key, without = server.headers
    assert with_key["authorization"] == "Bearer sk-right"
    assert "authorization" not in without
    allowed = {"host", "accept", "content-type", "content-length", "accept-encoding", "user-agent", "authorization"}
    assert set(with_key) - {"connection", "idempotency-key"} <= allowed


@pytest.mark.parametrize("environment", [{}, {"MY_KEY": " "}, {"MY_KEY": "sk\nx"}])
def test_a_variable_without_a_key_is_an_error_at_once(server, environment):
    with pytest.raises(UsageError, match="PL-REP-005") as caught:
        server.source(environment, key_variable="MY_KEY")
    assert "sk" not in str(caught.value)


def test_a_key_in_the_place_of_the_variables_name_is_not_quoted(server):
    with pytest.raises(UsageError, match="PL-REP-005") as caught:
        server.source(key_variable="sk_live_1234")
    assert "1234" not in str(caught.value)


# --- what is tried again ---


@BOTH
@pytest.mark.parametrize(
    "bad",
    [
        status(500),
        status(502, body=b"<html>bad gateway</html>"),
        status(408),
        status(429, {"retry-after": "0.02"}),
        status(503),
        answer(" \n"),
        answer("nul\0"),
        answer("half \ud83d"),
    ],
)
def test_what_passes_by_itself_is_tried_again(server, streaming, bad):
    server.plans += [bad, bad]
    (reply,) = ask(server.source(streaming=streaming))
    assert (len(server.bodies), reply.text) == (3, f"reply {reply.seed}")


def test_an_answer_that_was_no_good_is_asked_for_with_another_seed(server):
    server.plans += [answer(""), status(500)]
    (reply,) = ask(server.source())
    seeds = [body["seed"] for body in server.bodies]
    assert seeds[0] != seeds[1] == seeds[2] == reply.seed


@pytest.mark.parametrize("break_off", [drop, end_without_reason])
def test_what_came_before_a_broken_connection_is_thrown_away(server, break_off):
    server.plans.append(break_off)
    (reply,) = ask(server.source())
    assert (len(server.bodies), reply.text) == (2, f"reply {reply.seed}")


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (status(500), "PL-REP-016"),
        (status(429), "PL-REP-015"),
        (status(503, {"retry-after": "junk"}), "PL-REP-015"),
        (drop, "PL-REP-020"),
        (end_without_reason, "PL-REP-020"),
        (answer(""), "PL-REP-022"),
        (answer("…", finish="content_filter"), "PL-REP-023"),
        (status(400, body={"error": {"message": SECRET, "code": "content_filter"}}), "PL-REP-023"),
        (status(403, body={"error": {"code": 403, "metadata": {"flagged_input": SECRET}}}), "PL-REP-023"),
        (answer("a\0"), "PL-REP-024"),
        (answer("a", finish="tool_calls"), "PL-REP-019"),
        (answer("a", finish=SECRET), "PL-REP-019"),
        (stream_of(b'data: {"choices": [{"delta": {"content": "lapis lazuli\n\n'), "PL-REP-019"),
        (stream_of(b'data: {"choices": "lapis lazuli"}\n\n'), "PL-REP-019"),
        (stream_of(b'data: {"choices": [{"delta": {"content": ["lapis lazuli"]}}]}\n\n'), "PL-REP-019"),
        (stream_of(b'data: {"error": {"message": "lapis lazuli"}}\n\n'), "PL-REP-016"),
        (stream_of(b"data: " + b"[" * 100_000 + b"\n\n"), "PL-REP-019"),
        (stream_of(b'data: "\xff\xfe"\n\n'), "PL-REP-019"),
        (stream_of(b""), "PL-REP-020"),
        *(
            (stream_of(b"data: " + odd + b"\n\n"), "PL-REP-019")
            for odd in (
                *(b"null", b"[1]", b'"lapis lazuli"', b"5", b"{}", b'{"choices": null}', b'{"choices": {}}'),
                *(b'{"choices": [{"delta": {"content": 5}}]}', b'{"choices": [{"delta": {"content": {}}}]}'),
                *(b'{"choices": [{"finish_reason": 5}]}', b'{"choices": [{"finish_reason": ["stop"]}]}'),
            )
        ),
        *(
            (stream_of(b"data: " + odd + b"\n\n"), "PL-REP-020")
            for odd in (
                *(b'{"choices": []}', b'{"choices": [null]}', b'{"choices": [[]]}', b'{"choices": [5]}'),
                *(b'{"choices": [{"delta": null}]}', b'{"choices": [{"delta": "lapis lazuli"}]}'),
                b'{"choices": [{"delta": {"content": "a"}}], "model": {}, "system_fingerprint": 5}',
            )
        ),
    ],
)
def test_what_stays_wrong_ends_with_its_code_after_all_attempts(server, plan, code):
    server.always = plan
    error = refusal(server.source(attempts=2, throttled_attempts=2))
    assert (error.code, error.is_passing, len(server.bodies)) == (code, True, 2)


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices": [{"message": {"content": "lapis lazuli',
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}',
        b'{"choices": [{"finish_reason": "stop"}]}',
        *(b'["lapis lazuli"]', b"lapis lazuli", b"", b"null", b"5", b"{}", b'{"choices": null}', b'{"choices": {}}'),
        *(b'{"choices": [null]}', b'{"choices": [[]]}', b'{"choices": ["lapis lazuli"]}', b"\xff\xfe"),
        b'{"choices": [{"message": "lapis lazuli", "finish_reason": "stop"}]}',
        b'{"choices": [{"message": {"content": "a"}, "finish_reason": ["stop"]}]}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_a_whole_answer_that_is_none_of_a_chat_api(server, body, kind):
    server.always = lambda handler, _: send(handler, 200, body, {"content-type": kind})
    assert refusal(server.source(attempts=1, streaming=False)).code == "PL-REP-019"


@BOTH
@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (status(401), "PL-REP-013"),
        (status(403), "PL-REP-013"),
        (status(429, body={"error": {"message": SECRET, "code": "insufficient_quota"}}), "PL-REP-013"),
        (status(404), "PL-REP-014"),
        (status(400), "PL-REP-017"),
        (status(422, body=b"lapis lazuli"), "PL-REP-017"),
    ],
)
def test_what_does_not_pass_by_itself_is_asked_once(server, streaming, plan, code):
    server.always = plan
    error = refusal(server.source(streaming=streaming))
    assert (error.code, error.is_passing, len(server.bodies)) == (code, False, 1)


def test_only_known_names_of_faults_are_quoted(server):
    server.plans.append(status(400, body={"error": {"message": SECRET, "code": "context_length_exceeded"}}))
    assert "context_length_exceeded" in str(refusal(server.source()))
    server.plans.append(status(400, body={"error": {"message": SECRET, "code": SECRET}}))
    refusal(server.source())


# --- time ---


def test_retry_after_is_waited_for(server):
    async def asking():
        source = server.source(limit=LimitSettings(pause_seconds=0.001))
        server.plans.append(status(429, {"retry-after-ms": "300"}))
        began = asyncio.get_running_loop().time()
        await source.reply(CONVERSATION, Sampling(), 1)
        await source.close()
        return asyncio.get_running_loop().time() - began, source.requests_at_once

    seconds, at_once = asyncio.run(asking())
    assert seconds >= 0.29
    assert at_once < LimitSettings().start


def test_an_endpoint_that_wants_to_be_left_alone_for_too_long_is_not_waited_for(server):
    server.plans.append(status(429, {"retry-after": "4000"}))
    error = refusal(server.source())
    assert (error.code, error.retry_after_seconds, len(server.bodies)) == ("PL-REP-015", 4000, 1)


@BOTH
def test_an_endpoint_that_says_nothing_times_out(server, streaming):
    server.plans += [hang, hang]
    error = refusal(server.source(streaming=streaming, attempts=2, timeout_seconds=0.5))
    assert (error.code, len(server.bodies)) == ("PL-REP-012", 2)


def test_an_endpoint_that_drips_times_out_all_the_same(server):
    server.plans.append(drip)
    assert refusal(server.source(attempts=1, timeout_seconds=0.4)).code == "PL-REP-012"


def test_patience_bounds_all_attempts_together(server):
    server.always = status(500)
    error = refusal(server.source(attempts=1000, retry_seconds=0.05, patience_seconds=0.4))
    assert error.code == "PL-REP-012"
    assert len(server.bodies) < 10


def test_nobody_at_the_address():
    with chat_server() as gone:
        source = gone.source(attempts=2)
    assert refusal(source).code == "PL-REP-011"


# --- size ---


@BOTH
def test_an_answer_that_is_too_large_is_not_read_to_its_end(server, streaming):
    server.plans.append(flood)
    error = refusal(server.source(streaming=streaming, attempts=1, most_answer_bytes=100_000))
    assert error.code == "PL-REP-021"


def test_a_compressed_answer_is_not_unpacked(server):
    honest = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
    bomb = gzip.compress(json.dumps(honest).encode() + b" " * 50_000_000)
    assert len(bomb) < 100_000
    server.plans.append(status(200, {"content-encoding": "gzip"}, bomb))
    error = refusal(server.source(streaming=False, attempts=1, most_answer_bytes=100_000))
    assert error.code == "PL-REP-019"
    assert server.headers[0]["accept-encoding"] == "identity"


# --- the rest ---


def test_failures_are_logged_by_code_and_no_log_holds_a_text(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.plans += [status(500), status(400)]
    refusal(server.source())
    ask(server.source(streaming=False))
    texts = [record.getMessage() for record in caplog.records]
    assert any("attempt 1 failed, PL-REP-016" in text for text in texts)
    assert any(r.levelno == logging.WARNING and "PL-REP-017" in r.getMessage() for r in caplog.records)
    assert [text for text in texts if SECRET in text] == []


def test_a_closed_source_says_so(server):
    async def asking():
        source = server.source()
        await source.close()
        await source.close()
        with pytest.raises(ReplyError, match="PL-REP-033"):
            await source.reply(CONVERSATION, Sampling(), 1)

    asyncio.run(asking())
    assert server.bodies == []


@pytest.mark.parametrize("name", ["timeout_seconds", "patience_seconds", "attempts", "retry_seconds"])
def test_settings_out_of_range(name):
    with pytest.raises(UsageError, match="PL-REP-032"):
        EndpointOptions(**{name: 0})


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plumbline.sources.openai_client", None)
    with pytest.raises(MissingExtraError, match=r"PL-REP-008(?s:.)*\[sources\]"):
        EndpointSource(parse_address("openai:m@https://host.example/v1"))
