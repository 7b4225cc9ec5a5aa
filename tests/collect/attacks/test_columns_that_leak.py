"""Sorting and filters by columns that nobody may see (CVE-2023-47117: passwords were read letter by letter)."""

from itertools import product
from urllib.parse import quote

import pytest

from tests.collect.attacks.whole import PAGE, all_routes, path_of, two_studies

HOSTILE = [
    "password_hash",
    "person__account__password_hash__startswith",
    "tokens.digest",
    "id;DROP TABLE people",
    "1 OR 1=1",
    "pseudonym' UNION SELECT hash FROM accounts --",
    "(SELECT 1)",
    "__class__",
    "-pseudonym",
    "pseudonym,id",
    "%00",
    "finished\n",
    "١",
    "9" * 400,
    "1e9",
    "-1",
    "NaN",
    "true\x00",
]
WORDS = {
    ("list_people", "after"): "the last id of the page before: any text is a place in the order, and names no column",
    ("list_workers", "after"): "a pseudonym; who is not there is no place",
    ("login_page", "next"): "see test_redirects",
    ("export_study", "licence"): "a name for the manifest",
}
"""Parameters that take a text of one's own, each with why that leaks nothing; every other takes what is listed."""
MOST_BY_CHANCE = 12
"""Characters that may stand in an answer without being what was sent."""


def parameters():
    """Every (route, name) of every query."""
    return [(route, each.alias) for route in all_routes() for each in route.dependant.query_params]


def test_all_parameters_are_walked():
    names = {(route.name, name) for route, name in parameters()}
    assert len(names) >= 34
    assert WORDS.keys() <= names


@pytest.mark.parametrize("hostile", HOSTILE)
def test_cve_2023_47117_every_parameter_takes_what_is_listed_and_nothing_else(api, hostile):
    two_studies(api)
    session = api.session_of(api.owner)
    for route, name in parameters():
        (method,) = route.methods
        is_page = not route.path.startswith("/api/")
        path = f"{path_of(route)}?{name}={quote(hostile)}"
        answer = api.ask(method, path, session, accept=PAGE if is_page else "application/json")
        if (route.name, name) in WORDS:
            assert answer.status_code in (200, 422), (path, answer.text[:300])
        else:
            assert answer.status_code in (404, 422), (path, answer.status_code, answer.text[:300])
            assert len(hostile) < MOST_BY_CHANCE or hostile not in answer.text, path


def test_a_parameter_that_is_not_there_changes_nothing(api):
    """No route passes on what it was not made for: `?password__startswith=a` is as nothing."""
    two_studies(api)
    session = api.session_of(api.owner)
    walked = 0
    for route, query in product(all_routes(), ["password__startswith=a&order_by=password&fields=*&include=accounts"]):
        if route.methods != {"GET"} or route.name in ("export_study", "export_page", "static_file"):
            continue
        path = path_of(route)
        plain, more = (api.ask("GET", each, session, accept=PAGE) for each in (path, f"{path}?{query}"))
        assert plain.status_code == more.status_code, path
        assert sorted(plain.headers) == sorted(more.headers)
        if "figures" not in route.name and plain.headers["content-type"] == "application/json":
            assert _without_times(plain.json()) == _without_times(more.json()), path
        walked += 1
    assert walked > 30


def _without_times(document):
    return {key: value for key, value in document.items() if key not in ("request_id", "as_of", "seconds")}


def test_orders_of_people_say_nothing_of_what_is_hidden(api):
    """Sorted by each column that there is: an answer holds no word that the routes for all do not tell."""
    two_studies(api)
    session = api.session_of(api.owner)
    for path in ("/api/v1/people", "/api/v1/invitations", "/api/v1/studies/s/workers", "/people", "/studies/s/workers"):
        told = api.ask("GET", path, session, accept=PAGE).text
        for word in ("argon2", "digest", "password_hash", "token_hash", "code_digest"):
            assert word not in told, (path, word)
