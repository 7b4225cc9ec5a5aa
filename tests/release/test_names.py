"""Words of data as names: safe to a path, a glob, YAML and `datasets`; never two of them one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.hh_rlhf import axis_of
from plumbline.records import Axis, Kind
from plumbline.release.names import data_path, folder_of, place_of, safe_split, safe_subset


@settings(max_examples=60)
@given(st.text(st.characters(), max_size=80))
def test_any_subset_or_split_becomes_a_safe_name(text):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", safe_subset(text))
    assert re.fullmatch(r"\w+", safe_split(text), re.ASCII)
    assert len(safe_split(text)) <= 61


@pytest.mark.parametrize(
    ("first", "second"), [("a b", "a/b"), ("..", "."), ("é", "è"), ("x" * 90, "x" * 91), ("", "-"), ("a b", "a-b")]
)
def test_two_subsets_never_become_one(first, second):
    assert safe_subset(first) != safe_subset(second)


@pytest.mark.parametrize(
    ("beside", "path"),
    [
        (["train", "test"], "a/test.jsonl.gz"),
        (["test"], "a/test.jsonl.gz"),
        (["test", "dev"], "a/data/test-00000-of-00001.jsonl.gz"),
        (["test", "train_2"], "a/data/test-00000-of-00001.jsonl.gz"),
    ],
)
def test_files_lie_where_their_split_keeps_its_name(beside, path):
    assert data_path("a", "test", ".jsonl.gz", beside=beside) == path
    assert place_of(path) == ("a", "test")
    assert place_of("data/test.jsonl.gz") == ("data", "test")


def test_usual_names_stay():
    assert [safe_subset(name) for name in ("harmless-base", "round0.30k", "a_b")] == [
        "harmless-base",
        "round0.30k",
        "a_b",
    ]
    assert [safe_split(name) for name in ("train", "testset-v1", None)] == ["train", "testset_v1", "data"]


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("subset", [None, "harmless-base", "helpful-online", "pku", "../overall", "default"])
def test_a_folder_of_pairs_tells_what_was_judged_and_one_of_labels_never_does(subset, axis):
    assert axis_of(folder_of(Kind.COMPARISONS, subset, axis)) is axis
    assert axis_of(folder_of(Kind.SAFETY_LABELS, subset, None)) is None


@pytest.mark.parametrize("taken", ["records", "curation", "default", "README.md", "license", "prompts"])
def test_no_folder_takes_a_name_that_a_release_needs(taken):
    assert folder_of(Kind.SAFETY_LABELS, taken, None) == f"labels-{taken}"
