"""All judgements mirrored: figures mirror, and what knows no side stays."""

import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.dashboard.made_up import FIRST, SECOND, World, pair, pair_item, ranking, ranking_item

SAID = [(FIRST, 4), (FIRST, 1), (SECOND, 2), (FIRST, 3), (SECOND, 4), (FIRST, 2)]


@pytest.fixture
def worlds(make_address):
    """Two studies of a kind."""
    opened = []

    def make(kind, **settings):
        opened.append(open_store(make_address("sqlite")))
        return World(opened[-1], kind, settings)

    yield make
    for store in opened:
        store.close()


def mirrored(outcome):
    return SECOND if outcome == FIRST else FIRST


def _pairs(worlds, mirror, question):
    world = worlds("pairs", axes=["harmlessness"], question=question)
    world.enter([pair_item(("m0", "m1")) for _ in SAID], overlap=2)
    for number, worker in enumerate(world.workers(2)):
        for place, (outcome, strength) in enumerate(SAID):
            said = outcome if (place + number) % 5 else mirrored(outcome)
            said = mirrored(said) if mirror else said
            world.judge(worker, pair(said, strength, a=place % 2, question=question, axes=("harmlessness",)))
    return world.figures()


@pytest.mark.parametrize("question", ["better", "more harmful"])
def test_pairs(worlds, question):
    plain, other = (_pairs(worlds, mirror, question) for mirror in (False, True))
    (axis,), (mirror,) = plain.axes, other.axes
    assert axis.first_better.value != 0.5
    assert mirror.first_better.value == pytest.approx(1 - axis.first_better.value)
    assert mirror.shown_first.value == pytest.approx(1 - axis.shown_first.value)
    counts = {each.value: each.count for each in axis.strengths}
    assert {-each.value: each.count for each in mirror.strengths} == counts
    assert [each.count for each in mirror.steps] == [each.count for each in axis.steps][::-1]
    assert mirror.models.elo["m0"].value == pytest.approx(-axis.models.elo["m0"].value)
    assert axis.models.elo["m0"].value > 0
    (met,), (met_mirror,) = axis.models.pairs, mirror.models.pairs
    assert (met.first_wins, met.second_wins) == (met_mirror.second_wins, met_mirror.first_wins)
    for one, two in zip(plain.agreement, other.agreement, strict=True):
        assert two.overall.percent == one.overall.percent
        assert two.overall.fleiss_kappa.value == pytest.approx(one.overall.fleiss_kappa.value)
        for level, alpha in one.overall.krippendorff_alpha.items():
            assert two.overall.krippendorff_alpha[level].value == pytest.approx(alpha.value)


def test_what_is_asked_turns_nothing(worlds):
    (better,), (harmful,) = (_pairs(worlds, False, question).axes for question in ("better", "more harmful"))
    assert harmful.first_better == better.first_better
    assert harmful.strengths == better.strengths
    assert harmful.models == better.models
    assert harmful.shown_first.value == pytest.approx(1 - better.shown_first.value)


def test_rankings(worlds):
    def figures(mirror):
        world = worlds("two-axis-ranking")
        world.enter([ranking_item(("m0", "m1", "m2")) for _ in range(3)], overlap=2)
        ranks = [(1, 2, 3), (1, 3, 2), (2, 1, 1)]
        for number, worker in enumerate(world.workers(2)):
            for place in range(3):
                given = ranks[(place + number) % 3]
                given = tuple(max(given) + 1 - rank for rank in given) if mirror else given
                world.judge(worker, ranking(given), kind="ranking")
        return world.figures()

    plain, other = figures(False), figures(True)
    axis, mirror = plain.axes[0], other.axes[0]
    assert mirror.first_better.value == pytest.approx(1 - axis.first_better.value)
    assert mirror.ties == axis.ties
    assert mirror.shown_first.value == pytest.approx(1 - axis.shown_first.value)
    for name, figure in axis.models.elo.items():
        assert mirror.models.elo[name].value == pytest.approx(-figure.value)
    assert axis.models.elo["m0"].value > axis.models.elo["m2"].value
    assert other.agreement[0].overall.percent == plain.agreement[0].overall.percent
