"""Texts that would be programs (CVE-2024-26152, CVE-2025-25296), in a real browser: on every page they stay texts."""

import itertools

import httpx2
import pytest

from plumbline.web.own_paths import own_path
from tests.browser.judging import BEFORE, FORM, draft_saved, read_first
from tests.browser.site import Account
from tests.collect.api.client import rows, toml

PASSWORD = "four plain words here"
STUDY = "/studies/hostile"
KEYS = itertools.count(1)
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)><iframe srcdoc='<script>alert(4)</script>'>"
    "</textarea></template></title></style>\"'><details open ontoggle=alert(5)><a href=javascript:alert(6)>x</a>"
    "<base href=//evil.example><link rel=stylesheet href=//evil.example/x><math><mtext><mglyph><style><img src=x onerror=alert(7)>"
    "{{7*7}} ${alert(8)} <!--><script>alert(9)//-->"
)
GUIDELINES = (
    f"# {HOSTILE}\n\n[a](javascript:alert(1)) [b](vbscript:x) [c](data:text/html,<script>alert(1)</script>) "
    "![d](https://evil.example/x.png) <https://evil.example> [e](//evil.example)\n\n"
    f'| {HOSTILE.replace("|", "")} |\n|---|\n| x |\n\n```html\n{HOSTILE}\n```\n\n[f]: javascript:alert(1) "{HOSTILE[:20]}"\n[f]\n'
)
MADE = """() => [...document.querySelectorAll(
  "script:not([src]), iframe, object, embed, base, math, details[ontoggle], img[src='x'], svg[onload], [onerror], [onload],"
  + "a[href^='javascript' i], a[href^='data' i], link[href*='evil'], img[src*='evil'], form[action*='evil'], style"
)].map((each) => each.outerHTML.slice(0, 100))"""
NAMES = ("<img src=x onerror=alert(1)>", "\"'><svg onload=alert(2)>")


class Planted:
    """A study whose every text is hostile, judged by two who disagree."""

    def __init__(self, site):
        self.site = site
        text = toml(name="hostile", overlap=3, comment=True, help="https://example.org/?q=%22%3E%3Cscript%3E")
        site.send("POST", "/studies", {"file": text, "guidelines": GUIDELINES})
        items = [
            (f"{HOSTILE} {number}", f"{HOSTILE} first {number}", f"{HOSTILE} second {number}") for number in range(3)
        ]
        answer = httpx2.post(
            f"{site.url}/api/v1{STUDY}/items",
            headers={"Authorization": f"Bearer {site.owner_token}"},
            content=rows(*items),
        )
        assert answer.json()["new"] == 3, answer.text
        for step in (1, 8):
            self.judge(step)
        # Another version, so that the editor shows what differs.
        site.send("POST", f"{STUDY}/guidelines", {"text": f"{GUIDELINES}\n{HOSTILE}", "after_version": 1})

    def judge(self, step):
        """Somebody new judges two items, the text that stood in the first place by one step and never the other."""
        made = self.site.send("POST", "/people", {"role": "worker", "token_days": 1})
        self.worker = made["pseudonym"]
        for _ in range(2):
            work = self.site.http("POST", f"{STUDY}/next", token=made["token"]).json()
            first = "first" in work["step"]["replies"][0]
            submission = {"act": "judge-pair", "helpfulness": step if first else 9 - step, "comment": HOSTILE}
            body = {"fence": work["fence"], "guidelines_version": 1, "submission": submission, "seconds": 20}
            answer = httpx2.post(
                f"{self.site.url}/api/v1/assignments/{work['assignment']}/submit",
                headers={"Authorization": f"Bearer {made['token']}", "Idempotency-Key": f"attack-{next(KEYS):08}"},
                json=body,
            )
            assert answer.status_code == 200, answer.text

    def add(self, role, name):
        """Somebody whose name is hostile."""
        code = self.site.invite(role).partition("#")[2]
        body = {"code": code, "name": name, "password": PASSWORD}
        answer = self.site.http("POST", "/invitations/accepted", body=body)
        assert answer.status_code == 201, answer.text
        return Account(name, PASSWORD, answer.json()["pseudonym"], role)


@pytest.fixture(scope="module")
def planted(site):
    return Planted(site)


@pytest.fixture
def watched(visit, site):
    """Somebody in a browser in which dialogs and requests to elsewhere are noted."""

    def make(account):
        visitor = visit(account)
        visitor.noted = []
        visitor.context.on("request", lambda sent: sent.url.startswith(site.url) or visitor.noted.append(sent.url))

        def answer(dialog):
            # The page's own question whether to leave is none that a text opened.
            if dialog.type != "beforeunload":
                visitor.noted.append(f"{dialog.type}: {dialog.message}")
            dialog.accept()

        visitor.context.on("dialog", answer)
        visitor.context.on("page", lambda page: visitor.noted.append(page.url))
        return visitor

    return make


def assert_only_text(visitor):
    assert visitor.page.evaluate(MADE) == []
    assert visitor.noted == []


def test_cve_2024_26152_a_workers_pages(watched, planted):
    visitor = watched(planted.add("worker", NAMES[0]))
    page = visitor.page
    page.goto(f"{STUDY}/work")
    page.wait_for_selector(f"{BEFORE} h2:focus")
    assert_only_text(visitor)
    read_first(page)
    page.wait_for_selector(f"{FORM} .reply")
    assert "<img src=x onerror=alert(1)>" in page.locator("#act .reply .text").first.inner_text()
    assert "<svg onload" in page.locator("#conversation").inner_text()
    assert_only_text(visitor)
    page.keyboard.press("g")
    page.wait_for_selector("dialog#guidelines[open]")
    assert_only_text(visitor)
    page.keyboard.press("Escape")
    # What one types oneself is kept in the browser and on the server, and comes back as a text.
    with draft_saved(page, comment=HOSTILE):
        page.locator("[name=comment]").first.fill(HOSTILE)
    page.reload()
    page.wait_for_selector(f"{FORM} .reply")
    assert page.locator("[name=comment]").first.input_value() == HOSTILE
    assert_only_text(visitor)
    page.locator("[name=helpfulness]").first.focus()
    page.keyboard.press("2")
    with page.expect_response("**/submit") as sent:
        page.locator(f"{FORM} [type=submit]").click()
    assert sent.value.status == 200, sent.value.text()
    for path in ("/", STUDY, f"{STUDY}/guidelines", f"{STUDY}/mine", "/account"):
        page.goto(path)
        assert_only_text(visitor)
    page.goto(f"{STUDY}/mine")
    page.locator(f"a[href^='{STUDY}/mine/']").first.click()
    page.wait_for_selector(".reply")
    assert_only_text(visitor)


def test_cve_2025_25296_a_managers_pages(watched, planted, site):
    visitor = watched(planted.add("manager", NAMES[1]))
    page = visitor.page
    page.goto(f"{STUDY}/disagreements")
    found = page.locator(f"a[href^='{STUDY}/disagreements/']").first.get_attribute("href")
    for path in (
        *(
            f"{STUDY}/dashboard",
            f"{STUDY}/workers",
            f"{STUDY}/workers/{planted.worker}",
            f"{STUDY}/disagreements",
            found,
        ),
        *(f"{STUDY}/guidelines/edit", f"{STUDY}/export", "/people", "/", STUDY, f"{STUDY}/guidelines", "/account"),
    ):
        answer = page.goto(path)
        assert answer.status == 200, path
        assert_only_text(visitor)
    page.goto(found)
    assert HOSTILE[:28] in page.locator("main").inner_text()
    # The preview of what a manager writes, which is rendered by the server and shown beside it.
    page.goto(f"{STUDY}/guidelines/edit")
    page.locator("textarea").first.fill(f"{GUIDELINES}{HOSTILE} Previewed.")
    page.get_by_role("button", name="Preview").click()
    page.locator("#previewed", has_text="Previewed.").wait_for()
    assert_only_text(visitor)
    page.goto(f"/nowhere/{'%3Cimg%20src=x%20onerror=alert(1)%3E'}")
    assert_only_text(visitor)
    visitor.expects("404")


def test_markup_that_a_fault_of_ours_would_make_is_refused_by_the_browser(watched, planted, site):
    """Were a text put into markup by mistake, trusted types and the policy stop it."""
    visitor = watched(planted.add("manager", "Mallory"))
    page = visitor.page
    planting = {
        "innerHTML": "document.body.innerHTML = '<img src=x onerror=alert(1)>'",
        "outerHTML": "document.body.firstElementChild.outerHTML = '<b>x</b>'",
        "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.write": "document.write('<b>x</b>')",
        "srcdoc": "document.createElement('iframe').srcdoc = '<b>x</b>'",
        "script text": "document.createElement('script').text = 'alert(1)'",
        "script address": "document.createElement('script').src = 'https://evil.example/x.js'",
        "fragment": "document.createRange().createContextualFragment('<b>x</b>')",
        "parser": "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "policy": "trustedTypes.createPolicy('x', { createHTML: (text) => text })",
    }
    for path in ("/", f"{STUDY}/work", f"{STUDY}/dashboard", "/people", f"{STUDY}/guidelines/edit", "/login"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        for title, code in planting.items():
            said = page.evaluate(f"() => {{ try {{ {code}; return 'made'; }} catch (error) {{ return error.name; }} }}")
            assert said == "TypeError", (path, title, said)
        for code in ("fetch('https://evil.example/x')", "fetch('http://127.0.0.1:1/x')"):
            assert page.evaluate(f"() => {code}.then(() => 'sent', (error) => error.name)") == "TypeError", path
        assert page.evaluate(MADE) == []
    assert [each for each in visitor.noted if "evil" not in each and "127.0.0.1:1/" not in each] == []
    visitor.expects("Trusted|trusted|[Cc]ontent [Ss]ecurity|Refused|evil|Failed")


def test_no_page_stands_in_a_frame(visit, site):
    """Clickjacking: a page of another origin shows ours in a frame, and gets nothing."""
    visitor = visit(site.add("manager"))
    other = site.url.replace("127.0.0.1", "localhost")
    page = visitor.page
    page.route(f"{other}/frames", lambda route: route.fulfill(
        content_type="text/html", body=f"<iframe id=a src='{site.url}/people'></iframe><iframe id=b src='{site.url}/login'></iframe>"
    ))  # fmt: skip
    page.goto(f"{other}/frames")
    refused = ["chrome-error://chromewebdata/"] * 2
    for _ in range(300):
        if [frame.url for frame in page.frames[1:]] == refused:
            break
        page.wait_for_timeout(100)
    assert [frame.url for frame in page.frames[1:]] == refused
    visitor.expects("frame|[Rr]efused|[Cc]ontent [Ss]ecurity|ERR_BLOCKED|404")


@pytest.mark.parametrize("said", [
    "/..//evil.example", "/.//evil.example", "/%09/evil.example", "/%5cevil.example", "/;//evil.example", "/?//evil.example",
    "/#//evil.example", "/@evil.example", "/:80/", "/%2f%2fevil.example", "/a/../..//evil.example", "/\u00a0/evil.example",
    "/\u3000/evil.example", "/\u00ad/evil.example",
])  # fmt: skip
def test_a_path_that_is_taken_for_ours_stays_ours_in_the_browser(visit, site, said):
    """The server reads addresses one way, browsers another: what `own_path` lets through is held against the latter."""
    page = visit().page
    page.goto("/login")
    assert page.evaluate("(said) => new URL(said, location.href).origin", own_path(said)) == site.url
