"""Figures as plain values: those of the analysis, JSON throughout, and none of scores by several models."""

import json

import pytest

from plumbline.measure import Bootstrap
from plumbline.redteam.analysis import analyse
from plumbline.redteam.analysis_json import analysis_json
from tests.redteam.made_up import attempts_table


@pytest.fixture(scope="module")
def found():
    return analyse(attempts_table(48), Bootstrap(seed=0, resamples=100))


def test_every_figure_is_the_one_that_was_measured(found):
    told = json.loads(json.dumps(analysis_json(found), allow_nan=False))
    assert told["success_rates"]["rating"] == found.success.rates[found.success.by].to_json()
    assert [model["success_rate"]["value"] for model in told["models"]] == [
        m.success.value for m in found.models.models
    ]
    assert list(told["all_models"]["quantiles"]) == ["0.05", "0.25", "0.5", "0.75", "0.95"]
    assert told["all_models"]["quantiles"]["0.5"] == found.models.everything.scores.quantiles[2]
    assert told["rating_against_transcript"]["value"] == found.rating.correlation.value
    assert [tag["attempts"] for tag in told["tags"]["tags"]] == [each.attempts for each in found.tags.tags]
    assert told["reviewers"]["among_themselves"]["binarised"] == found.reviewers.among_themselves.binarised.to_json()
    assert sum(worker["attempts"] for worker in told["workers"]["busiest"]) == 48


def test_of_scores_by_two_models_there_is_no_figure(found):
    told = analysis_json(found, scorers=2)
    of_scores = [
        *(model["least_harmlessness"] for model in [told["all_models"], *told["models"]]),
        *(rating["least_harmlessness"] for rating in told["ratings"]),
        *(told["description_against_transcript"], told["rating_against_transcript"]),
    ]
    assert len(of_scores) > 10
    assert {figure["value"] for figure in of_scores} == {None}
    assert told["all_models"]["quantiles"] == {}
    assert told["success_rates"] == analysis_json(found)["success_rates"]
