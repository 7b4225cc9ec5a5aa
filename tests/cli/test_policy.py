"""``plumbline policy`` as a person meets it: a policy fitted to held-out rows, measured, refused where it promises nothing."""

import json
import random
import re
import shutil

import pytest

from plumbline.lineage import file_digest
from plumbline.loop.measuring.moderation_policy_run import PolicyFit, PolicyInput, run_policy_fit
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.moderate.policy_files import read_policy
from plumbline.records import BEAVERTAILS_14

DRUGS = "drug_abuse,weapons,banned_substance"
SECRET = "the-secret-of-the-conversation"


def made_up(folder, split, count, seed, *, categories=True):
    """Synthetic labels: hemlock and hemp are unsafe, hemp is of a category whose name has commas; one in ten is labelled wrong."""
    chance = random.Random(seed)
    lines = []
    for number in range(count):
        word = chance.choice(["hemlock", "hemp", "honey", "hops"])
        unsafe = (word in ("hemlock", "hemp")) != (chance.random() < 0.1)
        applies = {name: unsafe and word == "hemp" and name == DRUGS for name in BEAVERTAILS_14}
        line = {"prompt": f"{split} question {number}?", "response": f"take {word}, {SECRET}", "is_safe": not unsafe}
        lines.append(line | {"category": applies if categories else dict.fromkeys(applies, False)})
    folder.mkdir(exist_ok=True)
    (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A source in hub layout, another of its kind, and a model of the first one's split train."""
    folder = tmp_path_factory.mktemp("policy")
    made_up(folder / "synthetic", "train", 240, 1)
    made_up(folder / "synthetic", "test", 300, 2)
    made_up(folder / "others", "test", 100, 3)
    made_up(folder / "uncategorised", "test", 300, 4, categories=False)
    run_training(TrainingRun("moderation", (str(folder / "synthetic"),), folder / "model"))
    return folder


@pytest.fixture
def fit(plumb, places, tmp_path):
    def call(*arguments, source="synthetic", out="house.toml"):
        return plumb("policy", "fit", places / "model", places / source, "-o", tmp_path / out, *arguments)

    return call


@pytest.fixture
def evaluate(plumb, places):
    def call(*arguments, source="others"):
        return plumb("policy", "evaluate", places / "model", places / source, *arguments)

    return call


def test_a_policy_is_fitted_written_and_measured(fit, evaluate, tmp_path):
    code, out, err = fit("--flag-fpr", 0.15, "--review-fpr", 0.2)
    assert code == 0, err
    assert DRUGS in out
    assert "safe rows flagged by any head: " in out
    assert "next: plumbline policy evaluate " in err.splitlines()[-1]
    assert err.splitlines()[-1].partition(";")[0].endswith(f"SOURCE --policy {tmp_path / 'house.toml'}")
    policy = read_policy(tmp_path / "house.toml")
    assert (policy.name, policy.version, list(policy.thresholds)) == ("house", 1, ["unsafe", DRUGS])
    calibration = policy.calibration
    assert [file.path for file in calibration.data] == ["synthetic/test.jsonl"]
    told = (
        rf"^unsafe .* 0\.\d{{3}} \(0\.\d{{3}}–0\.\d{{3}}, n={calibration.heads['unsafe'].positives}\) +\S+ % of these"
    )
    assert re.search(told, out, re.MULTILINE), out
    assert all(head.flagged / head.negatives <= 0.15 for head in calibration.heads.values())
    manifest = json.loads((tmp_path / "house.toml.manifest.json").read_text())
    assert (manifest["holds"], manifest["inputs"][0]["path"]) == ("policy", "model/model.json")
    assert manifest["inputs"][0]["sha256"] == calibration.model_digest
    assert "moderation" in manifest["uses"]

    code, out, err = evaluate("--policy", tmp_path / "house.toml", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert {"accuracy", "ece", "auroc", "auprc", "recall_at_fpr_01", "recall_at_fpr_05", "f1"} <= set(told)
    assert set(told["auprc"]) == {"value", "low", "high", "n", "why_undefined"}
    assert told["policy"] == {"name": "house", "version": 1, "digest": policy.digest}
    assert told["by_category"][DRUGS]["recall"]["value"] > 0.5
    assert told["false_refusals"]["sounding_unsafe"]["flagged"]["n"] == 60
    assert told["rows"]["evaluated"] == 100
    assert told["notes"] == ["the model was trained on SYNTHETIC data"]
    assert told["synthetic"] is True
    assert SECRET not in out + err


def test_the_figures_for_a_person(fit, evaluate, tmp_path):
    fit("--flag-fpr", 0.15, "--review-fpr", 0.2)
    code, out, err = evaluate("--policy", tmp_path / "house.toml", source="synthetic")
    assert code == 0, err
    assert "safe rows flagged (false positive rate)" in out
    assert DRUGS in out
    assert "safe prompts that sound unsafe, answered" in out
    assert "NOTE: the policy was FITTED on these very rows (synthetic/test.jsonl): the figures flatter it" in out
    assert "NOTE: the rows are SYNTHETIC: their figures say nothing of texts by people" in out


def test_without_a_policy_the_models_own_thresholds_are_measured(evaluate):
    code, out, _ = evaluate("--json")
    assert code == 0
    told = json.loads(out)
    assert told["policy"]["name"] == "model"
    assert told["controversial"]["value"] == 0.0


def test_rates_that_few_rows_cannot_promise_are_told(fit):
    code, out, _ = fit(source="others", out="few.toml")
    assert code == 0
    assert "NOTE: flagging at 1 % false positives is no promise for" in out
    assert "SYNTHETIC" in out


def test_the_same_fit_keeps_the_version_and_another_is_the_next(fit, tmp_path):
    versions = []
    for rate in (0.15, 0.15, 0.18):
        code, out, _ = fit("--flag-fpr", rate, "--review-fpr", 0.2, "--json")
        assert code == 0
        versions.append((json.loads(out)["version"], json.loads(out)["digest"]))
    assert [version for version, _ in versions] == [1, 1, 2]
    assert versions[0] == versions[1] != versions[2]


def test_a_file_that_somebody_changed_is_not_overwritten(fit, tmp_path):
    fit("--flag-fpr", 0.15, "--review-fpr", 0.2)
    path = tmp_path / "house.toml"
    path.write_text(path.read_text().replace("review = 0", "review = 0.0", 1))
    before = path.read_text()
    code, _, err = fit("--flag-fpr", 0.15, "--review-fpr", 0.2)
    assert (code, err[:10]) == (2, "PL-OUT-002")
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "source", "exit_code", "told"),
    [
        (("--split", "train"), "synthetic", 1, "PL-POL-015"),
        (("--flag-fpr", 0.2, "--review-fpr", 0.1), "synthetic", 2, "PL-POL-014"),
        (("--ignore", "drugs"), "synthetic", 2, "PL-POL-006"),
        ((), "uncategorised", 1, "PL-POL-011"),
        (("--name", "House Policy"), "synthetic", 2, "PL-POL-005"),
        (("--uses", "analysis"), "synthetic", 2, "PL-USE-001"),
    ],
)
def test_what_would_promise_nothing_is_refused_and_nothing_written(fit, tmp_path, arguments, source, exit_code, told):
    code, out, err = fit(*arguments, source=source)
    assert (code, out, err[:10]) == (exit_code, "", told), err
    assert "Try: " in err
    assert SECRET not in err
    assert not list(tmp_path.iterdir())


def test_an_ignored_head_needs_no_rows(fit, tmp_path):
    code, _, err = fit("--ignore", DRUGS, source="uncategorised")
    assert code == 0, err
    assert read_policy(tmp_path / "house.toml").ignored == (DRUGS,)


def test_rates_held_together_and_a_use_overridden_stand_in_the_manifest(fit, tmp_path):
    code, out, err = fit("--flag-fpr", 0.15, "--review-fpr", 0.2, "--together", "--json")
    assert code == 0, err
    calibration = json.loads(out)["calibration"]
    assert calibration["together"] is True
    assert calibration["safe_flagged"] <= 0.15 * calibration["safe_rows"]
    code, _, err = fit("--flag-fpr", 0.15, "--review-fpr", 0.2, "--uses", "analysis", "--override-uses")
    assert code == 0, err
    manifest = json.loads((tmp_path / "house.toml.manifest.json").read_text())
    assert manifest["uses_overridden"] is True
    assert manifest["configuration"]["together"] is False


def test_only_toml_is_written(fit):
    code, _, err = fit(out="house.json")
    assert (code, err[:10]) == (2, "PL-OUT-006")


def test_rows_that_the_model_was_trained_on_are_set_aside_and_counted(fit, places, tmp_path):
    lines = [(places / "synthetic" / f"{split}.jsonl").read_text() for split in ("train", "test")]
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text("".join(lines))
    code, out, err = fit("--flag-fpr", 0.15, "--review-fpr", 0.2, "--json", source=mixed)
    assert code == 0, err
    assert json.loads(out)["rows"] == {"fitted": 300, "set_aside": {"PL-POL-013": 240}}
    manifest = json.loads((tmp_path / "house.toml.manifest.json").read_text())
    assert manifest["findings"] == {"PL-POL-013": 240}


def test_a_policy_of_another_model_is_told_and_one_of_other_heads_refused(fit, evaluate, tmp_path):
    fit("--flag-fpr", 0.15, "--review-fpr", 0.2)
    path = tmp_path / "house.toml"
    digest = read_policy(path).calibration.model_digest
    path.write_text(path.read_text().replace(digest, "0" * 64))
    code, out, _ = evaluate("--policy", path, "--json")
    assert code == 0
    assert "was fitted for another model" in json.loads(out)["notes"][1]
    path.write_text('name = "a"\nversion = 1\n[thresholds]\nunsafe = { review = 0.1, flag = 0.2 }\n')
    code, out, err = evaluate("--policy", path)
    assert (code, out, err[:10]) == (2, "", "PL-POL-007")
    assert DRUGS in err


def test_a_preference_model_decides_nothing(plumb, places, tmp_path):
    description = json.loads((places / "model" / "model.json").read_text())
    assert description["task"] == "moderation"
    rows = [
        {"prompt": f"question {n}?", "response_0": f"good {n}", "response_1": f"bad {n}"}
        | {"is_response_0_safe": True, "is_response_1_safe": False, "better_response_id": 0, "safer_response_id": 0}
        for n in range(60)
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_training(TrainingRun("preference", (str(pairs),), tmp_path / "preference", on="helpfulness"))
    for words in (("fit", "-o", tmp_path / "x.toml"), ("evaluate",)):
        code, _, err = plumb("policy", words[0], tmp_path / "preference", places / "others", *words[1:])
        assert (code, err[:10]) == (2, "PL-POL-008"), err


def test_a_source_without_labels_has_nothing_to_fit_to_or_to_measure(fit, evaluate, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"prompt": "a?", "response_0": "b", "response_1": "c"}) + "\n")
    for call in (fit, evaluate):
        code, out, err = call(source=pairs)
        assert (code, out, err[:10]) == (1, "", "PL-TRN-015"), err


def test_a_model_that_is_trained_anew_meanwhile_is_not_the_one_that_is_told(places, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(places / "model", model)
    digest = file_digest(model / "model.json")

    def step(told):
        if told == "fitting thresholds":
            (model / "model.json").write_text((model / "model.json").read_text() + " ")

    run_policy_fit(PolicyFit(PolicyInput(model, str(places / "synthetic")), tmp_path / "house.toml"), step)
    assert file_digest(model / "model.json") != digest
    assert read_policy(tmp_path / "house.toml").calibration.model_digest == digest
