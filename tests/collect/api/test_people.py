"""People and their tokens."""

from plumbline.collect.store.rows import Role


def test_a_token_is_shown_once_and_ends(api):
    made = api.got("POST", "/people", api.owner, json={"role": "worker", "token_days": 1}, status=201)
    assert api.got("GET", "/me", made["token"])["pseudonym"] == made["pseudonym"]
    listed = api("GET", "/people", api.owner).text
    assert made["pseudonym"] in listed
    assert made["token"] not in listed
    more = api.got("POST", f"/people/{made['pseudonym']}/tokens", api.owner, json={"token_days": 2}, status=201)
    api.wait(days=1)
    api.problem("GET", "/me", made["token"], status=401, code="PL-WEB-007")
    assert api.got("GET", "/me", more["token"])["role"] == "worker"
    assert api.got("DELETE", f"/people/{made['pseudonym']}/tokens", api.owner)["revoked"] >= 1
    api.problem("GET", "/me", more["token"], status=401, code="PL-WEB-007")


def test_people_are_listed_page_by_page(api):
    for _ in range(4):
        api.somebody()
    seen, after = [], ""
    while after is not None:
        page = api.got("GET", f"/people?limit=2&after={after}", api.owner)
        seen += [person["pseudonym"] for person in page["people"]]
        after = page["after"]
    assert sorted(seen) == sorted(person.pseudonym for person in api.ids.values())


def test_somebody_who_is_not_there(api):
    api.problem("POST", "/people/nobody/tokens", api.owner, json={}, status=404, code="PL-COL-010")
    api.problem("PUT", "/people/nobody/blocked", api.owner, json={"blocked": True}, status=404, code="PL-COL-010")
    api.problem("POST", "/people", api.owner, json={"role": "god"}, status=422, code="PL-WEB-006")


def test_a_block_is_lifted(api):
    worker = api.somebody()
    path = f"/people/{api.ids[worker].pseudonym}/blocked"
    for blocked in (True, False):
        assert api.got("PUT", path, api.somebody(Role.MANAGER), json={"blocked": blocked})["blocked"] is blocked
    api.got("GET", "/studies", worker)
