import logging

import pytest

from plumbline.records import FaultError, PlumblineError, SourceError, UsageError
from plumbline.web.failures import FieldFault, InvalidBodyError, not_known, overloaded, too_many_requests
from plumbline.web.problems import ProblemErrors, places_of, problem_of
from plumbline.web.request_ids import RequestIds
from tests.web.calling import answer, call


def raising(error):
    async def app(scope, receive, send):
        raise error

    return RequestIds(ProblemErrors(app))


def test_a_problem_says_what_where_and_what_next():
    error = UsageError("PL-X-001", "study s", "it is wrong", expected="right", found="left", advice="turn it")
    document = call(raising(error)).json()
    assert document.pop("request_id")
    assert document == {
        "type": "urn:plumbline:problem:pl-x-001",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "study s: it is wrong; expected right; found left",
        "code": "PL-X-001",
        "advice": "turn it",
    }


def test_the_status_is_that_of_the_code_then_of_the_nearest_class():
    statuses = {PlumblineError: 418, UsageError: 422, "PL-X-002": 409}
    assert [
        problem_of(kind(code, "p", "w", advice="a"), statuses).status
        for kind, code in ((UsageError, "PL-X-001"), (UsageError, "PL-X-002"), (SourceError, "PL-X-001"))
    ] == [422, 409, 418]
    assert problem_of(FaultError("PL-X-001", "p", "w", advice="a")).status == 500
    assert problem_of(not_known(), {PlumblineError: 418}).status == 401


def test_headers_and_fields_go_with_it():
    assert dict(problem_of(too_many_requests(1.2)).headers) == {b"retry-after": b"2"}
    assert dict(problem_of(overloaded()).headers) == {b"retry-after": b"1"}
    assert dict(problem_of(not_known()).headers) == {b"www-authenticate": b"Bearer"}
    problem = problem_of(InvalidBodyError([FieldFault("a.b", "is wrong")]))
    assert problem.members["fields"] == [{"field": "a.b", "problem": "is wrong"}]


def test_an_error_that_is_not_ours_is_a_500_and_nothing_of_it_is_logged(caplog):
    answered = call(raising(ValueError("what somebody wrote")))
    assert (answered.status, answered.json()["code"]) == (500, "PL-WEB-011")
    assert "wrote" not in answered.body.decode() + caplog.text
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "ValueError" in record.getMessage()
    assert "test_problems.py" in record.getMessage()
    assert answered.json()["request_id"] in record.getMessage()


def test_half_an_answer_is_broken_off():
    async def app(scope, receive, send):
        await answer(send, b"half")
        raise ValueError("what somebody wrote")

    with pytest.raises(ConnectionAbortedError) as caught:
        call(ProblemErrors(app))
    assert caught.value.__context__ is None


def test_places_are_the_innermost_first():
    def inner():
        raise KeyError("secret")

    def outer():
        inner()

    try:
        outer()
    except KeyError as error:
        told = places_of(error)
    assert told.index("inner") < told.index("outer")
    assert "secret" not in told
