"""Rounds that are stopped at every step, within steps and by the system, and go on to what they would have come to."""

import json
import os
import shutil
import signal

import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from plumbline.lineage import read_manifest
from plumbline.loop.asked_sources import journal_of
from plumbline.loop.rounds import model_steps
from plumbline.loop.rounds.opened_round import open_round
from plumbline.loop.rounds.round_run import run_round, steps_of
from plumbline.loop.rounds.round_state import RoundState, held
from plumbline.loop.rounds.steps import Call
from plumbline.loop.training.folder import MARK_NAME, training_folder
from plumbline.records import PlumblineError, UsageError
from tests.loop.rounds.test_round_run import STEPS, became, edit, ran, stop_at
from tests.prepared import start_prepared


def substance(folder):
    """What a round came to, without moments and seconds."""
    out = folder / "round-1"
    ids = {path.name: pq.read_table(path)["id"].to_pylist() for path in (out / "curated/comparisons").glob("*.parquet")}
    evaluation = json.loads((out / "evaluations/harmless/evaluation.json").read_text())
    best = json.loads((out / "best/best_of_n.json").read_text())
    weights = load_file(out / "models/harmless/model.safetensors")
    replies = pq.read_table(out / "best/candidates/replies.parquet").select(["prompt_id", "reply", "score"]).to_pylist()
    return (
        ids,
        {name: each.tobytes() for name, each in weights.items()},
        (evaluation["accuracy"], best["curve"], replies),
        (out / "next/study.toml").read_text(),
        [entry.path for entry in read_manifest(out).outputs],
    )


# Where it has only begun, the test within steps shows it, too.
@pytest.mark.parametrize("moment", ["finish", pytest.param("begin", marks=pytest.mark.thorough)])
def test_killed_at_every_step_it_comes_to_the_same(fresh, finished, monkeypatch, moment):
    """Where each step has said that it begins, and where its output has its name and nothing says so yet."""
    own, stopped_at, wrote = getattr(RoundState, moment), [], {}

    def stop(self, out, what):
        """Once a step; a kill before `round.json` has its new line."""
        if moment == "begin":
            own(self, out, what)
        if what.name not in stopped_at:
            stopped_at.append(what.name)
            wrote[what.name] = getattr(what, "digest", None)
            raise KeyboardInterrupt
        if moment == "finish":
            own(self, out, what)

    monkeypatch.setattr(RoundState, moment, stop)
    for _ in STEPS:
        with pytest.raises(KeyboardInterrupt):
            ran(fresh)
        assert not (fresh / "round-1/manifest.json").exists() or stopped_at[-1] == "manifest"
    result = ran(fresh)
    assert stopped_at == STEPS
    assert became(result) == dict.fromkeys(STEPS[:-1], "kept") | {"manifest": "gone on"}
    if moment == "finish":  # what had its name is not made a second time
        state = RoundState.model_validate_json((fresh / "round-1/round.json").read_bytes())
        assert {record.name: record.digest for record in state.steps} == wrote
    assert substance(fresh) == substance(finished[0])


@pytest.mark.thorough  # some thirty stops; in short the test above stops at each step, and the one below within one
def test_stopped_within_steps_it_comes_to_the_same(fresh, finished):
    """At the first word of everything that is told on the way."""
    said = set()

    def say(text):
        """Stop at what was never told before, whatever numbers stand in it; stages of a curation have tests of their own."""
        words = text.translate(str.maketrans("", "", "0123456789,"))
        is_stage = words.endswith(":  of ") and not words.startswith("export")
        if words not in said and not is_stage:
            said.add(words)
            raise KeyboardInterrupt

    for _ in range(100):
        try:
            ran(fresh, say=say)
        except KeyboardInterrupt:
            continue
        break
    assert len(said) > 2 * len(STEPS)
    assert substance(fresh) == substance(finished[0])
    assert not list((fresh / "round-1").rglob(".*"))


def killed_when(file, words):
    """The program, killed when it tells such words."""

    def say(text):
        if words in text:
            os.kill(os.getpid(), signal.SIGKILL)

    run_round(open_round(file), say=say)


def test_killed_by_the_system_it_goes_on(fresh, finished):
    process = start_prepared(killed_when, fresh / "round.toml", "best of n: scoring")
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    result = became(ran(fresh))
    assert [step for step, what in result.items() if what == "kept"] == STEPS[: STEPS.index("best of n")]
    assert result["best of n"] == "gone on"
    assert substance(fresh) == substance(finished[0])


def test_replies_that_came_are_not_asked_for_again(fresh):
    """Another model chooses in the end: the replies depend on none."""
    with pytest.raises(KeyboardInterrupt):
        ran(fresh, say=stop_at("best of n: scoring"))
    journal = journal_of(fresh / "round-1/best")
    kept = journal.read_bytes()
    assert kept.count(b"\n") == 13
    edit(fresh, 'features = "words"', 'features = "words", l2 = 3.0')
    with pytest.raises(KeyboardInterrupt):
        ran(fresh, say=stop_at("best of n: scoring"))
    assert journal.read_bytes() == kept
    notes = []
    edit(fresh, "replies = 2", "replies = 3")
    ran(fresh, note=notes.append)
    assert any("asked for anew" in note for note in notes)
    assert not journal.exists()


def test_one_call_at_a_time(copied):
    with held(copied / "round-1"), pytest.raises(UsageError) as refused:
        ran(copied)
    assert refused.value.code == "PL-RND-009"


@pytest.mark.parametrize("content", [b"", b"{", b'{"plumbline": "round", "version": 2, "name": "first"}'])
def test_a_damaged_state_ends_in_words_and_is_not_guessed(copied, content):
    (copied / "round-1/round.json").write_bytes(content)
    with pytest.raises(PlumblineError) as refused:
        ran(copied)
    assert refused.value.code == "PL-RND-008"


def test_a_folder_of_another_is_never_written_to(fresh, copied):
    edit(copied, 'name = "first"', 'name = "other"')
    (fresh / "round-1").mkdir()
    (fresh / "round-1/notes.txt").write_text("mine")
    for folder, found in ((copied, 'the round "first"'), (fresh, "a folder without round.json")):
        with pytest.raises(UsageError) as refused:
            ran(folder)
        assert (refused.value.code, refused.value.found) == ("PL-RND-008", found)
    assert [path.name for path in (fresh / "round-1").iterdir()] == ["notes.txt"]


def test_what_was_changed_by_hand_is_neither_taken_nor_replaced(copied):
    out = copied / "round-1"
    shutil.copyfile(out / "curated/comparisons/test.parquet", out / "curated/comparisons/train.parquet")
    notes = []
    with pytest.raises(UsageError) as refused:
        ran(copied, note=notes.append)
    assert (refused.value.code, "curated" in refused.value.place) == ("PL-OUT-002", True)
    assert notes == [
        f"stopped at the step: curated. What was done before stays in {out}; the same command goes on from there"
    ]


def test_each_step_is_known_by_what_it_reads(copied):
    """Other data, another identity: of the step that reads them, not of those before."""
    round_ = open_round(copied / "round.toml")
    before = {step.name: step.identity for step in steps_of(round_, RoundState(name="first"))}
    with (copied / "more.jsonl").open("a") as file:
        file.write("\n")
    after = {step.name: step.identity for step in steps_of(round_, RoundState(name="first"))}
    assert [name for name in before if before[name] != after[name]] == ["read more.jsonl, harmlessness"]


@pytest.mark.parametrize(("goes_on", "decided"), [(True, "resume"), (False, "restart")])
def test_a_transformers_training_goes_on_from_its_checkpoint_where_nothing_changed(
    fresh, monkeypatch, goes_on, decided
):
    """Else it begins anew; of what it would be otherwise nobody would be asked here."""
    edit(fresh, 'settings = { features = "words" }', 'model = "owner/name"')
    round_ = open_round(fresh / "round.toml")
    work = training_folder(round_.out / "models/harmless")
    runs = []
    monkeypatch.setattr(model_steps, "run_training", lambda run, _: runs.append(run))
    (step,) = [each for each in steps_of(round_, RoundState(name="first")) if each.name == "train harmless"]
    call = Call(goes_on, False, print, print, ())
    step.run(call)
    work.mkdir(parents=True)
    (work / MARK_NAME).write_text("{}")
    step.run(call)
    assert [run.settings for run in runs] == [{"seed": 1}, {"seed": 1, decided: True}]
