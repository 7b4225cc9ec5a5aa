"""Manager's pages over HTTP: who may see which, what stands in them, and that texts stay texts."""

import csv
import io
from contextlib import closing
from datetime import timedelta

import pytest

from plumbline.collect.export import Form
from plumbline.collect.kinds import Purpose, writing_key
from plumbline.collect.pages.managing import worker_pages
from plumbline.collect.pages.managing.export_page import _SAYS
from plumbline.collect.service.after_work import enter_splits
from plumbline.collect.store.deliveries import claim_due, mark_failed
from plumbline.collect.store.identity.accounts import NewAccount, put_account_in
from plumbline.collect.store.identity.invitations import accept_invitation
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.judgements import newest_of_finished_work
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.outbox import WebhookEvent
from plumbline.collect.store.rows import NewItem, Role
from plumbline.collect.store.studies import add_guidelines, create_study
from plumbline.collect.store.webhooks import NewWebhook, add_webhook, ping
from tests.collect.api.client import toml
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    chats,
    label,
    label_item,
    pair,
    pair_item,
    ranking,
    ranking_item,
)
from tests.collect.pages.browsing import Browsing
from tests.collect.pages.parsing import elements, texts

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"{{7*7}} \u202eabc 😀 \u0001\u2028 =1+1"
LONG = "x" * 100_000
PAGES = (
    *("/studies/s/dashboard", "/studies/s/workers", "/studies/s/disagreements", "/studies/s/disagreements/1"),
    *("/studies/s/judged", "/studies/s/chats/1"),
    *("/studies/s/guidelines/edit", "/studies/s/export", "/studies/s/figures.csv?table=days", "/people"),
)


def hostile_pair():
    item = pair_item(models=(HOSTILE[:100], "نموذج"), question=HOSTILE)
    item["sides"][0]["messages"][0]["text"] = LONG[:64_000]
    return item


@pytest.fixture
def browsing(make_address):
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "pairs", {"comment": True})
        world.enter([hostile_pair(), pair_item(("a", "b"))], overlap=2)
        first, second = world.workers(2)
        world.judge(first, *[pair(FIRST) | {"comment": HOSTILE}] * 2)
        world.judge(second, *[pair(SECOND, 1)] * 2)
        made = Browsing(world)
        made.first, made.judges = first, (first, second)
        yield made
        made.close()


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


def test_the_dashboard_says_of_what_and_when(browsing):
    found = " ".join(texts(browsing.page("/studies/s/dashboard", browsing.somebody())))
    assert "from 4 judgements of 2 people" in found
    assert f"As of {browsing.world.now:%H:%M:%S}" in found.replace("  ", " ")


@pytest.mark.parametrize(
    ("state", "offered"), [("open", ["paused", "closed"]), ("paused", ["open", "closed"]), ("closed", ["open"])]
)
def test_the_study_can_be_brought_into_the_other_states(browsing, state, offered):
    session = browsing.somebody()
    changed = browsing("PUT", "/api/v1/studies/s/state", session, json={"state": state})
    assert changed.status_code == 200
    found = elements(browsing.page("/studies/s/dashboard", session), with_values=True)
    assert [dict(names)["data-state"] for _, names in found if "data-state" in dict(names)] == offered


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


def test_workers_are_sorted_by_columns_that_there_are(browsing):
    session = browsing.somebody()
    found = elements(browsing.page("/studies/s/workers?sort=median_seconds&descending=true", session), with_values=True)
    assert [dict(names)["aria-sort"] for _, names in found if "aria-sort" in dict(names)] == ["descending"]
    assert browsing("GET", "/studies/s/workers?sort=password_hash", session).status_code in (404, 422)
    assert browsing("GET", "/studies/s/workers?after=somebody", session).status_code in (404, 422)
    rows = list(csv.reader(io.StringIO(browsing.page("/studies/s/figures.csv?table=workers", session))))
    assert len(rows) == 3


def test_the_list_of_workers_goes_on_behind_the_last_line_however_many_came_before(browsing, monkeypatch):
    """As the API's: by the line's own place, so that somebody new moves nobody into two parts or none."""
    monkeypatch.setattr(worker_pages, "PAGE", 1)
    session, found, path = browsing.somebody(), [], "/studies/s/workers?sort=finished&descending=true"
    while path:
        links = [dict(names).get("href", "") for _, names in elements(browsing.page(path, session), with_values=True)]
        found += [link for link in links if "/workers/" in link]
        path = next((link for link in links if "&after=" in link), None)
    assert sorted(found) == sorted(f"/studies/s/workers/{row.pseudonym}" for row in browsing.judges)


def test_a_worker_who_did_nothing_has_no_sheet(browsing):
    stranger = browsing.world.worker()
    browsing.page(f"/studies/s/workers/{stranger.pseudonym}", browsing.somebody(), status=404)


def test_blocking_is_offered_to_who_may(browsing):
    assert 'id="block"' in browsing.page(worker_page(browsing), browsing.somebody())
    here = browsing.somebody(only_study_id=browsing.world.known.id)
    assert 'id="block"' not in browsing.page(worker_page(browsing), here)


def test_disagreements_are_told_by_question_and_order(browsing):
    session = browsing.somebody()
    for query in ("", "?sort=newest", "?question=helpfulness", "?sort=apart&question=helpfulness"):
        assert "Item 1" in " ".join(texts(browsing.page(f"/studies/s/disagreements{query}", session)))
    for wrong in ("?sort=worst", "?question=anger", "?after=x"):
        assert browsing("GET", f"/studies/s/disagreements{wrong}", session).status_code in (404, 422)
    browsing.page("/studies/s/disagreements/999", session, status=404)


def test_old_figures_say_how_old_they_are(browsing):
    session = browsing.somebody()
    browsing.page("/studies/s/dashboard", session)
    browsing.world.now += timedelta(minutes=2)
    for page in ("dashboard", "workers", "disagreements"):
        browsing.page(f"/studies/s/{page}", session)
        assert "Figures of 2 minutes ago" in " ".join(
            " ".join(texts(browsing.page(f"/studies/s/{page}", session))).split()
        )


def test_what_waits_is_counted_in_the_store(make_address):
    """Not in the figures: whoever ruled on the last label is told so at once."""
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "safety-labels", {"overlap": 2, "wellbeing": {"blur": True}})
        world.enter([label_item(HOSTILE)], overlap=2)
        for worker, said in zip(world.workers(2), (label(), label("animal_abuse")), strict=True):
            world.judge(worker, said, kind="label")
        enter_splits(world.collecting, world.known)
        with closing(Browsing(world)) as browsing:
            session, pages = browsing.somebody(), ("dashboard", "disagreements", "disagreements/1")
            assert all("queue=adjudication" in browsing.page(f"/studies/s/{page}", session) for page in pages)
            assert "1 label still waits for a ruling" in browsing.page("/studies/s/export", session)
            for page in ("disagreements", "judged"):
                assert "data-veiled" in browsing.page(f"/studies/s/{page}", session)
            for page in ("disagreements", "disagreements/1"):
                assert "waits for a ruling" in browsing.page(f"/studies/s/{page}", session)
            world.judge(world.worker(), label(), kind="ruling", purpose=Purpose.ADJUDICATION)
            assert not any("queue=adjudication" in browsing.page(f"/studies/s/{page}", session) for page in pages)
            assert "On the labels" in browsing.page("/studies/s/disagreements/1", session)
            listed = " ".join(texts(browsing.page("/studies/s/disagreements", session)))
            assert "ruled: safe" in listed
            assert "unsafe: animal abuse" in listed
            assert "waits for a ruling" not in listed


def test_a_check_of_writing_waits_on_the_dashboard_and_then_stands_on_the_sheet(make_address):
    settings = CHAT | {"spot_check": {"share": 1.0, "first": 0}, "wellbeing": {"blur": True}}
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "preference-chat", settings)
        world.enter([{"opening": []}])
        worker = world.worker()
        chats(world, worker, [FIRST])
        (chat,) = {row.assignment_id for row in newest_of_finished_work(store, world.known.id)}
        payload = {"assignment": str(chat), "conversation": [{"role": "human", "text": HOSTILE}]}
        item = NewItem(writing_key(str(chat)), payload, Purpose.SPOT_CHECK, author_id=worker.id)
        enter_items(store, world.known.id, [item], now=world.now)
        queue, link = f"queue={Purpose.SPOT_CHECK.value}", f'href="/studies/s/chats/{chat}"'
        with closing(Browsing(world)) as browsing:
            session, sheet = browsing.somebody(), f"/studies/s/workers/{worker.pseudonym}"
            assert queue in browsing.page("/studies/s/dashboard", session)
            assert "Nobody has looked at their writing yet." in browsing.page(sheet, session)
            reviewer, said = world.worker(), {"mark": 2, "note": HOSTILE}
            world.hand_in(world.take(reviewer, Purpose.SPOT_CHECK), reviewer, ("writing", "writing", said))
            assert queue not in browsing.page("/studies/s/dashboard", session)
            checked = browsing.page(sheet, session)
            assert link in checked
            assert "<script>alert(1)</script>" in " ".join(texts(checked))
            opened = browsing.page(f"/studies/s/chats/{chat}", session)
            assert "data-veiled" in opened
            assert worker.pseudonym in opened
            assert browsing("GET", f"/studies/s/chats/{chat + 1000}", session).status_code == 404


def test_a_chat_stands_once_in_the_list_which_is_as_long_as_the_dashboard_says(make_address):
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "preference-chat", CHAT | {"turns": 3, "wellbeing": {"blur": True}})
        world.enter([{"opening": []}] * 2)
        first, second = world.workers(2)
        chats(world, first, [FIRST, SECOND, FIRST])
        chats(world, second, [SECOND, FIRST, SECOND])
        with closing(Browsing(world)) as browsing:
            session = browsing.somebody()
            dashboard = " ".join(texts(browsing.page("/studies/s/dashboard", session)))
            assert "Everything that was judged, newest first : 2 (with 6 judgements)" in dashboard
            listed = browsing.page("/studies/s/judged", session)
            assert listed.count('href="/studies/s/chats/') == 2
            assert "A chat stands here once" in listed
            erase_person(store, first.pseudonym, now=world.now)
            opened = {
                row.worker_id: browsing.page(f"/studies/s/chats/{row.assignment_id}", session)
                for row in newest_of_finished_work(store, world.known.id)
            }
            # Of the other, words alone are blurred: those of each turn, and of its two replies.
            assert veiled(opened[second.id]) == ["text veiled"] * 9
            assert "erased" not in opened[second.id]
            assert veiled(opened[first.id]) == []
            assert opened[first.id].count("Erased.") == 6
            assert '<span class="tag">erased</span>' in browsing.page("/studies/s/judged", session)


def veiled(page):
    found = [dict(names) for _, names in elements(page, with_values=True)]
    assert all(("inert" in each) == ("data-veiled" in each) for each in found)
    return [each["class"] for each in found if "data-veiled" in each]


def test_what_one_worker_judged_can_be_looked_at(browsing):
    session, worker = browsing.somebody(), browsing.first.pseudonym
    assert f"/judged?worker={worker}" in browsing.page(worker_page(browsing), session)
    listed = browsing.page(f"/studies/s/judged?worker={worker}", session)
    assert listed.count('href="/studies/s/disagreements/') == 2
    assert "<script>alert(1)</script>" in " ".join(texts(listed))
    assert browsing.page("/studies/s/judged", session).count('href="/studies/s/disagreements/') == 4
    assert browsing("GET", "/studies/s/judged?worker=no-such-worker", session).status_code == 404


def test_the_list_of_judgements_says_what_was_chosen_and_which_answers_are_known(browsing):
    world, session = browsing.world, browsing.somebody()
    world.enter([pair_item()], purpose=Purpose.GOLD, truths=[{"orders": []}])
    world.judge(world.worker(), pair(SECOND, 3) | {"comment": "zzsaid"}, purpose=Purpose.GOLD)
    found = " ".join(texts(browsing.page("/studies/s/judged", session)))
    assert found.count("side 1 is more helpful, strength 4") == 2
    assert found.count("side 2 is more helpful, strength 3") == 1
    assert found.count("gold") == 1
    assert "zzsaid" not in found


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


def test_people_are_invited_by_who_reaches_them(browsing):
    def roles(session):
        found = browsing.page("/people", session)
        return [role for role in ("worker", "reviewer", "manager", "owner") if f"<option>{role}</option>" in found]

    assert roles(browsing.somebody(Role.MANAGER)) == ["worker", "reviewer"]
    assert roles(browsing.somebody(Role.OWNER)) == ["worker", "reviewer", "manager", "owner"]


def test_open_invitations_are_listed_until_they_are_revoked(browsing):
    session = browsing.somebody()
    asked = {"role": "worker", "study": "s", "note": f" {HOSTILE} "}
    made = browsing("POST", "/api/v1/invitations", session, json=asked).json()
    found = browsing.page("/people", session)
    assert "<script>alert(1)</script>" in " ".join(texts(found))
    assert elements(found).count("img") == 1  # the brand's
    assert f'data-revoke="{made["id"]}"' in found
    assert made["code"] not in found
    browsing("DELETE", f"/api/v1/invitations/{made['id']}", session)
    assert "data-revoke" not in browsing.page("/people", session)


def test_the_note_of_an_invitation_stands_beside_who_came_by_it(browsing):
    session, store = browsing.somebody(), browsing.world.store
    asked = {"role": "worker", "study": "s", "note": "for Zelda", "uses": 2}
    code = browsing("POST", "/api/v1/invitations", session, json=asked).json()["code"]
    ends = browsing.world.now + timedelta(days=1)
    came = [
        accept_invitation(
            store, code, lambda _, name=name: NewAccount(name, name, "hash"), now=browsing.world.now, session_ends=ends
        )[0]
        for name in ("ada", "bob")
    ]
    assert browsing.page("/people", session).count("for Zelda") == 2
    erase_person(store, came[0].pseudonym, now=browsing.world.now)
    assert "for Zelda" not in browsing.page("/people", session)


def test_messages_that_were_given_up_are_told_to_who_runs_the_study_they_are_of(browsing):
    world = browsing.world
    here, whole = browsing.somebody(only_study_id=world.known.id), browsing.somebody()
    address = "https://receiver.example/hooks/zzsecret"
    for study in (world.known.id, None):
        new = NewWebhook(study, address, "whsec_zz", [WebhookEvent.STUDY_PAUSED], None)
        ping(world.store, add_webhook(world.store, new, now=world.now).id, now=world.now)
    told = "Messages to other systems that were given up"
    assert told not in browsing.page("/studies/s/dashboard", here)
    for _ in range(2):
        claimed = claim_due(world.store, now=world.now, until=world.now + timedelta(minutes=1))
        mark_failed(world.store, claimed, 500, now=world.now, next_at=None)
    for session, count in ((here, 1), (whole, 2), (browsing.somebody(Role.OWNER), 2)):
        assert told in browsing.page("/studies/s/dashboard", session)
        found = browsing.page("/webhooks", session)
        assert found.count("<strong>1 message given up</strong>") == count
        is_owner = browsing.sessions[session].role is Role.OWNER
        assert ("zzsecret" in found, 'data-do="remove"' in found, 'id="add"' in found) == (is_owner,) * 3
    for role in (Role.WORKER, Role.REVIEWER):
        browsing.page("/webhooks", browsing.somebody(role), status=403)


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
