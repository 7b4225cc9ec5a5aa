"""Request ids, security headers, rate limits, the access log, tokens."""

import logging

import pytest

from plumbline.web.access_log import AccessLog
from plumbline.web.headers import API_HEADERS, SecurityHeaders
from plumbline.web.rate_limits import Buckets, Rate, RateLimits, token_looked_up
from plumbline.web.request_ids import RequestIds, request_id_of
from plumbline.web.sessions import any_session
from plumbline.web.tokens import read_token
from tests.web.calling import answer, call, echo

TOKEN = "a" * 43


def bearer(token=TOKEN):
    return [("authorization", f"Bearer {token}")]


# --- ids ---


def test_every_request_has_an_id_of_its_own():
    seen = []

    async def app(scope, receive, send):
        seen.append(request_id_of(scope))
        await answer(send)

    ids = [call(RequestIds(app)).headers[b"x-request-id"].decode() for _ in range(3)]
    assert ids == seen
    assert len(set(ids)) == 3


@pytest.mark.parametrize(("given", "taken"), [("a-proxys-own-id", True), ("x" * 65, False), ("a\nb" * 5, False), ("<script>", False)])  # fmt: skip
def test_a_proxys_id_is_taken_where_it_looks_like_one(given, taken):
    name = call(RequestIds(echo), headers=[("x-request-id", given)]).headers[b"x-request-id"].decode()
    assert (name == given) == taken


def test_without_the_middleware_there_is_none():
    assert request_id_of({}) == ""


# --- headers ---


def test_what_a_route_set_itself_stands():
    async def app(scope, receive, send):
        await answer(send, headers=[(b"Cache-Control", b"max-age=1")])

    sent = call(SecurityHeaders(app)).sent[0]["headers"]
    assert (b"Cache-Control", b"max-age=1") in sent
    assert [name.lower() for name, _ in sent].count(b"cache-control") == 1
    assert {name.lower() for name, _ in sent} == set(API_HEADERS)


# --- rates ---


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_bucket_gives_what_it_holds_and_fills_again():
    clock = Clock()
    buckets = Buckets(Rate(per_second=2, at_once=3), clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    clock.now += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock.now += 1000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_names_are_forgotten_and_memory_has_an_end():
    buckets = Buckets(Rate(per_second=1e-9, at_once=1), clock=Clock(), most=100)
    for number in range(1000):
        assert buckets.take(str(number)) == 0
    assert len(buckets._levels) == 100
    assert buckets.take("999") > 0


async def knowing(scope, receive, send):
    """Looks tokens up as an application does: those that begin with "made-up" are nobody's."""
    token = read_token(scope) or any_session(scope)
    if token is not None:
        token_looked_up(scope, token, is_good=not token.startswith("made-up"))
    await echo(scope, receive, send)


def test_each_good_token_has_its_own_and_all_else_shares_its_address():
    app = RateLimits(knowing, Rate(1, 2), Rate(1, 1), clock=Clock())
    # The first is the address's until the token was looked up, and is given back.
    assert [call(app, headers=bearer()).status for _ in range(4)] == [200, 200, 200, 429]
    refused = call(app, headers=bearer())
    assert (refused.status, refused.json()["code"], refused.headers[b"retry-after"]) == (429, "PL-WEB-009", b"1")
    assert [call(app, headers=bearer(letter * 43)).status for letter in "bcdefg"] == [200] * 6
    assert call(app).status == 200
    assert call(app, headers=[("authorization", "nonsense")]).status == 429
    assert call(app, headers=bearer("b" * 43)).status == 200
    assert call(app, client=("5.6.7.8", 1)).status == 200
    assert TOKEN not in str(app.__dict__)


@pytest.mark.parametrize("sent", ["cookie", "token"])
def test_made_up_tokens_are_no_way_past_the_address_and_push_nobody_out(sent):
    app = RateLimits(knowing, Rate(1e-9, 1), Rate(1e-9, 3), clock=Clock(), most=50)
    good = [call(app, headers=bearer()).status for _ in range(3)]
    assert good == [200, 200, 429]
    names = [f"made-up-{number:020}" for number in range(100)]
    headers = [[("cookie", f"plumbline={name}")] if sent == "cookie" else bearer(name) for name in names]
    assert [call(app, headers=each).status for each in headers] == [200] * 3 + [429] * 97
    assert call(app, headers=bearer()).status == 429
    assert (len(app._good), len(app._tokens._levels)) == (1, 1)


def test_a_good_token_is_no_way_past_the_address_where_anybody_may_ask():
    app = RateLimits(knowing, Rate(1, 50), Rate(1, 3), open_paths=frozenset({"/login"}), clock=Clock())
    assert call(app, headers=bearer()).status == 200
    assert [call(app, headers=bearer(), path="/login").status for _ in range(5)] == [200] * 3 + [429] * 2
    assert call(app, headers=bearer(), path="/work").status == 200


def test_another_token_than_the_one_counted_makes_nothing_good_and_a_revoked_one_counts_for_its_address():
    good = {"g" * 43}

    async def app(scope, receive, send):
        # By the last cookie, whatever the limits went by.
        token = dict(scope["headers"])[b"cookie"].decode().rpartition("=")[2]
        token_looked_up(scope, token, is_good=token in good)
        await answer(send)

    limits = RateLimits(app, Rate(1, 50), Rate(1, 2), clock=Clock())
    two = [("cookie", f"__Host-plumbline={'x' * 43}; plumbline={'g' * 43}")]
    assert [call(limits, headers=two).status for _ in range(3)] == [200, 200, 429]
    limits = RateLimits(app, Rate(1, 50), Rate(1, 2), clock=Clock())
    one = [("cookie", f"plumbline={'g' * 43}")]
    assert [call(limits, headers=one).status for _ in range(3)] == [200] * 3
    good.clear()
    assert [call(limits, headers=one).status for _ in range(4)] == [200] * 3 + [429]


def test_files_from_memory_are_not_counted_and_all_else_is():
    app = RateLimits(echo, Rate(1, 1), Rate(1, 1), uncounted="/static/", clock=Clock())  # looks nothing up
    assert [call(app, headers=bearer(), path=f"/static/a/{n}.js").status for n in range(300)] == [200] * 300
    assert call(app, headers=bearer(), path="/login").status == 200
    assert call(app, headers=bearer(), path="/login/static/").status == 429
    assert call(app, headers=bearer(), path="/static").status == 429


# --- the log ---


def test_the_log_has_no_query_and_no_line_of_the_senders(caplog):
    caplog.set_level(logging.INFO, logger="plumbline.web.access")
    call(RequestIds(AccessLog(echo)), b"what they wrote", path="/a\nINFO forged\x1b[31m" + "x" * 5000, headers=bearer())
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("POST /a\\nINFO forged\\x1b[31mxxx")
    assert "\n" not in message
    assert len(message) < 400
    assert " 200 " in message
    assert not {"secret", "wrote", TOKEN} & set(message.split())


def test_nothing_is_logged_where_nobody_wants_it(caplog):
    caplog.set_level(logging.WARNING)
    assert call(AccessLog(echo)).status == 200
    assert caplog.records == []


def test_who_is_told_in_place_of_the_log_hears_of_failures_too():
    told = []

    async def broken(scope, receive, send):
        raise ConnectionResetError

    call(AccessLog(echo, lambda *each: told.append(each)), path="/a")
    with pytest.raises(ConnectionResetError):
        call(AccessLog(broken, lambda *each: told.append(each)), path="/b")
    assert [(scope["path"], status) for scope, status, _ in told] == [("/a", 200), ("/b", 0)]
    assert all(0 <= seconds < 60 for _, _, seconds in told)


@pytest.mark.parametrize("middleware", [RequestIds, SecurityHeaders, RateLimits, AccessLog])
def test_other_than_http_passes(middleware):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    call(middleware(app), type="lifespan")
    assert seen == ["lifespan"]


# --- tokens ---


@pytest.mark.parametrize(
    "values",
    [[], ["Bearer"], ["Bearer "], [f"Basic {TOKEN}"], [f"Bearer {TOKEN} "], [f"Bearer  {TOKEN}"], ["Bearer short"],
     [f"Bearer {'a' * 201}"], [f"Bearer {TOKEN}!"], [f"Bearer {TOKEN}", f"Bearer {TOKEN}"], [f"Bearer {TOKEN}\n"]],
)  # fmt: skip
def test_what_is_no_token(values):
    assert read_token({"headers": [(b"authorization", value.encode()) for value in values]}) is None


def test_a_token_is_read_whatever_the_case_of_its_header():
    assert read_token({"headers": [(b"Authorization", f"bearer {TOKEN}".encode())]}) == TOKEN
