"""An ensemble beside a model's own head: fitted to what the head learned from, read in the same pass, told by evaluations."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch

from plumbline.measure import Bootstrap
from plumbline.models.calibration import Calibration
from plumbline.models.figures.evaluation import RowScores, evaluate_model
from plumbline.models.rows.training_rows import label_rows, preference_rows
from plumbline.models.scored_model import Scores
from plumbline.models.scoring import score_tables
from plumbline.models.transformer.examples.training_examples import prepare_rows
from plumbline.models.transformer.frozen.ensemble_fitting import EnsembleOptions, calibrated_ensemble, fit_ensemble
from plumbline.models.transformer.frozen.training import PENALTIES, fit_frozen_heads
from plumbline.models.transformer.settings import LossSettings
from plumbline.records import Axis, Kind, UsageError
from tests.models.made_up import goals, labels_table, pairs_table
from tests.models.transformer import tiny
from tests.models.transformer.test_saving import TALKS, made

torch.set_num_threads(1)

BOOTSTRAP = Bootstrap(seed=0, resamples=100)
COLUMNS = {"preference": ("reward:harmlessness",), "cost": ("cost",), "moderation": ("unsafe", "category:animal_abuse")}
FOUR = EnsembleOptions(members=4, seed=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


def tables(task):
    """What a task learns from."""
    pairs, labels = pairs_table(80, axis="harmlessness"), labels_table(120)
    return {"preference": [pairs], "cost": [pairs, labels], "moderation": [labels]}[task]


def prepared_for(task, model):
    return prepare_rows(goals(task, *tables(task)), model.encoder, loss=LossSettings(), seed=0)


def with_ensemble(base, task, options=FOUR):
    """A frozen model with an ensemble that was calibrated on the rows of its fit, and how it was fitted."""
    model = made(base, task=task, columns=COLUMNS[task])
    prepared = prepared_for(task, model)
    fit_frozen_heads(model, prepared.examples, prepared.group_ids, seed=0, cache=options.cache)
    fitted = fit_ensemble(model, prepared.examples, prepared.group_ids, options)
    model = replace(model, ensemble=fitted.ensemble)
    return replace(model, ensemble=calibrated_ensemble(model, held_out(task, model))), fitted


def held_out(task, model):
    """Rows of the task with what the model says of them."""
    pairs = None if task == "moderation" else preference_rows(pairs_table(80, axis="harmlessness"), place="here")
    labels = None if task == "preference" else label_rows(labels_table(120), place="here")
    return RowScores(
        pairs,
        None if pairs is None else model.read_pairs(pairs.records.rows()),
        labels,
        None if labels is None else model.read_conversations(labels.records.rows()["conversation"]),
    )


@pytest.fixture(scope="module")
def ensemble_of(base):
    """By task: a model with its ensemble, and how it was fitted; tests only read them."""
    return cache(partial(with_ensemble, base))


@pytest.mark.parametrize("task", ["preference", "cost", "moderation"])
def test_heads_go_with_the_models_own_and_differ(ensemble_of, task):
    model, fitted = ensemble_of(task)
    assert fitted.to_json() == {"members": 4, "penalty": fitted.penalty}
    assert fitted.penalty in PENALTIES
    scored = held_out(task, model)
    read = scored.label_scores if task == "moderation" else scored.pair_scores
    own = read.heads[..., 0].ravel()
    members = read.members.reshape(len(own), 4)
    if task == "preference":  # only differences mean anything
        own, members = (each[::2] - each[1::2] for each in (own, members))
        assert (model.ensemble.intercepts == 0).all()
    else:
        assert (model.ensemble.intercepts != 0).all()
    assert np.corrcoef(own, members.mean(axis=1))[0, 1] > 0.9
    assert np.ptp(members, axis=1).min() > 0
    assert (model.ensemble.pair_calibration is not None) == (task == "cost")
    assert model.ensemble.calibration.scale > 0
    assert (model.ensemble.calibration.offset != 0) == (task == "moderation")


def test_one_pass_gives_the_scores_of_all_heads(ensemble_of):
    model, _ = ensemble_of("preference")
    alone = replace(model, ensemble=None)
    calls = []
    hook = model.scorer.trunk.register_forward_pre_hook(lambda *_: calls.append(1))
    read = model.read_groups([TALKS])
    passes = len(calls)
    plain = alone.read_groups([TALKS])
    hook.remove()
    assert passes == len(calls) - passes, "as many passes as without an ensemble"
    np.testing.assert_array_equal(read.heads, plain.heads)
    assert plain.members is None
    assert read.members.shape == (3, 4)
    settings = replace(model.scoring, as_trees=False, tokens_per_batch=1)
    one_by_one = replace(model, scoring=settings).read_groups([TALKS])
    np.testing.assert_allclose(one_by_one.members, read.members, atol=1e-4)
    assert model.reading("preference", Axis.HARMLESSNESS).ensemble is None


def test_features_that_stand_in_the_cache_are_not_computed_again(base, tmp_path):
    told = []
    options = replace(FOUR, cache=tmp_path, progress=lambda *now: told.append(now))
    with_ensemble(base, "preference", options)
    assert not told, "the frozen heads had computed them"
    model = made(base, columns=COLUMNS["preference"])
    prepared = prepared_for("preference", model)
    fit_ensemble(model, prepared.examples, prepared.group_ids, replace(options, cache=None))
    assert told


def test_score_files_say_how_far_the_heads_lie_apart(ensemble_of):
    pairs, labels = pairs_table(30, axis="harmlessness"), labels_table(20)
    by_kind = {Kind.COMPARISONS: pairs, Kind.SAFETY_LABELS: labels}
    reward, _ = ensemble_of("preference")
    scores = score_tables(reward, by_kind).rows.to_pylist()
    chances = reward.ensemble.calibration.probabilities(
        np.subtract(*np.moveaxis(reward.read_pairs(pairs).members, 1, 0))
    )
    assert [row["uncertainty"] for row in scores[:60:2]] == pytest.approx(chances.std(axis=1, ddof=1).tolist())
    assert all(
        one["uncertainty"] == other["uncertainty"] for one, other in zip(scores[:60:2], scores[1:60:2], strict=True)
    )
    assert {row["uncertainty"] for row in scores[60:]} == {None}
    harm, _ = ensemble_of("moderation")
    scores = score_tables(harm, by_kind).rows.to_pylist()
    members = harm.read_conversations(labels["conversation"]).members
    spread = harm.ensemble.calibration.probabilities(members).std(axis=1, ddof=1)
    assert [row["uncertainty"] for row in scores[60:]] == pytest.approx(spread.tolist())
    assert scores[0]["uncertainty"] != scores[1]["uncertainty"], "two replies, two doubts"
    without = score_tables(replace(harm, ensemble=None), by_kind).rows
    assert without["uncertainty"].null_count == len(without)
    assert without.drop(["uncertainty"]).equals(score_tables(harm, by_kind).rows.drop(["uncertainty"]))


def every_fourth_turned(labels):
    """So that there are errors to tell."""
    return labels ^ (np.arange(len(labels)) % 4 == 0)


@pytest.mark.parametrize("task", ["preference", "cost", "moderation"])
def test_evaluations_say_whether_the_spread_tells_errors(ensemble_of, task):
    model, _ = ensemble_of(task)
    scored = held_out(task, model)
    pairs = scored.pairs and replace(scored.pairs, first_is_better=every_fourth_turned(scored.pairs.first_is_better))
    labels = scored.labels and replace(scored.labels, is_unsafe=every_fourth_turned(scored.labels.is_unsafe))
    evaluate = partial(evaluate_model, pairs=pairs, labels=labels, bootstrap=BOOTSTRAP)
    found = evaluate(model)
    told = found["uncertainty"]
    assert set(told) == {"accuracy", "by_spread", "by_nearness"}
    assert told["by_spread"]["error_auroc"]["value"] != told["by_nearness"]["error_auroc"]["value"]
    rows = labels if task == "moderation" else pairs
    assert told["by_spread"]["accuracy_at_50"]["n"] == len(rows)
    assert evaluate(replace(model, ensemble=None)) == {**found, "uncertainty": None}
    flat = replace(model, ensemble=replace(model.ensemble, weights=0 * model.ensemble.weights))
    assert evaluate(flat)["uncertainty"]["by_nearness"] == told["by_nearness"], "nearness is the model's own"
    assert evaluate(flat)["uncertainty"]["by_spread"]["error_auroc"]["value"] == 0.5


def test_calibration_is_fitted_on_the_rows_given_and_turned_labels_flatten_it(ensemble_of):
    model, _ = ensemble_of("preference")
    scored = held_out("preference", model)
    turned = replace(scored.pairs, first_is_better=~scored.pairs.first_is_better)
    flat = calibrated_ensemble(model, replace(scored, pairs=turned)).calibration
    assert flat.scale < 0.1 * model.ensemble.calibration.scale
    assert calibrated_ensemble(replace(model, ensemble=None), scored) is None
    nothing = RowScores(None, None, None, None)
    raw = replace(model, ensemble=replace(model.ensemble, calibration=Calibration()))
    assert calibrated_ensemble(raw, nothing).calibration == Calibration()
    assert Scores(np.zeros((1, 1))).members is None


def test_a_trained_model_is_not_lost_for_want_of_an_ensemble(base):
    model = made(base, task="moderation", columns=("unsafe",))
    labels = labels_table(40)
    prepared = prepare_rows(goals("moderation", labels), model.encoder, loss=LossSettings(), seed=0)
    safe = [number for number, example in enumerate(prepared.examples) if example.labels[0].value == 0]
    few = fit_ensemble(
        model, [prepared.examples[each] for each in safe], [prepared.group_ids[each] for each in safe], FOUR
    )
    assert few.ensemble is None
    assert few.to_json() is None
    assert few.notes == (f"no ensemble: 0 rows for it and {len(safe)} against",)
    # Two groups of one class each: most draws leave one class.
    unsafe = [number for number in range(40) if number not in safe][:2]
    chosen = [prepared.examples[number] for number in safe[:2] + unsafe]
    groups = ["a", "b", "c", "c"]
    fitted = fit_ensemble(model, chosen, groups, FOUR)
    assert fitted.ensemble is not None, "some draws hold both"


def test_one_class_in_every_draw_is_noted(base, monkeypatch):
    from plumbline.models.transformer.frozen import head_ensemble

    monkeypatch.setattr(head_ensemble, "_ATTEMPTS", 0)
    model = made(base, columns=COLUMNS["preference"])
    prepared = prepared_for("preference", model)
    fitted = fit_ensemble(model, prepared.examples, prepared.group_ids, FOUR)
    assert fitted.ensemble is None
    assert fitted.notes == ("no ensemble: draws of the groups leave rows of one class only",)


def test_one_head_is_refused_before_anything_is_computed(base):
    with pytest.raises(UsageError, match="PL-FRZ-004"):
        fit_ensemble(made(base), [], [], EnsembleOptions(1, 0))
