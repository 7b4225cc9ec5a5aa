"""The list of workers, and the sheet of one."""

import csv
import io

from plumbline.collect.pages.managing import worker_pages
from tests.collect.pages.parsing import elements


def worker_page(browsing):
    return f"/studies/s/workers/{browsing.first.pseudonym}"


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
