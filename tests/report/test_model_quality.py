"""How good models are: what a perfect model could reach stands beside each accuracy, where it is known."""

import re

import pytest

from plumbline.report.inputs import FIGURE_NAMES
from tests.report import samples
from tests.report.pages import build

FIGURE, UNDEFINED = samples.figure, samples.undefined


def ceiling(**changes):
    bounds = {"estimate": FIGURE(0.76, 0.03, 943), "lower": FIGURE(0.73, 0.02, 943), "upper": FIGURE(0.8, 0.02, 943)}
    counts = {"label_votes": 1, "items_judged_once": 20, "ties_set_aside": 3, "rows": 2000}
    return {**bounds, "agreement": FIGURE(0.73, 0.02, 943), **counts, "of": "pairs", "note": None, **changes}


NOTHING = dict.fromkeys(("estimate", "lower", "upper", "agreement"), UNDEFINED("no item was judged twice"))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ceiling(), "; the best any model could reach on these judgements: 0.710–0.820 (n=943 judged twice)."),
        (
            ceiling(upper=UNDEFINED("even", 943)),
            "could reach on these judgements: at least 0.710 (n=943 judged twice).",
        ),
        (ceiling(note="some may be copies"), "Some may be copies."),
        (ceiling(**NOTHING), "The best any model could reach is unknown: no item was judged twice."),
    ],
)
def test_what_any_model_could_reach_stands_beside_the_accuracy(found, words, tmp_path):
    evaluation = samples.pairs_evaluation(value=0.63) | {"noise_ceiling": found}
    shown = build(samples.write(tmp_path, evaluation=evaluation))
    assert words in shown
    known = found["lower"]["value"] is not None
    assert ("Accuracy 0.630 (0.611–0.649, n=2312); the best any model" in shown) == known
    row = re.search(r"<td>the best any model could reach</td>\s*<td[^>]*>([^<]*)", shown)
    assert row is not None, "in the table of the first screen, too"
    assert row[1].startswith(("unknown", "0.710–0.820", "at least"))


def test_a_model_without_an_evaluation_shows_what_training_measured(tmp_path):
    evaluation = samples.pairs_evaluation()
    seven = {key: evaluation[key] for key in FIGURE_NAMES}
    model = samples.model() | {"training": {"cross_validated": seven}}
    shown = build(samples.write(tmp_path / "one", model=model))
    accuracy = seven["accuracy"]["value"]
    assert f"No evaluation was given. Cross-validated on train: Accuracy {accuracy:.3f}" in shown
    assert "harmless-linear: as training measured it" in shown
    shown = build(samples.write(tmp_path / "two", model=samples.model() | {"training": {"cross_validated": 3}}))
    assert "No evaluation was given; plumbline evaluate" in shown
    both = samples.write(tmp_path / "three", model=model, evaluation=evaluation)
    assert "as training measured it" not in build(both)


def test_an_earlier_evaluation_says_nothing_of_it(tmp_path):
    assert "best any model could reach" not in build(samples.write(tmp_path, evaluation=samples.pairs_evaluation()))
