"""The ground that the other tests here stand on: each of its checks finds what it is there to find."""

import httpx2
import pytest

from tests.browser.looking import assert_fits, assert_no_serious_axe_violations, serious_axe_violations, take_pictures
from tests.browser.site import STUDIES

FAULTY = """
<!doctype html><html lang="en"><title>Faulty</title>
<main><h1>Faulty</h1><img src="data:,"><p style="width: 900px">Wide</p></main>
"""


def test_the_server_describes_itself_and_serves_every_study(site, visit):
    page = visit().page
    answer = page.goto("/openapi.json")
    assert "/api/v1/health" in answer.json()["paths"]
    assert page.goto("/api/v1/health").json() == {"status": "ok"}
    assert [study["name"] for study in site.get("/studies")["studies"]] == list(STUDIES.values())


def test_who_was_added_is_logged_in_and_nobody_else_is(site, visit):
    worker, nobody = visit(site.add("worker")), visit()
    me = worker.page.goto("/api/v1/me").json()
    assert (me["pseudonym"], me["role"]) == (worker.account.pseudonym, "worker")
    assert nobody.page.goto("/api/v1/me").status == 401
    nobody.expects("401")


def test_complaints_are_noted_and_those_expected_are_not(visit):
    visitor = visit()
    visitor.page.goto("/login")
    assert visitor.problems == []
    visitor.page.evaluate("setTimeout(() => { throw new Error('planted exception') })")
    visitor.page.evaluate("console.error('planted message')")
    visitor.page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.2/x'}))"
    )
    assert visitor.page.evaluate("fetch('/api/v1/none').then((answer) => answer.status)") == 404
    for planted in ("planted exception", "planted message", "content security policy: img-src", "404"):
        visitor.wait_for_problem(planted)
        visitor.expects(planted)
    visitor.expects("violates the following Content Security Policy")
    assert visitor.problems == []


def test_inline_scripts_do_not_run_and_are_noted(visit):
    visitor = visit()
    visitor.page.goto("/login")
    visitor.page.evaluate(
        "document.head.append(Object.assign(document.createElement('style'), {textContent: 'main {display: none}'}))"
    )
    assert visitor.page.locator("main").is_visible()
    visitor.wait_for_problem("style-src")
    visitor.expects("style-src")


def test_axe_and_the_narrow_screen_find_planted_faults(visit):
    page = visit().page
    page.set_content(FAULTY)
    assert [rule for rule, *_ in serious_axe_violations(page)] == ["image-alt"]
    with pytest.raises(AssertionError, match="image-alt"):
        assert_no_serious_axe_violations(page)
    with pytest.raises(AssertionError, match="px wide on a screen of 400"):
        assert_fits(page)
    assert page.viewport_size["width"] == 1280


def test_pictures_are_taken_where_a_folder_is_named_and_nowhere_else(visit, monkeypatch, tmp_path):
    page = visit().page
    page.goto("/login")
    monkeypatch.delenv("PLUMBLINE_PICTURES", raising=False)
    assert take_pictures(page, "login") == []
    monkeypatch.setenv("PLUMBLINE_PICTURES", str(tmp_path / "pictures"))
    light, dark, narrow = take_pictures(page, "login")
    assert sorted(tmp_path.rglob("*.png")) == sorted((light, dark, narrow))
    assert len({path.read_bytes() for path in (light, dark, narrow)}) == 3
    assert int.from_bytes(narrow.read_bytes()[16:20], "big") == 400


def test_the_network_is_cut_and_mended(visit):
    visitor = visit()
    visitor.page.goto("/login")
    asked = "fetch('/api/v1/health').then((answer) => answer.status, () => 'no network')"
    with visitor.without_network():
        assert visitor.page.evaluate(asked) == "no network"
    assert visitor.page.evaluate(asked) == 200


def test_a_killed_server_comes_back_at_its_port_with_everybody_logged_in(own_site, visit):
    worker = visit(own_site.add("worker"))
    url, before = own_site.url, worker.page.goto("/api/v1/me").json()
    own_site.kill()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/api/v1/health")
    own_site.start()
    assert own_site.url == url
    assert worker.open_tab().goto("/api/v1/me").json() == before


def test_a_second_tab_has_the_session_and_another_visitor_has_not(site, visit):
    worker, other = visit(site.add("worker")), visit(site.add("worker"))
    worker.page.goto("/login")
    worker.page.evaluate("localStorage.setItem('left', 'here')")
    assert worker.open_tab("/login").evaluate("localStorage.getItem('left')") == "here"
    assert other.open_tab("/login").evaluate("localStorage.getItem('left')") is None
