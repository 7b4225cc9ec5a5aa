"""Samplings, replies, seeds and Retry-After."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.records import Message, Role, UsageError
from plumbline.sources import Reply, ReplyError, Sampling, derived_seed, fresh_seed
from plumbline.sources.failures import check_text
from plumbline.sources.replies import check_request
from plumbline.sources.retry_after import retry_after_seconds
from plumbline.sources.seeds import sample_seeds

HUMAN, ASSISTANT = Message(Role.HUMAN, "hm"), Message(Role.ASSISTANT, "so")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"temperature": value} for value in (-0.1, math.nan, math.inf, 101, True, 10**400, "1")),
        *({"top_p": value} for value in (0, 1.01, math.nan, None)),
        *({"top_k": value} for value in (0, 1.5, True)),
        *({"max_tokens": value} for value in (0, None, 10**9)),
        *({"seed": value} for value in (-1, 2**63, 0.5)),
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(UsageError, match="PL-REP-006") as caught:
        Sampling(**wrong)
    assert caught.value.place == next(iter(wrong))


def test_settings_at_the_ends_of_their_ranges():
    Sampling(temperature=0, top_p=1, top_k=1, max_tokens=1, seed=0)
    Sampling(temperature=1.5, top_p=0.95, top_k=30, max_tokens=512, seed=2**63 - 1)


def test_everything_but_the_text_is_handed_to_the_store():
    sampling = Sampling(seed=7, top_k=3)
    known = Reply("text", "openai:m@https://h/v1", "m", "m-1", 9, sampling, "length", 0.5).provenance()
    assert "text" not in known
    assert known["sampling"] == {"temperature": 1.0, "top_p": 1.0, "top_k": 3, "max_tokens": 512, "seed": 7}
    assert (known["source"], known["model"], known["snapshot"]) == ("openai:m@https://h/v1", "m", "m-1")
    assert (known["seed"], known["finish"], known["seconds"]) == (9, "length", 0.5)


@pytest.mark.parametrize("conversation", [(), (ASSISTANT,), (HUMAN, ASSISTANT), (Message(Role.SYSTEM, "be brief"),)])
def test_conversations_that_wait_for_no_reply(conversation):
    with pytest.raises(UsageError, match="PL-REP-030"):
        check_request(conversation, 1)


@pytest.mark.parametrize("count", [0, -1, 257, True])
def test_counts_that_do_not_exist(count):
    with pytest.raises(UsageError, match="PL-REP-006"):
        check_request((HUMAN,), count)
    check_request((HUMAN,), 256)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "022"), (" \n\t", "022"), ("a\0b", "024"), ("a\ud800", "024"), ("\udc00", "024")],
)
def test_texts_that_cannot_be_stored(text, code):
    with pytest.raises(ReplyError, match=f"PL-REP-{code}"):
        check_text(text, "toy")


def test_texts_are_kept_as_they_are():
    assert check_text(" a\n\U0001f600 ", "toy") == " a\n\U0001f600 "


# --- seeds ---


def test_seeds_are_the_same_everywhere_and_for_ever():
    assert [derived_seed(1, "sample", 0), derived_seed(1, "sample", 1), derived_seed(2)] == [
        1762757880,
        1726891952,
        234491771,
    ]


@given(st.integers(0, 2**63 - 1), st.integers(1, 64))
def test_samples_have_different_seeds_and_more_of_them_begin_with_the_same(seed, count):
    seeds = sample_seeds(seed, count)
    assert len(set(seeds)) == count
    assert all(0 <= each < 2**31 for each in seeds)
    assert sample_seeds(seed, count + 3)[:count] == seeds


def test_without_a_seed_a_fresh_one_is_drawn():
    assert sample_seeds(None, 2) != sample_seeds(None, 2)
    assert fresh_seed() != fresh_seed()


# --- Retry-After ---

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 12:01:30 -0000"}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sat, 99 Nov 2026 12:01:30 GMT"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers, seconds):
    assert retry_after_seconds(headers, NOW) == seconds
