import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.measure import Figure, format_figure

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_json_has_exactly_the_keys_of_the_contract() -> None:
    figure = Figure(0.643, 0.612, 0.671, 335, None)
    assert figure.to_json() == {"value": 0.643, "low": 0.612, "high": 0.671, "n": 335, "why_undefined": None}
    assert list(figure.to_json()) == ["value", "low", "high", "n", "why_undefined"]


def test_numpy_scalars_become_plain_numbers() -> None:
    figure = Figure(np.float32(0.5), np.float64(0.25), np.float64(0.75), np.int64(4), None)  # type: ignore[arg-type]
    assert type(figure.value) is float
    assert type(figure.n) is int
    assert json.loads(json.dumps(figure.to_json())) == figure.to_json()


@given(FINITE, st.tuples(FINITE, FINITE).map(sorted), st.integers(0, 10**9))
def test_json_round_trip(value: float, ends: list[float], n: int) -> None:
    for figure in (
        Figure(value, *ends, n, None),
        Figure.undefined(n, "no rows"),
        Figure.without_interval(value, n, "x"),
    ):
        assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "0.5", True])
def test_non_finite_values_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"expected a finite number or None, found"):
        Figure(bad, 0.0, 1.0, 3, None)
    with pytest.raises(ValueError, match=r"Figure.high: expected a finite"):
        Figure(0.5, 0.0, bad, 3, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((0.5, 0.6, 0.4, 3, None), "low <= high"),
        ((0.5, 0.4, None, 3, None), "both ends"),
        ((0.5, None, None, 3, None), "why_undefined exactly"),
        ((0.5, 0.4, 0.6, 3, "why"), "why_undefined exactly"),
        ((None, None, None, 3, None), "why_undefined exactly"),
        ((None, None, None, 3, ""), "why_undefined exactly"),
        ((None, 0.1, 0.2, 3, None), "no interval"),
        ((0.5, 0.4, 0.6, -1, None), ">= 0"),
        ((0.5, 0.4, 0.6, 1.5, None), "whole number"),
    ],
)
def test_states_that_mean_nothing_are_refused(fields: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Figure(*fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"value": 1.0}, {**Figure.undefined(0, "x").to_json(), "mean": 1.0}])
def test_json_with_other_keys_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected the keys value, low, high, n, why_undefined, found"):
        Figure.from_json(fields)


def test_text() -> None:
    assert format_figure(Figure(0.6429, 0.612, 0.671, 335, None)) == "0.643 (0.612–0.671, n=335)"
    assert format_figure(Figure(0.05, -0.1, 0.2, 9, None), digits=1) == "0.1 (-0.1 to 0.2, n=9)"
    assert format_figure(Figure(-0.0001, -0.0002, 0.2, 9, None)) == "0.000 (0.000–0.200, n=9)"
    assert format_figure(Figure.without_interval(0.5, 4, "one cluster only")) == (
        "0.500 (no interval: one cluster only, n=4)"
    )
    with pytest.raises(ValueError, match="digits"):
        format_figure(Figure.undefined(0, "x"), digits=-1)


@given(st.integers(0, 5), st.integers(0, 9))
def test_an_undefined_figure_never_reads_as_a_number(n: int, digits: int) -> None:
    text = format_figure(Figure.undefined(n, "no rows"), digits=digits)
    assert text == f"undefined (no rows, n={n})"
