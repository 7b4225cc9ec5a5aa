"""A worker's own pages: answers in the words of their screen, notes without marks, guidelines with what changed."""

import re
from contextlib import closing
from types import SimpleNamespace

import pytest

from plumbline.collect.kinds import Purpose, writing_key
from plumbline.collect.pages.own_answers import own_answer, strength_words
from plumbline.collect.service.own_judgements import own_judgement
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import release
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import issue_session
from plumbline.collect.store.rows import NewItem
from plumbline.collect.store.studies import add_guidelines
from tests.collect.dashboard.made_up import CHAT, FIRST, World, say_and_draw, turn_verdict
from tests.collect.pages.browsing import Browsing
from tests.collect.pages.parsing import texts

NOTE, MARK = "Short, and <clear>.", "poor"
SURE = {"confidence": 3}
HARMS = {"categories": ["self_harm", "drug_abuse,_weapons"], "none_applies": False}
SAFE = {"categories": [], "none_applies": True}


@pytest.mark.parametrize(
    ("act", "answer", "fields", "said"),
    [
        ("label", HARMS | SURE, {}, ["Unsafe: Self harm; Drug abuse, weapons", "How sure: sure"]),
        ("rule", SAFE, {}, ["Safe: none applies"]),
        ("rule", {"categories": None, "none_applies": False}, {}, ["Unsafe, no category named"]),
        (
            "rank",
            {
                "helpfulness": [2, 1],
                "harmlessness": [1, 1],
                "disputes": [{"position": 1, **SAFE, "note": "why"}],
                **SURE,
            },
            {"axes": ["helpfulness", "harmlessness"]},
            [
                "Helpfulness: A 2, B 1",
                "Harmlessness: A 1, B 1",
                "You dispute the label of B (Safe: none applies)",
                "How sure: sure",
            ],
        ),
        ("review", {"rating": 3, "tags": ["theft"]}, {"most": 4}, ["3 of 4: mostly worked", "About: theft"]),
        ("rate-self", {"rating": 0}, {"most": 4}, ["0 of 4: it failed"]),
        ("check-writing", {"mark": 4}, {}, ["Very good"]),
        ("close", {"rating": 2}, {}, ["The conversation was rather bad"]),
        ("close", {"rating": None}, {}, []),
        ("consent", {"agreed": True}, {}, ["You agreed"]),
        ("end", {"turn": 3}, {}, ["You had no more to say"]),
        ("describe", {"task_description": "to try"}, {}, []),
    ],
)
def test_answers_are_told_in_the_words_of_the_screen(act, answer, fields, said):
    judged = SimpleNamespace(ask=SimpleNamespace(fields=fields, order=None), answer={"act": act, **answer})
    own = own_answer(SimpleNamespace(judged=judged, row=SimpleNamespace(kind=act)))
    assert list(own.lines) == said
    assert own.written == answer.get("task_description", "B: why" if "disputes" in answer else "")


@pytest.mark.parametrize(
    ("step", "said"), [(1, "A is much better"), (4, "A is slightly better"), (8, "B is much better")]
)
def test_a_step_is_told_as_the_scale_says_it(step, said):
    assert strength_words(step, 8, "better") == said


@pytest.fixture
def browsing(make_address):
    with closing(open_store(make_address("sqlite"))) as store:
        settings = CHAT | {"spot_check": {"share": 1.0, "first": 0}, "wellbeing": {"blur": True}}
        made = Browsing(World(store, "preference-chat", settings))
        yield made
        made.close()


def session_of(browsing, person):
    ends = browsing.world.now.replace(year=browsing.world.now.year + 1)
    return issue_session(browsing.world.store, person.id, now=browsing.world.now, expires_at=ends)


def test_a_note_reaches_its_writer_without_mark_or_name(browsing):
    world = browsing.world
    worker, other, reviewer = (world.worker() for _ in range(3))
    world.enter([{"opening": []}])
    taken = world.take(worker)
    world.hand_in(taken, worker, ("end", "end", {"turns": 0}))
    number = str(taken.assignment.id)
    payload = {"assignment": number, "conversation": [{"role": "human", "text": "Hello"}]}
    item = NewItem(writing_key(number), payload, Purpose.SPOT_CHECK, author_id=worker.id)
    enter_items(world.store, world.known.id, [item], now=world.now)
    check = {"mark": 2, "note": NOTE}
    world.hand_in(world.take(reviewer, Purpose.SPOT_CHECK), reviewer, ("writing", "writing", check))
    for path in ("/studies/s", "/studies/s/mine"):
        page = " ".join(texts(browsing.page(path, session_of(browsing, worker))))
        assert NOTE in page
        assert MARK not in page
        assert reviewer.pseudonym not in page
        assert NOTE not in " ".join(texts(browsing.page(path, session_of(browsing, other))))


def test_what_was_judged_in_a_skipped_conversation_does_not_say_that_it_can_be_changed(browsing):
    world, worker = browsing.world, browsing.world.worker()
    world.enter([{"opening": []}])
    taken = world.take(worker)
    replies = say_and_draw(world, taken, worker, 1)
    world.hand_in(taken, worker, ("turn-1", "turn", turn_verdict(1, FIRST, replies)), finished=False)
    session = session_of(browsing, worker)
    page = browsing.page("/studies/s/mine", session)
    assert "can be changed" in page
    assert f"chat begun {taken.assignment.leased_at:%Y-%m-%d %H:%M}" in page
    assert re.search(r'<p class="own-excerpt quiet veiled" dir="auto" inert data-veiled>\w', page)
    address = re.search(r"/studies/s/mine/(\d+)", page)
    order = own_judgement(browsing.collecting, worker, int(address[1])).judged.ask.order
    letter = "AB"[order.sides.index(0)]  # a made-up verdict goes on with the first side, wherever it was shown
    assert f"The conversation went on with {letter}" in browsing.page(address.group(), session)
    release(world.store, taken.assignment.id, worker.id, taken.assignment.fence, now=world.now)
    page = browsing.page("/studies/s/mine", session)
    assert "skipped: it does not count" in page
    assert "can be changed" not in page


def test_who_opens_an_invitation_while_logged_in_is_told_who_they_are(browsing):
    worker = browsing.world.worker()
    said = f"You are {worker.pseudonym} already"
    assert said in browsing.page("/join", session_of(browsing, worker))
    assert "already" not in browsing.page("/join", None)


def test_who_comes_to_no_page_is_told_where_to_go_and_a_program_where_the_routes_are(browsing):
    session = browsing.somebody()
    for path in ("/nowhere", "/studies/none"):
        page = browsing.page(path, session, status=404)
        assert "begin at the studies" in page or "among the studies" in page
        assert not re.search("openapi|plumbline collect|route", page)
    assert "/openapi.json" in browsing("GET", "/api/v1/nowhere", session).json()["advice"]


def test_what_changed_since_they_judged_is_told_and_nothing_to_who_never_did(browsing):
    world, worker, new = browsing.world, browsing.world.worker(), browsing.world.worker()
    world.enter([{"opening": []}])
    world.hand_in(world.take(worker), worker, ("end", "end", {"turns": 0}))
    add_guidelines(world.store, world.known.id, "Read twice.", now=world.now)
    since = "What changed since version 1"
    assert since in browsing.page("/studies/s", session_of(browsing, worker))
    assert since not in browsing.page("/studies/s", session_of(browsing, new))
    session = session_of(browsing, new)
    assert since in browsing.page("/studies/s/guidelines?since=1", session)
    assert "What changed" not in browsing.page("/studies/s/guidelines?since=2", session)
