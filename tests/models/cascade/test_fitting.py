"""Choosing a band and measuring a cascade, on made-up probabilities whose better answers are known."""

import numpy as np
import polars as pl
import pytest

from plumbline.measure import Bootstrap, assign_folds, average_precision
from plumbline.models.cascade.fitting import CascadeSettings, Judged, cascade_figures, choose_band, fit_cascade
from plumbline.models.cascade.model import Band
from plumbline.models.features.text_features import Replies
from plumbline.models.rows.training_rows import LabelRows, Places
from plumbline.records import NoDataError

HEADS = ("unsafe", "animal_abuse", "self_harm")


def rows_of(is_unsafe, groups, *, categories=("animal_abuse",)):
    count = len(is_unsafe)
    names = pl.Series([str(number) for number in range(count)])
    places = Places(names, names, names, np.arange(count), np.asarray(groups, np.str_))
    return LabelRows(
        Replies([""] * count, [""] * count),
        is_unsafe,
        {name: is_unsafe & (np.arange(count) % 2 == 0) for name in categories},
        np.ones(count, bool),
        np.full(count, "beavertails-14"),
        places,
        {},
    )


def judged(count=1200, *, second_noise=0.35, seed=0):
    """Two of three texts are plain to both models; of the others the second alone knows anything."""
    chance = np.random.default_rng(seed)
    is_unsafe = chance.random(count) < 0.5
    is_plain = chance.random(count) < 2 / 3
    sides = np.where(is_unsafe, 1.0, -1.0)
    first = np.where(is_plain, 5 * sides, 0) + chance.normal(scale=0.5, size=count)
    second = 2 * sides + chance.normal(scale=2 * second_noise, size=count)
    of_first, of_second = (1 / (1 + np.exp(-each)) for each in (first, second))
    rows = rows_of(is_unsafe, np.arange(count) // 2)
    return Judged(HEADS, np.stack([of_first] * 3, axis=1), np.stack([of_second] * 3, axis=1), rows)


OWN = {"unsafe": [0.5, 0.6], "animal_abuse": [0.5, 0.6], "self_harm": [0.7, 0.6]}


def test_the_first_answers_what_is_plain_and_little_is_lost():
    fitted = fit_cascade(judged(), OWN, CascadeSettings(), place="made-up")
    figures = fitted.figures
    assert 0 < fitted.band.low < 0.5 < fitted.band.high < 1
    assert 0.2 < figures["asked"]["value"] < 0.45, "a third is not plain"
    assert figures["asked"]["low"] < figures["asked"]["value"] < figures["asked"]["high"]
    assert figures["gain"]["value"] == pytest.approx(
        figures["models"]["second"]["auprc"]["value"] - figures["models"]["first"]["auprc"]["value"]
    )
    assert figures["loss"]["value"] == pytest.approx(
        figures["models"]["second"]["auprc"]["value"] - figures["models"]["cascade"]["auprc"]["value"]
    )
    assert fitted.gain > 0.02 > figures["loss"]["value"]
    assert figures["gain"]["low"] > 0
    assert figures["measured_on"] + figures["chosen_on"] == 1200
    assert figures["measured_on"] == figures["models"]["cascade"]["recall_at_fpr_05"]["n"]


def test_figures_are_of_other_prompts_than_the_choice():
    whole = judged(400)
    fitted = fit_cascade(whole, OWN, CascadeSettings(seed=3), place="made-up")
    again = fit_cascade(whole, OWN, CascadeSettings(seed=3), place="made-up")
    assert (fitted.band, fitted.figures) == (again.band, again.figures)
    everywhere = cascade_figures(whole, fitted.band, Bootstrap(seed=3))
    assert everywhere["measured_on"] == 400
    assert fitted.figures["measured_on"] == 200, "rows of a prompt, two each, stay together"


def test_the_band_asks_least_of_those_that_keep_to_the_loss():
    whole = judged(300)
    first, second, labels = whole.first[:, 0], whole.second[:, 0], whole.rows.is_unsafe
    shares = []
    for most_loss in (0.0, 0.002, 0.05, 1.0):
        band = choose_band(first, second, whole.rows, most_loss)
        mixed = np.where(band.sure(first), first, second)
        assert average_precision(mixed, labels) >= average_precision(second, labels) - most_loss
        shares.append((~band.sure(first)).mean())
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 0.0, "whoever allows any loss asks nobody"


def test_a_band_keeps_to_the_loss_in_each_third_of_the_prompts_and_so_loses_less_on_others():
    whole = judged(300, second_noise=0.6)
    first, second = whole.first[:, 0], whole.second[:, 0]
    one_prompt = rows_of(whole.rows.is_unsafe, np.zeros(300, int))  # no parts to keep to it in
    lenient = choose_band(first, second, one_prompt, 0.0)
    strict = choose_band(first, second, whole.rows, 0.0)
    assert (~lenient.sure(first)).mean() < (~strict.sure(first)).mean()
    thirds = assign_folds(whole.rows.places.group_ids, 3, seed=0)
    for third in range(3):
        at = thirds == third
        labels = whole.rows.is_unsafe[at]
        mixed = np.where(strict.sure(first), first, second)[at]
        assert average_precision(mixed, labels) >= average_precision(second[at], labels)


def test_a_first_model_that_knows_nothing_leaves_nearly_all_to_the_second():
    whole = judged(400)
    noise = np.random.default_rng(1).random(400)
    band = choose_band(noise, whole.second[:, 0], whole.rows, 0.0)
    assert (~band.sure(noise)).mean() > 0.9


def test_thresholds_are_those_of_the_mixture_and_of_the_models_where_rows_say_nothing():
    whole = judged()
    fitted = fit_cascade(whole, OWN, CascadeSettings(max_false_positive_rate=0.1), place="made-up")
    mixed = whole.cascaded(fitted.band)[:, 0]
    flagged = (mixed >= fitted.thresholds["unsafe"])[~whole.rows.is_unsafe].mean()
    assert 0 < flagged < 0.15
    assert fitted.thresholds["self_harm"] == 0.7, "the higher of the two"
    assert set(fitted.figures["by_category"]) == {"animal_abuse"}
    assert fitted.figures["by_category"]["animal_abuse"]["positives"] > 0
    without = fit_cascade(whole, {**OWN, "self_harm": [0.7, None]}, CascadeSettings(), place="made-up")
    assert without.thresholds["self_harm"] is None


def test_what_the_figures_do_not_say_is_told():
    fitted = fit_cascade(judged(120, seed=3), OWN, CascadeSettings(most_loss=0.0), place="made-up")
    assert fitted.figures["loss"]["value"] > 0
    assert any("the loss measured" in told for told in fitted.notes)
    assert any("rests on only" in told and "at least 40" in told for told in fitted.notes)
    alike = judged()
    same = Judged(HEADS, alike.second, alike.second, alike.rows)
    notes = fit_cascade(same, OWN, CascadeSettings(), place="made-up").notes
    assert any("not beyond chance" in told for told in notes)
    assert any("never asked" in told for told in notes)
    assert not any("rests on only" in told for told in notes)


@pytest.mark.parametrize("count", [0, 1, 30])
def test_too_few_rows_are_refused(count):
    whole = judged(40)
    few = whole.take(np.arange(count))
    with pytest.raises(NoDataError, match="PL-CAS-004"):
        fit_cascade(few, OWN, CascadeSettings(), place="made-up")


def test_rows_of_one_kind_are_refused():
    whole = judged(200)
    with pytest.raises(NoDataError, match="PL-CAS-004"):
        fit_cascade(whole.take(np.flatnonzero(~whole.rows.is_unsafe)), OWN, CascadeSettings(), place="made-up")


def test_a_cascade_says_what_the_model_that_answers_says():
    whole = judged(50)
    band = Band(0.2, 0.8)
    mixed = whole.cascaded(band)
    sure = band.sure(whole.first[:, 0])
    np.testing.assert_array_equal(mixed[sure], whole.first[sure])
    np.testing.assert_array_equal(mixed[~sure], whole.second[~sure])
