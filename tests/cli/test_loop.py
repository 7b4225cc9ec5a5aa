"""`plumbline loop` as a person meets it: a file to start from, a look before, figures and notes, exit codes."""

import json
import shlex
import sys

import pytest

from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.cli.conftest import plumb as plumb
from tests.loop.rounds.judged_study import study_folder


@pytest.fixture
def after_the_demo(tmp_path, monkeypatch):
    """A folder with a corpus as the demo leaves one, and one broken line."""
    write_synthetic_corpus(tmp_path / "demo-out" / "data-synthetic", scale=0.0625)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_the_example_to_a_finished_round(plumb, after_the_demo):
    code, _, err = plumb("loop", "round-1.toml", "--example")
    assert (code, "--check" in err) == (0, True)
    assert plumb("loop", "round-1.toml", "--example")[0] == 0  # it stands there as it was written
    file = after_the_demo / "round-1.toml"
    file.write_text(file.read_text().replace("seed = 0\n", 'seed = 0\nout = "rounds/first"\n'))
    assert plumb("loop", "round-1.toml", "--example")[0] == 2  # what somebody wrote is never replaced
    code, out, err = plumb("loop", "round-1.toml", "--check")
    assert (code, out.count("to do")) == (0, 9)
    assert not (after_the_demo / "rounds").exists()
    code, out, err = plumb("loop", "round-1.toml", "--json")
    told = json.loads(out)
    assert code == 1
    assert "not read: 1 rows or records, PL-JSON-001" in err
    assert {step["what"] for step in told["steps"]} == {"done"}
    assert told["models"][0]["figures"]["accuracy"]["n"] == 100
    code, out, err = plumb("loop", "round-1.toml")
    assert (code, out.count("  kept")) == (1, 9)
    assert "harmless  accuracy  0." in out
    assert "n=100)" in out
    assert "0 of 9 steps now" in err
    assert 'before = "rounds/first"' in err, "as a file beside this one has to say it"
    plan = json.loads(plumb("loop", "round-1.toml", "--check", "--json")[1])
    assert {step["what"] for step in plan["steps"]} == {"kept"}


def test_the_commands_that_come_next_can_be_typed(plumb, tmp_path):
    """Of a path with a blank, too."""
    file = tmp_path / "round 1.toml"
    err = plumb("loop", file)[2]
    assert plumb(*shlex.split(err.partition("plumbline ")[2])[:3])[0] == 0
    err = plumb("loop", file, "--example")[2]
    assert shlex.split(err.partition("next: plumbline ")[2]) == ["loop", str(file), "--check"]


def test_a_round_without_studies_needs_nothing_that_collects(plumb, tmp_path, monkeypatch):
    (tmp_path / "pairs.jsonl").touch()
    (tmp_path / "r.toml").write_text('name = "r"\n[data]\nsources = ["pairs.jsonl"]\n')
    monkeypatch.setitem(sys.modules, "plumbline.collect.service.store_places", None)
    assert plumb("loop", tmp_path / "r.toml", "--check")[0] == 0


def test_a_store_that_is_not_there_is_told_before_all_is_called_there(plumb, tmp_path):
    study_folder(tmp_path / "study", 3)
    (tmp_path / "r.toml").write_text('name = "r"\n[data]\nstudies = ["study"]\n')
    code, out, err = plumb("loop", tmp_path / "r.toml", "--check")
    assert (code, out, err[:10]) == (2, "", "PL-COL-002")


def test_what_is_wrong_with_the_file_is_told_with_lines(plumb, tmp_path):
    (tmp_path / "r.toml").write_text('name = "r"\n[data]\nsources = ["none"]\n[[models]]\nname = "m"\n')
    code, out, err = plumb("loop", tmp_path / "r.toml")
    assert (code, out) == (2, "")
    assert err.startswith("PL-RND-003  r.toml line 4, models[0].task: is missing.")
