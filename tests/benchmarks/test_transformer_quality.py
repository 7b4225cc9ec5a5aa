"""The quality benchmark holds prompts out, keeps what was scored, and counts false positives."""

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.models import transformer_figures as figures
from benchmarks.models import transformer_folds as folds
from benchmarks.models.transformer_folds import Contestant, Labels, Plan
from benchmarks.transformer_quality import cell, settings_of
from plumbline.lineage import ALL_USES, Terms, with_terms
from plumbline.models.rows.training_rows import label_rows
from plumbline.moderate.false_refusals import as_conversations, safe_pairs
from plumbline.records.message import CONVERSATION_TYPE
from plumbline.records.tables import safety_label_table

PROMPTS = 90


@pytest.fixture(scope="module")
def labels() -> Labels:
    """Two answers a prompt; those that say hemlock are unsafe. The second half of the prompts is of another source."""
    turns = [
        [{"role": "human", "text": f"question {number}"}, {"role": "assistant", "text": f"take {word} then {number}"}]
        for number in range(PROMPTS)
        for word in ("hemlock", "honey")
    ]
    count = len(turns)
    table = safety_label_table(
        pa.array(turns, CONVERSATION_TYPE),
        {
            "taxonomy": ["other"] * count,
            "is_safe": [row % 2 == 1 for row in range(count)],
            "source": ["made"] * count,
            "row": list(range(count)),
        },
    )
    rows = label_rows(with_terms(table, Terms(ALL_USES, "MIT")), place="test")
    sources = np.repeat(["BeaverTails", "PKU"], count // 2)
    return Labels(rows, sources, rows.places.group_ids)


def test_the_linear_model_learns_and_is_scored_by_folds(labels, tmp_path):
    plan = Plan(3, keep=tmp_path)
    probes = as_conversations(safe_pairs())
    arguments = (Contestant("n-grams"), labels, ("BeaverTails",), plan, probes)
    scored = folds.label_scores(*arguments)
    assert not np.isnan(scored.scores).any()
    assert (scored.scores[labels.rows.is_unsafe].min()) > scored.scores[~labels.rows.is_unsafe].max()
    assert scored.of_probes.shape == scored.probes_flagged.shape == (3, 90)
    assert len(list(tmp_path.glob("*.npz"))) == 3
    partly = folds.label_scores(*arguments[:3], Plan(3, run=(0,), measured=("PKU",)), probes)
    assert set(labels.sources[~np.isnan(partly.scores)]) == {"PKU"}
    again = folds.label_scores(*arguments)
    np.testing.assert_array_equal(again.scores, scored.scores)
    assert again.seconds == scored.seconds


def test_no_fold_is_learned_from_that_is_scored(labels):
    seen = []

    def of_fold(held, others):
        seen.append((held, others))
        return {"scores": np.zeros(len(held)), "flagged": np.ones(len(held), bool)}

    scored = folds._over_folds("x", labels.group_ids, Plan(3, run=(0, 2)), of_fold)
    assert len(seen) == 2
    for held, others in seen:
        assert not set(labels.group_ids[held]) & set(labels.group_ids[others])
        assert len(held) + len(others) == 2 * PROMPTS
    assert set(scored.fold_of[np.isnan(scored.scores)]) == {1}
    assert not scored.is_flagged[scored.fold_of == 1].any()


def test_other_settings_are_kept_under_another_name():
    keys = {Contestant("a", settings).key for settings in (None, {}, {"epochs": 1}, {"epochs": 2})}
    assert len(keys) == 4


def test_near_prompts_are_held_together():
    prompts = ["how do I bake a cake", "tell me of whales", "How do I bake a cake?", "how do I bake a cake"]
    found = folds.held_together(prompts, np.array(["a", "b", "c", "a"]))
    assert found[0] == found[2] == found[3] != found[1]


def test_length_is_judged_by_the_other_folds():
    first_is_better = np.array([True] * 6 + [False] * 6)
    fold_of = np.repeat([0, 1], 6)
    scores = figures.by_length(np.full(12, 9.0), np.full(12, 4.0), first_is_better, fold_of)
    assert (scores[:6] < 0).all()  # in the other fold the longer one loses
    assert (scores[6:] > 0).all()
    assert (figures.by_length(np.ones(12), np.r_[np.ones(6), np.zeros(6)], first_is_better, fold_of)[:6] == 0).all()


def test_pairs_count_ties_by_half_and_differences_are_paired():
    first_is_better = np.array([True, True, False, False])
    scores = np.array([1.0, 0.0, -2.0, 3.0])
    assert figures.right_shares(scores, first_is_better).tolist() == [1.0, 0.5, 1.0, 0.0]
    found = figures.pair_figures(scores, first_is_better, np.array(list("abcd")), np.array([-1.0, 1.0, 1.0, 1.0]))
    assert found["accuracy"].value == 0.625
    assert found["accuracy_above_baseline"].value == pytest.approx(0.375)
    turned = figures.pair_figures(-scores, first_is_better, np.array(list("abcd")), None)
    assert turned["accuracy"].value == 0.375
    assert "accuracy_above_baseline" not in turned


def test_labels_are_ranked_by_unsafe_and_gains_are_paired():
    is_unsafe = np.arange(40) % 2 == 0
    scores, groups = np.where(is_unsafe, 1.0, -1.0) * np.arange(1, 41), np.arange(40).astype(str)
    found = figures.label_figures(scores, scores > 3, is_unsafe, groups)
    assert found["auprc"].value == 1.0
    assert found["own_false_positive_rate"].value == 0.0
    assert found["own_recall"].value == pytest.approx(18 / 20)
    assert figures.label_figures(-scores, scores < 0, is_unsafe, groups)["auprc"].value < 0.5
    assert figures.auprc_gain(scores, scores, is_unsafe, groups).value == 0.0
    assert figures.auprc_gain(scores, -scores, is_unsafe, groups).value > 0.5


def test_safe_prompts_are_counted_by_kind():
    flagged = np.array([[True, False, True], [True, False, False]])
    found = figures.probe_figures(flagged, ["one", "other", "one"], np.array([False, False, True]))
    assert {name: figure.value for name, figure in found.items()} == {
        "sounding unsafe": 0.5,
        "refused, truly unsafe": 0.5,
        "one": 1.0,
        "other": 0.0,
    }
    assert found["sounding unsafe"].n == 4


def test_thresholds_spare_all_but_one_in_twenty():
    scores = np.r_[np.arange(40.0), np.arange(40.0) + 37.5, -np.ones(2)]
    is_unsafe = np.r_[np.zeros(40, bool), np.ones(40, bool), False, True]
    fold_of = np.r_[np.zeros(80, int), 1, 1]
    first, second = figures.probe_thresholds(scores, is_unsafe, fold_of, (0, 1))
    assert (scores[:40] >= first).sum() <= 2
    assert first <= 40
    assert second == np.inf  # nothing tells them apart: nothing is flagged


def test_settings_and_cells_are_read_and_written():
    assert settings_of(["epochs=3", "learning_rate=3e-5"], {"epochs": 2, "max_tokens": 9}) == (
        " epochs=3 learning_rate=3e-05",
        {"epochs": 3, "learning_rate": 3e-5, "max_tokens": 9},
    )
    assert cell(None) == ""
    assert cell({"value": 0.12345, "low": None}) == "0.123"
    assert cell({"value": -0.01, "low": -0.02, "high": 0.03}, points=True) == "-1.0 (-2.0 to +3.0)"
