"""An export as a folder: whole or not there, its manifest, and the log that says it was made."""

import hashlib
import json

import pytest

import plumbline
from plumbline import __version__
from plumbline.collect.export import exporting
from plumbline.collect.store.events import read_events
from plumbline.formats import convert_loaded
from plumbline.lineage import read_manifest
from plumbline.records import NoDataError, UsageError
from tests.collect.api.client import toml
from tests.collect.export import collected


def exports(api):
    return [event for event in read_events(api.store, limit=10_000) if event.kind == "exported"]


def test_the_manifest_says_what_it_is(api, tmp_path):
    study, workers = collected.pairs(api)
    text = "## Version two"
    api.got("POST", f"/studies/{study}/guidelines", api.owner, json={"text": text}, status=201)
    exported = collected.export(api, study, tmp_path / "out", "hh-rlhf", command=["plumbline", "collect", "export"])
    manifest = read_manifest(tmp_path / "out")
    said = manifest.configuration
    assert manifest.holds == "data"
    assert manifest.command == ["plumbline", "collect", "export"]
    assert (said["study"], said["study_kind"], said["to"]) == (study, "pairs", "hh-rlhf")
    assert said["people"] == {"work": len(workers)} == {"work": 2}
    # The second version was shown to nobody.
    assert said["guidelines_versions"] == [1]
    assert said["study_file_sha256"] == api.got("GET", f"/studies/{study}/file", api.owner)["sha256"]
    assert said["as_of"] == api.now.isoformat()
    assert said["plumbline"] == __version__
    assert said["judged_on"] == {
        "helpful-base/train.jsonl.gz": "helpfulness",
        "harmless-base/train.jsonl.gz": "harmlessness",
    }
    assert manifest.rows_read == sum(file.rows for file in exported.files) == 48
    assert {(file.path, file.sha256, file.rows, file.size_bytes) for file in manifest.outputs} == {
        (name, hashlib.sha256(path.read_bytes()).hexdigest(), rows, path.stat().st_size)
        for pattern, rows in (("*.gz", 24), ("README.md", None))
        for path in (tmp_path / "out").rglob(pattern)
        for name in [path.relative_to(tmp_path / "out").as_posix()]
    }
    # Nobody is listed.
    text = (tmp_path / "out/manifest.json").read_text()
    assert not any(api.ids[worker].pseudonym in text for worker in workers)


def test_an_export_is_logged_with_what_is_needed_to_find_it_again(api, tmp_path):
    study, _ = collected.pairs(api)
    exported = collected.export(api, study, tmp_path / "out", "parquet")
    (event,) = exports(api)
    written = (tmp_path / "out/manifest.json").read_bytes()
    assert event.study_id == api.collecting.catalogue.named(study).id
    assert event.payload == {
        "form": "parquet",
        "as_of": api.now.isoformat(),
        "files": [{"path": file.path, "sha256": file.sha256, "rows": file.rows} for file in exported.files],
        "manifest_sha256": hashlib.sha256(written).hexdigest(),
        "purposes": ["work"],
    }
    assert exported.manifest_sha256 == event.payload["manifest_sha256"]


def test_an_export_replaces_an_earlier_one_and_nothing_else(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    collected.export(api, study, tmp_path / "out", "hh-rlhf", test_share=0.5)
    assert (tmp_path / "out/helpful-base/test.jsonl.gz").exists()
    collected.export(api, study, tmp_path / "out", "hh-rlhf")
    assert not (tmp_path / "out/helpful-base/test.jsonl.gz").exists()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        collected.export(api, study, tmp_path / "out", "hh-rlhf")
    assert (tmp_path / "out/notes.txt").read_text() == "mine"
    assert len(exports(api)) == 2


def test_an_export_of_another_form_or_study_is_not_replaced(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    other, _ = collected.pairs(api, workers=1, name="other")
    collected.export(api, study, tmp_path / "out", "parquet")
    convert_loaded(plumbline.load(tmp_path / "out"), tmp_path / "converted", "parquet")
    before = (tmp_path / "out/manifest.json").read_bytes()
    for name, to, out, found in [
        (study, "hh-rlhf", "out", "study pairs as parquet"),
        (other, "parquet", "out", "study pairs as parquet"),
        (study, "events", "out", "study pairs as parquet"),
        (study, "parquet", "converted", "data that no study gave"),
    ]:
        with pytest.raises(UsageError, match="PL-EXP-007") as raised:
            collected.export(api, name, tmp_path / out, to)
        assert raised.value.found == found
        assert "another folder" in raised.value.advice
    assert (tmp_path / "out/manifest.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["converted", "out"]
    assert len(exports(api)) == 1


def test_nothing_is_left_of_one_that_fails_midway(api, tmp_path, monkeypatch):
    study, _ = collected.pairs(api, workers=1)

    def fail(*args, **more):
        yield next(whole(*args, **more, most_assignments=2))
        raise OSError(28, "No space left on device")

    whole = exporting.stream_finished
    monkeypatch.setattr(exporting, "stream_finished", fail)
    with pytest.raises(Exception, match="PL-OUT-001"):
        collected.export(api, study, tmp_path / "out", "hh-rlhf")
    assert list(tmp_path.iterdir()) == []
    assert exports(api) == []


def test_nothing_to_export(api, tmp_path):
    api.study(toml())
    for to in ("parquet", "hh-rlhf"):
        with pytest.raises(NoDataError, match="PL-EXP-002") as raised:
            collected.export(api, "s", tmp_path / "out", to)
        assert raised.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert exports(api) == []
    # The log is never empty.
    assert collected.export(api, "s", tmp_path / "log", "events").files[0].rows >= 2


def test_the_log_is_no_data_of_a_format(api, tmp_path):
    study, _ = collected.pairs(api, workers=1)
    collected.export(api, study, tmp_path / "out", "events")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["configuration"]["to"] == "events"
    assert manifest["quarantined"] == {}
