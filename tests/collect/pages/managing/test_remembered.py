"""What is remembered, surveys say, is read once a minute, however often somebody looks."""

from contextlib import closing

from sqlalchemy import event

from plumbline.collect.pages.managing.remembered import Remembered
from plumbline.collect.service.wellbeing.mood_summary import mood_summary
from plumbline.collect.store.migrating import open_store
from tests.collect.dashboard.made_up import World


def test_surveys_are_read_once_while_they_are_fresh(make_address):
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "pairs", {"wellbeing": {"mood_every": 2}})
        asked = []
        event.listen(store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

        def readings(moods, times):
            before = sum(" moods" in statement for statement in asked)
            for _ in range(times):
                assert moods.of(world.collecting, "s") == []
            return sum(" moods" in statement for statement in asked) - before

        assert readings(Remembered(mood_summary), 5) == 1
        assert readings(Remembered(mood_summary, fresh_seconds=-1), 5) == 5
