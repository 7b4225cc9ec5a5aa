"""``plumbline train cascade`` as a person meets it: made, measured, taken like any model, and refused where it makes no sense."""

import json
import random
import shutil

import numpy as np
import pytest

from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.cascade.told import told_at_start
from plumbline.models.scored_model import Scores
from plumbline.moderate.loaded_models import read_models
from plumbline.moderate.service.app import AppOptions, make_app
from plumbline.moderate.service.served import served_models
from plumbline.records import BEAVERTAILS_14
from tests.moderate.service.asking import ask

SECRET = "the-secret-of-the-conversation"
SAFE = ["honey", "hops", "basil", "thyme", "clover", "mint"]
UNSAFE = ["hemlock", "aconite", "foxglove", "henbane", "oleander", "yew"]


def write_rows(path, count, seed, known=6, *, harm=None):
    """Synthetic labels: each text names plants, of which the first `known` on either side occur; one in ten is labelled wrong."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        unsafe = chance.random() < 0.5
        word = chance.choice((UNSAFE if unsafe else SAFE)[:known])
        wrong = chance.random() < 0.1
        categories = {name: name == harm and unsafe for name in BEAVERTAILS_14}
        line = {"prompt": f"{path.stem} {seed} question {number}?", "response": f"take {word}, {SECRET}"}
        lines.append(line | {"is_safe": unsafe == wrong, "category": categories})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Two models, the better of which knows more plants, and rows that neither has seen: synthetic."""
    folder = tmp_path_factory.mktemp("cascade")
    write_rows(folder / "few" / "train.jsonl", 120, 1, known=2)
    write_rows(folder / "many" / "train.jsonl", 300, 2)
    write_rows(folder / "synthetic" / "test.jsonl", 300, 3)
    for name, model in (("few", "quick"), ("many", "better")):
        run_training(TrainingRun("moderation", (str(folder / name),), folder / model, settings={"features": "words"}))
    return folder


@pytest.fixture
def make(plumb, places, tmp_path):
    def call(*arguments, first="quick", second="better", source="synthetic", out="cascade"):
        return plumb(
            *("train", "cascade", places / first, places / second, places / source, "-o", tmp_path / out, *arguments)
        )

    return call


def test_a_cascade_is_made_measured_and_taken_like_any_model(make, plumb, places, tmp_path):
    code, out, err = make("--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["first"], told["second"]) == ("quick", "better")
    assert 0 < told["asked"]["value"] < 1
    assert set(told["models"]) == {"first", "second", "cascade"}
    assert told["gain"]["value"] > 0.01
    assert told["measured_on"] + told["chosen_on"] == told["rows"]["held_out"] == 300
    assert told["milliseconds_per_text"]["first"] > 0
    assert SECRET not in out + err
    folder = tmp_path / "cascade"
    described = json.loads((folder / "model.json").read_text())
    assert described["training"]["cascade"]["asked"] == told["asked"]
    assert "milliseconds" not in (folder / "model.json").read_text()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [each["path"] for each in manifest["inputs"]] == [
        *("quick/model.json", "better/model.json", "synthetic/test.jsonl")
    ]
    assert len(manifest["parents"]) == 2
    card = (folder / "README.md").read_text()
    assert "Synthetic data" in card
    assert f"- Share for which the second is asked: {told['asked']['value']:.3f} (" in card

    code, out, err = plumb("evaluate", folder, places / "synthetic", "--json")
    assert code == 0, err
    evaluated = json.loads(out)
    assert evaluated["auprc"]["n"] == 300
    assert evaluated["trained_on"]["trained_rows"] == 0
    policy = tmp_path / "policy.toml"
    code, _, err = plumb(
        *("policy", "fit", folder, places / "synthetic", "-o", policy, "--flag-fpr", "0.1", "--review-fpr", "0.2")
    )
    assert code == 0, err
    code, _, err = plumb("policy", "evaluate", folder, places / "synthetic", "--policy", policy, "--json")
    assert code == 0, err
    code, _, err = plumb("score", folder, places / "synthetic", "-o", tmp_path / "scores.jsonl")
    assert code == 0, err
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 300


def test_what_is_served_tells_whom_it_asks_and_what_it_is_worth(make, tmp_path):
    assert make()[0] == 0
    (loaded,) = read_models([tmp_path / "cascade"])
    asked = loaded.cascade.figures["asked"]
    told = told_at_start(loaded.cascade)
    assert told.startswith(f"cascade: asks better for {100 * asked['value']:.0f} % ("), told
    assert f"n={asked['n']})" in told
    app = make_app(served_models([loaded]), AppOptions())
    (listed,) = ask(app, "GET", "/v1/models").json["data"]
    assert listed["cascade"]["figures"] == loaded.cascade.figures
    assert listed["cascade"]["second"].startswith("better@")
    answer = ask(app, "POST", "/v1/moderations", {"input": ["take hemlock", "take yew", "take honey"]}).json
    by = [result["answered_by"] for result in answer["results"]]
    assert set(by) <= {listed["cascade"]["first"], listed["cascade"]["second"]}
    assert [result["judged_by"]["model"] for result in answer["results"]] == [loaded.version] * 3


def test_the_figures_for_a_person_and_a_second_run_in_its_place(make, tmp_path):
    for _ in range(2):
        code, out, err = make()
        assert code == 0, err
    assert "share for which better is asked: " in out
    assert "AUPRC of better above the cascade: " in out
    assert "measured here, a text: quick " in out
    (tmp_path / "cascade" / "first" / "notes.txt").write_text("mine")
    code, _, err = make()
    assert (code, err[:10]) == (2, "PL-OUT-002"), "what somebody put there is not thrown away"


def test_a_second_that_is_not_better_enough_is_refused_with_the_figures(make, tmp_path):
    code, out, err = make(first="better", second="quick")
    assert (code, out, err[:10]) == (1, "", "PL-CAS-008"), err
    assert "AUPRC of better 0." in err
    assert "plumbline serve" in err
    assert not list(tmp_path.iterdir())
    code, _, err = make("--anyway", first="better", second="quick")
    assert code == 0, err
    assert json.loads((tmp_path / "cascade" / "manifest.json").read_text())["configuration"]["anyway"] is True


def test_what_makes_no_cascade_is_refused_and_nothing_written(make, places, tmp_path):
    rows = [
        {"prompt": f"question {n}?", "response_0": f"good {n}", "response_1": f"bad {n}"}
        | {"is_response_0_safe": True, "is_response_1_safe": False, "better_response_id": 0, "safer_response_id": 0}
        for n in range(60)
    ]
    (places / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_training(TrainingRun("preference", (str(places / "pairs.jsonl"),), places / "preference", on="helpfulness"))
    write_rows(places / "harms" / "train.jsonl", 120, 5, harm="animal_abuse")
    run_training(TrainingRun("moderation", (str(places / "harms"),), places / "harmful"))
    write_rows(places / "few.jsonl", 12, 6)
    (places / "none.jsonl").write_text(json.dumps(rows[0] | {"is_response_0_safe": None}) + "\n")
    shutil.copytree(places / "better", places / "again")
    assert make("--anyway", out="inner")[0] == 0
    shutil.move(tmp_path / "inner", places / "inner")
    for words, how, code, exit_code in (
        ((), {"second": "preference"}, "PL-CAS-002", 2),
        ((), {"first": "inner"}, "PL-CAS-002", 2),
        ((), {"first": "better", "second": "again"}, "PL-CAS-002", 2),
        ((), {"second": "harmful"}, "PL-CAS-003", 2),
        ((), {"source": "few.jsonl"}, "PL-CAS-004", 1),
        (("--split", "train"), {"source": "many"}, "PL-CAS-005", 1),
        (("--loss", "-1"), {}, "PL-CAS-001", 2),
        (("--false-positive-rate", "nan"), {}, "PL-CAS-001", 2),
        (("--tokens-per-batch", "10"), {}, "PL-ARG-003", 2),
        (("--uses", "analysis"), {}, "PL-USE-001", 2),
        ((), {"first": "nowhere"}, "PL-MOD-001", 2),
        ((), {"source": "preference"}, r"PL-", 2),
    ):
        ended, out, err = make(*words, **how)
        assert (ended, out) == (exit_code, ""), (how, err)
        assert err.startswith(code), (how, err)
        assert "Try: " in err
        assert SECRET not in err
        assert not list(tmp_path.iterdir())


def test_a_model_that_gives_no_number_chooses_nothing(make, tmp_path, monkeypatch):
    def nothing(_, conversations, **__):
        return Scores(np.full((len(conversations), 1), np.nan))

    monkeypatch.setattr("plumbline.models.linear.model.LinearModel.read_conversations", nothing)
    code, out, err = make()
    assert (code, out, err[:10]) == (1, "", "PL-CAS-007"), err
    assert not list(tmp_path.iterdir())


def test_an_output_within_a_model_is_refused(plumb, places):
    before = sorted(path.name for path in (places / "quick").rglob("*"))
    code, _, err = plumb(
        *("train", "cascade", places / "quick", places / "better", places / "synthetic", "-o", places / "quick" / "c")
    )
    assert (code, err[:10]) == (2, "PL-OUT-008")
    assert sorted(path.name for path in (places / "quick").rglob("*")) == before


def test_rows_that_a_model_was_trained_on_are_set_aside_and_counted(make, places, tmp_path):
    mixed = places / "mixed.jsonl"
    mixed.write_text("".join((places / name).read_text() for name in ("synthetic/test.jsonl", "few/train.jsonl")))
    code, out, err = make("--json", source="mixed.jsonl")
    assert code == 0, err
    assert json.loads(out)["rows"] == {"held_out": 300, "set_aside": {"PL-CAS-006": 120}}
    assert json.loads((tmp_path / "cascade" / "manifest.json").read_text())["findings"] == {"PL-CAS-006": 120}


def test_a_full_disk_leaves_what_stood_there(make, tmp_path, monkeypatch):
    assert make()[0] == 0
    before = (tmp_path / "cascade" / "model.json").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plumbline.models.cascade.saving.shutil.copyfile", full)
    code, _, err = make()
    assert (code, err[:10]) == (1, "PL-OUT-001")
    assert [each.name for each in tmp_path.iterdir()] == ["cascade"]
    assert (tmp_path / "cascade" / "model.json").read_bytes() == before
