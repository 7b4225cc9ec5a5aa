"""An export holds a batch or two, whatever there is, and asks for each batch, not for each assignment."""

from contextlib import contextmanager

from sqlalchemy import event

from plumbline.collect.export import exporting
from plumbline.collect.store import finished_work
from plumbline.collect.store.finished_work import stream_finished
from plumbline.collect.store.rows import Purpose
from plumbline.records import Kind
from tests.collect.export import collected
from tests.collect.export.collected import read


@contextmanager
def counted(store):
    """The statements that the store runs within the block, without those that begin and end transactions."""
    seen = []

    def note(connection, cursor, statement, *more):
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def queries_of(store, study_id, purposes, count, keys=None):
    """(statements, batches) of reading finished work so many assignments at a time."""
    with counted(store) as seen:
        found = list(
            stream_finished(
                store, study_id, purposes, as_of=collected.LATER, most_assignments=count, follow_up_keys=keys
            )
        )
    return len(seen), len(found)


MOST_QUERIES = 9
"""Of a batch: which, details, items, turns, replies, judgements; the same for what followed, as far as it is asked."""


def test_queries_go_by_batch_and_not_by_assignment(api_on_both):
    api = api_on_both
    study, _ = collected.pairs(api, workers=2)
    known = api.collecting.catalogue.named(study).id
    few, one = queries_of(api.store, known, [Purpose.WORK], 500)
    many, batches = queries_of(api.store, known, [Purpose.WORK], 4)
    assert (one, batches) == (1, 6)
    # The last batch is empty and asks once.
    assert few - 1 <= MOST_QUERIES
    assert many - 1 == batches * (few - 1)


def test_what_followed_costs_the_same_however_much_it_is(api):
    study, *_ = collected.red_team(api)
    known = api.collecting.catalogue.named(study)
    maker = exporting.RecordMaker(known.settings, exporting.Form.RED_TEAM)
    together, one = queries_of(api.store, known.id, [Purpose.WORK], 500, maker.follow_up_keys)
    assert one == 1
    assert together - 1 <= 6 + 6


def test_no_transaction_is_open_between_batches(api):
    study, _ = collected.pairs(api, workers=2)
    known = api.collecting.catalogue.named(study).id
    batches = stream_finished(api.store, known, [Purpose.WORK], as_of=collected.LATER, most_assignments=4)
    next(batches)
    assert api.store.engine.pool.checkedout() == 0
    assert len(list(batches)) == 5


def test_a_batch_ends_where_the_texts_are_many(api):
    study, _ = collected.pairs(api, workers=1)
    known = api.collecting.catalogue.named(study).id
    sizes = [
        len(batch.works)
        for batch in stream_finished(api.store, known, [Purpose.WORK], as_of=collected.LATER, most_characters=1)
    ]
    assert sizes == [1] * 12
    sizes = [
        len(batch.works)
        for batch in stream_finished(api.store, known, [Purpose.WORK], as_of=collected.LATER, most_characters=2000)
    ]
    assert sum(sizes) == 12
    assert 1 < len(sizes) < 12


def test_replies_count_among_the_texts(api):
    study, *_ = collected.helpful_chat(api)
    collected.chat(api, study, api.somebody(), after={"act": "close", "rating": 1}, turns=4)
    known = api.collecting.catalogue.named(study).id
    # The items hold next to nothing: what is long is said in the replies.
    sizes = [
        len(batch.works)
        for batch in stream_finished(api.store, known, [Purpose.WORK], as_of=collected.LATER, most_characters=200)
    ]
    assert sizes == [1, 1]


class Held:
    """How many batches of finished work are alive, at most."""

    def __init__(self, monkeypatch):
        self.alive = self.most = self.batches = 0
        held = self

        class Counted(finished_work.FinishedBatch):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                held.alive += 1
                held.batches += 1
                held.most = max(held.most, held.alive)

            def __del__(self):
                held.alive -= 1

        monkeypatch.setattr(finished_work, "FinishedBatch", Counted)


def in_batches_of(monkeypatch, count):
    """Exports read this many assignments at a time."""
    whole = exporting.stream_finished
    monkeypatch.setattr(
        exporting, "stream_finished", lambda *args, **more: whole(*args, **more, most_assignments=count)
    )


def test_what_is_held_is_two_batches_however_many_there_are(api, tmp_path, monkeypatch):
    study, _ = collected.pairs(api, workers=2)
    held = Held(monkeypatch)
    in_batches_of(monkeypatch, 2)
    collected.export(api, study, tmp_path / "out", "hh-rlhf")
    assert held.batches > 10
    # The next is read while the last still has its name.
    assert held.most <= 2


def test_batches_change_nothing(api, tmp_path, monkeypatch):
    study, *_ = collected.ranking(api)
    collected.export(api, study, tmp_path / "one", "parquet")
    in_batches_of(monkeypatch, 1)
    collected.export(api, study, tmp_path / "many", "parquet")
    for kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS):
        assert read(tmp_path / "one", kind) == read(tmp_path / "many", kind)


def test_progress_counts_assignments(api, tmp_path):
    study, _ = collected.pairs(api)
    told = []
    exported = collected.export(api, study, tmp_path / "out", "parquet", advance=lambda *each: told.append(each))
    assert told[-1] == (24, 24)
    assert collected.manifest(tmp_path / "out")["configuration"]["assignments"] == 24
    assert exported.files[0].rows == 48
