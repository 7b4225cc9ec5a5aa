"""A copy that is read on is the copy that is made anew, whatever happens in between."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

from plumbline.collect.dashboard import ledger as ledgers
from plumbline.collect.dashboard.counted import Counted
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.failures import StoreUnavailableError
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.leasing import expire_leases, release
from tests.collect.dashboard.made_up import (
    CHAT,
    FIRST,
    SECOND,
    World,
    chats,
    pair,
    pair_item,
    say_and_draw,
    turn_verdict,
)
from tests.collect.store.filled import address


def told(ledger):
    """Everything that a copy holds, rows of tables in an order of their own."""
    view = ledger.view()
    tables = {name: getattr(view, name) for name in ("acts", "choices", "labels", "grades", "assignments", "items")}
    plain = {}
    for name, columns in tables.items():
        rows = zip(*(np.nan_to_num(column, nan=-1).tolist() for column in columns.values()), strict=True)
        plain[name] = sorted(rows) if name == "acts" else list(rows)
    return plain, view.people, view.models, view.kinds, view.queues, view.stored


def test_read_on_is_what_is_read_anew(store, monkeypatch):
    monkeypatch.setattr(ledgers, "PAGE", 3)
    world = World(store)
    world.enter([pair_item(("m0", "m1")) for _ in range(8)], overlap=2)
    workers = world.workers(2)
    world.judge(workers[0], *[pair(FIRST)] * 5)
    ledger = world.ledger()
    assert len(ledger) == 5
    numbers = world.judge(workers[1], *[pair(SECOND)] * 7)
    world.correct(workers[1], numbers[0], pair(FIRST, 1))
    world.enter([pair_item(("m0", "m2"))])
    world.judge(workers[0], *[pair(SECOND)] * 4)
    ledger.bring_up()
    assert len(ledger) == 17
    assert told(ledger) == told(world.ledger())
    assert ledger.view().models == ("m0", "m1", "m2")


def test_a_correction_takes_the_place_of_what_it_corrects(store):
    world = World(store)
    world.enter([pair_item()])
    (worker,) = world.workers(1)
    (number,) = world.judge(worker, pair(FIRST, 4))
    again = world.correct(worker, number, pair(SECOND, 1))
    world.correct(worker, again, pair(SECOND, 3))
    counted = world.counted()
    rows = counted.rows(counted.view.choices, Purpose.WORK)
    assert (rows["first_better"].tolist(), rows["strength"].tolist()) == ([0.0], [3])
    assert counted.stands.sum() == counted.is_first.sum() == 1


def test_work_that_is_not_finished_does_not_count_until_it_is(store):
    world = World(store, "preference-chat", CHAT | {"turns": 2})
    world.enter([{"opening": []}])
    (worker,) = world.workers(1)
    taken = world.take(worker)
    replies = say_and_draw(world, taken, worker, 1)
    world.hand_in(taken, worker, ("turn-1", "turn", turn_verdict(1, FIRST, replies)), finished=False)
    ledger = world.ledger()
    assert len(ledger) == 1
    assert not Counted(ledger.view(), world.known.settings).stands.any()
    replies = say_and_draw(world, taken, worker, 2)
    world.hand_in(taken, worker, ("turn-2", "turn", turn_verdict(2, FIRST, replies)))
    ledger.bring_up()
    counted = Counted(ledger.view(), world.known.settings)
    assert counted.stands.sum() == 2
    assert counted.rows(counted.view.choices, Purpose.WORK)["first_model"].tolist() == [0, 0]


def test_work_that_is_finished_without_another_judgement_counts_from_then_on(store):
    world = World(store)
    world.enter([pair_item()])
    (worker,) = world.workers(1)
    taken = world.take(worker)
    world.hand_in(taken, worker, ("pair", "pair", pair(FIRST)), finished=False)
    ledger = world.ledger()
    world.hand_in(taken, worker)
    ledger.bring_up()
    assert Counted(ledger.view(), world.known.settings).stands.sum() == 1


def test_late_and_released_work_does_not_count(store):
    world = World(store)
    world.enter([pair_item()])
    first, second = world.workers(2)
    taken = world.take(first)
    world.now += timedelta(hours=1)
    world.judge(second, pair(FIRST))
    world.hand_in(taken, first, ("pair", "pair", pair(SECOND)))  # its slot is another's by then
    world.enter([pair_item()])
    taken = world.take(first)
    release(store, taken.assignment.id, first.id, taken.assignment.fence, now=world.now)
    counted = world.counted()
    assert counted.view.choices["first_better"].tolist() == [1.0]
    assert world.figures().basis.late == 1


def _a_row_with_a_lower_number(world, number):
    """What Postgres may show late: a judgement with a number that was passed; put there by hand."""

    def write(connection):
        names = "study_id, item_id, assignment_id, worker_id, kind, payload, guidelines_version, seconds, created_at"
        connection.execute(
            text(
                f"INSERT INTO judgements (id, part, idempotency_key, {names}) "
                f"SELECT {number}, 'late', 'late', {names} FROM judgements WHERE id = (SELECT max(id) FROM judgements)"
            )
        )

    world.store.write(write)


@pytest.mark.parametrize("margin", [2000, 0])
def test_a_lower_number_that_comes_late_is_found(store, margin):
    world = World(store)
    world.enter([pair_item() for _ in range(4)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST))
    world.store.write(lambda connection: connection.execute(text("SELECT 1")))
    if store.is_sqlite:
        store.write(lambda connection: connection.execute(text("UPDATE sqlite_sequence SET seq = seq + 10")))
    else:
        store.write(lambda connection: connection.execute(text("SELECT setval('judgements_id_seq', 20)")))
    world.judge(worker, pair(FIRST))
    ledger = world.ledger(margin=margin)
    passed = min(ledger.view().acts["id"]) + 1
    _a_row_with_a_lower_number(world, passed)
    ledger.bring_up()
    assert sorted(ledger.view().acts["id"].tolist())[1] == passed
    assert len(ledger) == ledger.view().stored == 3


def test_what_is_no_payload_of_ours_is_counted_and_left_out(store):
    world = World(store)
    world.enter([pair_item(), pair_item()])
    (worker,) = world.workers(1)
    world.judge(worker, {"shown": [0, 1]}, pair(FIRST))
    figures = world.figures()
    assert (figures.basis.unreadable, figures.basis.judgements, figures.axes[0].comparisons) == (1, 2, 1)


def test_somebody_is_erased_and_what_they_judged_stays(store):
    world = World(store)
    world.enter([pair_item() for _ in range(2)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST), pair(SECOND))
    ledger = world.ledger()
    before = told(ledger)
    erase_person(store, worker.pseudonym, now=world.now)
    reads = []
    ledger._begin = lambda begin=ledger._begin: (reads.append("anew"), begin())
    ledger.bring_up()
    assert reads == ["anew"]
    assert told(ledger)[0] == before[0]
    assert ledger.view().people[0].is_erased


def test_a_restore_takes_away_what_came_since(store, tmp_path):
    world = World(store)
    world.enter([pair_item() for _ in range(3)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST))
    backup = back_up(store, tmp_path / "backup.db", now=world.now).path
    world.judge(worker, pair(SECOND))
    ledger = world.ledger()
    assert len(ledger) == 2
    restore(backup, address(store), replace=True, now=world.now)
    world.judge(worker, pair(SECOND), pair(SECOND))
    ledger.bring_up()
    assert len(ledger) == 3
    assert told(ledger) == told(world.ledger())


def test_a_store_that_fails_halfway_leaves_nothing_wrong(store, monkeypatch):
    world = World(store)
    world.enter([pair_item(("m0", "m1")) for _ in range(3)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST))
    ledger = world.ledger()
    world.judge(worker, pair(FIRST), pair(SECOND))

    def fails(*_):
        raise StoreUnavailableError("PL-COL-001", "store", "out of reach", advice="again")

    with monkeypatch.context() as patched:
        patched.setattr(ledgers, "read_payloads", fails)
        with pytest.raises(StoreUnavailableError):
            ledger.bring_up()
    ledger.bring_up()
    assert told(ledger) == told(world.ledger())
    assert (ledger.view().choices["first_model"] == 0).all()


def test_nothing_new_is_read_as_no_row(store, monkeypatch):
    world = World(store, "preference-chat", CHAT | {"turns": 1})
    world.enter([{"opening": []} for _ in range(4)])
    (worker,) = world.workers(1)
    for _ in range(4):
        chats(world, worker, [FIRST])
    ledger = world.ledger()
    taken = []
    monkeypatch.setattr(ledger, "_take", lambda rows: taken.extend(rows))
    ledger.bring_up()
    assert taken == []


TRUTH = {"orders": [{"axis": "helpfulness", "better": 0, "worse": 1}]}


def _strings(thing, seen):
    """Every text that can be reached from it."""
    if isinstance(thing, str):
        yield thing
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type(None))):
        return
    seen.add(id(thing))
    inside = [*thing, *thing.values()] if isinstance(thing, dict) else thing
    if isinstance(thing, (dict, list, tuple, set, frozenset)):
        for each in inside:
            yield from _strings(each, seen)
    else:
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        for name in names:
            yield from _strings(getattr(thing, name, None), seen)


def test_no_word_of_known_answers_is_held_and_a_correction_is_scored(store):
    world = World(store)
    world.enter([pair_item(question="secret words")], purpose=Purpose.GOLD, truths=[TRUTH])
    (worker,) = world.workers(1)
    said = pair(SECOND) | {"comment": "secret comment"}
    (number,) = world.judge(worker, said, purpose=Purpose.GOLD)
    ledger = world.ledger()
    held = {name: value for name, value in vars(ledger).items() if name not in ("_store", "_study", "_readers")}
    assert not [text for text in _strings(held, set()) if "secret" in text]
    assert [ledger.view().scores[name].tolist() for name in ("right", "asked")] == [[0], [1]]
    world.correct(worker, number, pair(FIRST))
    ledger.bring_up()
    assert [ledger.view().scores[name].tolist() for name in ("right", "asked")] == [[1], [1]]


def test_an_act_that_cannot_be_read_is_counted_once(store):
    world = World(store)
    world.enter([pair_item()], purpose=Purpose.GOLD, truths=[TRUTH])
    (worker,) = world.workers(1)
    (number,) = world.judge(worker, {"shown": [0, 1]}, purpose=Purpose.GOLD)
    ledger = world.ledger()
    assert ledger.view().unreadable == 1
    world.correct(worker, number, pair(FIRST))
    ledger.bring_up()
    assert ledger.view().unreadable == 1
    assert ledger.view().scores["right"].tolist() == [1]


def test_abandoned_work_is_asked_about_now_and_then(store, monkeypatch):
    world = World(store)
    world.enter([pair_item(), pair_item()])
    one, two = world.workers(2)
    left, given = world.take(one), world.take(two)
    world.hand_in(left, one, ("pair", "pair", pair(FIRST)), finished=False)
    world.hand_in(given, two, ("pair", "pair", pair(FIRST)), finished=False)
    release(store, given.assignment.id, two.id, given.assignment.fence, now=world.now)
    asked, states_of, clock = [], ledgers.states_of, [0.0]
    monkeypatch.setattr(
        ledgers, "states_of", lambda at, numbers: asked.append(sorted(numbers)) or states_of(at, numbers)
    )
    monkeypatch.setattr(ledgers.time, "monotonic", lambda: clock[0])
    ledger = world.ledger()
    world.now += timedelta(hours=1)
    expire_leases(store, world.known.id, now=world.now)
    for _ in range(3):
        ledger.bring_up()
    number = left.assignment.id
    assert asked == [[], sorted([number, given.assignment.id]), [], []]
    world.hand_in(left, one)
    ledger.bring_up()
    assert not Counted(ledger.view(), world.known.settings).stands.any()
    clock[0] += ledgers.LAPSED_SECONDS
    ledger.bring_up()
    assert Counted(ledger.view(), world.known.settings).stands.sum() == 1
    ledger.bring_up()
    assert asked[-2:] == [sorted([number, given.assignment.id]), []]
