"""The encoder benchmark sees no row that it scores: with labels by chance every contestant is at chance."""

import os

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks import encoder_quality
from benchmarks.models import encoder_products as benchmark
from plumbline.models.rows.folds import Deal, deal_folds

COUNT = 160


@pytest.fixture(scope="module")
def by_chance():
    random = np.random.default_rng(4)
    columns = random.normal(size=(2 * COUNT, 60)).astype(np.float32)
    labels = random.random(COUNT // 2).repeat(2) < 0.5
    groups = np.arange(COUNT // 2).repeat(2).astype(str)
    deal = Deal(deal_folds(groups, 0, heads=1).folds[:5], COUNT, 1)
    return columns, benchmark.Task(labels, groups, True), deal


def test_labels_by_chance_give_chance(by_chance):
    columns, task, deal = by_chance
    line, curve = benchmark.straight(columns[:COUNT], [60]), benchmark.curved(columns[:COUNT], [60])
    labels = task.is_positive[deal.positions]
    for scores in (
        benchmark.held_out(task, deal, benchmark.added(line, curve, 2.0), 0.1),
        benchmark.stacked(task, deal, [(line, 0.1), (curve, 0.1)]),
    ):
        assert len(scores) == len(labels)
        assert ((scores > 0) == labels).mean() == pytest.approx(0.5, abs=0.13)


def test_what_can_be_learned_is_learned(by_chance):
    columns, task, deal = by_chance
    known = benchmark.Task(columns[:COUNT, 0] > 0, task.group_ids, True)
    line = benchmark.straight(columns[:COUNT], [60])
    for scores in (benchmark.held_out(known, deal, line, 0.1), benchmark.stacked(known, deal, [(line, 0.1)])):
        assert ((scores > 0) == known.is_positive[deal.positions]).mean() > 0.7


def test_products_of_pairs_are_those_of_differences(by_chance):
    columns, _, _ = by_chance

    def plain(_known, rows, others):
        return columns[rows].astype(float) @ columns[others].T

    rows, others = np.array([3, 5]), np.array([1, 2, 7])
    difference = columns[:COUNT].astype(float) - columns[COUNT:]
    np.testing.assert_allclose(
        benchmark.of_pairs(plain, COUNT)(others, rows, others), difference[rows] @ difference[others].T, atol=1e-4
    )


def test_prompts_of_near_the_same_words_are_one_group():
    prompts = ["how do I bake a cake", "How do I bake a cake?", "how do I bake a pie", "tell me of whales"]
    found = benchmark.near_groups(prompts, np.array(["a", "b", "c", "d"]))
    assert len(set(found[:3])) == 1
    assert found[3] not in found[:3]


@pytest.mark.skipif(not os.environ.get("PLUMBLINE_ENCODER"), reason="set PLUMBLINE_ENCODER to a folder with an encoder")
def test_the_encoder_tells_texts_apart(tmp_path):
    encoder = encoder_quality.Encoder(os.environ["PLUMBLINE_ENCODER"], tmp_path)
    texts = ["I love my dog.", "My puppy is adorable.", "The bank raised its interest rates."]
    features = encoder.features(texts)
    assert features.shape == (3, len(encoder_quality.LAYERS), encoder_quality.WIDTH)
    last = features[:, -1] / np.linalg.norm(features[:, -1], axis=1, keepdims=True)
    assert last[0] @ last[1] > 0.3 + last[0] @ last[2]
    encoder.features(texts)
    assert encoder.computed == 3
