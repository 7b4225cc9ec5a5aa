"""The stores that exports are measured on hold what they say, and an export of them gives every row."""

import pytest

from benchmarks import collect_export
from benchmarks.collecting import store as collect_store
from plumbline.collect.store.migrating import create_store

JUDGEMENTS = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store.db"
    store = create_store(path)
    collect_store.fill_pairs(store, JUDGEMENTS)
    collect_store.fill_chat(store, JUDGEMENTS)
    store.close()
    return str(path)


def result_of(steps):
    next(steps)
    next(steps)
    with pytest.raises(StopIteration) as ended:
        next(steps)
    return ended.value.value


@pytest.mark.parametrize("study", collect_export.STUDIES)
@pytest.mark.parametrize("form", collect_export.FORMS)
def test_every_judgement_is_exported(place, study, form):
    result = result_of(collect_export.folder_export(place, study, form))
    assert result["rows"] == JUDGEMENTS * collect_export.COMPARISONS_A_JUDGEMENT[study]
    assert result["plain_bytes"] > 100 * JUDGEMENTS
    assert result["begun_mb"] > 0


def test_the_archive_is_measured_too(place):
    result = result_of(collect_export.archive_export(place, "pairs", "hh-rlhf"))
    assert result["bytes"] > 0


def test_floors_write_what_the_exports_wrote(place, tmp_path):
    collect_export.write_for_floors(place, tmp_path)
    for study in collect_export.STUDIES:
        assert result_of(collect_export.zipping(str(tmp_path / study / "hh-rlhf")))["plain_bytes"] > 0
        assert result_of(collect_export.writing_parquet(str(tmp_path / study / "parquet")))["plain_bytes"] > 0
