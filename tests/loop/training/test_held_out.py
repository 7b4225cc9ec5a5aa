"""What a person is told to measure a new model on: rows that it has not seen; made-up names of files."""

import pytest

from plumbline.loop.training.held_out import evaluation_commands
from plumbline.loop.training.run import TrainingRun


@pytest.fixture
def files(tmp_path):
    """Two files of one set."""
    found = [tmp_path / f"{split}.jsonl" for split in ("train", "test")]
    for path in found:
        path.touch()
    return found


def commands(*sources):
    return evaluation_commands(TrainingRun("preference", tuple(map(str, sources)), sources[0].with_name("model")))


def test_the_file_beside_the_one_trained_on_is_named(files):
    train, test = files
    assert commands(train) == [["plumbline", "evaluate", str(train.with_name("model")), str(test)]]


def test_a_file_that_was_trained_on_itself_is_not(files):
    assert commands(*files) == []
