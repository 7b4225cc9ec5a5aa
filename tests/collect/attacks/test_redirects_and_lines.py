"""Ways elsewhere by ``next=``, header lines and log lines by what somebody sends, and hosts that are not ours."""

import logging
import re
from html import unescape
from urllib.parse import quote

import pytest

from tests.collect.attacks.whole import PAGE, all_routes, path_of, two_studies

OPEN = {
    *("health", "static_file", "log_in", "read_invitation", "accept_invitation", "arrive"),
    *("request_openid", "answer_openid"),
}
ELSEWHERE = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example",
    "\t//evil.example", " //evil.example", "https://evil.example", "https:evil.example", "HTTPS:/evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "@evil.example", ".evil.example", "evil.example", "/%5cevil.example\\", "/\u2028/evil.example", "/\u0000/evil.example",
    "\ufeff//evil.example", "http:///evil.example", "?//evil.example", "#//evil.example", "/\u202e/evil", "//[::1]/",
]  # fmt: skip
LINES = [
    "\r\nX-Planted: 1",
    "\nSet-Cookie: plumbline=x",
    "%0d%0aX-Planted:%201",
    "\u560a\u560dX-Planted: 1",
    "\x85X-Planted: 1",
    "\x1b[31m",
    "\u2028X",
]


@pytest.mark.parametrize("said", ELSEWHERE)
def test_nobody_is_sent_elsewhere_after_logging_in(api, said):
    page = api.ask("GET", f"/login?next={quote(said)}", accept=PAGE)
    assert page.status_code == 200
    assert unescape(re.search(r'data-next="([^"]*)"', page.text)[1]) == "/"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/studies/s",
        "/\\evil.example",
        "///evil.example",
        "/studies/s?next=//evil.example",
        "/studies/s%0d%0aX-Planted:%201",
    ],
)
def test_the_way_to_the_login_page_stays_here(api, path):
    """Where nobody is logged in, the path that was asked for comes along; it leads nowhere else whatever it is."""
    answer = api.raw("GET", f"http://127.0.0.1{path}", [("Accept", PAGE)])
    assert answer.status_code in (303, 404, 422)
    if answer.status_code == 303:
        assert re.fullmatch(r"/login\?next=/studies/s[A-Za-z0-9%/.-]*", answer.headers["location"]), answer.headers[
            "location"
        ]
    assert "x-planted" not in answer.headers


def test_every_redirect_is_to_the_login_page(api):
    two_studies(api)
    session, seen = api.session_of(api.owner), 0
    for who in (None, session, "x" * 43):
        for route in all_routes():
            if route.name == "log_out":
                continue
            (method,) = route.methods
            for host in ("127.0.0.1", "evil.example"):
                answer = api.ask(
                    method,
                    path_of(route),
                    who,
                    accept=PAGE,
                    headers=[("Host", host), ("X-Forwarded-Host", "evil.example")],
                )
                location = answer.headers.get("location", "/login?next=")
                assert location.startswith("/login?next=/") or location == "/login?next=", location
                assert "evil.example" not in str(answer.headers) + answer.text, (route.name, host)
                seen += "location" in answer.headers
    assert seen > 30


@pytest.mark.parametrize("lines", LINES)
def test_no_header_and_no_log_line_is_planted(api, lines, caplog):
    """By the path, by every parameter of it, by the query, by headers: an answer and a log keep their lines."""
    caplog.set_level(logging.DEBUG)
    two_studies(api)
    session = api.session_of(api.owner)
    sent = quote(lines, safe="%")
    for route in all_routes():
        (method,) = route.methods
        path = path_of(route, study=f"s{sent}", pseudonym=f"p{sent}", name=f"n{sent}", digest=sent)
        queries = "&".join(f"{each.alias}={sent}" for each in route.dependant.query_params)
        for address in (path, f"{path_of(route)}?{queries}&x={sent}"):
            if route.name == "log_out":
                continue
            answer = api.ask(
                method, address, session, accept=PAGE, headers=[("X-Request-ID", "a" * 65), ("User-Agent", "x")]
            )
            assert answer.status_code < 500, address
            assert "x-planted" not in answer.headers, address
            assert "plumbline=x" not in answer.headers.get("set-cookie", ""), address
            assert not any(re.search(r"[\r\n\x85\u2028\x1b]", value) for value in answer.headers.values()), address
    told = [record for record in caplog.records if record.name.startswith("plumbline")]
    assert len(told) > 100
    for record in told:
        assert re.fullmatch(r"[ -~]*", record.getMessage()), record.getMessage()


def test_ids_of_requests_are_ours_or_harmless(api):
    for given in ("short", "a b c d e f", "x" * 65, "é" * 10, "a" * 8 + ";b", "../../../etc"):
        answer = api.raw("GET", "/login", [("X-Request-ID", given.encode("latin-1"))])
        assert answer.headers["x-request-id"] != given


@pytest.mark.parametrize("host", [
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "evil.example:80",
    "[::1].evil.example", "0x7f000001", "2130706433", "0.0.0.0", "[", "a/b", "a?b", "", "127.0.0.1:99999", "localhost.",
])  # fmt: skip
def test_a_host_that_is_not_ours_gets_nothing_of_a_session(api, host):
    """DNS rebinding and poisoned links: every route, by cookie, under another name."""
    two_studies(api)
    session = api.session_of(api.owner)
    for route in all_routes():
        (method,) = route.methods
        answer = api.ask(method, path_of(route), session, accept=PAGE, headers=[("Host", host)], content=b"{}")
        if route.name in OPEN:
            assert "set-cookie" not in answer.headers
            continue
        assert answer.status_code in (403, 400, 422), (route.name, answer.status_code, answer.text[:300])
        if answer.status_code == 403:
            assert "PL-WEB-017" in answer.text, (route.name, answer.text[:300])
        assert host in ("", "[") or len(host) < 6 or host not in answer.text
