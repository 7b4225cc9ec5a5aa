"""Which splits models are trained on, by their names."""

from __future__ import annotations

import pytest

from plumbline.curate.split_names import is_training_split


@pytest.mark.parametrize(
    "name",
    [
        "train",
        "30k_train",
        "330k_train",
        "train_sft",
        "train-00000-of-00002",
        "train2",
        "TRAIN",
        "my training",
        "trainset",
    ],
)
def test_names_that_say_train_are_of_training(name: str) -> None:
    assert is_training_split(name)


@pytest.mark.parametrize(
    "name",
    [
        "test",
        "30k_test",
        "330k_test",
        "validation",
        "dev",
        "data",
        "",
        "pretrained",
        "untrained",
        "strain",
        "constraint",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not is_training_split(name)


@pytest.mark.parametrize(
    "name", ["test_of_train", "train_test", "validation.train", "train-eval", "held_out_from_train"]
)
def test_a_name_that_says_both_is_held_out(name: str) -> None:
    assert not is_training_split(name)
