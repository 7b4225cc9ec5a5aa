"""Manager's pages over HTTP: who may see which, what stands in them, and that texts stay texts."""

import csv
import io
from contextlib import closing

import pytest

from plumbline.collect.export import Form
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.managing.export_page import _SAYS
from plumbline.collect.store.identity.accounts import NewAccount, put_account_in
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import add_guidelines, create_study
from tests.collect.api.client import toml
from tests.collect.dashboard.made_up import (
    FIRST,
    World,
    label,
    label_item,
    pair,
    pair_item,
    ranking,
    ranking_item,
)
from tests.collect.pages.browsing import HOSTILE, LONG, Browsing
from tests.collect.pages.parsing import elements, texts

PAGES = (
    *("/studies/s/dashboard", "/studies/s/workers", "/studies/s/disagreements", "/studies/s/disagreements/1"),
    *("/studies/s/judged", "/studies/s/chats/1"),
    *("/studies/s/guidelines/edit", "/studies/s/export", "/studies/s/figures.csv?table=days", "/people"),
)


def worker_page(browsing):
    return f"/studies/s/workers/{browsing.first.pseudonym}"


def all_pages(browsing):
    return (*PAGES, worker_page(browsing), f"{worker_page(browsing)}/figures.csv?table=days")


def test_nobody_sees_a_page_without_logging_in(browsing):
    for path in all_pages(browsing):
        answer = browsing("GET", path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path


@pytest.mark.parametrize(
    ("role", "status"), [(Role.WORKER, 403), (Role.REVIEWER, 403), (Role.MANAGER, 200), (Role.OWNER, 200)]
)
def test_managers_see_all_pages_and_others_none(browsing, role, status):
    session = browsing.somebody(role)
    seen = {path: browsing("GET", path, session).status_code for path in all_pages(browsing)}
    assert seen == dict.fromkeys(all_pages(browsing), status)
    preview = browsing("POST", "/studies/s/guidelines/preview", session, json={"text": "x"})
    assert preview.status_code == status


def test_a_manager_of_one_study_sees_no_other_and_no_names(browsing):
    store, now = browsing.world.store, browsing.world.now
    other = create_study(store, "other", "pairs", toml(name="other"), "Read.", now=now)
    here, there = browsing.somebody(only_study_id=browsing.world.known.id), browsing.somebody(only_study_id=other.id)
    of_study = [path for path in all_pages(browsing) if path.startswith("/studies")]
    assert {browsing("GET", path, here).status_code for path in of_study} == {200}
    assert {browsing("GET", path, there).status_code for path in of_study} == {404}
    assert browsing("GET", "/people", here).status_code == 404
    assert 'href="/people"' not in browsing.page("/studies/s/dashboard", here)
    assert 'href="/people"' in browsing.page("/studies/s/dashboard", browsing.somebody())
    assert browsing("POST", "/studies/s/guidelines/preview", there, json={"text": "x"}).status_code == 404


def test_texts_of_strangers_stay_texts(browsing):
    store, now = browsing.world.store, browsing.world.now
    add_guidelines(store, browsing.world.known.id, f"{HOSTILE}\n\n{LONG}\n", now=now)
    account = NewAccount(HOSTILE[:150], "key", "hash")
    store.write(lambda connection: put_account_in(connection, browsing.first.id, account, now))
    session = browsing.somebody(Role.OWNER)
    for path in (*all_pages(browsing), "/studies/s/guidelines/edit?older=1&newer=2"):
        if ".csv" in path:
            continue
        found = browsing.page(path, session)
        assert sum(tag == "script" for tag in elements(found)) <= 1, path
        for tag, names in elements(found, with_names=True):
            assert tag not in ("b", "iframe"), path
            assert not [name for name in names if name.startswith("on") or name == "style"], (path, tag)
    opened = " ".join(texts(browsing.page("/studies/s/disagreements/1", session)))
    assert "<script>alert(1)</script>" in opened
    assert "{{7*7}}" in opened


def test_nobody_is_named_in_a_page_of_a_study(browsing):
    store, now = browsing.world.store, browsing.world.now
    account = NewAccount("Wanda Worker", "key", "hash")
    store.write(lambda connection: put_account_in(connection, browsing.first.id, account, now))
    session = browsing.somebody(Role.OWNER)
    for path in all_pages(browsing):
        told = "Wanda" in browsing.page(path, session)
        assert told == (path == "/people"), path
        assert browsing.first.id not in browsing.page(path, session)


def test_every_picture_has_its_numbers_and_its_file(browsing):
    session = browsing.somebody()
    found = elements(browsing.page("/studies/s/dashboard", session), with_values=True)
    links = [dict(names)["href"] for tag, names in found if tag == "a" and "figures.csv" in dict(names).get("href", "")]
    assert len(links) >= 10
    for link in links:
        answer = browsing("GET", link, session)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert len(list(csv.reader(io.StringIO(answer.text)))) >= 2, link
    drawn = [names for tag, names in found if dict(names).get("role") == "img"]
    ids = {dict(names).get("id") for _, names in found}
    assert len(drawn) >= 8
    for names in drawn:
        assert set(dict(names)["aria-labelledby"].split()) <= ids


def test_a_file_begins_no_formula(browsing):
    world = browsing.world
    world.enter([pair_item(("=HYPERLINK(1)", "@SUM(1)"))], overlap=1)
    world.judge(world.worker(), pair(FIRST))
    session = browsing.somebody()
    text = browsing.page("/studies/s/figures.csv?table=wins-helpfulness", session)
    assert "'=HYPERLINK(1)" in text
    assert all(not cell.startswith(("=", "@")) for row in csv.reader(io.StringIO(text)) for cell in row)
    assert browsing("GET", "/studies/s/figures.csv?table=no-such", session).status_code == 404
    assert browsing("GET", "/studies/s/figures.csv?table=../x", session).status_code in (404, 422)


def test_disagreements_are_told_by_question_and_order(browsing):
    session = browsing.somebody()
    for query in ("", "?sort=newest", "?question=helpfulness", "?sort=apart&question=helpfulness"):
        assert "Item 1" in " ".join(texts(browsing.page(f"/studies/s/disagreements{query}", session)))
    for wrong in ("?sort=worst", "?question=anger", "?after=x"):
        assert browsing("GET", f"/studies/s/disagreements{wrong}", session).status_code in (404, 422)
    browsing.page("/studies/s/disagreements/999", session, status=404)


def test_a_preview_is_rendered_and_kept_nowhere(browsing):
    session = browsing.somebody()
    answer = browsing("POST", "/studies/s/guidelines/preview", session, json={"text": f"# Head\n\n{HOSTILE}"})
    assert answer.status_code == 200
    assert "h2" in elements(answer.text)
    assert "script" not in elements(answer.text)
    assert "Version 1," not in answer.text
    assert "trusted-types" in answer.headers["content-security-policy"]
    assert "Head" not in browsing.page("/studies/s/guidelines/edit", session)


def test_a_preview_comes_from_pages_of_ours_alone(browsing):
    session, path = browsing.somebody(), "/studies/s/guidelines/preview"
    refused = [
        browsing("POST", path, session, json={"text": "x"}, headers={"X-CSRF-Token": "0" * 43}),
        browsing("POST", path, session, json={"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"}),
        browsing("POST", path, session, content=b"text=x", headers={"Content-Type": "text/plain"}),
        browsing("POST", path, session, json={"text": "x" * (128 << 10) + "y"}),
        browsing("POST", path, session, json={"texts": "x"}),
        browsing("POST", path, session, content=b"x" * (9 << 20), headers={"Content-Type": "application/json"}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 415, 422, 422, 413]


def test_guidelines_are_published_on_top_of_the_version_that_was_read(browsing):
    session, path = browsing.somebody(), "/api/v1/studies/s/guidelines"
    first = browsing("POST", path, session, json={"text": "Two", "after_version": 1})
    assert (first.status_code, first.json()["version"]) == (201, 2)
    late = browsing("POST", path, session, json={"text": "Other", "after_version": 1})
    assert (late.status_code, late.json()["code"]) == (409, "PL-COL-036")
    assert browsing("POST", path, session, json={"text": "Other"}).json()["version"] == 3
    found = " ".join(texts(browsing.page("/studies/s/guidelines/edit", session)))
    assert "From version 2 to 3: 1 came and 1 went, counted in lines." in found
    browsing.page("/studies/s/guidelines/edit?older=7", session, status=404)


def test_an_export_is_downloaded_by_a_link(browsing):
    session = browsing.somebody()
    found = elements(browsing.page("/studies/s/export", session), with_values=True)
    forms = [dict(names)["value"] for _, names in found if dict(names).get("name") == "to"]
    assert forms == ["hh-rlhf", "parquet", "judgements", "events"]
    answer = browsing("GET", "/api/v1/studies/s/export?to=judgements&test_share=0", session)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert (
        browsing(
            "GET", "/api/v1/studies/s/export?to=judgements", session, headers={"Sec-Fetch-Site": "cross-site"}
        ).status_code
        == 403
    )


def test_every_form_of_export_says_what_it_is_for():
    assert set(_SAYS) == set(Form)


@pytest.mark.parametrize("kind", ["safety-labels", "two-axis-ranking"])
def test_other_kinds_of_study_have_all_pages(make_address, kind):
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, kind)
        items = {"safety-labels": label_item(HOSTILE), "two-axis-ranking": ranking_item(("a", HOSTILE[:90], "c"))}
        answers = {
            "safety-labels": ("label", [label(), label("animal_abuse")]),
            "two-axis-ranking": ("ranking", [ranking([1, 2, 3]), ranking([3, 2, 1])]),
        }
        world.enter([items[kind]], overlap=2)
        dispute = {"conversation": [{"role": "human", "text": "q"}], "reason": "split", "taxonomy": "beavertails-14"}
        for worker, answer in zip(world.workers(2), answers[kind][1], strict=True):
            world.judge(worker, answer, kind=answers[kind][0])
        world.enter([dispute], purpose=Purpose.ADJUDICATION)
        with closing(Browsing(world)) as browsing:
            session = browsing.somebody()
            for path in PAGES:
                browsing.page(path, session)
            assert "Rule on disputed labels" in browsing.page("/studies/s/dashboard", session)
            assert "?queue=adjudication" in browsing.page("/studies/s/disagreements", session)


def test_a_study_without_anything_has_all_pages(make_address):
    with closing(open_store(make_address("sqlite"))) as store, closing(Browsing(World(store))) as browsing:
        session = browsing.somebody()
        for path in PAGES:
            if path not in ("/studies/s/disagreements/1", "/studies/s/chats/1"):
                browsing.page(path, session)
        assert "Nothing was judged yet." in browsing.page("/studies/s/dashboard", session)
