import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.web.bodies import BodyLimits, BoundedBodies, is_deeper
from tests.web.calling import Answer, answer, call, echo

JSON = [("content-type", "application/json")]


def bounded(**limits):
    return BoundedBodies(echo, BodyLimits(**limits))


def test_a_body_comes_through_whole_however_it_came():
    assert call(bounded(), b"one ", b"two ", b"three").body == b"one two three"
    assert call(bounded()).body == b""


def test_a_body_of_exactly_the_limit_comes_through_and_one_byte_more_does_not():
    app = bounded(most_bytes=5)
    assert call(app, b"12345").body == b"12345"
    for pieces in ((b"123456",), (b"123", b"456")):
        answer = call(app, *pieces)
        assert (answer.status, answer.json()["code"]) == (413, "PL-WEB-001")


@pytest.mark.parametrize("length", ["6", "999999999999999999999999", "-1", "1e1", "five", ""])
def test_a_length_that_is_too_large_or_none_is_refused_before_anything_is_read(length):
    async def unread(scope, receive, send):
        raise AssertionError

    app = BoundedBodies(unread, BodyLimits(most_bytes=5))
    assert call(app, b"1", headers=[("content-length", length)]).status == 413


def test_some_paths_take_more():
    app = bounded(most_bytes=3, by_path=((re.compile("/items"), 6),))
    assert call(app, b"123456", path="/items").body == b"123456"
    assert call(app, b"1234567", path="/items").status == 413
    assert call(app, b"123456", path="/items/x").status == 413


def test_a_body_that_does_not_end_is_given_up():
    answer = call(bounded(seconds=0.01), {"type": "http.request", "body": b"1", "more_body": True})
    assert (answer.status, answer.json()["code"]) == (408, "PL-WEB-002")


def test_nobody_is_answered_who_hung_up():
    app = bounded()
    assert call(app, {"type": "http.request", "body": b"1", "more_body": True}, {"type": "http.disconnect"}).sent == []


def test_the_app_hears_that_the_client_hung_up():
    heard = []

    async def listening(scope, receive, send):
        heard.extend([(await receive())["body"], (await receive())["type"]])

    call(BoundedBodies(listening), b"1", {"type": "http.disconnect"})
    assert heard == [b"1", "http.disconnect"]


def test_json_that_is_too_deep_is_refused_and_other_text_is_not_looked_at():
    app = bounded(most_depth=3)
    assert call(app, b"[[[1]]]", headers=JSON).status == 200
    answer = call(app, b"[[[[1]]]]", headers=JSON)
    assert (answer.status, answer.json()["code"]) == (400, "PL-WEB-003")
    assert call(app, b"[[[[1]]]]").status == 200
    assert call(app, b"[[[[1]]]]", headers=[("content-type", "Application/Problem+JSON; charset=utf-8")]).status == 400


@pytest.mark.parametrize("other", ["application/json", "text/plain", ""])
def test_a_second_content_type_hides_no_depth(other):
    app = bounded(most_depth=3)
    for headers in ([*JSON, ("content-type", other)], [("content-type", other), *JSON]):
        assert call(app, b"[[[[1]]]]", headers=headers).json()["code"] == "PL-WEB-003"


def depth(value):
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(
    st.recursive(st.none() | st.text(alphabet='[]{}"\\a\n'), lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='[{"\\'), inner)),
    st.integers(0, 6),
)  # fmt: skip
def test_depth_is_that_of_the_json_whatever_stands_in_its_texts(value, most):
    assert is_deeper(json.dumps(value).encode(), most) == (depth(value) > most)


def test_a_text_without_end_takes_no_time():
    assert not is_deeper(b"[" + b"[]," * 10_000_000 + b"[]]", 16)
    assert not is_deeper(b'["' + b"[" * 1_000_000, 32)
    assert not is_deeper(b'"' + b'\\"[' * 300_000, 32)
    assert is_deeper(b"[" * 1_000_000, 32)


def test_json_of_too_many_texts_is_refused_and_what_stands_in_texts_is_none():
    app = bounded(most_texts=3)
    assert call(app, json.dumps(["a", ',,,"",,,', {"b": 1}]).encode(), headers=JSON).status == 200
    answer = call(app, json.dumps(["a", "b", {"c": "d"}]).encode(), headers=JSON)
    assert (answer.status, answer.json()["code"]) == (413, "PL-WEB-001")
    assert call(app, b'"" "" "" ""').status == 200


def test_all_bodies_under_way_together_have_an_end_and_short_ones_come_through_always():
    long, most = b"x" * 100_000, 3 * (100_000 - (1 << 16))

    async def app(scope, receive, send):
        """Answers once everybody has come."""
        body = (await receive())["body"]
        came.release()
        await go.wait()
        await answer(send, body)

    async def ask(body):
        sent, given = [], [{"type": "http.request", "body": body[:70_000], "more_body": True}, body[70_000:]]

        async def receive():
            await asyncio.sleep(0)
            piece = given.pop(0)
            return piece if isinstance(piece, dict) else {"type": "http.request", "body": piece, "more_body": False}

        async def send(message):
            sent.append(message)

        await bodies({"type": "http", "path": "/", "method": "POST", "headers": []}, receive, send)
        return Answer(sent)

    async def all_at_once():
        asked = [asyncio.create_task(ask(body)) for body in [long] * 4 + [b"short"] * 4]
        async with asyncio.timeout(20):
            for _ in range(7):
                await came.acquire()
        go.set()
        return [await each for each in asked] + [await ask(long)]

    came, go, bodies = asyncio.Semaphore(0), asyncio.Event(), BoundedBodies(app, BodyLimits(most_held_bytes=most))
    *answers, later = asyncio.run(all_at_once())
    (refused,) = [each for each in answers[:4] if each.status != 200]
    assert (refused.status, refused.json()["code"], refused.headers[b"retry-after"]) == (429, "PL-WEB-009", b"1")
    assert [each.status for each in answers[4:]] == [200] * 4
    assert later.body == long, "what was answered is given back"


def test_other_than_http_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    call(BoundedBodies(app), type="lifespan")
    assert seen == ["lifespan"]


def test_no_task_is_left():
    call(bounded(), b"x")
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
