"""Studies are read once; versions of guidelines are known as soon as they are there."""

import pytest
from sqlalchemy import text

from plumbline.collect.kinds import reply_seed
from plumbline.collect.kinds.sides import shown_order
from plumbline.collect.service import catalogue as catalogue_module
from plumbline.collect.service.catalogue import Catalogue, mixed_seed
from plumbline.collect.service.studies import new_guidelines
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.studies import find_study
from plumbline.sources.samplers import _ordered_pair
from plumbline.sources.seeds import derived_seed


def test_a_study_is_parsed_once(desk, monkeypatch):
    made, parsed = desk.study(), []
    monkeypatch.setattr(catalogue_module, "parse_study_file", lambda *_: parsed.append(1) or made.settings)
    catalogue = Catalogue(desk.store)
    assert catalogue.named("s") is catalogue.named("s") is catalogue.of_id(made.id)
    assert parsed == [1]
    with pytest.raises(NotFoundError):
        catalogue.named("other")
    with pytest.raises(NotFoundError):
        catalogue.of_id(99)


def test_memory_has_an_end(desk, monkeypatch):
    monkeypatch.setattr(catalogue_module, "_MOST", 2)
    for name in "abc":
        desk.study(name=name)
    catalogue = Catalogue(desk.store)
    for name in "abcabc":
        assert catalogue.named(name).settings.name == name
    assert len(catalogue._by_name) <= 2


def test_a_version_is_known_as_soon_as_it_is_there(desk):
    study = desk.study()
    catalogue = Catalogue(desk.store)
    assert [catalogue.has_version(study.id, version) for version in (-1, 0, 1, 2)] == [False, False, True, False]
    new_guidelines(desk.collecting, "s", "Other.")
    assert catalogue.has_version(study.id, 2)


ASSIGNMENTS = [str(number) for number in range(64)]


def orders(seed):
    """What 64 assignments are shown, as the seed has it."""
    return [shown_order(seed, assignment, 1).sides for assignment in ASSIGNMENTS]


def models(seed):
    """Which of two models stands on side 0 in 64 draws, as `TwoModels` draws by a seed."""
    drawn = [reply_seed(seed, assignment, 1, 0) for assignment in ASSIGNMENTS]
    return [_ordered_pair(derived_seed(base, "models"), 2)[0] for base in drawn]


def test_two_studies_of_one_file_draw_differently_and_neither_as_the_file_says(desk):
    first, second = desk.study(name="a", seed=6).settings.seed, desk.study(name="b", seed=6).settings.seed
    seeds = (6, first, second)
    assert all(0 <= seed < 2**63 for seed in seeds)
    for drawn in (orders, models):
        found = [drawn(seed) for seed in seeds]
        assert found[0] != found[1] != found[2] != found[0]


def test_a_study_draws_the_same_after_reopening(desk):
    seed = desk.study().settings.seed
    assert Catalogue(desk.store).named("s").settings.seed == seed == Catalogue(desk.store).of_id(1).settings.seed


def test_two_seeds_of_one_secret_draw_differently():
    assert mixed_seed(0, "ab") != mixed_seed(1, "ab") != mixed_seed(1, "ac")


def test_a_study_of_before_goes_on_with_the_seed_of_its_file(desk):
    desk.study(seed=6)
    desk.store.write(lambda connection: connection.execute(text("UPDATE studies SET secret = NULL")))
    assert Catalogue(desk.store).named("s").settings.seed == 6


def test_the_secret_is_in_nothing_that_is_printed(desk):
    desk.study()
    row = find_study(desk.store, "s")
    assert len(row.secret) == 32
    assert row.secret not in repr(row)
    assert str(Catalogue(desk.store).named("s").settings.seed) not in repr(row)
