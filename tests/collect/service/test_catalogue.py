"""Studies are read once; versions of guidelines are known as soon as they are there."""

import pytest

from plumbline.collect.service import catalogue as catalogue_module
from plumbline.collect.service.catalogue import Catalogue
from plumbline.collect.service.studies import new_guidelines
from plumbline.collect.store.failures import NotFoundError


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
