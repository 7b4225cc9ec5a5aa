"""Folds keep a group on one side, spread groups evenly, and depend on the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import assign_folds

names = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4)


@given(st.lists(names, min_size=5, max_size=60), st.integers(2, 5), st.integers(0, 9))
def test_groups_stay_whole_and_folds_differ_by_one_group_at_most(groups, fold_count, seed):
    distinct = sorted(set(groups))
    if len(distinct) < fold_count:
        with pytest.raises(ValueError, match="fold_count"):
            assign_folds(groups, fold_count, seed=seed)
        return
    folds = assign_folds(groups, fold_count, seed=seed)
    of_group = {
        group: {int(fold) for fold, name in zip(folds, groups, strict=True) if name == group} for group in distinct
    }
    assert all(len(found) == 1 for found in of_group.values())
    sizes = np.bincount([found.pop() for found in of_group.values()], minlength=fold_count)
    assert sizes.max() - sizes.min() <= 1


def test_the_seed_changes_the_folds_and_the_order_of_rows_does_not():
    groups = [f"g{number}" for number in range(50)]
    first = assign_folds(groups, 5, seed=0)
    assert (first == assign_folds(groups, 5, seed=0)).all()
    assert (first != assign_folds(groups, 5, seed=1)).any()
    assert (assign_folds(groups[::-1], 5, seed=0) == first[::-1]).all()
