"""The ground for tests in a browser: Debian's Chromium, servers as people start them, people who log in.

    def test_something(site, visit):
        worker = visit(site.add("worker"))              # a browser context of their own, logged in
        worker.page.goto("/studies/pairs")
        assert_no_serious_axe_violations(worker.page)
        take_pictures(worker.page, "study")

`site` is a server that the tests of a module share, with a study of each kind in one store; `own_site` is one for this test
alone, which may be killed (`own_site.kill()`, `own_site.start()`: the same port). Both are `tests.browser.site.Site`:
`invite` gives a link, `add` somebody with a name and a password (`Account`), `get` and `send` speak to the API as the owner.

`visit(account)` gives a `tests.browser.visiting.Visitor`: `page` (its first tab), `open_tab()`, `cut()` and `mend()` the
network. `visit()` is nobody: a browser at the site without a session. Whatever a page says in the console as an error, an
exception of a script and a violation of the content security policy make the test fail at its end; where one belongs to the
test, `visitor.expects("401")` takes it out, by a regular expression. What a browser says of a network that was cut or of a
server that was killed by these helpers is not counted.

`tests.browser.looking`: `assert_no_serious_axe_violations(page)`, `assert_fits(page)` (nothing wider than 400 px) and
`take_pictures(page, name)`, which keeps a page in light, in dark and at 400 px in the folder that PLUMBLINE_PICTURES names,
and does nothing where it names none.

A function given to `page.wait_for_function` is written as one (`() => …`): a bare expression would be evaluated by the page,
which its content security policy forbids.

No Chromium, no tests: they are skipped with a reason. Debian's `chromium-headless-shell` is taken before `chromium`: the same
engine without windows. `.ci/run` installs it.
"""

import shutil

import pytest

from tests.browser.site import Site, start_studies
from tests.browser.visiting import Visitor

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


# Of the module and not of the session: as long as Playwright runs, its event loop counts as the running one of this thread,
# and tests elsewhere, which start loops of their own, would be refused. (Pytest takes "package" for "session" where a folder
# has no `__init__.py`.) A start takes 0.7 seconds.
@pytest.fixture(scope="module")
def browser():
    """One for all tests of a module: whoever needs to be alone makes a context of their own."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium on PATH; on Debian: apt-get install chromium-headless-shell")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def started(tmp_path_factory):
    """A folder with a study of each kind, started in one store, and the owner's token; copied by those who serve it."""
    return start_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def site(started, tmp_path_factory):
    """A server that the tests of a module share."""
    with Site.of_copy(started, tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def own_site(started, tmp_path):
    """A server of this test alone."""
    with Site.of_copy(started, tmp_path / "site") as made:
        yield made


@pytest.fixture
def visit(browser, request):
    """Lets somebody (an `Account`; nobody by default) visit a site: the module's, or the one that is named."""
    visitors = []

    def make(account=None, *, site=None, **context):
        if site is None:
            site = request.getfixturevalue("own_site" if "own_site" in request.fixturenames else "site")
        visitors.append(Visitor(browser, site, account, **context))
        return visitors[-1]

    yield make
    problems = [problem for visitor in visitors for problem in visitor.problems]
    for visitor in visitors:
        visitor.close()
    assert problems == [], "what the pages complained of"
