"""Somebody at a site in a browser of their own; whatever their pages complain of is noted."""

import re
from contextlib import contextmanager

# Chromium reports violations in the console; this says of each which directive it broke.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`content security policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""
_NETWORK = r"net::ERR_"


class Visitor:
    """A browser context at a site, logged in where there is an account.

    Attributes:
        page: the first tab, empty; addresses may be paths of the site.
        problems: errors in the console, exceptions and violations of the content security policy, in their order.
    """

    def __init__(self, browser, site, account=None, **context):
        self.site, self.account, self.problems = site, account, []
        self._expected = []
        self.context = browser.new_context(
            **{"base_url": site.url, "viewport": {"width": 1280, "height": 800}} | context
        )
        self.context.set_default_timeout(30_000)
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.context.on("console", lambda said: said.type == "error" and self._note(said.text))
        self.context.on("weberror", lambda error: self._note(f"exception: {error.error}"))
        if account is not None:
            self.log_in()
        self.page = self.open_tab()

    def log_in(self):
        """Without the page: a session for this browser."""
        who = {"name": self.account.name, "password": self.account.password}
        answer = self.context.request.post("/api/v1/sessions", data=who)
        assert answer.status == 201, answer.text()

    def open_tab(self, path=None):
        """Another tab of the same browser: the same session, the same local storage."""
        page = self.context.new_page()
        if path is not None:
            page.goto(path)
        return page

    def cut(self):
        """From here on there is no network."""
        self._expected.append(_NETWORK)
        self.context.set_offline(True)

    def mend(self):
        """The network is back."""
        self.context.set_offline(False)

    @contextmanager
    def without_network(self):
        """A while without one."""
        self.cut()
        yield
        self.mend()

    def expects(self, pattern):
        """Complaints of this kind belong to the test; those that were made before too."""
        self._expected.append(pattern)
        self.problems = [each for each in self.problems if not re.search(pattern, each)]

    def wait_for_problem(self, part):
        """Until somebody complains of this; what the browser reports comes when it likes."""
        for _ in range(300):
            if any(part in each for each in self.problems):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError((part, self.problems))

    def close(self):
        """Closes all tabs."""
        self.context.close()

    def _note(self, problem):
        expected = [*self._expected, *([_NETWORK] if self.site.was_killed else [])]
        if not any(re.search(each, problem) for each in expected):
            self.problems.append(problem)
