"""Browsers that log in by a provider, and who came by it."""

from urllib.parse import parse_qs

import httpx2

from plumbline.web.sessions import csrf_token
from tests.collect.api.browser import PASSWORD, Browser, invited

PUBLIC = "http://127.0.0.1"


CALLBACK = f"{PUBLIC}/openid/callback"


class Tab(Browser):
    """A browser that keeps two cookies: of its session, and of what it began."""

    kept = None

    def __call__(self, method, path, *, headers=None, **more):
        self.now_set = []
        both = [] if self.kept is None else ["=".join(self.kept)]
        both += [] if self.cookie is None else ["=".join(self.cookie)]
        return super().__call__(method, path, headers={"Cookie": "; ".join(both)} | (headers or {}), **more)

    def _keep(self, response):
        for given in response.headers.get_list("set-cookie"):
            self.now_set.append(given)
            name, _, value = given.split(";")[0].partition("=")
            if name.endswith("openid"):
                self.kept = (name, value) if value else None
            else:
                self.cookie = (name, value) if value else None
                self.csrf = csrf_token(value) if value else ""

    def go(self, **body):
        """The address of the provider, for who logs in or joins."""
        return self.got("POST", "/openid/requests", json=body, status=201)["address"]

    def connect(self, password=PASSWORD, **more):
        return self("POST", "/me/openid", json={"password": password}, **more)

    def back(self, address, who="ada", **changes):
        """What the provider sends the browser back with, as the page reads it."""
        answer = httpx2.get(f"{address}&as={who}", follow_redirects=False)
        assert answer.status_code == 302
        where, _, query = answer.headers["location"].partition("?")
        assert where == CALLBACK
        said = {name: values[0] for name, values in parse_qs(query).items()} | changes
        return {name: value for name, value in said.items() if value is not None}

    def finish(self, said):
        return self("POST", "/openid/answers", json=said)

    def log_in(self, who="ada", **changes):
        return self.finish(self.back(self.go(), who, **changes))

    def refused(self, response, status, code):
        document = response.json()
        assert (response.status_code, document["code"]) == (status, code), document
        assert self.cookie is None
        return document


def come(api, who="ada", role="worker", **more):
    """Somebody who joined by an invitation and their organisation's account, in their browser."""
    tab = Tab(api)
    answer = tab.finish(tab.back(tab.go(invitation=invited(api, role, **more)), who))
    assert answer.status_code == 201, answer.text
    return tab


def whoever(tab):
    return tab.got("GET", "/me")["pseudonym"]


def rows(api, table):
    return api.store.read(lambda connection: connection.exec_driver_sql(f"SELECT * FROM {table}").all())
