"""The stores that the dashboard is measured on give figures, and more judgements are read on."""

from contextlib import closing

import pytest

from benchmarks import dashboard
from benchmarks.collecting import dashboard_pages
from benchmarks.collecting.dashboard_store import KINDS, fill
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.store.migrating import create_store, open_store
from plumbline.collect.store.people import find_by_token
from plumbline.collect.store.rows import Role, TokenUse
from tests.benchmarks.test_collect_export import result_of

JUDGEMENTS = 60


# Of two kinds in short: one whose agreement is counted, and the one that has none.
@pytest.mark.parametrize(
    "kind",
    [
        each if each in ("pairs", "preference-chat") else pytest.param(each, marks=pytest.mark.thorough)
        for each in KINDS
    ],
)
def test_every_kind_is_measured_on_judgements_that_count(tmp_path, kind):
    place = str(tmp_path / "store.db")
    store = create_store(place)
    fill(store, kind, JUDGEMENTS)
    store.close()
    assert result_of(dashboard.reading_rows(place, kind))["judgements"] == JUDGEMENTS
    first = result_of(dashboard.first_snapshot(place, kind))
    assert first["judgements"] == JUDGEMENTS
    assert (first["flops"] > 0) == (kind != "preference-chat")
    more = result_of(dashboard.brought_up(place, kind))
    assert more["new"] == (0 if kind == "preference-chat" else dashboard.NEW)
    session = dashboard_pages.to_serve(place, kind).session
    with closing(open_store(place)) as store:
        assert find_by_token(store, session, now=utc_now(), use=TokenUse.SESSION).role is Role.OWNER


def test_every_way_on_every_store_is_a_candidate():
    places = {(database, kind): "x" for database in ("sqlite", "postgres") for kind in KINDS}
    found = dashboard.candidates(places)
    assert len({each.name for each in found}) == len(found) == 3 * len(places)
