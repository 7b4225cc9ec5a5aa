"""On which terms a curated set comes: those of every file that the output holds anything of, and of no other."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plumbline
from plumbline.curate.recipe import parse_recipe, read_recipe
from plumbline.lineage import ALL_USES, Terms, Use, read_manifest, with_terms
from plumbline.loop.curating.run import CurationRun, run_curation
from tests.curate.made_up import labels

LONG = "long " * 40
SHORT_ONLY = '[[rule]]\nname = "lengths"\nmost_characters = 100\n'
OPEN = [("question one", "reply one", True, {"worker": "w1"}), ("question two", "reply two", False, {"worker": "w2"})]


def write(folder, uses, *rows):
    folder.mkdir()
    table = labels(*rows)
    pq.write_table(with_terms(table, Terms(frozenset(uses), "MIT")), folder / "train.parquet")
    return folder


def curation(tmp_path, rules, restricted, rest=OPEN):
    """A curation of rows that anybody may use and, read first, rows for analysis alone; its result and manifest."""
    sources = [write(tmp_path / "closed", {Use.ANALYSIS}, *restricted), write(tmp_path / "open", ALL_USES, *rest)]
    recipe = parse_recipe(f'name = "own"\nversion = 1\n{rules}', "own")
    result = run_curation(CurationRun(tuple(map(str, sources)), tmp_path / "out", recipe))
    return result, read_manifest(tmp_path / "out")


def test_a_file_of_which_nothing_is_left_does_not_bind(tmp_path):
    result, manifest = curation(tmp_path, SHORT_ONLY, [("another question", LONG, False)])
    assert set(manifest.uses) == ALL_USES == result.loaded.terms.uses
    assert manifest.configuration["terms_not_binding"] == ["closed/train.parquet"]
    assert plumbline.load(tmp_path / "out").terms.uses == ALL_USES
    assert {entry.path for entry in manifest.inputs} == {"closed/train.parquet", "open/train.parquet"}
    assert [(file.gave.read, file.gave.written, file.gave.apart) for file in result.files] == [
        (1, 0, True),
        (2, 2, False),
    ]


TWICE = [(f"question {n}", f"reply {n}", n % 2 == 0, {"worker": who}) for n in range(4) for who in ("w1", "w2")]
BINDING = {
    "a record of it is written": (SHORT_ONLY, [("another question", LONG, False), ("a third", "short", True)], OPEN),
    "a prompt of it is": (SHORT_ONLY, [("question one", LONG, False)], OPEN),
    "a record of it stands elsewhere": (
        '[[rule]]\nname = "exact-duplicates"\n',
        [(*OPEN[0][:3], {"worker": "w1", "split": "train"})],
        [(*OPEN[0][:3], {"worker": "w1", "split": "test"}), OPEN[1]],
    ),
    "a vote of it is counted": (
        '[[rule]]\nname = "aggregate"\n',
        [("question one", "reply one", False, {"worker": "w9", "split": "train"})],
        [(*OPEN[0][:3], {"worker": "w1", "split": "test"}), OPEN[1]],
    ),
    "a fit learned from it": (
        '[[rule]]\nname = "aggregate"\nmethod = "dawid-skene"\n' + SHORT_ONLY,
        [("another question", LONG, False, {"worker": "w1"})],
        TWICE,
    ),
}


@pytest.mark.parametrize("what", BINDING)
def test_a_file_binds_wherever_something_of_it_may_be_left(what, tmp_path):
    rules, restricted, rest = BINDING[what]
    result, manifest = curation(tmp_path, rules, restricted, rest)
    assert manifest.uses == [Use.ANALYSIS]
    assert manifest.configuration["terms_not_binding"] == []
    schema = pq.read_schema(next((tmp_path / "out" / "safety_labels").iterdir()))
    assert schema.metadata[b"plumbline.uses"] == b"analysis"
    assert result.files[0].gave.written == (what == "a record of it is written")


def test_records_are_known_by_the_file_they_were_read_from(tmp_path, monkeypatch):
    """Parts of a run do not end where files do."""
    monkeypatch.setattr("plumbline.curate.intake.ROWS_OF_A_PART", 3)
    rest = [(f"open {n}", "short" if n % 2 else LONG, True) for n in range(7)]
    result, _ = curation(tmp_path, SHORT_ONLY, [(f"closed {n}", LONG, True) for n in range(4)], rest)
    assert [(file.gave.read, file.gave.written) for file in result.files] == [(4, 0), (7, 3)]


def test_hh_nosafe_of_hh_rlhf_may_train_preference_models(real_data, tmp_path):
    run = CurationRun((str(real_data / "hh-rlhf"),), tmp_path / "out", read_recipe("hh-nosafe"))
    result = run_curation(run)
    manifest = read_manifest(tmp_path / "out")
    assert Use.PREFERENCE in manifest.uses
    of_safety = {path for path in result.loaded.paths if "red-team" in path or "harmless" in path}
    assert set(manifest.configuration["terms_not_binding"]) == of_safety
    assert len(of_safety) == 4
    assert pa.compute.all(pa.compute.equal(plumbline.load(tmp_path / "out").comparisons["axis"], "helpfulness")).as_py()
