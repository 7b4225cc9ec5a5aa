import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure.arrays import binary_labels, divide_or_nan, encode_ids, numbers, one_of, probabilities


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0]], r"x: expected shape \(n,\), found shape \(1, 1\)"),
        (3.0, r"found shape \(\)"),
        (["a"], "expected numbers, found values of type <U1"),
        ([None, 1.0], "expected numbers, found values of type object"),
        ([1.0, np.nan, np.nan], r"expected finite numbers, found nan at row 1 \(2 in all\)"),
        ([np.inf], "found inf at row 0"),
    ],
)
def test_numbers_say_what_was_found(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numbers("x", values)  # type: ignore[arg-type]


def test_labels_and_probabilities_say_what_was_found() -> None:
    with pytest.raises(ValueError, match="labels: expected only 0, 1, found 2 at row 1"):
        binary_labels("labels", [0, 2, 1])
    with pytest.raises(ValueError, match=r"expected only 0, 0\.5, 1, found -1 at row 0"):
        one_of("points", [-1], (0.0, 0.5, 1.0))
    with pytest.raises(ValueError, match=r"in \[0, 1\], found 1.5 at row 0"):
        probabilities("p", [1.5, 0.5])
    assert binary_labels("labels", [True, False]).tolist() == [1.0, 0.0]
    assert numbers("x", []).tolist() == []


@given(st.lists(st.one_of(st.text(max_size=3), st.integers(-3, 3))))
def test_ids_are_numbered_in_order_of_first_occurrence(ids: list[str]) -> None:
    codes, distinct = encode_ids("ids", ids)
    assert [distinct[code] for code in codes] == ids
    assert len(set(distinct)) == len(distinct)
    assert [code for position, code in enumerate(codes) if code not in codes[:position]] == list(range(len(distinct)))


def test_ids_may_be_arrays_of_any_kind_of_string_or_integer() -> None:
    for ids in (np.array(["b", "a", "b"]), np.array(["b", "a", "b"], dtype=object), np.array([7, 3, 7])):
        assert encode_ids("ids", ids)[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([None, "a"], "NoneType"),
        ([1.5], "float"),
        ([True], "bool"),
        ("abc", "one str"),
        (np.zeros((1, 1)), r"\(1, 1\)"),
    ],
)
def test_other_ids_are_refused(ids: object, found: str) -> None:
    with pytest.raises(ValueError, match=f"ids: expected .* found .*{found}"):
        encode_ids("ids", ids)  # type: ignore[arg-type]


def test_division_by_zero_is_undefined_and_silent() -> None:
    assert np.isnan(divide_or_nan(np.array([1.0, 0.0]), np.zeros(2))).all()
    assert divide_or_nan(np.array([1.0]), np.array([4.0])).tolist() == [0.25]
