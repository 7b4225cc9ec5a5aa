"""What ends a round on its way: told with a code and what to do, nothing lost, and the same call goes on once it is mended."""

import pytest

from plumbline.loop.rounds.data_steps import unjudged_studies
from plumbline.loop.rounds.opened_round import open_round
from plumbline.records import ModelError, NoDataError
from plumbline.release import GateError
from tests.loop.curating.curations import pair, write
from tests.loop.rounds.judged_study import RECIPE, ROUND, hh_rows, judge, start, study_folder, told_apart
from tests.loop.rounds.test_round_run import became, edit, ran

DATA = """
name = "first"
out = "round-1"
[data]
sources = ["hh"]
[curate]
recipe = "recipe.toml"
[[models]]
name = "harmless"
task = "preference"
settings = { features = "words" }
"""
CHOOSES = "[sampler]\n" + ROUND.partition("[sampler]\n")[2].partition("[next]")[0]


def test_a_study_without_judgements_is_named_and_judged_then_it_goes_on(fresh):
    start(study_folder(fresh / "empty", 3, name="empty", first=4000))
    (fresh / "round.toml").write_text(DATA.replace("[data]", '[data]\nstudies = ["study", "empty"]'))
    folder, notes = fresh, []
    to_do = {"export study", "export empty"}
    assert unjudged_studies(open_round(folder / "round.toml"), to_do) == ["empty"]
    with pytest.raises(NoDataError) as refused:
        ran(folder, note=notes.append)
    assert (refused.value.code, refused.value.place) == ("PL-RND-010", "study empty")
    assert str(folder / "empty") in refused.value.advice
    assert notes[0].startswith("stopped at the step: export empty")
    assert (folder / "round-1/exports/study").is_dir()
    judge(folder / "empty")
    assert unjudged_studies(open_round(folder / "round.toml"), to_do) == []
    result = ran(folder)
    assert (became(result)["export study"], became(result)["export empty"]) == ("kept", "gone on")
    for name in ("study", "empty"):
        (folder / name / "collect.db").unlink()
    assert unjudged_studies(open_round(folder / "round.toml"), set()) == [], "what was exported needs no store any more"


def test_a_study_without_judgements_is_passed_over_where_that_is_said(fresh):
    start(study_folder(fresh / "empty", 3, name="empty", first=4000))
    text = DATA.replace('sources = ["hh"]', 'sources = ["hh"]\nstudies = ["empty"]\nempty_studies = "skip"')
    (fresh / "round.toml").write_text(text)
    result = ran(fresh)
    assert "study empty: nothing in it was judged when the round began; it is left out" in result.notes
    judge(fresh / "empty")
    again = ran(fresh)  # what is judged since belongs to the next round, here as well
    assert set(became(again).values()) == {"kept"}
    assert any("it is left out" in note for note in again.notes)
    (fresh / "round.toml").write_text(text.replace('sources = ["hh"]\n', ""))
    start(study_folder(fresh / "other", 3, name="other", first=5000))
    edit(fresh, '"empty"]', '"other"]')
    with pytest.raises(NoDataError) as refused:
        ran(fresh)
    assert refused.value.code == "PL-RND-011"


def test_a_model_worse_than_chance_chooses_nothing(fresh):
    """The held-out labels stand the wrong way round."""
    flipped = [pair(asked, rude, kind) for asked, kind, rude in told_apart(30, 500)]
    write(fresh / "hh/harmless-base/test.jsonl", flipped)
    edit(fresh, "test_share = 0.3", "test_share = 0.0")
    edit(fresh, "shares = { train = 0.7, test = 0.3 }", "shares = { train = 1.0 }", "recipe.toml")
    with pytest.raises(ModelError) as refused:
        ran(fresh)
    error = refused.value
    assert (error.code, error.place) == ("PL-RND-013", "model harmless")
    assert "n=30" in error.found
    assert "plumbline data check" in error.advice
    assert not (fresh / "round-1/best").exists()
    assert not (fresh / "round-1/manifest.json").exists()
    edit(fresh, 'task = "preference"', 'task = "preference"\nallow_chance = true')
    with pytest.raises(ModelError):  # what is worse is not what may be no better
        ran(fresh)
    write(fresh / "hh/harmless-base/test.jsonl", hh_rows(30, 500))
    result = became(ran(fresh))
    assert (result["export study"], result["curated"], result["best of n"]) == ("kept", "done anew", "done")


def test_a_model_that_may_be_chance_chooses_where_that_is_allowed(fresh):
    """Half of the held-out labels stand the wrong way round."""
    rows = [
        pair(asked, *((kind, rude) if number % 2 else (rude, kind)))
        for number, (asked, kind, rude) in enumerate(told_apart(30, 500))
    ]
    write(fresh / "hh/harmless-base/test.jsonl", rows)
    (fresh / "round.toml").write_text(DATA)
    assert any(note.startswith("not shown to be better than chance: harmless: accuracy") for note in ran(fresh).notes)
    (fresh / "round.toml").write_text(DATA + CHOOSES)
    with pytest.raises(ModelError) as refused:
        ran(fresh)
    assert refused.value.code == "PL-RND-014"
    edit(fresh, 'task = "preference"', 'task = "preference"\nallow_chance = true')
    result = ran(fresh)
    assert (became(result)["train harmless"], became(result)["best of n"]) == ("kept", "done")


def test_a_gate_that_fails_ends_the_round_until_it_is_mended(fresh):
    row = pair("Who is it?", "sure here are steps: jane.doe@example-mail.com", "no go away")
    write(fresh / "hh/harmless-base/train.jsonl", [*hh_rows(90), row])
    (fresh / "round.toml").write_text(DATA + "[release]\n")
    with pytest.raises(GateError) as refused:
        ran(fresh)
    assert refused.value.code == "PL-REL-001"
    assert "jane" not in str(refused.value)
    assert (fresh / "round-1/curated/manifest.json").is_file()
    assert not (fresh / "round-1/release").exists()
    masked = RECIPE.replace("[[rule]]", '[[rule]]\nname = "personal-data"\naction = "mask"\n[[rule]]', 1)
    (fresh / "recipe.toml").write_text(masked)
    result = became(ran(fresh))
    assert (result["curated"], result["release"]) == ("done anew", "done")


def test_without_held_out_rows_nothing_is_measured(fresh):
    (fresh / "hh/harmless-base/test.jsonl").unlink()
    (fresh / "round.toml").write_text(DATA)
    with pytest.raises(NoDataError) as refused:
        ran(fresh)
    assert (refused.value.code, refused.value.found) == ("PL-RND-012", "comparisons/train")


def test_rows_that_cannot_be_read_are_counted_and_told(fresh):
    with (fresh / "hh/harmless-base/train.jsonl").open("a") as file:
        file.write("{broken\n")
    write(fresh / "harmless-mine/pairs.jsonl", hh_rows(12, 800))
    (fresh / "round.toml").write_text(DATA.replace('["hh"]', '["hh", "harmless-mine/pairs.jsonl"]'))
    result = ran(fresh)
    assert result.unread == {"PL-JSON-001": 1}
    # A file whose name tells no split is dealt out, though it stands beside files whose names do.
    assert became(result)["read harmless-mine/pairs.jsonl"] == "done"
    assert not any("neither trained on nor measured" in note for note in result.notes)
    assert ran(fresh).unread == {"PL-JSON-001": 1}
    assert open_round(fresh / "round.toml").out == fresh / "round-1"
