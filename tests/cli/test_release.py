"""`plumbline release build | verify`: what it says, what it writes, how it ends."""

import json
import shutil

import pytest

from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.release.folders import curated, loaded_lines, write_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    return curated(root / "in", root / "curated")


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "curated")


def test_a_release_is_built_told_and_verified(plumb, folder, tmp_path):
    answers = tmp_path / "release.toml"
    answers.write_text('title = "Small"\n[datasheet]\npurpose = "To test."\n')
    code, out, err = plumb("release", "build", folder, "-o", tmp_path / "one", "--answers", answers, "--licence", "MIT")
    assert code == 0, err
    assert ["records/comparisons/train.parquet", "9"] in [line.split() for line in out.splitlines()]
    assert err.count("gate ") == 7
    assert "PL-USE-004  --licence MIT is overruled by what the data carry: CC-BY-NC-4.0" in err
    assert "questions are not answered" in err
    assert "version 1.0.0, 23 records" in err
    code, out, _ = plumb("release", "build", folder, "-o", tmp_path / "two", "--previous", tmp_path / "one", "--json")
    told = json.loads(out)
    assert (code, told["version"], told["changes"]["unchanged"]) == (0, "1.0.1", 23)
    assert {gate["status"] for gate in told["gates"]} == {"passed"}
    code, _, err = plumb("release", "verify", tmp_path / "two")
    assert code == 0
    assert f"version 1.0.1, manifest {told['manifest_sha256']}" in err
    (tmp_path / "two" / "LICENSE").write_text("anything")
    code, out, err = plumb("release", "verify", tmp_path / "two")
    assert (code, out) == (1, "")
    assert "PL-REL-023  LICENSE: " in err
    code, out, _ = plumb("release", "verify", tmp_path / "two", "--json")
    assert (code, json.loads(out)["sound"]) == (1, False)


def test_a_release_says_what_it_replaced_what_lines_leave_out_and_what_nobody_said(plumb, tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    place = loaded.comparisons.schema.get_field_index("outcome")
    outcomes = ["tie", *loaded.comparisons["outcome"].to_pylist()[1:]]
    tables = {"comparisons": loaded.comparisons.set_column(place, "outcome", [outcomes])}
    folder = write_folder(loaded, tmp_path / "made", tables=tables)
    code, out, _ = plumb("release", "build", folder, "-o", tmp_path / "one", "--json")
    first = json.loads(out)
    assert (code, first["replaced"], first["not_in_lines"]) == (0, None, {"comparisons": {"PL-HH-020": 1}})
    code, _, err = plumb("release", "build", folder, "-o", tmp_path / "one")
    assert code == 0
    assert f"replaced the release that stood in {tmp_path / 'one'}: version 1.0.0, " in err
    assert f"manifest {first['manifest_sha256']}\n" in err
    assert "lines leave out comparisons: 1 without a better side, such as ties (PL-HH-020)" in err
    assert "nobody said: title and authors; " in err
    answers = tmp_path / "release.toml"
    answers.write_text('title = "Ties & More"\nauthors = ["A. B."]\n')
    _, _, err = plumb("release", "build", folder, "-o", tmp_path / "two", "--answers", answers)
    assert "nobody said" not in err
    assert "replaced" not in err
    assert "@misc{tiesmore20" in (tmp_path / "two" / "README.md").read_text()


def test_verify_of_a_folder_that_is_not_there_is_a_wrong_call(plumb, folder, tmp_path):
    code, _, err = plumb("release", "verify", tmp_path / "nowhere")
    assert (code, err[:10]) == (2, "PL-REL-003")
    (tmp_path / "empty").mkdir()
    code, _, err = plumb("release", "verify", tmp_path / "empty")
    assert (code, "1 finding, " in err) == (1, True)


def test_what_curate_writes_is_released(plumb, tmp_path):
    write_synthetic_corpus(tmp_path / "corpus", scale=0.05)
    source = tmp_path / "corpus" / "preferences-synthetic"
    assert plumb("curate", source, "--recipe", "clean", "-o", tmp_path / "curated")[0] == 0
    code, _, err = plumb("release", "build", tmp_path / "curated", "-o", tmp_path / "out")
    assert code == 0, err
    assert "every other is accounted for" in err
    assert "the curation took away what nearly does" in err
    assert plumb("release", "verify", tmp_path / "out")[0] == 0


def test_a_gate_that_fails_stops_it_and_says_how_to_mend_that(plumb, folder, tmp_path):
    (folder / "more.txt").write_text("x")
    code, out, err = plumb("release", "build", folder, "-o", tmp_path / "out")
    assert (code, out) == (1, "")
    assert "PL-REL-016  digests: " in err
    assert "the first: more.txt" in err
    assert "Mend: " in err
    code, out, err = plumb("release", "build", folder, "-o", tmp_path / "out", "--json")
    told = json.loads(out)
    assert (code, told["released"], [each["gate"] for each in told["gates"] if each["status"] == "failed"]) == (
        1,
        False,
        ["digests"],
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--accept", "leakages=x"], "PL-ARG-001"),
        (["--accept", "uses=x"], "PL-REL-007"),
        (["--version", "2"], "PL-REL-006"),
        (["--previous", "nowhere"], "PL-REL-005"),
        (["--answers", "nowhere.toml"], "PL-REL-002"),
        (["--uses", "everything"], "PL-ARG-001"),
    ],
)
def test_wrong_usage(plumb, folder, tmp_path, words, code):
    ended, _, err = plumb("release", "build", folder, "-o", tmp_path / "out", *words)
    assert ended == 2
    assert err.startswith(code)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_the_input_or_somebody_elses_is_left_alone(plumb, folder, tmp_path):
    assert plumb("release", "build", folder, "-o", folder / "release")[2].startswith("PL-OUT-008")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert plumb("release", "build", folder, "-o", tmp_path / "mine")[2].startswith("PL-OUT-002")
    assert plumb("release", "build", tmp_path / "nowhere", "-o", tmp_path / "out")[2].startswith("PL-REL-003")
