"""From an address to a source; and what importing the package costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import plumbline.sources
from plumbline.records import UsageError
from plumbline.sources import (
    EndpointOptions,
    EndpointSource,
    LocalModelOptions,
    LocalModelSource,
    ReplyError,
    RetrievalSource,
    open_source,
    parse_address,
)
from tests.sources.corpora import pair_table


def test_each_kind_of_address_opens_its_source():
    endpoint = open_source("openai:m@https://host.example/v1", endpoint=EndpointOptions(attempts=7))
    local = open_source("transformers:/nowhere", local_model=LocalModelOptions(form="hh"))
    corpus = open_source(parse_address("retrieval:toy"), table=pair_table())
    assert [type(each) for each in (endpoint, local, corpus)] == [EndpointSource, LocalModelSource, RetrievalSource]
    assert (endpoint.options.attempts, local.options.form) == (7, "hh")


def test_a_private_endpoint_is_refused_where_it_is_opened():
    with pytest.raises(ReplyError, match="PL-REP-004"):
        open_source("openai:m@http://127.0.0.1:8000/v1")
    open_source("openai:m@http://127.0.0.1:8000/v1", endpoint=EndpointOptions(allow_private=True))


def test_retrieval_needs_its_corpus():
    with pytest.raises(UsageError, match="PL-REP-038"):
        open_source("retrieval:toy")


def test_importing_the_package_loads_no_client_and_no_torch():
    heavy = ("openai", "httpx2", "torch", "transformers", "sklearn")
    program = f"import sys, plumbline.sources; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_names_of_the_package_stand_in_its_page():
    page = (Path(__file__).resolve().parents[2] / "docs" / "design" / "sources.md").read_text(encoding="utf-8")
    names = plumbline.sources.__all__
    assert sorted(names) == names
    assert len(names) == 31
    assert [name for name in names if not hasattr(plumbline.sources, name)] == []
    assert [name for name in names if f"`{name}" not in page] == []
