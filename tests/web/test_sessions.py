"""Cookies, names of hosts and the page's token, without a server."""

import pytest

from plumbline.web.failures import WebError
from plumbline.web.sessions import (
    CSRF_LENGTH,
    Site,
    any_session,
    csrf_token,
    is_loopback,
    require_csrf,
    require_own_site,
)

TOKEN = "t" * 43
HTTPS = "https://judge.example.org"


def scope(host="127.0.0.1:8080", *, scheme="http", method="POST", **headers):
    given = [(b"host", host.encode())] if host is not None else []
    given += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "scheme": scheme, "method": method, "headers": given}


def flags(set_cookie):
    return {part.strip().lower() for part in set_cookie.split(";")[1:]}


# --- which cookie, with which flags ---


def test_over_tls_the_cookie_is_secure_and_no_other_host_can_set_it():
    for site, request in (
        (Site("127.0.0.1", HTTPS), scope("judge.example.org")),
        (Site("0.0.0.0", HTTPS), scope("judge.example.org:443")),
        (Site("127.0.0.1"), scope("127.0.0.1", scheme="https")),
    ):
        made = site.set_cookie(request, TOKEN, 60)
        assert made.startswith(f"__Host-plumbline={TOKEN};")
        assert flags(made) == {"secure", "httponly", "samesite=lax", "path=/", "max-age=60"}


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "127.9.9.9"])
def test_on_this_machine_it_needs_no_tls(host):
    made = Site("127.0.0.1").set_cookie(scope(host), TOKEN, 60)
    assert made.startswith(f"plumbline={TOKEN};")
    assert flags(made) == {"httponly", "samesite=lax", "path=/", "max-age=60"}


@pytest.mark.parametrize(
    ("site", "host", "more", "code"),
    [
        (Site("192.0.2.7"), "192.0.2.7:8080", {}, "PL-WEB-016"),
        (Site("127.0.0.1", "http://judge.example.org"), "judge.example.org", {}, "PL-WEB-016"),
        (Site("127.0.0.1"), "127.0.0.1", {"x_forwarded_for": "192.0.2.1"}, "PL-WEB-016"),
        (Site("127.0.0.1"), "127.0.0.1", {"forwarded": "for=192.0.2.1"}, "PL-WEB-016"),
        (Site("0.0.0.0"), "192.0.2.7", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "rebound.example", {}, "PL-WEB-017"),
        (Site("127.0.0.1", HTTPS), "judge.example.org:444", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "127.0.0.1.rebound.example", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "user@127.0.0.1", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "[::1].rebound.example", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "127.0.0.1:65536", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), "localhost:x", {}, "PL-WEB-017"),
        (Site("127.0.0.1"), None, {}, "PL-WEB-017"),
    ],
)
def test_elsewhere_there_is_none(site, host, more, code):
    with pytest.raises(WebError, match=code):
        site.set_cookie(scope(host, **more), TOKEN, 60)


def test_two_hosts_are_none():
    request = scope()
    request["headers"].append((b"host", b"localhost"))
    with pytest.raises(WebError, match="PL-WEB-017"):
        Site().require_known_host(request)


def test_the_host_that_was_bound_is_known():
    Site("192.0.2.7").require_known_host(scope("192.0.2.7:8080"))
    Site("judge").require_known_host(scope("JUDGE:8080"))
    with pytest.raises(WebError, match="PL-WEB-017"):
        Site("192.0.2.7").require_known_host(scope("127.0.0.1:8080"))


def test_only_the_cookie_of_its_own_connection_counts():
    both = f"plumbline={'p' * 43}; __Host-plumbline={'s' * 43}"
    assert Site().session_of(scope(cookie=both)) == "p" * 43
    assert Site("127.0.0.1", HTTPS).session_of(scope(cookie=both)) == "s" * 43
    assert Site("127.0.0.1", HTTPS).session_of(scope(cookie=f"plumbline={TOKEN}")) is None
    assert any_session(scope(cookie=both)) == "s" * 43
    assert any_session(scope(cookie="other=1")) is None


@pytest.mark.parametrize(
    "cookie", ["", "plumbline", "plumbline=", "plumbline=short", f"xplumbline={TOKEN}", f"plumbline={TOKEN}; plumbline={TOKEN}",
               f"plumbline={'t' * 201}", "plumbline=t t t t t t t t t t t t t", f'plumbline="{TOKEN}"'],
)  # fmt: skip
def test_what_is_no_cookie_of_ours(cookie):
    assert Site().session_of(scope(cookie=cookie)) is None


def test_ending_a_session_takes_the_cookie_back():
    assert Site().end_cookies(scope()).startswith("plumbline=; Max-Age=0;")
    assert Site("127.0.0.1", HTTPS).end_cookies(scope()).startswith("__Host-plumbline=; Max-Age=0; Path=/; Secure;")


# --- the page's token ---


def test_the_pages_token_is_that_of_the_session():
    # HMAC-SHA256 of b"csrf" under the key b"key", by `openssl dgst -sha256 -hmac key -binary | basenc --base64url`.
    assert csrf_token("key") == "sWuREk0YevM5tRX19gRqVamF8yBltj4-qePwsy8F4zY"
    assert len(csrf_token(TOKEN)) == CSRF_LENGTH
    assert csrf_token(TOKEN) != csrf_token("u" * 43)
    require_csrf(scope(x_csrf_token=csrf_token(TOKEN)), TOKEN)
    for method in ("GET", "HEAD"):
        require_csrf(scope(method=method), TOKEN)


@pytest.mark.parametrize(
    "given", [{}, {"x_csrf_token": ""}, {"x_csrf_token": csrf_token("u" * 43)}, {"x_csrf_token": TOKEN}]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_what_changes_something_needs_it(method, given):
    with pytest.raises(WebError, match="PL-WEB-015"):
        require_csrf(scope(method=method, **given), TOKEN)


def test_two_tokens_are_none():
    request = scope(x_csrf_token=csrf_token(TOKEN))
    request["headers"].append((b"x-csrf-token", csrf_token(TOKEN).encode()))
    with pytest.raises(WebError, match="PL-WEB-015"):
        require_csrf(request, TOKEN)


@pytest.mark.parametrize(
    ("site", "typed", "fine"),
    [("same-origin", False, True), ("none", False, False), ("none", True, True), (None, False, True),
     ("cross-site", True, False), ("same-site", True, False), ("", True, False), ("nonsense", True, False)],
)  # fmt: skip
def test_what_another_site_began(site, typed, fine):
    request = scope(**({} if site is None else {"sec_fetch_site": site}))
    if fine:
        require_own_site(request, typed_is_fine=typed)
    else:
        with pytest.raises(WebError, match="PL-WEB-019"):
            require_own_site(request, typed_is_fine=typed)


def test_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "LOCALHOST", "127.1.2.3")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "192.0.2.1", "localhost.example", "", "::")] == [False] * 5
