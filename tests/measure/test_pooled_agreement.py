import numpy as np
import pytest

from plumbline.measure import agreement as tables
from plumbline.measure.bootstrap import Bootstrap
from plumbline.measure.krippendorff import krippendorff_alpha
from plumbline.measure.pooled_agreement import RatedUnits, agreement_of_units, agreement_with_others
from plumbline.measure.rating_tables import pack_ratings

LEVELS = ("nominal", "ordinal", "interval")
BOOTSTRAP = Bootstrap(seed=5)


def _made_up(units=300, values=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, values, units)
    codes = np.repeat(np.arange(units), rng.integers(1, 5, units))
    said = np.where(rng.random(len(codes)) < 0.6, truth[codes], rng.integers(0, values, len(codes)))
    return codes, said.astype(float)


@pytest.mark.parametrize("values", [2, 5])
def test_every_figure_is_that_of_the_table(values):
    codes, said = _made_up(values=values)
    table, _ = pack_ratings(codes, said)
    found = agreement_of_units(RatedUnits.of(codes, said), LEVELS, BOOTSTRAP)
    expected = {
        "percent": tables.percent_agreement(table, bootstrap=BOOTSTRAP),
        "kappa": tables.fleiss_kappa(table, bootstrap=BOOTSTRAP),
        **{level: krippendorff_alpha(table, level=level, bootstrap=BOOTSTRAP) for level in LEVELS},
    }
    ours = {"percent": found.percent, "kappa": found.fleiss_kappa, **found.alpha}
    assert ours.keys() == expected.keys()
    for name, figure in ours.items():
        assert figure.value == pytest.approx(expected[name].value, abs=1e-12), name
        assert figure.n == expected[name].n
        assert figure.low == pytest.approx(expected[name].low, abs=0.02), name
        assert figure.high == pytest.approx(expected[name].high, abs=0.02), name


def test_units_of_a_cluster_are_drawn_together():
    codes, said = _made_up(units=400)
    clusters = codes // 8
    table, first = pack_ratings(codes, said)
    groups = np.array(first) // 8
    found = agreement_of_units(RatedUnits.of(codes, said, clusters), ("nominal",), BOOTSTRAP)
    expected = krippendorff_alpha(table, level="nominal", bootstrap=BOOTSTRAP, group_ids=groups)
    assert found.alpha["nominal"].value == pytest.approx(expected.value, abs=1e-12)
    assert found.alpha["nominal"].low == pytest.approx(expected.low, abs=0.02)
    with pytest.raises(ValueError, match="ordinal"):
        agreement_of_units(RatedUnits.of(codes, said, clusters), LEVELS, BOOTSTRAP)


def test_by_hand():
    # Two items, three raters: a a b, and b b b. Pairs equal: 1 of 3, and 3 of 3.
    units = RatedUnits.of(np.array([1, 1, 1, 2, 2, 2]), np.array([0.0, 0, 1, 1, 1, 1]))
    found = agreement_of_units(units, ("nominal",), BOOTSTRAP)
    assert found.percent.value == pytest.approx((1 / 3 + 1) / 2)
    # p = (2/6, 4/6): by chance 5/9. Kappa (2/3 − 5/9) / (4/9) = 1/4.
    assert found.fleiss_kappa.value == pytest.approx(0.25)
    # Do = (2·2·1/2)/6 = 1/3; De = 2·2·4/(6·5) = 8/15; alpha = 1 − 5/8.
    assert found.alpha["nominal"].value == pytest.approx(0.375)


def test_what_cannot_be_told_says_why():
    alone = agreement_of_units(RatedUnits.of(np.array([1, 2]), np.array([0.0, 1.0])), LEVELS, BOOTSTRAP)
    assert alone.percent.why_undefined == "no item has two ratings"
    same = agreement_of_units(RatedUnits.of(np.array([1, 1, 2, 2]), np.ones(4)), LEVELS, BOOTSTRAP)
    assert same.percent.value == 1.0
    assert same.alpha["ordinal"].value is None
    assert same.fleiss_kappa.value is None
    none = agreement_of_units(RatedUnits.of(np.zeros(0, dtype=int), np.zeros(0)), LEVELS, BOOTSTRAP)
    assert none.percent.why_undefined == "no rows"


def test_against_one_other_it_is_cohens_kappa():
    rng = np.random.default_rng(4)
    first = rng.integers(0, 3, 80).astype(float)
    second = np.where(rng.random(80) < 0.6, first, rng.integers(0, 3, 80)).astype(float)
    codes, said = np.concatenate([np.arange(80), np.arange(80)]), np.concatenate([first, second])
    percent, kappa = agreement_with_others(codes, said, np.arange(160) < 80, BOOTSTRAP)
    assert percent.value == pytest.approx((first == second).mean())
    assert kappa.value == pytest.approx(tables.cohen_kappa(first, second, bootstrap=BOOTSTRAP).value)


def test_others_share_the_vote_and_items_without_others_are_left_out():
    # Unit 1: I say 0, others 0 and 1. Unit 2: I say 1, the other 1. Unit 3: only I. Unit 4: not I.
    codes = np.array([1, 1, 1, 2, 2, 3, 4, 4])
    said = np.array([0.0, 0, 1, 1, 1, 0, 0, 1])
    mine = np.array([1, 0, 0, 1, 0, 1, 0, 0], dtype=bool)
    percent, kappa = agreement_with_others(codes, said, mine, BOOTSTRAP)
    assert (percent.value, percent.n) == (0.75, 2)
    # By chance: mine (1/2, 1/2), others (1/4, 3/4): 1/2. Kappa (3/4 − 1/2) / (1/2).
    assert kappa.value == pytest.approx(0.5)
    alone, _ = agreement_with_others(codes, said, codes == 3, BOOTSTRAP)
    assert alone.value is None
