"""Training a task end to end on tables: polarity, terms, figures, saving, scoring, the card."""

import json

import numpy as np
import pyarrow as pa
import pytest

from plumbline.lineage import FileEntry, Manifest, Terms, Use, with_terms
from plumbline.measure import Bootstrap
from plumbline.models.card import format_card
from plumbline.models.features.text_features import Replies
from plumbline.models.figures.evaluation import evaluate_model
from plumbline.models.figures.label_figures import told_few_safe_rows
from plumbline.models.figures.measured_rows import FIGURE_KEYS
from plumbline.models.linear.default_features import RECIPES, training_options
from plumbline.models.linear.saving import load_model
from plumbline.models.model_folder import CARD_NAME, DESCRIPTION_NAME, WEIGHTS_NAME
from plumbline.models.rows.training_rows import label_rows, preference_rows
from plumbline.models.scored_model import main_head, pair_probabilities
from plumbline.models.scoring import score_tables
from plumbline.models.training import rows_of_task, train_task
from plumbline.records import Axis, Kind, ModelError, NoDataError, PermittedUseError, SourceError, UsageError
from tests.models.made_up import labels_table, pairs_table, saved
from tests.restating import restate

BOOTSTRAP = Bootstrap(seed=0, resamples=200)


def trained(tables, task, **settings):
    return train_task(tables, task, training_options(task, settings), place="made-up")


@pytest.fixture(scope="module")
def tables():
    return {Kind.COMPARISONS: pairs_table(axis="harmlessness"), Kind.SAFETY_LABELS: labels_table()}


@pytest.fixture(scope="module")
def preference(tables):
    return trained({Kind.COMPARISONS: tables[Kind.COMPARISONS]}, "preference")


@pytest.fixture(scope="module")
def cost(tables):
    return trained(tables, "cost")


@pytest.fixture(scope="module")
def moderation(tables):
    return trained({Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}, "moderation")


KIND, RUDE = Replies(["happy to help with that"], ["q\n"]), Replies(["no go away"], ["q\n"])


def test_a_reward_is_higher_for_the_better_reply_and_flipping_the_labels_flips_it(preference):
    flipped = trained({Kind.COMPARISONS: pairs_table(flipped=True)}, "preference")
    assert preference.model.score(KIND) > preference.model.score(RUDE)
    assert flipped.model.score(KIND) < flipped.model.score(RUDE)


def test_a_cost_is_above_zero_for_the_unsafe_reply_and_its_pairs_prefer_the_less_harmful(cost):
    kind, rude = cost.model.score(KIND), cost.model.score(RUDE)
    assert rude > 0 > kind
    assert pair_probabilities(cost.model, kind, rude) > 0.5 > pair_probabilities(cost.model, rude, kind)


def test_moderation_flags_the_unsafe_reply_and_flipping_the_labels_flips_it(moderation):
    flipped = trained({Kind.SAFETY_LABELS: labels_table(flipped=True)}, "moderation")
    assert moderation.model.score(RUDE)[0, 0] > moderation.model.score(KIND)[0, 0]
    assert flipped.model.score(RUDE)[0, 0] < flipped.model.score(KIND)[0, 0]


def test_categories_with_few_rows_get_no_head_and_that_is_said(moderation):
    assert list(moderation.model.heads) == ["unsafe", "animal_abuse"]
    assert list(moderation.summary["untrained_categories"]) == ["self_harm"]


@pytest.mark.parametrize("task", ["preference", "cost", "moderation"])
def test_cross_validated_figures_have_every_key_and_are_good_on_an_easy_truth(task, request):
    result = request.getfixturevalue(task).cross_validated
    assert set(FIGURE_KEYS) <= set(result)
    for key in FIGURE_KEYS:
        assert set(result[key]) == {"value", "low", "high", "n", "why_undefined"}
    assert result["accuracy"]["value"] > 0.9
    json.dumps(result, allow_nan=False)


def test_a_model_is_measured_below_one_half_on_flipped_judgements(preference):
    rows = preference_rows(pairs_table(seed=5), place="x")
    flipped = preference_rows(pairs_table(seed=5, flipped=True), place="x")
    good = evaluate_model(preference.model, rows, None, BOOTSTRAP)["accuracy"]["value"]
    bad = evaluate_model(preference.model, flipped, None, BOOTSTRAP)["accuracy"]["value"]
    assert good > 0.9
    assert good + bad == pytest.approx(1.0)


def test_disagreements_are_where_the_judges_differ_from_the_model_by_id(preference):
    table = pairs_table(seed=5, flipped=True)
    result = evaluate_model(preference.model, preference_rows(table, place="x"), None, BOOTSTRAP)
    assert len(result["disagreements"]) == 20
    assert {each["id"] for each in result["disagreements"]} <= set(table["id"].to_pylist())
    assert all(each["probability"] < 0.5 for each in result["disagreements"])


def test_thresholds_let_through_the_false_positives_asked_for(tables):
    strict = trained({Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}, "moderation", max_false_positive_rate=0.01)
    lax = trained({Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}, "moderation", max_false_positive_rate=0.3)
    assert main_head(strict.model).threshold >= main_head(lax.model).threshold
    for result, rate in ((strict, 0.01), (lax, 0.3)):
        [chosen] = [row for row in result.cross_validated["thresholds"] if row["chosen"]]
        assert chosen["false_positive_rate"] <= rate


def test_an_evaluation_of_a_cost_model_on_labels_alone(cost):
    result = evaluate_model(cost.model, None, label_rows(labels_table(seed=9), place="x"), BOOTSTRAP)
    assert result["auprc"]["value"] > 0.95
    assert result["f1"]["value"] > 0.9


# --- what is refused ---


def test_data_that_does_not_permit_the_use_is_refused_unless_overridden():
    table = with_terms(pairs_table(40), Terms(frozenset({Use.ANALYSIS}), "MIT"))
    with pytest.raises(PermittedUseError, match=r"PL-USE-001(.|\n)*--override-uses"):
        trained({Kind.COMPARISONS: table}, "preference")
    options = training_options("preference", {})
    assert train_task({Kind.COMPARISONS: table}, "preference", options, place="x", override_uses=True).model


def test_what_a_task_needs_is_asked_for(tables):
    pairs, labels = {Kind.COMPARISONS: tables[Kind.COMPARISONS]}, {Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}
    for given, task, code in (
        (pairs, "moderation", "015"),
        (labels, "preference", "015"),
        (labels, "cost", "015"),
        (pairs, "cost", "016"),
    ):
        with pytest.raises(NoDataError, match=f"PL-TRN-{code}"):
            trained(given, task)
    with pytest.raises(UsageError, match="PL-TRN-014"):
        rows_of_task(tables, "cost", axis=Axis.HELPFULNESS, place="x")
    with pytest.raises(UsageError, match="PL-ARG-001"):
        training_options("cost", {"features": "pixels"})
    with pytest.raises(NoDataError, match="PL-TRN-013"):
        trained({Kind.COMPARISONS: pairs_table(120).slice(0, 3)}, "preference")


# --- saving, scoring, the card ---


@pytest.mark.parametrize("task", ["preference", "cost", "moderation"])
def test_a_saved_model_scores_as_before(task, request, tmp_path):
    model = request.getfixturevalue(task)
    again, description = load_model(saved(tmp_path / "m", model))
    replies = Replies(["happy to help", "unseen wörds 😀", ""], ["q\n", "", "x\n"])
    assert np.array_equal(again.score(replies), model.model.score(replies))
    assert description.terms == {"uses": ["analysis"], "licence": "MIT"}
    assert description.synthetic


@pytest.mark.parametrize(("task", "features"), [(task, name) for task, names in RECIPES.items() for name in names])
def test_every_recipe_can_be_saved(task, features, tables, tmp_path):
    model = trained(
        tables
        if task == "cost"
        else {k: v for k, v in tables.items() if (k is Kind.COMPARISONS) == (task == "preference")},
        task,
        features=features,
    )
    assert np.array_equal(load_model(saved(tmp_path / "m", model))[0].score(KIND), model.model.score(KIND))


def test_the_folder_holds_no_pickle_and_the_card_says_what_must_be_said(moderation, tmp_path):
    folder = saved(tmp_path / "m", moderation)
    assert sorted(path.name for path in folder.iterdir()) == [
        CARD_NAME,
        "manifest.json",
        DESCRIPTION_NAME,
        WEIGHTS_NAME,
    ]
    card = (folder / CARD_NAME).read_text()
    for phrase in ("Synthetic data", "made-up.jsonl", "0" * 64, "animal_abuse", "self_harm", "MIT", "analysis"):
        assert phrase in card
    assert "seen none of its prompts, with word frequencies counted without them too" in card


def test_damage_is_noticed(preference, tmp_path):
    def damaged(name, change):
        folder = saved(tmp_path / name, preference)
        change(folder)
        return folder

    def cut(folder):
        (folder / WEIGHTS_NAME).write_bytes((folder / WEIGHTS_NAME).read_bytes()[:-10])

    def another_version(folder):
        text = (folder / DESCRIPTION_NAME).read_text()
        (folder / DESCRIPTION_NAME).write_text(text.replace('"version": 1', '"version": 2, "of_later": []'))
        restate(folder)

    def unknown_key(folder):
        text = (folder / DESCRIPTION_NAME).read_text()
        (folder / DESCRIPTION_NAME).write_text(text.replace('"version": 1', '"version": 1, "extra": 1'))
        restate(folder)

    for name, change, code in (
        ("cut", cut, "PL-MOD-002"),
        ("version", another_version, "PL-MOD-003"),
        ("key", unknown_key, "PL-MOD-002"),
        ("gone", lambda folder: (folder / WEIGHTS_NAME).unlink(), "PL-MOD-002"),
    ):
        with pytest.raises(ModelError, match=code):
            load_model(damaged(name, change))
    with pytest.raises(SourceError, match=r"(?s)PL-MOD-001.*train preference, cost or moderation"):
        load_model(tmp_path)


def test_scores_have_a_row_for_each_side_and_probabilities_of_a_pair_sum_to_one(preference, cost, moderation, tables):
    for model in (preference, cost):
        scores = score_tables(model.model, {Kind.COMPARISONS: tables[Kind.COMPARISONS]}).rows
        assert scores.schema.names[:5] == ["id", "side", "score", "probability", "uncertainty"]
        assert scores.schema.names[5:] == ["kind", "source", "row", "split"]
        assert scores["uncertainty"].null_count == len(scores), "linear models have no ensemble"
        assert scores["side"].to_pylist() == [0, 1] * len(tables[Kind.COMPARISONS])
        chances = np.array(scores["probability"].to_pylist()).reshape(-1, 2)
        assert np.allclose(chances.sum(axis=1), 1)
    costs = score_tables(cost.model, {Kind.COMPARISONS: tables[Kind.COMPARISONS]}).rows
    cheaper = np.array(costs["score"].to_pylist()).reshape(-1, 2).argmin(axis=1)
    likelier = np.array(costs["probability"].to_pylist()).reshape(-1, 2).argmax(axis=1)
    assert (cheaper == likelier).all()
    labels = score_tables(moderation.model, {Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}).rows
    assert labels.schema.names[5:] == [
        *("kind", "source", "row", "split"),
        *("category", "threshold", "probability_animal_abuse", "threshold_animal_abuse"),
    ]
    heads = moderation.model.heads
    for row in labels.to_pylist():
        assert (row["kind"], row["category"], row["threshold"]) == (
            "safety_labels",
            "unsafe",
            heads["unsafe"].threshold,
        )
        assert row["threshold_animal_abuse"] == heads["animal_abuse"].threshold
    assert score_tables(moderation.model, {}).rows.schema == labels.schema
    sides = score_tables(moderation.model, {Kind.COMPARISONS: tables[Kind.COMPARISONS]}).rows
    assert set(sides["kind"].to_pylist()) == {"comparisons"}
    assert labels["side"].null_count == len(labels)
    single = score_tables(preference.model, {Kind.SAFETY_LABELS: tables[Kind.SAFETY_LABELS]}).rows
    assert single["probability"].null_count == len(single)


class Speechless:
    """A model that gives no number of the third row it is asked for."""

    def __init__(self, model, what):
        self.model, self.what = model, what
        self.task, self.axis, self.heads, self.ensemble = model.task, model.axis, model.heads, None

    def read_pairs(self, comparisons, *, advance=None):
        read = self.model.read_pairs(comparisons, advance=advance)
        read.heads[2, 1, 0] = self.what
        return read

    def read_conversations(self, conversations, *, advance=None):
        read = self.model.read_conversations(conversations, advance=advance)
        read.heads[2, -1] = self.what
        return read


@pytest.mark.parametrize("what", [float("nan"), float("inf")])
def test_where_a_model_gives_no_number_nothing_is_scored_and_nothing_measured(preference, moderation, tables, what):
    pairs, labels = ({kind: table} for kind, table in tables.items())
    found = score_tables(Speechless(preference.model, what), pairs)
    assert found.without_number == 1
    assert [place for place, score in enumerate(found.rows["score"].to_pylist()) if score is None] == [5]
    missing = [place for place, chance in enumerate(found.rows["probability"].to_pylist()) if chance is None]
    assert missing == [4, 5], "of a pair one side alone has no probability of being the better one"
    found = score_tables(Speechless(moderation.model, what), labels)
    *others, last = list(moderation.model.heads)
    columns = {"probability": 0, f"probability_{last}": 1}
    assert {name: found.rows[name].null_count for name in columns} == columns
    assert (found.without_number, len(others)) == (1, 1)
    for model, of_task in ((preference, pairs), (moderation, labels)):
        rows = rows_of_task(of_task, model.model.task, place="made-up")
        with pytest.raises(ModelError) as refused:
            evaluate_model(Speechless(model.model, what), rows.pairs, rows.labels, BOOTSTRAP)
        assert refused.value.code == "PL-MOD-008"
        assert "none for 1 of" in str(refused.value)


def test_a_card_shows_hostile_names_as_mere_names(preference):
    entry = FileEntry(path="a|b\x1b<img>.jsonl", sha256="0" * 64, size_bytes=1, rows=1)
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[entry], uses=[], licence="MIT")
    name = "m<img src=x onerror=alert(1)>"
    card = format_card(
        name, preference.model, manifest, preference.cross_validated, preference.summary, synthetic=False
    )
    assert "<img" not in card
    assert "\x1b" not in card
    assert "a&#124;b" in card


@pytest.mark.parametrize(("deals", "told"), [(1, "the folds were dealt once"), (4, "the folds were dealt 4 times")])
def test_the_card_says_how_often_folds_were_dealt_and_what_ece_is(moderation, deals, told):
    from plumbline.models.card import _figure_table, _figures_note

    assert told in _figures_note(moderation.summary | {"deals_of_folds": deals})
    rows = "\n".join(_figure_table(moderation.cross_validated))
    assert "expected calibration error (ECE; 0 is best)" in rows
    assert "recall at 5 % false positives" in rows


def test_labels_come_with_rates_at_thresholds_and_with_the_commoner_label(moderation):
    result = moderation.cross_validated
    assert result["thresholds"]
    for row in result["thresholds"]:
        for key in ("recall", "false_positive_rate", "precision", "f1"):
            assert row["figures"][key]["value"] == pytest.approx(row[key])
        assert row["figures"]["recall"]["low"] is not None
    assert result["baselines"]["majority label (accuracy of labels)"]["value"] >= 0.5


def test_rows_that_repeat_or_contradict_each_other_are_counted_and_told_in_the_card():
    pairs, flipped = pairs_table(), pairs_table(flipped=True)
    rows = pa.concat_tables([pairs, pairs.slice(0, 5), flipped.slice(10, 3)])
    model = trained({Kind.COMPARISONS: rows}, "preference")
    assert model.summary["repeats"] == {"exact_duplicates": 5, "judged_both_ways": 6}
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[], uses=[], licence="MIT")
    card = format_card("m", model.model, manifest, model.cross_validated, model.summary, synthetic=False)
    assert "5 exact repetitions of other rows and 6 rows of items judged both ways; `plumbline data check`" in card
    assert trained({Kind.COMPARISONS: pairs}, "preference").summary["repeats"] == {}
    labels = labels_table()
    both = {Kind.SAFETY_LABELS: pa.concat_tables([labels, labels_table(flipped=True).slice(0, 2)])}
    assert trained(both, "moderation").summary["repeats"] == {"judged_both_ways": 4}


def test_the_kind_of_data_is_looked_at_before_its_terms():
    table = with_terms(pairs_table(), Terms(frozenset(), "MIT"))
    with pytest.raises(NoDataError, match=r"PL-TRN-015(.|\n)*no safety labels"):
        trained({Kind.COMPARISONS: table}, "moderation")
    with pytest.raises(PermittedUseError, match="PL-USE-001"):
        trained({Kind.COMPARISONS: table}, "preference")


def test_a_threshold_that_rests_on_few_safe_rows_says_so(moderation):
    def figures(safe, flagged):
        rate = {"value": flagged / safe, "low": None, "high": None, "n": safe, "why_undefined": "told apart"}
        chosen = {"chosen": True, "figures": {"false_positive_rate": rate}}
        return {"thresholds": [chosen | {"chosen": False}, chosen]}

    (told,) = told_few_safe_rows(figures(21, 1), 0.05)
    assert told == (
        "the threshold rests on only 21 safe rows: 5 % false positives is no promise for other rows, which may show "
        "up to 23 %; it takes at least 40 safe rows"
    )
    assert len(told_few_safe_rows(figures(39, 0), 0.05)) == 1
    assert told_few_safe_rows(figures(40, 2), 0.05) == []
    assert told_few_safe_rows(figures(21, 0), 0.0) == []
    assert len(told_few_safe_rows(figures(190, 1), 0.01)) == 1
    [rate] = [
        row["figures"]["false_positive_rate"] for row in moderation.cross_validated["thresholds"] if row["chosen"]
    ]
    assert bool(moderation.summary["notes"]) == (rate["n"] < 40)
    noted = trained({Kind.SAFETY_LABELS: labels_table()}, "moderation", max_false_positive_rate=1.9 / rate["n"])
    assert any(f"rests on only {rate['n']} safe rows" in note for note in noted.summary["notes"])
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[], uses=[], licence="MIT")
    card = format_card("m", noted.model, manifest, noted.cross_validated, noted.summary, synthetic=False)
    assert f"\n\n- the threshold rests on only {rate['n']} safe rows" in card
