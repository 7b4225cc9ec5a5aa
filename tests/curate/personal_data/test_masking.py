"""No value survives masking, and nothing else is touched."""

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from plumbline.curate.personal_data import KINDS, find_personal_data, mask_personal_data
from plumbline.records import UsageError
from tests.curate.personal_data.values import ANNOUNCED, FOUND, NOT_FOUND

VALUES = [value for values in FOUND.values() for value in values]
PIECES = [*VALUES, *(f"{word} {number}" for word, number in ANNOUNCED.values()), *(n for _, n in ANNOUNCED.values())]
GLUE = [
    "",
    " ",
    "-",
    ".",
    ",",
    ":",
    "/",
    "@",
    "+",
    "1",
    "x",
    "_",
    " at ",
    "\n",
    "é",
    "\u200b",
    "[",
    "]",
    " phone ",
    "SSN ",
    "://",
]
TEXTS = st.lists(st.sampled_from([*PIECES, *GLUE, *GLUE, *NOT_FOUND]), max_size=12).map("".join)


def masked(texts, **options):
    return mask_personal_data(texts, find_personal_data(texts), **options)


def test_the_placeholder_names_the_kind_and_the_rest_stays():
    texts = pl.Series(["🙂 a@b.co, or a@b.co", None, "nothing", "SSN: 536-90-4399\n"])
    assert masked(texts).to_list() == ["🙂 [EMAIL], or [EMAIL]", None, "nothing", "SSN: [US_SSN]\n"]
    assert masked(texts, placeholder="[removed]")[0] == "🙂 [removed], or [removed]"


# Without shrinking, which would take minutes: a text that fails is as good as a shorter one.
@settings(max_examples=8, phases=[Phase.generate])
@given(st.lists(TEXTS, min_size=60, max_size=60))
def test_nothing_is_found_in_what_was_masked(texts):
    once = masked(pl.Series(texts, dtype=pl.String))
    assert find_personal_data(once).rows() == []
    assert masked(once).to_list() == once.to_list()


def test_no_value_is_left_in_any_pair_side_by_side():
    texts = pl.Series([a + glue + b for a in VALUES for b in VALUES for glue in (" ",)])
    left = masked(texts)
    assert find_personal_data(left).is_empty()
    assert [text for text in left if any(value in text for value in VALUES)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_placeholder_is_itself_no_personal_data(kind):
    shown = pl.Series([f"phone SSN NHS BSN [{kind.replace('-', '_').upper()}] 2128675309 536904399"])
    assert find_personal_data(shown).is_empty()


@pytest.mark.parametrize("placeholder", ["jane@proton.me", "[jane@proton.me]", "{KIND}", "212-867-5309"])
def test_a_placeholder_that_could_be_found_is_refused(placeholder):
    with pytest.raises(UsageError, match="PL-PII-002"):
        masked(pl.Series(["a@b.co"]), placeholder=placeholder)


def test_equal_texts_stay_equal_whatever_stands_around_them():
    alone = masked(pl.Series(["call 212-867-5309"]))
    among = masked(pl.Series(["212-867-5300", "call 212-867-5309"]))
    assert alone[0] == among[1] == "call [PHONE]"
