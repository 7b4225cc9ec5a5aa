import json
from pathlib import Path

import krippendorff as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from plumbline.measure import (
    Bootstrap,
    Figure,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)

SEEDED = Bootstrap(seed=5, resamples=100)
PANDALM = Path(__file__).parents[3] / "shared" / "data" / "pandalm" / "testset-v1.json"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
@settings(max_examples=80)
def test_cohen_agrees_with_scikit_learn_unless_a_rater_is_constant(pairs: list[tuple[int, int]]) -> None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    figure = cohen_kappa(first, second, bootstrap=SEEDED)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert figure == Figure.undefined(len(pairs), "a rater gave every item the same category")
    else:
        assert figure.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
        assert cohen_kappa(second, first, bootstrap=SEEDED).value == pytest.approx(figure.value)


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=30))
@settings(max_examples=80)
def test_fleiss_agrees_with_statsmodels(rows: list[list[int]]) -> None:
    figure = fleiss_kappa(rows, bootstrap=SEEDED)
    if len({value for row in rows for value in row}) == 1:
        assert figure == Figure.undefined(len(rows), "every rating is the same")
    else:
        table, _ = inter_rater.aggregate_raters(np.array(rows))
        assert figure.value == pytest.approx(inter_rater.fleiss_kappa(table, method="fleiss"), abs=1e-12)


def test_fleiss_worked_example() -> None:
    """The textbook table of 10 items, 14 raters and 5 categories, whose kappa is printed as 0.210."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    ratings = [np.repeat(np.arange(5), row) for row in counts]
    assert fleiss_kappa(ratings, bootstrap=SEEDED).value == pytest.approx(0.210, abs=5e-4)


def test_fleiss_with_unequal_raters_by_hand() -> None:
    """Items aa, aab, ab: P = (1 + 1/3 + 0)/3 = 4/9; p_a = (1 + 2/3 + 1/2)/3 = 13/18; P_e = 194/324."""
    nan = np.nan
    figure = fleiss_kappa([[0, 0, nan], [0, 0, 1], [nan, 1, 0], [1, nan, nan]], bootstrap=SEEDED)
    by_chance = (13 / 18) ** 2 + (5 / 18) ** 2
    assert figure.value == pytest.approx((4 / 9 - by_chance) / (1 - by_chance))
    assert figure.n == 3


def test_percent_agreement_by_hand() -> None:
    figure = percent_agreement([[1, 1, 1], [1, 1, 2], [3, 2, 1], [2, np.nan, np.nan]], bootstrap=SEEDED)
    assert figure.value == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert figure.n == 3
    assert figure.low is not None


TABLES = st.lists(
    st.lists(st.one_of(st.integers(0, 4).map(float), st.just(np.nan)), min_size=4, max_size=4), min_size=1, max_size=20
)


@given(TABLES, st.sampled_from(["nominal", "ordinal", "interval"]))
@settings(max_examples=60)
def test_alpha_agrees_with_the_krippendorff_library(rows: list[list[float]], level: str) -> None:
    table = np.array(rows)
    figure = krippendorff_alpha(table, level=level, bootstrap=SEEDED)  # type: ignore[arg-type]
    used = table[(~np.isnan(table)).sum(axis=1) >= 2]
    distinct = np.unique(used[~np.isnan(used)])
    if len(used) == 0:
        assert figure == Figure.undefined(0, "no item has two ratings")
    elif len(distinct) == 1:
        assert figure == Figure.undefined(len(used), "every rating is the same")
    else:
        expected = reference.alpha(reliability_data=used.T, level_of_measurement=level)
        assert figure.value == pytest.approx(expected, abs=1e-9)
        assert figure.n == len(used)


def test_alpha_of_continuous_grades_far_from_zero() -> None:
    table = 1e6 + np.random.default_rng(0).normal(size=(80, 3)) + np.random.default_rng(1).normal(size=(80, 1))
    figure = krippendorff_alpha(table, level="interval", bootstrap=SEEDED)
    expected = reference.alpha(reliability_data=(table - 1e6).T, level_of_measurement="interval")
    assert figure.value == pytest.approx(expected, abs=1e-6)
    assert figure.low < figure.value < figure.high


@given(TABLES)
@settings(max_examples=40)
def test_order_matters_to_no_alpha_but_by_rank(rows: list[list[float]]) -> None:
    """Ordinal alpha knows ranks only; interval alpha survives shifts and stretches; nominal any renaming."""
    table = np.array(rows)
    for level, mapped in (
        ("nominal", (table * 3) % 5),
        ("ordinal", np.exp(table)),
        ("interval", 7 - 2 * table),
    ):
        first = krippendorff_alpha(table, level=level, bootstrap=SEEDED)  # type: ignore[arg-type]
        second = krippendorff_alpha(mapped, level=level, bootstrap=SEEDED)  # type: ignore[arg-type]
        assert (first.value is None) == (second.value is None)
        if first.value is not None:
            assert first.value == pytest.approx(second.value, abs=1e-9)


MEASURES = {
    "percent": lambda table, **more: percent_agreement(table, **more),
    "fleiss": lambda table, **more: fleiss_kappa(table, **more),
    "nominal": lambda table, **more: krippendorff_alpha(table, level="nominal", **more),
    "ordinal": lambda table, **more: krippendorff_alpha(table, level="ordinal", **more),
    "interval": lambda table, **more: krippendorff_alpha(table, level="interval", **more),
    "cohen": lambda table, **more: cohen_kappa(np.array(table)[:, 0], np.array(table)[:, 1], **more),
}


def _simulated(items: int, seed: int, raters: int = 2) -> np.ndarray:
    """Each rating is the item's own value with probability 0.8, else one of four at random."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 4, size=(items, 1))
    return np.where(rng.random((items, raters)) < 0.8, own, rng.integers(0, 4, size=(items, raters)))


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_intervals_cover_what_holds_in_the_long_run(name: str) -> None:
    truth = MEASURES[name](_simulated(200_000, 0), bootstrap=SEEDED).value
    if name in ("cohen", "fleiss", "nominal"):
        assert truth == pytest.approx(0.64, abs=0.005)  # both copied the item's value: 0.8 · 0.8
    hits = 0
    for seed in range(1, 121):
        figure = MEASURES[name](_simulated(100, seed), bootstrap=Bootstrap(seed=seed, resamples=200))
        hits += figure.low <= truth <= figure.high
    assert hits >= 106  # 114 expected


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_groups_of_items_and_single_clusters(name: str) -> None:
    table = np.repeat(_simulated(40, 3), 5, axis=0)
    many = Bootstrap(seed=1, resamples=1000)
    alone = MEASURES[name](table, bootstrap=many)
    together = MEASURES[name](table, bootstrap=many, group_ids=np.repeat(np.arange(40), 5))
    assert alone.value == pytest.approx(together.value)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(5), rel=0.2)
    single = MEASURES[name](table, bootstrap=many, group_ids=["p"] * 200)
    assert single == Figure.without_interval(single.value, 200, "one cluster only, an interval needs two")


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_nothing_to_agree_on_is_undefined(name: str) -> None:
    empty, single = np.zeros((0, 2)), np.array([[1.0, np.nan]])
    assert MEASURES[name](empty, bootstrap=SEEDED) == Figure.undefined(0, "no rows")
    assert MEASURES[name](single, bootstrap=SEEDED).value is None
    constant = MEASURES[name](np.ones((9, 2)), bootstrap=SEEDED)
    if name == "percent":
        assert (constant.value, constant.high) == (1.0, 1.0)
        assert constant.low < 0.9
    else:
        assert constant.value is None
        assert "same" in (constant.why_undefined or "")


def test_invalid_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="level: expected nominal, ordinal or interval, found 'ratio'"):
        krippendorff_alpha([[1, 2]], level="ratio", bootstrap=SEEDED)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="found first_ratings 1, second_ratings 2"):
        cohen_kappa([1], [1, 2], bootstrap=SEEDED)
    with pytest.raises(ValueError, match=r"first_ratings: expected numbers of shape \(items,\), found <U1"):
        cohen_kappa(["a"], ["b"], bootstrap=SEEDED)
    with pytest.raises(ValueError, match="expected finite numbers or NaN"):
        cohen_kappa([np.inf], [1], bootstrap=SEEDED)
    with pytest.raises(ValueError, match="group_ids: expected one a row, 1 in all, found 2"):
        fleiss_kappa([[1, 2]], bootstrap=SEEDED, group_ids=["a", "b"])


@pytest.mark.skipif(not PANDALM.exists(), reason="the PandaLM test set is not in ../shared/data")
def test_three_workers_of_pandalm() -> None:
    rows = json.loads(PANDALM.read_text(encoding="utf-8"))
    ratings = np.array([[row[f"annotator{worker}"] for worker in (1, 2, 3)] for row in rows], dtype=float)
    assert ratings.shape == (999, 3)
    prompts = [row["instruction"] + "\n" + row["input"] for row in rows]
    fleiss = fleiss_kappa(ratings, bootstrap=SEEDED, group_ids=prompts)
    table, _ = inter_rater.aggregate_raters(ratings.astype(int))
    assert fleiss.value == pytest.approx(inter_rater.fleiss_kappa(table), abs=1e-12)
    assert fleiss.low < fleiss.value < fleiss.high
    for level in ("nominal", "ordinal", "interval"):
        alpha = krippendorff_alpha(ratings, level=level, bootstrap=SEEDED, group_ids=prompts)  # type: ignore[arg-type]
        expected = reference.alpha(reliability_data=ratings.T, level_of_measurement=level)
        assert alpha.value == pytest.approx(expected, abs=1e-12)
