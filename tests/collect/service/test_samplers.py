"""What study files may name, and what is opened of it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.samplers import OpenedSamplers, SourceRules
from plumbline.collect.study_file import parse_study_file
from plumbline.records import Message, Role
from plumbline.sources import BestOf, TakenUpScorer, TwoModels, TwoSamples
from tests.collect.api.client import EXAMPLES, toml

CORPUS = "retrieval:data/comparisons.jsonl"


def known(**replies):
    given = {"sampler": "two-samples", "sources": [CORPUS]} | replies
    tranche = "rejection-sampled" if given["sampler"] == "best-of-k" else "base"
    text = toml("preference-chat", axes=["helpfulness"], items={"from_workers": True}, replies=given, tranche=tranche)
    return KnownStudy(1, parse_study_file(text))


def opened(study, rules=None, **more):
    async def of_study():
        pool = OpenedSamplers(rules or SourceRules(EXAMPLES), **more)
        first, second = await asyncio.gather(pool.of_study(study), pool.of_study(study))
        assert first is second
        drawn = await first.draw((Message(Role.HUMAN, "How do I get my neighbour to stop?"),), seed=3)
        await pool.close()
        await pool.close()
        return first, drawn

    return asyncio.run(of_study())


def test_each_sampler_is_opened_as_the_study_says():
    assert isinstance(opened(known())[0], TwoSamples)
    two = known(sampler="two-models", sources=[CORPUS, "retrieval:data/labels.jsonl"])
    assert isinstance(opened(two)[0], TwoModels)
    best, drawn = opened(known(sampler="best-of-k", k=4, scorer="m"), open_scorer=lambda _: TakenUpScorer())
    assert isinstance(best, BestOf)
    assert len(drawn.considered) == 4
    assert np.isfinite([each.score for each in drawn.considered]).all()


def test_a_corpus_is_named_as_the_study_names_it():
    _, drawn = opened(known())
    assert drawn.sides[0].source == CORPUS


def test_best_of_k_needs_something_to_rank_by():
    with pytest.raises(ServiceError, match="PL-SVC-003"):
        opened(known(sampler="best-of-k", k=4, scorer="m"))


def test_a_scorers_folder_is_below_the_servers():
    seen = []

    def open_scorer(path: Path):
        seen.append(path)
        return TakenUpScorer()

    opened(known(sampler="best-of-k", k=4, scorer="models/m"), open_scorer=open_scorer)
    assert seen == [EXAMPLES.resolve() / "models/m"]
    with pytest.raises(ServiceError, match="PL-SVC-003"):
        opened(known(sampler="best-of-k", k=4, scorer="../m"), open_scorer=open_scorer)


def test_a_link_does_not_lead_out(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(EXAMPLES)
    with pytest.raises(ServiceError, match="PL-SVC-003"):
        SourceRules(tmp_path / "data").check(known(sources=["retrieval:link/data/comparisons.jsonl"]).settings.replies)


ENDPOINT = {"sources": ["openai:m@https://api.example/v1"]}


def test_what_the_server_permits_is_permitted_and_nothing_else():
    key = known(**ENDPOINT, key_variable="MY_KEY").settings.replies
    with pytest.raises(ServiceError, match="key_variable"):
        SourceRules(EXAMPLES).check(key)
    with pytest.raises(ServiceError, match="key_variable"):
        SourceRules(EXAMPLES, key_variables=frozenset({"MY_KEY2"})).check(key)
    SourceRules(EXAMPLES, key_variables=frozenset({"MY_KEY"})).check(key)
    private = known(**ENDPOINT, allow_private=True).settings.replies
    with pytest.raises(ServiceError, match="private"):
        SourceRules(EXAMPLES).check(private)
    SourceRules(EXAMPLES, allow_private=True).check(private)
    model = known(sources=["transformers:m"]).settings.replies
    with pytest.raises(ServiceError, match="transformers"):
        SourceRules(EXAMPLES).check(model)
    SourceRules(EXAMPLES, kinds=frozenset({"transformers"})).check(model)


def test_what_may_be_named_is_looked_at_when_it_is_opened_too():
    """A study may have come into the store by other rules."""
    with pytest.raises(ServiceError, match="transformers"):
        opened(known(sources=["transformers:m"]))
    with pytest.raises(ServiceError, match="private"):
        opened(known(**ENDPOINT, allow_private=True))


def test_a_source_that_could_not_be_opened_is_opened_again(tmp_path):
    study = known(sources=["retrieval:later.jsonl"])

    async def twice():
        pool = OpenedSamplers(SourceRules(tmp_path))
        with pytest.raises(Exception, match="PL-SRC-001"):
            await pool.of_study(study)
        (tmp_path / "later.jsonl").write_bytes((EXAMPLES / "data/comparisons.jsonl").read_bytes())
        return await pool.of_study(study)

    assert isinstance(asyncio.run(twice()), TwoSamples)
