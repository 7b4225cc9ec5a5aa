"""A moderation model that a linear fit finds at once, and one of each other task; made once for all tests."""

import pytest

from plumbline.models.linear.default_features import training_options
from plumbline.models.training import train_task
from plumbline.moderate.judging import TurnScores
from plumbline.records import Kind
from tests.models.made_up import labels_table, pairs_table, saved


def trained(tables, task):
    return train_task(tables, task, training_options(task, {}), place="made-up")


def trained_moderation():
    """Rude replies are unsafe, silly ones animal_abuse: made up."""
    return trained({Kind.SAFETY_LABELS: labels_table()}, "moderation")


def trained_preference():
    """Kind replies are better: made up."""
    return trained({Kind.COMPARISONS: pairs_table()}, "preference")


def trained_cost():
    """Rude replies cost: made up."""
    tables = {Kind.COMPARISONS: pairs_table(axis="harmlessness"), Kind.SAFETY_LABELS: labels_table()}
    return trained(tables, "cost")


@pytest.fixture(scope="session")
def moderation_training():
    return trained_moderation()


@pytest.fixture(scope="session")
def moderation(moderation_training):
    return moderation_training.model


@pytest.fixture(scope="session")
def moderation_folder(moderation_training, tmp_path_factory):
    """The model as it is saved; not to be written to."""
    return saved(tmp_path_factory.mktemp("models") / "mod", moderation_training)


@pytest.fixture(scope="session")
def preference():
    return trained_preference().model


@pytest.fixture(scope="session")
def cost():
    return trained_cost().model


class Scripted:
    """Says what it is told to: a probability a head for each text, or fails."""

    def __init__(self, said, heads=1):
        self.said, self.heads, self.asked = said, heads, []

    def __call__(self, turns):
        self.asked.append([turn.text for turn in turns])
        for turn in turns:
            if self.said.get(turn.text) is None:
                raise RuntimeError(turn.text)
        return [TurnScores([self.said[turn.text]] * self.heads) for turn in turns]
