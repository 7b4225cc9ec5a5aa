"""What reviewers said of a worker's writing: the newest word of each check, and nobody else's."""

import pytest

from plumbline.collect.kinds import Purpose, writing_key
from plumbline.collect.service.writing_checks import newest_note_at, writing_checks
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.rows import NewItem
from tests.collect.dashboard.made_up import CHAT, World
from tests.collect.service.wellbeing.made_up import statements

WRITTEN = {"conversation": [{"role": "human", "text": "Hello"}]}


@pytest.fixture
def world(store):
    return World(store, "preference-chat", CHAT | {"spot_check": {"share": 1.0, "first": 0}})


def finished_chat(world, worker):
    """A finished conversation, and the item for who checks its writing."""
    world.enter([{"opening": []}])
    taken = world.take(worker)
    world.hand_in(taken, worker, ("closing", "closing", {"rating": 3, "comment": None}))
    number = taken.assignment.id
    payload = {"assignment": str(number), **WRITTEN}
    item = NewItem(writing_key(str(number)), payload, Purpose.SPOT_CHECK, author_id=worker.id)
    enter_items(world.store, world.known.id, [item], now=world.now)
    return number


def test_the_newest_word_on_each_conversation_comes_to_its_writer_alone(world):
    worker, other, reviewer = (world.worker() for _ in range(3))
    first, second = finished_chat(world, worker), finished_chat(world, worker)
    finished_chat(world, other)
    said = {}
    for mark, note in ((3, "Short, and clear."), (1, None), (4, "Somebody else's.")):
        taken = world.take(reviewer, Purpose.SPOT_CHECK)
        (said[mark],) = world.hand_in(taken, reviewer, ("writing", "writing", {"mark": mark, "note": note}))
    before = newest_note_at(world.collecting, world.known, worker.id)
    world.correct(reviewer, said[1], {"mark": 2, "note": "Look at it again."}, kind="writing")
    with statements(world.store) as sent:
        found = writing_checks(world.collecting, world.known, worker.id)
    assert [(each.assignment_id, each.mark, each.note) for each in found] == [
        (second, "poor", "Look at it again."),
        (first, "fine", "Short, and clear."),
    ]
    assert len(sent) == 2
    assert newest_note_at(world.collecting, world.known, worker.id) == found[0].at
    assert before == found[1].at, "a check without a note is no news"
    assert newest_note_at(world.collecting, world.known, reviewer.id) is None
    assert writing_checks(world.collecting, world.known, reviewer.id) == []
