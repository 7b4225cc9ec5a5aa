"""Training: what is learned, that cutting and devices change nothing, and what stops it."""

import errno
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from plumbline.models.transformer.examples.collation import lay_out
from plumbline.models.transformer.examples.example import Example, Known
from plumbline.models.transformer.scorer import plain_inputs
from plumbline.models.transformer.settings import LossSettings, TrainerSettings
from plumbline.models.transformer.training.errors import TrainingError
from plumbline.models.transformer.training.metrics import FIGURES_NAME, MetricsLog, read_metrics
from plumbline.models.transformer.training.objective import Objective, accuracy_of, balancing_weights, judged_counts
from plumbline.models.transformer.training.optimizer import learning_rate_share
from plumbline.models.transformer.training.trainer import CHECKPOINTS, train
from plumbline.records import MissingExtraError, NoDataError, WriteError
from tests.models.transformer.toy import (
    PADDING,
    largest_difference,
    make_labels,
    make_pairs,
    make_scorer,
    weights_of,
)

QUICK = TrainerSettings(learning_rate=3e-3, epochs=3, rows_per_step=16, bucket_steps=4, warmup_share=0.1)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(scorer, examples, out, settings=QUICK, loss=LossSettings(), held_out=(), **rest):  # noqa: B008  # frozen
    return train(scorer, examples, held_out, settings, loss, padding_id=PADDING, out=out, **rest)


def scores_of(scorer, examples):
    with torch.no_grad():
        sequences = [sequence for example in examples for sequence in example.sequences]
        return scorer(plain_inputs(sequences, padding_id=PADDING))[:, 0].reshape(len(examples), -1)


# --- what is learned ---


def test_preferences_are_learned_and_flipped_outcomes_flip_the_order(tmp_path):
    test = make_pairs(40, seed=9)
    for flipped in (False, True):
        scorer = make_scorer()
        run(scorer, make_pairs(96, flipped=flipped), tmp_path / str(flipped))
        lines = read_metrics(tmp_path / str(flipped) / FIGURES_NAME)
        assert lines[0]["loss"] == pytest.approx(math.log(2), abs=0.05)
        assert lines[-1]["loss"] < 0.3
        first, second = scores_of(scorer, test).T
        assert float((first < second if flipped else first > second).float().mean()) > 0.9


def test_costs_are_above_zero_for_what_is_harmful(tmp_path):
    scorer = make_scorer(heads=("cost",))
    outcome = run(scorer, make_pairs(96, signs=True), tmp_path, held_out=make_pairs(40, seed=9, signs=True))
    harmful, harmless = scores_of(scorer, make_pairs(40, seed=9)).T
    assert float((harmful > 0).float().mean()) > 0.9
    assert float((harmless < 0).float().mean()) > 0.9
    last = outcome.evaluations[-1]
    assert last["right"]["cost"]["value"] > 0.9
    assert last["right"]["cost:sign"] == {"value": pytest.approx(1, abs=0.1), "count": 80}
    assert set(last["terms"]) == {"preference", "sign"}


def test_labels_are_learned_by_an_encoder_read_at_its_mean(tmp_path):
    scorer = make_scorer("bert", ("unsafe",), pooling="mean")
    run(scorer, make_labels(256), tmp_path, replace(QUICK, epochs=8), held_out=make_labels(10))
    test = make_labels(40, seed=9)
    logits = scores_of(scorer, test)[:, 0]
    right = (logits > 0) == torch.tensor([example.labels[0].value > 0.5 for example in test])
    assert float(right.float().mean()) > 0.9


def test_tables_of_different_kinds_are_learned_at_once(tmp_path):
    heads = ("reward:overall", "unsafe", "value")
    values = [
        Example(each.sequences, values=(Known(0, 2, 2.0),), ids=each.ids) for each in make_labels(16, seed=3, head=1)
    ]
    run(make_scorer(heads=heads), [*make_pairs(32), *make_labels(32, head=1), *values], tmp_path)
    first, last = (read_metrics(tmp_path / FIGURES_NAME)[place] for place in (0, -1))
    assert set(first["terms"]) == {"preference", "label", "value"}
    assert first["loss"] == pytest.approx(sum(first["terms"].values()))
    assert last["loss"] < first["loss"]


# --- the loss of a step ---


def test_the_loss_of_a_step_is_the_weighted_mean_by_kind():
    pairs = make_pairs(2, signs=True, same_weight=False)
    rows = lay_out(pairs, padding_id=0, as_trees=False)
    scores = torch.tensor([[1.0], [0.0], [0.5], [2.0]])
    objective = Objective(LossSettings(sign_weight=0.5, centring=0.1), ("cost",))
    sums = objective.sums(scores, rows.targets([0, 1]))
    weights = rows.weights.sum(0)
    one, two = (pair.preferences[0].weight for pair in pairs)
    soft = np.logaddexp(0, [-1.0, 1.5])
    signs = np.logaddexp(0, [-1, 0, -0.5, 2])
    terms = objective.terms(sums.tolist(), weights)
    assert terms["preference"] == pytest.approx((soft @ [one, two]) / (one + two), rel=1e-6)
    assert terms["centring"] == pytest.approx(0.1 * (1 * one + 6.25 * two) / (one + two), rel=1e-6)
    assert terms["sign"] == pytest.approx(0.5 * (signs @ [one, one, two, two]) / (2 * (one + two)), rel=1e-6)
    right = objective.right(sums.tolist(), judged_counts(rows.targets([0, 1]), 1))
    assert (right["cost"].value, right["cost"].count) == (0.5, 2)
    assert (right["cost:sign"].value, right["cost:sign"].count) == (0.75, 4)  # a harmless reply at cost 2 is wrong


def test_rare_labels_weigh_by_negatives_over_positives_at_most_ten():
    rows = [Example((np.array([1]),), labels=(Known(0, 0, float(n < 4)), Known(0, 1, float(n < 1)), Known(0, 2, 0.0)))
            for n in range(20)]  # fmt: skip
    assert balancing_weights(rows, 4).tolist() == [4.0, 10.0, 1.0, 1.0]


def test_equal_scores_are_half_right_and_no_judgement_is_no_accuracy():
    rows = lay_out(make_pairs(1), padding_id=0, as_trees=False)
    objective = Objective(LossSettings(), ("reward",))
    sums = objective.sums(torch.ones(2, 1), rows.targets([0])).tolist()
    assert accuracy_of(objective.right(sums, judged_counts(rows.targets([0]), 1))) == 0.5
    assert accuracy_of({}) is None


# --- cutting a step changes nothing ---


@pytest.mark.parametrize("as_trees", [True, False])
@pytest.mark.parametrize("loss", [LossSettings(), LossSettings(centring=0.1, smoothing=0.1, balance_categories=True)])
def test_one_batch_of_eight_moves_the_weights_as_four_of_two(tmp_path, as_trees, loss):
    examples = [*make_pairs(10, signs=True, same_weight=False), *make_labels(6, share=0.3)]
    found = []
    for budget in (10**6, 120):
        scorer = make_scorer(heads=("cost",))
        chosen = replace(QUICK, rows_per_step=8, epochs=1, tokens_per_batch=budget, learning_rate=1e-4)
        plan = run(scorer, examples, tmp_path / str(budget), replace(chosen, as_trees=as_trees), loss)
        found.append((weights_of(scorer), plan.processed_tokens, read_metrics(tmp_path / str(budget) / FIGURES_NAME)))
    assert found[0][1] != found[1][1], "the steps were cut"
    assert largest_difference(found[0][0], found[1][0]) < 1e-6
    for one, other in zip(found[0][2], found[1][2], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-6)
        assert one["gradient_norm"] == pytest.approx(other["gradient_norm"], rel=1e-4)


def test_trees_learn_what_plain_sequences_learn_from_fewer_tokens(tmp_path):
    lines, outcomes = [], []
    for as_trees in (True, False):
        out = tmp_path / str(as_trees)
        outcomes.append(run(make_scorer(), make_pairs(64), out, replace(QUICK, epochs=1, as_trees=as_trees)))
        lines.append(read_metrics(out / FIGURES_NAME))
    # Trees and sequences differ in length, so the steps differ; the first loss of an untrained model hardly does.
    assert lines[0][0]["loss"] == pytest.approx(lines[1][0]["loss"], abs=0.01)
    assert outcomes[0].sequence_tokens == outcomes[1].sequence_tokens == outcomes[1].own_tokens
    assert outcomes[0].processed_tokens < 0.75 * outcomes[1].processed_tokens


def test_steps_on_the_same_rows_give_the_same_losses_as_trees_and_plain(tmp_path):
    lines = []
    for as_trees in (True, False):
        out = tmp_path / str(as_trees)
        run(make_scorer(), make_pairs(64), out, replace(QUICK, bucket_steps=0, as_trees=as_trees))
        lines.append([line["loss"] for line in read_metrics(out / FIGURES_NAME)])
    assert lines[0] == pytest.approx(lines[1], abs=1e-4)


def test_checkpointed_activations_give_the_same_weights(tmp_path):
    found = []
    for checkpointing in (False, True):
        scorer = make_scorer()
        chosen = replace(QUICK, epochs=1, gradient_checkpointing=checkpointing)
        run(scorer, make_pairs(32), tmp_path / str(checkpointing), chosen)
        found.append(weights_of(scorer))
        assert not any(getattr(module, "gradient_checkpointing", False) for module in scorer.modules())
    assert largest_difference(*found) < 1e-6


def test_bfloat16_learns_and_leaves_32_bit_weights(tmp_path):
    scorer = make_scorer()
    run(scorer, make_pairs(96), tmp_path, replace(QUICK, precision="bf16"))
    assert {each.dtype for each in scorer.parameters()} == {torch.float32}
    assert read_metrics(tmp_path / FIGURES_NAME)[-1]["loss"] < 0.4
    assert scores_of(scorer, make_pairs(2)).dtype == torch.float32


# --- what stops a run ---


def test_a_loss_that_is_not_finite_names_its_rows_and_leaves_the_checkpoint(tmp_path):
    scorer = make_scorer()
    chosen = replace(QUICK, epochs=1, rows_per_step=4, bucket_steps=0, checkpoint_every=1)
    examples = make_pairs(12)
    poisoned = {example.ids[0] for example in examples if 63 in np.concatenate(example.sequences)}
    assert 0 < len(poisoned) < 12
    with torch.no_grad():
        scorer.trunk.embed_tokens.weight[63] = float("nan")
    with pytest.raises(TrainingError, match=r"PL-FIT-002  step \d: the loss is not a finite number") as error:
        run(scorer, examples, tmp_path, chosen)
    assert any(row in str(error.value) for row in poisoned)
    assert str(error.value).count("row-0-") == 4
    steps = len(list((tmp_path / CHECKPOINTS).glob("step-*")))
    lines = read_metrics(tmp_path / FIGURES_NAME)
    assert steps == len(lines)
    assert all(math.isfinite(line["loss"]) for line in lines)


def test_held_out_rows_without_a_finite_loss_are_named(tmp_path):
    held_out = [replace(each, ids=(f"held-{n}",)) for n, each in enumerate(make_pairs(12, seed=5))]
    wrong = np.array([*held_out[7].sequences[0][:-1], 3])  # a token that no other row has
    held_out[7] = replace(held_out[7], sequences=(wrong, held_out[7].sequences[1]))
    scorer = make_scorer()
    with torch.no_grad():
        scorer.trunk.embed_tokens.weight[3] = float("nan")
    chosen = replace(QUICK, epochs=1, tokens_per_batch=60)
    with pytest.raises(TrainingError, match="PL-FIT-002  step 1: the loss of held-out rows is not") as error:
        run(scorer, make_pairs(8), tmp_path, chosen, held_out=held_out)
    assert "held-7" in str(error.value)
    assert str(error.value).count("held-") < 12


def test_a_gradient_that_is_not_finite_moves_nothing(tmp_path):
    scorer = make_scorer()
    scorer.heads.weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weights_of(scorer)
    with pytest.raises(TrainingError, match="PL-FIT-002  step 1: the gradient is not a finite number"):
        run(scorer, make_pairs(4), tmp_path)
    assert largest_difference(before, weights_of(scorer)) == 0


def test_memory_at_an_end_names_the_batch_and_the_flags(tmp_path):
    scorer = make_scorer()
    scorer.trunk.register_forward_hook(lambda *_: torch.empty(1 << 60))
    with pytest.raises(TrainingError, match="PL-FIT-001  a batch of 16 rows, 32 sequences") as error:
        run(scorer, make_pairs(16), tmp_path)
    assert "--tokens-per-batch" in error.value.advice
    assert "--gradient-checkpointing" in error.value.advice
    assert "row-" not in str(error.value)


def test_an_optimizer_without_room_says_what_the_model_takes(tmp_path, monkeypatch):
    def step(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    scorer = make_scorer()
    scorer.trunk.embed_tokens.requires_grad_(False)
    with pytest.raises(TrainingError, match="PL-FIT-009  the model: the device has not enough memory") as error:
        run(scorer, make_pairs(16), tmp_path)
    frozen = scorer.trunk.embed_tokens.weight.numel()
    trained = sum(each.numel() for each in scorer.parameters()) - frozen
    assert f"{trained:,} weights that are trained and {frozen:,} that are not" in error.value.found
    assert "--lora" in error.value.advice


def test_other_errors_of_the_optimizer_are_not_called_memory(tmp_path, monkeypatch):
    def step(*_, **__):
        raise RuntimeError("shapes")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(RuntimeError, match="shapes"):
        run(make_scorer(), make_pairs(16), tmp_path)


def test_other_errors_of_the_model_are_not_called_memory(tmp_path):
    scorer = make_scorer()
    scorer.trunk.register_forward_hook(lambda *_: torch.ones(2, 3) @ torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="shapes"):
        run(scorer, make_pairs(4), tmp_path)


def test_no_example_is_no_data(tmp_path):
    with pytest.raises(NoDataError, match="PL-FIT-003"):
        run(make_scorer(), [], tmp_path)


# --- evaluation, early stopping, what is said ---


def test_early_stopping_keeps_the_best_weights(tmp_path):
    scorer = make_scorer()
    held_out = make_pairs(16, seed=4, flipped=True)  # the better it learns, the worse these get
    chosen = replace(QUICK, evaluate_every=1, patience=3, epochs=20)
    outcome = run(scorer, make_pairs(64), tmp_path, chosen, held_out=held_out)
    assert outcome.stopped_early
    assert outcome.steps < outcome.planned_steps
    losses = [found["loss"] for found in outcome.evaluations]
    best = min(range(len(losses)), key=losses.__getitem__)
    assert outcome.best_step == outcome.evaluations[best]["step"] == outcome.steps - 3
    again = run(
        scorer, make_pairs(4), tmp_path / "again", replace(QUICK, epochs=1, learning_rate=0.0), held_out=held_out
    )
    assert again.evaluations[0]["loss"] == pytest.approx(losses[best], abs=1e-6)


def test_progress_and_figures_say_the_same(tmp_path):
    said = []
    outcome = run(
        make_scorer(),
        make_pairs(40),
        tmp_path,
        replace(QUICK, epochs=2),
        progress=said.append,
        held_out=make_pairs(8, seed=2),
    )
    lines = read_metrics(tmp_path / FIGURES_NAME)
    steps, evaluations = ([line for line in lines if ("evaluation" in line) == is_one] for is_one in (False, True))
    assert [line["step"] for line in steps] == [now.step for now in said] == list(range(1, 7))
    assert [line["epoch"] for line in steps] == [0, 0, 0, 1, 1, 1]
    assert [line["loss"] for line in steps] == [now.loss for now in said]
    assert [line["evaluation"]["step"] for line in evaluations] == [3, 6]
    assert {now.steps for now in said} == {6}
    assert said[-1].seconds_left == 0
    assert all(now.tokens_per_second > 0 and 0 <= now.accuracy <= 1 for now in said)
    for name in ("processed_tokens", "own_tokens", "sequence_tokens"):
        assert sum(line[name] for line in steps) == getattr(outcome, name)
    assert outcome.own_tokens < outcome.sequence_tokens


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero():
    shares = [learning_rate_share(step, 100, 0.1) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == shares[10] == 1
    assert shares[55] == pytest.approx(0.5)
    assert shares[99] < 0.001
    assert [learning_rate_share(0, 1, share) for share in (0.0, 0.05)] == [1, 1]


def test_heads_may_learn_faster_than_the_trunk(tmp_path):
    scorer = make_scorer()
    before = weights_of(scorer)
    run(scorer, make_pairs(16), tmp_path, replace(QUICK, learning_rate=0.0, head_learning_rate=0.01))
    changed = {name for name, value in weights_of(scorer).items() if not torch.equal(value, before[name])}
    assert "heads.weight" in changed
    assert changed <= {"heads.weight", "heads.bias"}


def test_tensorboard_where_it_is_missing_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match="PL-FIT-008"):
        MetricsLog(tmp_path, tensorboard=True)


def test_a_line_that_was_cut_off_is_passed_over(tmp_path):
    (tmp_path / FIGURES_NAME).write_text('{"step": 1}\n{"step": 2}\n{"step": 3, "lo')
    with MetricsLog(tmp_path, after_step=1) as log:
        log.write({"step": 2, "loss": 0.5})
    lines = (tmp_path / FIGURES_NAME).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 1}, {"step": 2, "loss": 0.5}]


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_full_disk_ends_the_figures_with_a_code(tmp_path, is_cut):
    class Full:
        def write(self, text):
            if is_cut:
                return len(text) - 1
            raise OSError(errno.ENOSPC, "No space left on device")

    log = MetricsLog(tmp_path)
    log._file.close()
    log._file = Full()
    with pytest.raises(WriteError, match=r"PL-OUT-001.*the disk is full"):
        log.write({"step": 1})
