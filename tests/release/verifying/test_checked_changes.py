"""What a release tells of the one before is held against its own tables, though every text and digest was made anew."""

import shutil

import pytest

from plumbline.release import ReleaseOptions, build_release, verify_release
from tests.release.folders import LABELS, curated, loaded_lines, write_folder
from tests.release.spoiling import places, rewrite_json, say_anew

PLACE = "manifest.json, configuration.changes"


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """A release with rows added, removed and changed since the one before."""
    root = tmp_path_factory.mktemp("second")
    build_release(curated(root / "in", root / "curated"), root / "first")
    more = {"beavertails": LABELS["beavertails"] | {"test": range(27, 31)}}
    folder = write_folder(loaded_lines(root / "more", labels=more), root / "tables")
    built = build_release(folder, root / "release", ReleaseOptions(previous=root / "first"))
    assert (built.version, built.changes.total("added"), built.changes.total("removed")) == ("2.0.0", 2, 1)
    return root / "release"


def at_train(**counts):
    return {"rows": {"beavertails": {"train": {"added": 0, "removed": 0, "changed": 0, "moved": 0} | counts}}}


def test_texts_made_again_are_those_of_the_release(second, tmp_path):
    shutil.copytree(second, tmp_path / "release")
    say_anew(tmp_path / "release")
    assert verify_release(tmp_path / "release").is_sound


@pytest.mark.parametrize(
    "told",
    [
        {"unchanged": 999_999},
        {"unchanged": -1, **at_train(changed=6)},
        at_train(added=-5),
        {"unchanged": 0, **at_train(changed=24)},
        {"unchanged": 22, "rows": {"nowhere": {"train": {"changed": 2}}}},
        {"unchanged": 24, "rows": {"**bold**": {"train": {"removed": 2}}}},
        {"unchanged": 24, "rows": {"x": {"train": {"frobnicated": 5}}}},
        {"labels": {"is_safe": {"safe → unsafe": 3}}},
        {"labels": {"popularity": {}}},
        {"labels": {"outcome": {"<b>to the other side</b>": 0}}},
        {"texts": 1},
        {"other_columns": 1},
        {"merged": 2},
        {"terms": ["<script>alert(1)</script>"]},
        {"terms": ["the licence was CC-BY-NC-4.0 and is MIT"]},
        {"terms": ["newly permitted: moderation"]},
        {"terms": ["no longer permitted: analysis"]},
        {"version": "2.0.0"},
        {"version": "x"},
        {"manifest_sha256": "`"},
    ],
)
def test_changes_that_the_tables_or_the_rest_of_the_changes_refute(second, tmp_path, told):
    release = shutil.copytree(second, tmp_path / "release")
    rewrite_json(release / "manifest.json", lambda manifest: manifest["configuration"]["changes"].update(told))
    say_anew(release)
    found = places(release)
    assert set(found) == {"PL-REL-033"}
    assert set(found["PL-REL-033"]) == {PLACE}
    assert "<" not in (release / "CHANGES.md").read_text()


@pytest.mark.parametrize(
    ("name", "value"), [("created", "9999-99-99"), ("masked_before", -4), ("version", "01.0.0"), ("version", "1.1.0")]
)
def test_a_day_a_number_or_a_version_that_cannot_be(second, tmp_path, name, value):
    release = shutil.copytree(second, tmp_path / "release")
    rewrite_json(release / "manifest.json", lambda manifest: manifest["configuration"].update({name: value}))
    say_anew(release)
    assert places(release)["PL-REL-033"][0] == (PLACE if value == "1.1.0" else f"manifest.json, configuration.{name}")
