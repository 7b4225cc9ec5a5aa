"""The dashboard: how a study stands, what waits, what there is to read."""

from contextlib import closing
from datetime import timedelta

import pytest

from plumbline.collect.kinds import Purpose, writing_key
from plumbline.collect.service.after_work import enter_splits
from plumbline.collect.store.deliveries import claim_due, mark_failed
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.judgements import newest_of_finished_work
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.outbox import WebhookEvent
from plumbline.collect.store.rows import NewItem, Role
from plumbline.collect.store.webhooks import NewWebhook, add_webhook, ping
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    chats,
    label,
    label_item,
)
from tests.collect.pages.browsing import HOSTILE, Browsing
from tests.collect.pages.parsing import elements, texts


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
