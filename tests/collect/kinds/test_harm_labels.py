"""Labels of several workers as one."""

import pytest

from plumbline.collect.kinds.harm_labels import HarmLabel, majority_label

SAFE = HarmLabel(is_safe=True, categories=())


def unsafe(*names):
    return HarmLabel(is_safe=False, categories=names)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], None),
        ([SAFE], SAFE),
        ([SAFE, SAFE, unsafe("a")], SAFE),
        ([SAFE, unsafe("a")], unsafe("a")),
        ([unsafe("a", "b"), unsafe("a"), SAFE], unsafe("a", "b")),
        ([unsafe("a", "b"), unsafe("a"), unsafe("a", "c")], unsafe("a")),
        ([unsafe("a"), unsafe("b"), unsafe("c")], unsafe("a", "b", "c")),
        ([HarmLabel(is_safe=False)], HarmLabel(is_safe=False)),
        ([HarmLabel(is_safe=False), unsafe("a")], unsafe("a")),
    ],
)
def test_the_majority_and_the_careful_answer_where_there_is_none(labels, expected):
    assert majority_label(labels) == expected


def test_no_categories_known_is_not_none_applies():
    assert HarmLabel(is_safe=False).category_set is None
    assert SAFE.category_set == frozenset()
