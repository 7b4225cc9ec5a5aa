"""Where people disagreed, strength of judgement, and doubt: shown where there is something, in words that claim no more."""

import re

import pytest

from tests.report import samples
from tests.report.pages import build
from tests.report.samples import judges, telling

FIGURE, UNDEFINED = samples.figure, samples.undefined


def page(folder, **changes):
    return build(samples.write(folder, evaluation=samples.pairs_evaluation() | changes))


def test_nothing_is_shown_where_there_is_nothing(tmp_path):
    for number, changes in enumerate(
        (
            {},
            {"judges": None, "by_strength": {}, "uncertainty": None},
            {"judges": judges(items=9)},
            {"by_strength": {"1": FIGURE(0.6, 0.02, 9)}},
        )
    ):
        shown = page(tmp_path / str(number), **changes)
        assert 'id="judges"' not in shown
        assert 'id="uncertainty"' not in shown
        assert "strength of the judgement" not in shown


def test_where_people_disagreed_is_told_drawn_and_tabled(tmp_path):
    shown = page(tmp_path, judges=judges())
    assert 'id="judges"' in shown
    assert "720 pairs with 2\u202f040 judgements that prefer a side; unanimous in 0.710" in shown
    assert "0.580 (0.520–0.640, n=178) where they are split; the intervals lie apart" in shown
    assert "31 pairs split evenly" in shown
    assert "Split: the model&#39;s mean probability of the majority&#39;s side" in shown
    assert "The model's probability by share of the judges" in shown.replace("&#39;", "'")
    assert "33 %" in shown
    assert "even a perfect model lies nearer to one half" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accuracy_split": FIGURE(0.75, 0.06, 20)}, "; the intervals overlap."),
        ({"accuracy_split": UNDEFINED("no rows")}, "undefined: no rows (n=0) where they are split."),
        ({"evenly_split": 0}, "Judgements of a tie are left out."),
        ({"by_share": []}, "judges split, against the majority"),
    ],
)
def test_what_is_undefined_or_missing_is_said_or_left_out(tmp_path, changes, words):
    shown = page(tmp_path, judges=judges(**changes))
    assert words in shown
    assert ("split evenly" in shown) == (changes.get("evenly_split") != 0)
    assert ("by share of the judges" in shown) == (changes.get("by_share") != [])


def test_bins_of_shares_are_named_by_both_ends(tmp_path):
    bins = [{"low": low, "high": low + 0.2, "model_first": FIGURE(0.5, 0.05, 9)} for low in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert "20–40 %" in page(tmp_path, judges=judges(by_share=bins))


def test_strengths_are_drawn_in_their_order(tmp_path):
    strengths = {str(strength): FIGURE(0.55 + 0.1 * strength, 0.03, 300) for strength in (1, 2, 3)}
    shown = page(tmp_path, by_strength=strengths)
    assert "Accuracy is 0.650 (0.620–0.680, n=300) at strength 1, the least, and 0.850" in shown
    assert re.findall(r">strength (\d)</text>", shown) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("spread", "nearness", "words"),
    [
        (
            telling(0.7),
            telling(0.6),
            "0.700 for the spread against 0.600 for nearness to one half, the spread tells errors better",
        ),
        (telling(0.55), telling(0.7), "less well than the model&#39;s own probability does: use the probability."),
        (telling(0.52), telling(0.7), "use the probability, nor better than chance."),
        (telling(0.66), telling(0.7), "is not shown to tell errors better than the model&#39;s own probability does."),
        (
            {**telling(0.6), "error_auroc": UNDEFINED("no positive rows", 9)},
            telling(0.6),
            "Whether doubt tells errors is undefined: no positive rows.",
        ),
    ],
)
def test_doubt_is_claimed_no_further_than_its_intervals(tmp_path, spread, nearness, words):
    found = {"accuracy": FIGURE(0.7, 0.02, 1200), "by_spread": spread, "by_nearness": nearness}
    shown = page(tmp_path, uncertainty=found)
    assert words in shown
    assert "Accuracy, surest 50 %" in shown
    assert "Accuracy on all rows at probability one half: 0.700" in shown
