"""Manifests: what they state is true, and they are read back or refused."""

import hashlib
import json

import pytest

from plumbline.formats import load
from plumbline.lineage import FileEntry, Manifest, ManifestFinder, Terms, Use, read_manifest
from plumbline.records import SourceError


def manifest(**values):
    given = {
        "holds": "data",
        "command": ["data", "convert"],
        "configuration": {"to": "trl"},
        "inputs": [],
        "uses": ["analysis"],
    }
    return Manifest(**{**given, "licence": "MIT", **values})


def outputs_of(folder):
    (folder / "below").mkdir(parents=True, exist_ok=True)
    (folder / "one.jsonl").write_bytes(b"one\n")
    (folder / "below" / "two.jsonl").write_bytes(b"two\n" * 2)


def test_it_is_read_back_as_written(tmp_path):
    outputs_of(tmp_path)
    source = FileEntry.of(tmp_path / "one.jsonl", name="set/one.jsonl", rows=1)
    written = manifest(
        seed=3,
        inputs=[source],
        rows_read=5,
        quarantined={"PL-JSON-001": 2},
        findings={"PL-SRC-016": 1},
        ancestors=["0"],
        durations_seconds={"reading": 0.5},
    )
    written.write(tmp_path)
    again = read_manifest(tmp_path)
    assert again == written.model_copy(update={"outputs": again.outputs})
    assert again.terms == Terms(frozenset({Use.ANALYSIS}), "MIT")
    assert {"python", "plumbline-rlhf", "pyarrow"} <= set(again.versions)


def test_the_outputs_it_lists_are_all_that_is_there_with_true_digests(tmp_path):
    outputs_of(tmp_path)
    stated = FileEntry(path="below/two.jsonl", sha256="", size_bytes=0, rows=2)
    for _ in range(2):  # written again, it does not list itself
        manifest(outputs=[stated]).write(tmp_path)
        found = {entry.path: entry for entry in read_manifest(tmp_path).outputs}
        assert set(found) == {"one.jsonl", "below/two.jsonl"}
        for name, entry in found.items():
            content = (tmp_path / name).read_bytes()
            assert (entry.sha256, entry.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
        assert [found[name].rows for name in ("one.jsonl", "below/two.jsonl")] == [None, 2]


def test_a_manifest_beside_a_single_file(tmp_path):
    (tmp_path / "out.jsonl.gz").write_bytes(b"x")
    manifest(outputs=[FileEntry(path="out.jsonl.gz", sha256="", size_bytes=0, rows=1)]).write_beside(
        tmp_path / "out.jsonl.gz"
    )
    values = json.loads((tmp_path / "out.jsonl.gz.manifest.json").read_text())
    assert [(entry["path"], entry["size_bytes"], entry["rows"]) for entry in values["outputs"]] == [
        ("out.jsonl.gz", 1, 1)
    ]
    assert read_manifest(tmp_path) is None


def test_a_download_states_no_terms(tmp_path):
    manifest(uses=None, licence=None).write(tmp_path)
    assert read_manifest(tmp_path).terms is None


def test_no_use_is_not_the_same_as_no_word(tmp_path):
    manifest(uses=[], licence=None).write(tmp_path)
    assert read_manifest(tmp_path).terms == Terms(frozenset(), "unknown")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        b'{"name": "app"}',
        manifest(uses=None).model_dump_json()[:-1].encode() + b', "colour": 1}',
        manifest().model_dump_json().replace('"analysis"', '"resale"').encode(),
        manifest().model_dump_json().replace('"uses_overridden":false', '"uses_overridden":"perhaps"').encode(),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(SourceError, match=r"PL-MAN-001(.|\n)*Try: "):
        read_manifest(tmp_path)


# --- which manifest a path stands under ---

PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}


@pytest.fixture
def written(tmp_path):
    """A folder that Plumbline wrote, its terms stricter than those of its format."""
    folder = tmp_path / "out"
    (folder / "overall-x").mkdir(parents=True)
    for name in ("overall-x/train.jsonl", "overall-x/test.jsonl"):
        (folder / name).write_text(json.dumps(PAIR) + "\n")
    manifest().write(folder)
    return folder


def test_the_terms_hold_however_the_data_is_named(written, tmp_path, monkeypatch):
    expected = Terms(frozenset({Use.ANALYSIS}), "MIT")
    for source in (written, written / "overall-x", written / "overall-x" / "train.jsonl"):
        assert load(source).terms == expected
    assert load(written, data_dir="overall-x", split="train").terms == expected
    monkeypatch.chdir(written / "overall-x")
    assert load("train.jsonl").terms == load("../overall-x").terms == expected


def test_the_terms_hold_for_a_single_file(tmp_path):
    out = tmp_path / "pairs.jsonl"
    out.write_text(json.dumps(PAIR) + "\n")
    manifest().write_beside(out)
    assert load(out).terms == Terms(frozenset({Use.ANALYSIS}), "MIT")
    assert ManifestFinder().governing(tmp_path) is None


def test_a_manifest_rules_only_over_what_it_lists(written):
    (written / "late").mkdir()
    (written / "late" / "train.jsonl").write_text(json.dumps(PAIR) + "\n")
    (written / "overall").mkdir()
    (written / "overall" / "train.jsonl").write_text(json.dumps(PAIR) + "\n")
    for name in ("late", "overall"):
        assert ManifestFinder().governing(written / name) is None
    assert ManifestFinder().governing(written / "overall-x") is not None


def test_the_nearest_manifest_rules(written):
    manifest(uses=["policy"]).write(written / "overall-x")
    manifest().write(written)
    assert load(written / "overall-x" / "train.jsonl").terms.uses == {Use.POLICY}


def test_somebody_elses_manifest_above_is_passed_over_and_within_is_not(written, tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "an app"}')
    assert load(written).terms.uses == {Use.ANALYSIS}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text(json.dumps(PAIR) + "\n")
    assert load(tmp_path / "data" / "train.jsonl").terms.licence == "unknown"
    (tmp_path / "data" / "manifest.json").write_text('{"name": "an app"}')
    with pytest.raises(SourceError, match="PL-MAN-001"):
        load(tmp_path / "data")


def test_files_by_the_thousand_read_their_manifest_once(tmp_path, monkeypatch):
    for number in range(40):
        (tmp_path / f"{number}.jsonl").write_text("x")
    manifest().write(tmp_path)
    reads = []
    model_validate_json = Manifest.model_validate_json
    monkeypatch.setattr(
        Manifest, "model_validate_json", lambda content: reads.append(1) or model_validate_json(content)
    )
    finder = ManifestFinder()
    found = {finder.governing(tmp_path / f"{number}.jsonl").digest for number in range(40)}
    assert found == {hashlib.sha256((tmp_path / "manifest.json").read_bytes()).hexdigest()}
    assert len(reads) == 1


def test_one_of_before_it_named_ancestors_and_findings_is_read(tmp_path):
    manifest(findings={"PL-SRC-016": 1}, ancestors=["0"]).write(tmp_path)
    values = json.loads((tmp_path / "manifest.json").read_text())
    del values["ancestors"], values["findings"]
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    again = read_manifest(tmp_path)
    assert (again.ancestors, again.findings) == ([], {})
