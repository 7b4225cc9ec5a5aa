"""The frame that comes back: sorted, whole, without overlap; the texts that came stay as they are."""

import polars as pl
import pytest

from plumbline.curate.personal_data import find_personal_data, patterns
from plumbline.records import UsageError

SCHEMA = {"text": pl.UInt32, "kind": pl.String, "start": pl.UInt32, "end": pl.UInt32}


class Planted:
    """A detector that finds what it is told, once."""

    name, version, kinds = "planted", "1", ("email", "phone", "us-ssn")

    def __init__(self, *rows):
        self.rows = [list(rows)]

    def find(self, _, kinds):
        assert set(kinds) <= set(self.kinds)
        return pl.DataFrame(self.rows.pop() if self.rows else [], schema=SCHEMA, orient="row")


def test_nothing_in_nothing():
    for texts in (pl.Series([], dtype=pl.String), pl.Series([None, None]), pl.Series(["", None, "a"])):
        found = find_personal_data(texts)
        assert found.schema == SCHEMA
        assert found.is_empty()


def test_overlapping_values_become_one_span_of_the_kind_of_the_longest():
    rows = [(1, "phone", 4, 9), (0, "email", 5, 30), (0, "phone", 0, 10), (0, "us-ssn", 28, 33), (0, "phone", 33, 40)]
    found = find_personal_data(pl.Series(["x" * 50] * 2), detector=Planted(*rows))
    assert found.rows() == [(0, "email", 0, 33), (0, "phone", 33, 40), (1, "phone", 4, 9)]
    inside = find_personal_data(
        pl.Series(["x" * 50]), detector=Planted((0, "email", 0, 30), (0, "phone", 5, 10), (0, "us-ssn", 20, 25))
    )
    assert inside.rows() == [(0, "email", 0, 30)]
    equal = find_personal_data(pl.Series(["x" * 50]), detector=Planted((0, "phone", 0, 9), (0, "us-ssn", 0, 9)))
    assert equal.rows() == [(0, "us-ssn", 0, 9)]


def test_kinds_are_chosen_and_unknown_ones_refused():
    texts = pl.Series(["a@b.co 212-867-5309"])
    assert find_personal_data(texts, ["phone"])["kind"].to_list() == ["phone"]
    assert find_personal_data(texts, []).is_empty()
    with pytest.raises(UsageError, match=r"PL-ARG-001.*\n.*\n.*email"):
        find_personal_data(texts, ["e-mail"])


def test_texts_are_not_changed_and_batches_are_as_one(monkeypatch):
    texts = pl.Series(["ａ@b.co", None, "x\u200by@z.com 12", "", "212-867-5309", "a@b.co and c@d.org"])
    before = texts.to_list()
    whole = find_personal_data(texts)
    monkeypatch.setattr(patterns, "BATCH_TEXTS", 2)
    assert find_personal_data(texts).equals(whole)
    assert whole["text"].to_list() == [0, 2, 4, 5, 5]
    assert texts.to_list() == before
