"""Splits as files: no name that a file cannot have, and no two that become one."""

import pytest

from plumbline.curate.split_files import MOST_SPLITS, require_split_names
from plumbline.records import UsageError


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        (["train", "a/b"], "3 bytes"),
        ([""], "0 bytes"),
        (["train", "Train"], '"Train" and "train"'),
        (["caf\u00e9", "cafe\u0301"], "one file"),
        (["stra\u00dfe", "STRASSE"], "one file"),
        (["data", None], 'Found "data" and rows without a split'),
        (["Data", "x", None], '"Data" and rows without a split'),
        ([f"s{number}" for number in range(MOST_SPLITS + 1)], "101 or more"),
    ],
)
def test_splits_that_cannot_be_files_of_their_own_are_refused(splits, words):
    for order in (splits, splits[::-1]):
        with pytest.raises(UsageError, match="PL-CUR-002") as refused:
            require_split_names(order, "a file, split")
        assert words in " ".join(str(refused.value).split()).replace("found", "Found")


def test_others_are_fine():
    require_split_names([None, "train", "test", "test2", *(f"s{number}" for number in range(MOST_SPLITS - 4))], "split")
    require_split_names([], "split")
