"""Whole rounds on made-up rows: what they write, what is kept, and how the next one goes on from them."""

from contextlib import closing

import pytest

from plumbline.collect.service.start_checks import check_start
from plumbline.collect.service.starting import start_study
from plumbline.collect.service.store_places import open_place
from plumbline.collect.study_file import read_study_file
from plumbline.formats import load
from plumbline.lineage import FoundManifest, file_digest, read_manifest
from plumbline.loop.rounds.opened_round import open_round, round_before
from plumbline.loop.rounds.round_run import plan_of, run_round
from plumbline.measure import Figure
from plumbline.records import UsageError
from plumbline.release import verify_release
from tests.loop.rounds.judged_study import ROUND, add_pairs, judge, start

STEPS = [
    "export study",
    "read more.jsonl, harmlessness",
    "curated",
    "release",
    "verify the release",
    "train harmless",
    "measure harmless",
    "look who may choose",
    "best of n",
    "next study",
    "report",
    "manifest",
]


def ran(folder, file="round.toml", **how):
    return run_round(open_round(folder / file), **how)


def became(result):
    return {taken.step: taken.what for taken in result.steps}


def edit(folder, old, new, file="round.toml"):
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def stop_at(words):
    def say(text):
        if text.startswith(words):
            raise KeyboardInterrupt

    return say


def test_a_round_from_a_study_and_sources_to_the_next_study(finished):
    folder, result = finished
    out = folder / "round-1"
    assert [taken.step for taken in result.steps] == STEPS
    assert set(became(result).values()) == {"done"}
    assert result.is_whole
    assert not result.unread
    assert any(note.startswith("study study: 24 records") for note in result.notes)
    curated = read_manifest(out / "curated")
    assert curated.rows_read == 24 + 120 + 12
    # Also the rows of a file without a split are dealt out: models take train and test.
    tables = {path.name for path in (out / "curated/comparisons").iterdir()}
    assert tables == {"train.parquet", "test.parquet"}
    assert not any("neither trained on nor measured" in note for note in result.notes)
    assert verify_release(out / "release").is_sound
    (model,) = result.models
    assert Figure.from_json(model.now["accuracy"]).low > 0.5
    assert "round first" in (out / "report.html").read_text().lower()
    # Nothing is written outside of its folder.
    names = {"hh", "more.jsonl", "recipe.toml", "round.toml", "study", "round-1"}
    assert {path.name for path in folder.iterdir()} == names
    assert {path.name for path in (folder / "study").iterdir()} == {
        *("study.toml", "guidelines.md", "pairs.jsonl", "collect.db")
    }


def test_the_manifest_names_what_it_was_made_of(finished):
    out = finished[0] / "round-1"
    manifest = read_manifest(out)
    assert (manifest.holds, manifest.licence, manifest.configuration["name"]) == (
        "round",
        read_manifest(out / "release").licence,
        "first",
    )
    assert manifest.configuration["file_sha256"] == file_digest(finished[0] / "round.toml")
    made = ("exports/study", "curated", "release", "models/harmless", "evaluations/harmless", "best", "next")
    digests = {name: FoundManifest.at(out / name / "manifest.json").digest for name in made}
    assert digests.items() <= manifest.configuration["manifests"].items()
    assert set(digests.values()) <= set(manifest.parents)
    listed = {entry.path: entry.sha256 for entry in manifest.outputs}
    assert listed["report.html"] == file_digest(out / "report.html")
    assert listed["curated/comparisons/train.parquet"] == file_digest(out / "curated/comparisons/train.parquet")
    assert {"round.toml", "study/comparisons/train.parquet"} <= {entry.path for entry in manifest.inputs}
    (record,) = [each for each in manifest.configuration["steps"] if each["step"] == "train harmless"]
    assert record["sha256"] == digests["models/harmless"]


def test_the_same_again_does_nothing(copied):
    out = copied / "round-1"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "round.json"}
    assert {each.what for each in plan_of(open_round(copied / "round.toml"))} == {"kept"}
    assert set(became(ran(copied)).values()) == {"kept"}
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "round.json"}
    assert after == before


def test_what_changed_is_done_anew_with_what_follows_from_it(copied):
    edit(copied, "replies = 2", "replies = 3")
    plan = {each.step: each.what for each in plan_of(open_round(copied / "round.toml"))}
    anew = ["best of n", "next study", "manifest"]
    assert [step for step, what in plan.items() if what == "to do"] == ["best of n", "next study", "report", "manifest"]
    with pytest.raises(KeyboardInterrupt):
        ran(copied, say=stop_at("best of n: reading"))
    with pytest.raises(UsageError, match="PL-RND-007"):  # no round that another may name, until it is through
        round_before(copied / "round-1")
    result = became(ran(copied))
    anew = [step for step in anew if step != "best of n"]
    assert result["best of n"] == "gone on"
    assert [step for step, what in result.items() if what == "done anew"] == anew
    anew.append("best of n")
    assert [step for step, what in result.items() if what == "kept"] == [step for step in STEPS if step not in anew]


def test_a_model_that_the_file_names_no_more_is_told_and_stays(copied):
    edit(copied, 'harmless"', 'kind"')
    result = ran(copied)
    assert became(result)["train kind"] == "done"
    (told,) = [note for note in result.notes if "no part of it now" in note]
    assert told.endswith("now: models/harmless, evaluations/harmless")
    assert not any(
        "harmless/" in entry.path and "models" in entry.path for entry in read_manifest(copied / "round-1").outputs
    )


def test_judgements_since_belong_to_the_next_round_which_names_this_one(copied):
    judged = read_manifest(copied / "round-1/exports/study").rows_read
    first = FoundManifest.at(copied / "round-1/manifest.json").digest
    # Seven more are judged meanwhile: the export stays as it is.
    add_pairs(copied / "study", 7)
    start(copied / "study")
    judge(copied / "study")
    assert set(became(ran(copied)).values()) == {"kept"}
    text = ROUND.replace('"first"', '"second"').replace('"round-1"', '"round-2"').replace("study-2", "study-3")
    (copied / "second.toml").write_text(text.replace("seed = 1", 'before = "round-1"\nseed = 1', 1))
    result = ran(copied, "second.toml")
    out = copied / "round-2"
    assert read_manifest(out / "exports/study").rows_read == judged + 7
    manifest = read_manifest(out)
    assert manifest.configuration["before"] == {"name": "first", "sha256": first}
    assert manifest.parents[0] == first
    # The older model, on the same rows, beside this one; the release tells what changed; the replies are no first tranche.
    (model,) = result.models
    assert model.before["rows"]["evaluated"] == model.now["rows"]["evaluated"]
    assert model.before["model"] == "harmless of the round before"
    assert read_manifest(out / "release").configuration["version"] == "1.1.0"
    assert 'tranche = "online"' in (out / "next/study.toml").read_text()
    # It goes on from what the first one was, and says so where that is no more.
    edit(copied, "replies = 2", "replies = 3")
    ran(copied)
    assert became(ran(copied, "second.toml"))["manifest"] == "done anew"


def test_held_out_rows_that_a_model_judged_are_told(copied):
    """A model measured by its forerunner's choices looks better than it is."""
    data = """
        name = "second"
        out = "round-2"
        [data]
        sources = ["hh", "round-1/best"]
        [curate]
        recipe = "recipe.toml"
        """
    (copied / "second.toml").write_text(data)
    (told,) = [note for note in ran(copied, "second.toml").notes if "judged by a model" in note]
    best = len(load(copied / "round-1/best").comparisons)
    assert told.startswith(f"{best} of the {30 + best} comparisons of split test")


def test_begun_anew_it_looks_into_the_studies_again(copied):
    released = FoundManifest.at(copied / "round-1/release/manifest.json").digest
    judge(copied / "study", most=3)
    notes = []
    result = ran(copied, restart=True, note=notes.append)
    assert set(became(result).values()) == {"done"}
    # What was released before is moved, for somebody may have it.
    former = copied / f"round-1/former-release-{released[:8]}"
    assert FoundManifest.at(former / "manifest.json").digest == released
    assert any(str(former) in note for note in notes)
    assert not any(entry.path.startswith("former") for entry in read_manifest(copied / "round-1").outputs)


def test_the_next_study_can_be_started_and_is_never_replaced_then(copied):
    folder = copied / "round-1/next"
    start(folder)
    judge(folder, most=2)
    items = load(folder / "data/best-of-n").comparisons
    best = load(copied / "round-1/best").comparisons
    assert items["id"].to_pylist() == best["id"].to_pylist()
    assert (folder / "guidelines.md").read_text() == (copied / "study/guidelines.md").read_text()
    assert set(became(ran(copied)).values()) == {"kept"}
    edit(copied, 'name = "study-2"', 'name = "study-9"')
    with pytest.raises(UsageError, match=r"PL-OUT-002(.|\n)*collect\.db"):
        ran(copied)


def test_a_next_study_that_was_started_in_the_rounds_own_store_is_never_replaced(copied):
    folder = copied / "round-1/next"
    with closing(open_place(copied / "study/collect.db")) as store:
        start_study(store, check_start(read_study_file(folder / "study.toml"), "study.toml"))
    before = (folder / "manifest.json").read_bytes()
    edit(copied, "replies = 2", "replies = 3")  # another best of n, and so another next study
    with pytest.raises(UsageError, match=r"PL-OUT-002(.|\n)*study-2(.|\n)*was started"):
        ran(copied)
    assert (folder / "manifest.json").read_bytes() == before
