"""Arrays as they come in: checked once at the door, with errors that say what was expected and what was found.

Covers the arguments of the public functions of this package. Not the data's own shortcomings (no rows, one class
only): those give an undefined figure, never an error.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Ids: TypeAlias = Sequence[str] | Sequence[int] | NDArray[Any]


def numbers(name: str, values: ArrayLike) -> FloatArray:
    """Read a vector of finite numbers.

    Args:
        name: what to call it in an error.
        values: shape (n,).
    Returns:
        Shape (n,), float64.
    Raises:
        ValueError: not one-dimensional, not numeric, or some value is NaN or infinite.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), found shape {array.shape}.")
    if array.size == 0:
        return np.zeros(0)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers, found values of type {array.dtype}.")
    result = array.astype(np.float64)
    _refuse_rows(name, result, ~np.isfinite(result), "finite numbers")
    return result


def binary_labels(name: str, labels: ArrayLike) -> FloatArray:
    """Read a vector of labels 0 and 1 (or booleans).

    Args:
        name: what to call it in an error.
        labels: shape (n,).
    Returns:
        Shape (n,), float64, each 0.0 or 1.0.
    Raises:
        ValueError: not a vector of numbers, or some value is neither 0 nor 1.
    """
    return one_of(name, labels, (0.0, 1.0))


def one_of(name: str, values: ArrayLike, allowed: tuple[float, ...]) -> FloatArray:
    """Read a vector whose values are all among the allowed ones.

    Args:
        name: what to call it in an error.
        values: shape (n,).
        allowed: the values that may occur.
    Returns:
        Shape (n,), float64.
    Raises:
        ValueError: not a vector of numbers, or some value is not allowed.
    """
    result = numbers(name, values)
    _refuse_rows(name, result, ~np.isin(result, allowed), f"only {', '.join(f'{value:g}' for value in allowed)}")
    return result


def probabilities(name: str, values: ArrayLike) -> FloatArray:
    """Read a vector of probabilities.

    Args:
        name: what to call it in an error.
        values: shape (n,); each in [0, 1].
    Returns:
        Shape (n,), float64.
    Raises:
        ValueError: not a vector of numbers, or some value lies outside [0, 1].
    """
    result = numbers(name, values)
    _refuse_rows(name, result, (result < 0.0) | (result > 1.0), "probabilities in [0, 1]")
    return result


def _refuse_rows(name: str, values: FloatArray, refused: NDArray[np.bool_], expected: str) -> None:
    """Name the first row refused, and how many there are, shape (n,) both; nothing where none is."""
    rows = np.flatnonzero(refused)
    if rows.size:
        raise ValueError(
            f"{name}: expected {expected}, found {values[rows[0]]:g} at row {rows[0]} ({rows.size} in all)."
        )


def check_fraction(name: str, value: float) -> None:
    """Refuse a setting that does not lie strictly between 0 and 1.

    Args:
        name: what to call it in the error.
        value: the setting.
    Raises:
        ValueError: value <= 0, value >= 1, or NaN.
    """
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: expected a number strictly between 0 and 1, found {value!r}.")


def check_same_length(**arrays: NDArray[Any]) -> None:
    """Refuse arrays that are paired by position but differ in length.

    Args:
        **arrays: name = array of shape (n, ...).
    Raises:
        ValueError: the lengths differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"Arrays paired by position: expected equal lengths, found {found}.")


def encode_ids(name: str, ids: Ids) -> tuple[IntArray, list[Any]]:
    """Number ids in the order in which they first occur.

    Args:
        name: what to call it in an error.
        ids: shape (n,); strings or integers.
    Returns:
        The codes, shape (n,), in 0 … k − 1, and the k distinct ids.
    Raises:
        ValueError: not one-dimensional, or some id is neither a string nor an integer.
    """
    if isinstance(ids, (str, bytes)):
        raise ValueError(f"{name}: expected a sequence of ids, found one {type(ids).__name__}.")
    if isinstance(ids, np.ndarray) and ids.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), found shape {ids.shape}.")
    rows: list[Any] = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    wrong = {kind for kind in set(map(type, rows)) if kind is bool or not issubclass(kind, (str, int, np.integer))}
    if wrong:
        found = ", ".join(sorted(kind.__name__ for kind in wrong))
        raise ValueError(f"{name}: expected strings or integers, found {found}.")
    distinct = list(dict.fromkeys(rows))
    code_of = {identifier: code for code, identifier in enumerate(distinct)}
    return np.fromiter(map(code_of.__getitem__, rows), np.int64, len(rows)), distinct


def indices(name: str, values: ArrayLike, count: int) -> IntArray:
    """Read a vector of whole numbers below a count.

    Args:
        name: what to call it in an error.
        values: shape (n,); 0 … count − 1.
        count: how many things the numbers stand for.
    Returns:
        Shape (n,), int64.
    Raises:
        ValueError: another shape or type, or a number outside the range.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), found shape {array.shape}.")
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected whole numbers, found values of type {array.dtype}.")
    rows = np.flatnonzero((array < 0) | (array >= count))
    if rows.size:
        raise ValueError(
            f"{name}: expected 0 … {count - 1}, found {array[rows[0]]} at row {rows[0]} ({rows.size} in all)."
        )
    return array.astype(np.int64)


def vote_table(votes: ArrayLike, name: str = "votes") -> FloatArray:
    """Read a table of counts.

    Args:
        votes: shape (items, classes); whole numbers >= 0, at least one class.
        name: what to call it in an error.
    Returns:
        The same shape, float64.
    Raises:
        ValueError: another shape, or a cell that is no count.
    """
    table = np.asarray(votes)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"{name}: expected shape (items, classes), found shape {table.shape}.")
    if table.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected counts, found values of type {table.dtype}.")
    counts = table.astype(np.float64)
    wrong = np.argwhere(~(counts >= 0) | (counts != np.floor(counts)) | np.isinf(counts))
    if len(wrong):
        item, column = wrong[0]
        raise ValueError(
            f"{name}: expected whole numbers >= 0, found {counts[item, column]:g} at item {item} ({len(wrong)} in all)."
        )
    return counts


def divide_or_nan(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide, giving NaN (undefined) where the denominator is 0, without a warning.

    Args:
        numerator: any shape; any unit.
        denominator: a shape that broadcasts with it.
    Returns:
        The broadcast shape, in the unit of the quotient; NaN where denominator == 0.
    """
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    result = np.full(shape, np.nan)
    np.divide(numerator, denominator, out=result, where=np.broadcast_to(denominator, shape) != 0)
    return result
