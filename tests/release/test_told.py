"""A manifest tells all that the texts of a release are made of: `verify` makes every one of them again."""

import pytest

from plumbline.lineage import read_manifest
from plumbline.release import Answers, ReleaseOptions, build_release, verify_release
from plumbline.release.told import read_told
from tests.release.folders import curated, loaded_lines, pair, summary_of, write_folder

ANSWERS = Answers(
    title="Pairs | on `harm`",
    summary="One.\n\nTwo.",
    language=["en", "no"],
    authors=["A. Author", "B & Co."],
    contact="data@example.org",
    address="https://example.org/data",
    limits=["English alone."],
    datasheet={"purpose": "To measure.", "funding": "A grant."},
)


def test_a_release_with_answers_changes_and_an_accepted_gate_is_sound(tmp_path):
    build_release(curated(tmp_path / "in", tmp_path / "first"), tmp_path / "release-1")
    pairs = {"harmless-base": {"train": range(0, 6), "test": range(5, 9), "two_axis-32": range(40, 42)}}
    second = write_folder(loaded_lines(tmp_path / "in-2", pairs=pairs, labels=None), tmp_path / "second")
    options = ReleaseOptions(
        previous=tmp_path / "release-1",
        answers=ANSWERS,
        accepted={"leakage": "they | share one on purpose"},
        command=("release", "build", "second"),
    )
    build_release(second, tmp_path / "release-2", options)
    found = verify_release(tmp_path / "release-2")
    assert (found.findings, found.is_sound, found.version) == ([], True, "2.0.0")
    told = read_told(read_manifest(tmp_path / "release-2"))
    assert told.answers == ANSWERS
    assert told.accepted == {"leakage": "they | share one on purpose"}
    assert told.changes.total("removed")
    assert told.renamed == {"two_axis-32": "two_axis_32"}


def test_a_release_of_pairs_that_lines_cannot_say_is_sound(tmp_path):
    loaded = loaded_lines(tmp_path / "in")
    place = loaded.comparisons.schema.get_field_index("outcome")
    outcomes = ["tie", *loaded.comparisons["outcome"].to_pylist()[1:]]
    tables = {**loaded.tables, "comparisons": loaded.comparisons.set_column(place, "outcome", [outcomes])}
    summary = summary_of(loaded)
    build_release(write_folder(loaded, tmp_path / "in-2", tables=tables, summary=summary, removed=3), tmp_path / "out")
    assert verify_release(tmp_path / "out").findings == []
    assert read_told(read_manifest(tmp_path / "out")).not_in_lines == {"comparisons": {"PL-HH-020": 1}}


@pytest.mark.parametrize("name", ["gates", "answers", "made_of", "configs"])
def test_what_no_manifest_of_a_release_tells_is_refused_without_quoting_it(tmp_path, name):
    build_release(curated(tmp_path / "in", tmp_path / "first"), tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")
    with pytest.raises(ValueError, match=f"configuration.{name}") as caught:
        read_told(manifest.model_copy(update={"configuration": {**manifest.configuration, name: pair(1)["chosen"]}}))
    assert "Question" not in str(caught.value)
