"""Secrets that every installation shares (CVE-2023-43791: one key for all signed anybody's session)."""

import ast
import itertools
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import MetaData

import plumbline
from plumbline.collect.service.handing_out import hand_out_first_owner, owners
from plumbline.collect.store.identity.accounts import account_of
from plumbline.collect.store.migrating import open_store
from tests.collect.api.browser import Browser, invited, joined
from tests.collect.api.client import START
from tests.collect.attacks.whole import Whole

DEFAULTS = [
    (name, password)
    for name in ("admin", "owner")
    for password in ("admin", "12345678", "1234", "plumbline", "password", "owner", "")
]
SECRET = re.compile(rb"[A-Za-z0-9_-]{20,}")


def stored(store):
    """Every long word in a store's file; a digest or a hash is one."""
    return {found.group() for found in SECRET.finditer(Path(store.engine.url.database).read_bytes())}


@pytest.fixture
def two_fresh(make_address):
    with closing(open_store(make_address("sqlite"))) as first, closing(open_store(make_address("sqlite"))) as second:
        made = Whole(first), Whole(second)
        yield made
        for each in made:
            each.close()


def everything_drawn(api):
    """What a new store hands out, by what it is."""
    owner = api.got("GET", "/me", api.owner)["pseudonym"]
    first = api.got("POST", "/invitations", api.owner, json={"pseudonym": owner}, status=201)
    browser = joined(api, "Ada")
    made = api.got("POST", "/people", api.owner, json={"role": "worker"}, status=201)
    return {
        "owner's token": api.owner,
        "owner's link": first["link_path"],
        "code": invited(api),
        "session": browser.cookie[1],
        "csrf token": browser.csrf,
        "token": made["token"],
        "pseudonym": made["pseudonym"],
        "owner's pseudonym": owner,
    }


def test_cve_2023_43791_nothing_of_one_store_is_good_in_another(two_fresh):
    first, second = (everything_drawn(api) for api in two_fresh)
    drawn = [*first.values(), *second.values()]
    assert len(set(drawn)) == len(drawn) == 16
    for name in ("owner's token", "code", "session", "token"):
        assert len(first[name]) >= 32, name
    here, there = two_fresh
    there.problem("GET", "/me", first["token"], status=401, code="PL-WEB-007")
    assert there.ask("GET", "/api/v1/me", first["session"]).status_code == 401
    code = {"code": first["code"], "name": "Eve", "password": "four words of mine"}
    Browser(there).problem("POST", "/invitations/accepted", json=code, status=404, code="PL-COL-035")
    Browser(there).problem(
        "POST", "/invitations/accepted", status=404, code="PL-COL-035",
        json={**code, "code": first["owner's link"].partition("#")[2]},
    )  # fmt: skip
    del here


def test_cve_2023_43791_nothing_secret_stands_in_a_store_as_it_is(two_fresh):
    first, second = two_fresh
    drawn = everything_drawn(first)
    words = stored(first.store)
    for name in ("owner's token", "code", "session", "csrf token", "token"):
        assert not any(drawn[name].encode() in word for word in words), name
    del second


def test_two_stores_share_no_value_that_could_be_a_secret(two_fresh):
    """All that is stored, column by column; the revision of the tables is the same, and so is the time of these tests."""
    for api in two_fresh:
        everything_drawn(api)
    first, second = (values(api.store) for api in two_fresh)
    assert len(first) > 20
    shared = {value for value in first & second if len(value) > 12 and not value.startswith((b"{", b"0"))}
    assert {value for value in shared if not value.replace(b"_", b"").islower()} == set()  # names of events are words


def values(store):
    """Every text and every bytes of every table, as bytes."""
    found = set()
    metadata = MetaData()
    metadata.reflect(store.engine)
    with store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(table.select()):
                found |= {
                    each.encode() if isinstance(each, str) else each for each in row if isinstance(each, str | bytes)
                }
    return found


def test_the_first_owner_is_drawn_and_has_no_password(make_address):
    found = []
    for _ in range(2):
        with closing(open_store(make_address("sqlite"))) as store:
            found.append(hand_out_first_owner(store, now=START))
            assert account_of(store, owners(store)[0].id) is None
            assert hand_out_first_owner(store, now=START) is None
    first, second = found
    assert first.token != second.token
    assert first.pseudonym != second.pseudonym


def test_no_default_password_logs_in(api):
    joined(api, "Ada", role="owner")
    for place, (name, password) in enumerate(itertools.chain(DEFAULTS, [("Ada", ""), ("Ada", "Ada")])):
        if place % 5 == 0:
            api.wait(hours=2)  # so that it is the password that is refused, and not the guessing
        body = json.dumps({"name": name, "password": password}).encode()
        answer = api.ask("POST", "/api/v1/sessions", content=body, headers=[("Content-Type", "application/json")])
        assert answer.status_code in (403, 422), (name, password, answer.text)
        assert "set-cookie" not in answer.headers


def test_no_name_in_the_source_is_given_a_secret():
    """A string that is assigned to a name like a secret's would be everybody's."""
    names = re.compile(r"(?i)(secret|password|signing|private)_?(key)?$")
    found, seen = [], 0
    for path in sorted(Path(plumbline.__file__).parent.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        # A name that ends so; few files have one, and only those are parsed.
        if not re.search(names.pattern.replace("$", r"\b"), text):
            continue
        seen += 1
        for node in ast.walk(ast.parse(text)):
            pairs = []
            if isinstance(node, ast.Assign):
                pairs = [(getattr(target, "id", getattr(target, "attr", "")), node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                pairs = [(getattr(node.target, "id", getattr(node.target, "attr", "")), node.value)]
            elif isinstance(node, ast.keyword):
                pairs = [(node.arg or "", node.value)]
            for name, value in pairs:
                is_text = isinstance(value, ast.Constant) and isinstance(value.value, str | bytes) and value.value
                if is_text and names.search(name):
                    found.append((path.name, node.lineno, name))
    assert seen > 10
    assert found == []
