"""A release is there whole, or nothing is; every row of the input is in it; nothing is looser than it was."""

import json
import re
import shlex
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import plumbline
from plumbline.cli.main import app
from plumbline.formats import load
from plumbline.lineage import StatedTerms, Terms, read_manifest
from plumbline.records import UsageError
from plumbline.release import GateError, ReleaseOptions, build_release, reasons_by_gate, verify_release
from plumbline.release.terms import filled_in
from tests.release.folders import (
    LABELS,
    PAIRS,
    curated,
    label,
    loaded_lines,
    pair,
    summary_of,
    write_folder,
    write_lines,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    return curated(root / "in", root / "curated")


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "curated")


def failed(folder, out, options=None):
    """The names of the gates that stop a release; nothing is written."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(GateError, match="PL-REL-001") as raised:
        build_release(folder, out, options)
    assert sorted(out.parent.iterdir()) == before
    return [gate.name for gate in raised.value.gates if gate.stops]


def test_what_goes_in_comes_out_row_for_row_and_is_sound(folder, tmp_path):
    built = build_release(folder, tmp_path / "out")
    before, after = load(folder), plumbline.load(tmp_path / "out")
    for kind in before.tables:
        columns = [before.tables[kind].sort_by("id"), after.tables[kind].sort_by("id")]
        assert columns[0].drop_columns(["source"]).equals(columns[1].drop_columns(["source"]))
    assert (built.rows, built.version, built.terms.licence) == (23, "1.0.0", "CC-BY-NC-4.0")
    # The lines are those of the public sets, byte for byte.
    lines = load(tmp_path / "out", data_dir="harmless-base", split="train").comparisons
    assert lines["id"].to_pylist() == [
        row for row in before.comparisons["id"].to_pylist() if row in lines["id"].to_pylist()
    ]
    assert verify_release(tmp_path / "out").is_sound
    manifest = read_manifest(tmp_path / "out")
    assert manifest.parents == [load(folder).parents[0]]
    assert {file.path for file in built.files} >= {"recipe.toml", "curation/summary.json", "curation/removed.parquet"}


def test_lines_are_the_official_bytes(tmp_path):
    import gzip

    folder = write_folder(loaded_lines(tmp_path / "in", labels=None), tmp_path / "curated")
    build_release(folder, tmp_path / "out")
    for subset, splits in PAIRS.items():
        for split, numbers in splits.items():
            written = gzip.decompress((tmp_path / "out" / subset / f"{split}.jsonl.gz").read_bytes())
            assert written == "".join(json.dumps(pair(n), ensure_ascii=False) + "\n" for n in numbers).encode()


def test_rows_that_lines_cannot_say_are_counted_and_stand_in_the_tables(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    index = loaded.comparisons.schema.get_field_index("outcome")
    outcomes = loaded.comparisons["outcome"].to_pylist()
    ties = loaded.comparisons.set_column(index, "outcome", [["tie", *outcomes[1:]]])
    folder = write_folder(loaded, tmp_path / "tables", tables={**loaded.tables, "comparisons": ties})
    build_release(folder, tmp_path / "out")
    assert read_manifest(tmp_path / "out").configuration["not_in_lines"] == {"comparisons": {"PL-HH-020": 1}}
    words = "lines cannot say 1 without a better side, such as ties (PL-HH-020)"
    assert words in (tmp_path / "out" / "README.md").read_text()
    assert len(plumbline.load(tmp_path / "out").comparisons) == 14
    assert verify_release(tmp_path / "out").is_sound


# --- gates, on folders ---


def test_a_folder_that_was_changed_since_is_not_released(folder, tmp_path):
    out = tmp_path / "out"
    (folder / "notes.txt").write_text("mine")
    assert failed(folder, out) == ["digests"]
    (folder / "notes.txt").unlink()
    path = folder / "comparisons" / "test.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert failed(folder, out) == ["counts", "digests"]
    path.unlink()
    assert failed(folder, out) == ["counts", "digests"]
    shutil.rmtree(folder / "curation")
    (folder / "manifest.json").unlink()
    assert failed(folder, out) == ["digests"]


def test_personal_data_leaks_and_names_stop_a_release_or_are_accepted_for_a_reason(tmp_path):
    leaking = {"harmless-base": {"train": range(3), "test": range(2, 4)}}
    loaded = loaded_lines(tmp_path / "in", pairs=leaking, labels=None)
    text = "Write to grace.hopper@hoppers-own-mail.com, please."
    path = write_lines(tmp_path / "more", {"harmless-more": {"train": [90]}}, lambda n: pair(n, good=text))
    table = load(path).comparisons
    index = table.schema.get_field_index("worker")
    named = table.set_column(index, "worker", [["Grace Hopper"]])
    tables = {"comparisons": pa.concat_tables([loaded.comparisons, named]).unify_dictionaries()}
    folder = write_folder(loaded, tmp_path / "tables", tables=tables)
    assert failed(folder, tmp_path / "out") == ["personal-data", "leakage", "workers"]
    reasons = reasons_by_gate(["personal-data=made up", "leakage=as published", "workers=a stage name"])
    built = build_release(folder, tmp_path / "out", ReleaseOptions(accepted=reasons))
    assert {gate.name: gate.reason for gate in built.gates if gate.reason} == reasons
    for name in ("README.md", "manifest.json", "datasheet.md"):
        text = (tmp_path / "out" / name).read_text()
        assert "Hopper" not in text
        assert "grace" not in text
    assert "as published" in (tmp_path / "out" / "README.md").read_text()
    assert "too good" in (tmp_path / "out" / "README.md").read_text()
    found = verify_release(tmp_path / "out")
    assert found.is_sound
    assert [gate.name for gate in found.gates if gate.reason] == list(reasons)


@pytest.mark.parametrize("stated", ["leakage", "leakage= ", "digests=because", "counts=because"])
def test_nothing_is_accepted_without_a_reason_and_some_gates_never(stated):
    with pytest.raises(UsageError, match="PL-REL-007"):
        reasons_by_gate([stated])


def test_a_licence_may_tighten_and_never_loosen(folder, tmp_path):
    looser = ReleaseOptions(stated=StatedTerms.of("MIT", ["analysis"]))
    built = build_release(folder, tmp_path / "out", looser)
    assert (built.terms.licence, sorted(built.terms.uses)) == ("CC-BY-NC-4.0", ["analysis"])
    card = (tmp_path / "out" / "README.md").read_text()
    assert "license: cc-by-nc-4.0" in card
    own = build_release(folder, tmp_path / "own", ReleaseOptions(stated=StatedTerms.of("LicenseRef-ours", None)))
    assert own.terms.licence == "CC-BY-NC-4.0 AND LicenseRef-ours"
    card = (tmp_path / "own" / "README.md").read_text()
    assert "license: other\nlicense_name: cc-by-nc-4.0-and-licenseref-ours\nlicense_link: LICENSE\n" in card


def test_a_licence_that_nothing_tells_is_filled_in_and_what_is_told_binds(tmp_path):
    path = tmp_path / "in" / "harmless-own" / "train.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"prompt": "Hello?", "chosen": "Yes.", "rejected": "No."}\n')
    folder = write_folder(load(tmp_path / "in"), tmp_path / "own")
    assert failed(folder, tmp_path / "out") == ["licence"]
    terms = StatedTerms.of("CC-BY-4.0", ["analysis"])
    assert failed(folder, tmp_path / "out", ReleaseOptions(stated=terms)) == ["licence"]
    stated = ReleaseOptions(stated=terms, accepted=reasons_by_gate(["licence=we wrote them"]))
    built = build_release(folder, tmp_path / "out", stated)
    assert (built.terms.licence, list(built.terms.uses)) == ("CC-BY-4.0", ["analysis"])
    assert verify_release(tmp_path / "out").is_sound
    card = (tmp_path / "out" / "README.md").read_text()
    assert "CC-BY-4.0 was stated for data that told none." in card
    assert "accepted because: we wrote them" in card
    assert read_manifest(tmp_path / "out").configuration["accepted"] == {"licence": "we wrote them"}
    # Beside a licence that is known, only the unknown part gives way, and no use comes back.
    mixed = Terms(frozenset(), "CC-BY-NC-4.0 AND LicenseRef-theirs AND unknown")
    assert filled_in(mixed, stated.stated) == Terms(frozenset(), "CC-BY-NC-4.0 AND LicenseRef-theirs")
    assert filled_in(Terms(frozenset(), "unknown"), stated.stated) == built.terms
    known = Terms(frozenset(), "LicenseRef-theirs")
    assert filled_in(known, stated.stated) == known
    assert filled_in(mixed, StatedTerms()) == mixed


def test_the_terms_of_parents_that_still_stand_bind(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    parent = write_folder(loaded, tmp_path / "parent")
    child = load(parent)
    folder = write_folder(child, tmp_path / "child", configuration={"sources": [str(parent)]})
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parents"] == list(child.parents)
    stricter = json.loads((parent / "manifest.json").read_text()) | {"uses": ["analysis"], "licence": "CC-BY-NC-4.0"}
    (parent / "manifest.json").write_text(json.dumps(stricter))
    build_release(folder, tmp_path / "unbound")  # another manifest than the one that the folder names as its parent
    manifest["parents"] = [load(parent).parents[0]]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert failed(folder, tmp_path / "out") == ["uses", "licence"]


# --- names ---


def test_hostile_subsets_and_splits_stay_within_the_release(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    hostile = ["../..", "a b", "é", "x" * 300, "C:\\x", "--", "", "records"]

    def renamed(table):
        names = [hostile[n % len(hostile)] for n in range(len(table))]
        return table.set_column(table.schema.get_field_index("subset"), "subset", [names])

    folder = write_folder(
        loaded, tmp_path / "tables", tables={kind: renamed(each) for kind, each in loaded.tables.items()}
    )
    before = sorted(tmp_path.iterdir())
    build_release(folder, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "out"])
    names = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.gz")]
    assert all(name.isascii() and len(name) < 100 for name in names)
    assert len({name.split("/")[0] for name in names if name.startswith("harmless")}) == 8
    assert verify_release(tmp_path / "out").is_sound
    assert len(plumbline.load(tmp_path / "out").safety_labels) == 9


def test_two_splits_never_become_one(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    names = ["a-b" if n % 2 else "a_b" for n in range(len(loaded.comparisons))]
    table = loaded.comparisons.set_column(loaded.comparisons.schema.get_field_index("split"), "split", [names])
    folder = write_folder(loaded, tmp_path / "tables", tables={"comparisons": table})
    with pytest.raises(UsageError, match="PL-REL-004"):
        build_release(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_of_another_taxonomy_and_a_synthetic_source(tmp_path):
    subsets = {"labels-synthetic": {"train": range(3)}}
    loaded = load(write_lines(tmp_path / "in", subsets, label))
    build_release(write_folder(loaded, tmp_path / "tables"), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "**The rows are synthetic**" in card
    assert "\n- synthetic\n" in card
    assert read_manifest(tmp_path / "out").configuration["synthetic"] is True


def test_notes_that_are_none_are_told_and_the_next_step_releases_the_data_without_them(folder, tmp_path):
    folder = folder.rename(tmp_path / "with a space")
    (folder / "curation" / "summary.json").write_text('{"recipe": 3}')
    with pytest.raises(plumbline.records.SourceError, match="PL-REL-009") as stopped:
        build_release(folder, tmp_path / "out")
    command = re.search(r"plumbline (data convert .+? --to parquet)", str(stopped.value))[1]
    told = CliRunner().invoke(
        app, [str(tmp_path / "plain") if word == "OUT" else word for word in shlex.split(command)]
    )
    assert told.exit_code == 0, told.output
    built = build_release(tmp_path / "plain", tmp_path / "out", ReleaseOptions())
    assert built.rows == sum(len(numbers) for of in (*PAIRS.values(), *LABELS.values()) for numbers in of.values())


def test_a_summary_of_another_curation_stops_the_release(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    summary = summary_of(loaded)
    summary["written"]["comparisons"]["train"] += 1
    folder = write_folder(loaded, tmp_path / "curated", summary=summary, removed=3)
    assert failed(folder, tmp_path / "out") == ["counts"]
