"""A browser as far as sessions go: keeps one cookie, sends it along, and the page's token with what is no GET."""

import httpx2

from tests.collect.api.client import HOME
from tests.collect.api.documented_answers import check_answer

PASSWORD = "four words of mine"


class Browser:
    """Talks to the app of an `Api` at a home of its own; `cookie` is what the server set, as (name, value)."""

    def __init__(self, api, home=HOME, app=None):
        self.api = api
        self.app = app or api.app
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=home)
        self.cookie = None
        self.csrf = ""
        self.set_cookie = ""

    def __call__(self, method, path, *, headers=None, csrf=True, site="same-origin", **more):
        sent = {} if site is None else {"Sec-Fetch-Site": site}
        if self.cookie is not None:
            sent["Cookie"] = "=".join(self.cookie)
            if csrf and method not in ("GET", "HEAD"):
                sent["X-CSRF-Token"] = self.csrf
        response = self.api.runner.run(self.http.request(method, path, headers=sent | (headers or {}), **more))
        if response.url.path.startswith("/api/"):
            check_answer(self.api.app, response)
        self._keep(response)
        self.http.cookies.clear()
        return response

    def got(self, *args, status=200, **more):
        response = self(*args, **more)
        assert response.status_code == status, (response.status_code, response.text)
        return response.json()

    def problem(self, *args, status, code, **more):
        response = self(*args, **more)
        document = response.json()
        assert (response.status_code, document["code"]) == (status, code), document
        return document

    def log_in(self, name, password=PASSWORD, **more):
        return self.got("POST", "/sessions", json={"name": name, "password": password}, status=201, **more)

    def join(self, code, name=None, password=PASSWORD, **more):
        body = {"code": code, "password": password} | ({} if name is None else {"name": name})
        return self.got("POST", "/invitations/accepted", json=body, status=201, **more)

    def _keep(self, response):
        given = response.headers.get_list("set-cookie")
        assert len(given) <= 1
        if given:
            self.set_cookie = given[0]
            name, _, value = given[0].split(";")[0].partition("=")
            self.cookie = (name, value) if value else None
        if response.status_code == 201 and "csrf_token" in response.json():
            self.csrf = response.json()["csrf_token"]


def flags(set_cookie):
    """The attributes of a ``Set-Cookie``, in lower case, without the cookie itself."""
    return {part.strip().lower() for part in set_cookie.split(";")[1:]}


def invited(api, role="worker", by=None, **more):
    """The code of an invitation by the owner, or somebody else with a token."""
    body = {"role": role} | more
    return api.got("POST", "/invitations", by or api.owner, json=body, status=201)["code"]


def joined(api, name, role="worker", home=HOME, **more):
    """Somebody who came by an invitation, in their browser."""
    browser = Browser(api, home)
    browser.join(invited(api, role, **more), name)
    return browser
