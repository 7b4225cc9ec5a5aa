"""Values in words; where there is none, a dash and never 0."""

import pytest

from plumbline.collect.pages import wording
from plumbline.measure import wilson_figure
from plumbline.measure.bootstrap import NO_SPREAD, one_cluster_figure
from plumbline.measure.krippendorff import NO_VARIATION


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0 s"), (59.6, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_seconds(value, said):
    assert wording.seconds(value) == said


def test_why_an_interval_is_missing_is_said_plainly():
    """Whatever `measure` says most has words of its own here; what it does not say any more would stand here for nothing."""
    given = {NO_SPREAD, NO_VARIATION, one_cluster_figure(0.5, 1).why_undefined, wilson_figure(0, 0).why_undefined}
    assert all(wording.reason(why) != why for why in given)
    assert wording.reason("no item has two ratings") == "no item has two ratings"


def test_where_there_is_no_value_stands_no_number():
    assert wording.share(None) == wording.count(None) == wording.seconds(None) == wording.moment(None) == "–"
    assert (wording.share(0.617), wording.share(0), wording.count(0)) == ("62 %", "0 %", "0")


@pytest.mark.parametrize(
    ("name", "said"), [("self_harm", "self harm"), ("a,b", "a, b"), ("a,_b", "a, b"), ("more harmful", "more harmful")]
)
def test_names_of_the_program_as_words(name, said):
    assert wording.plain(name) == said
