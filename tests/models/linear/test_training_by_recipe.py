"""A moderation model trained by a recipe: several sources, rows without their prompts, thresholds for each part."""

from importlib import resources

import numpy as np
import pyarrow as pa
import pytest

from plumbline.lineage import Manifest, terms_of, with_terms
from plumbline.models.card import format_card
from plumbline.models.features.text_features import Replies
from plumbline.models.figures.source_figures import told_sources
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.training import train_moderation
from plumbline.models.rows.training_rows import label_rows
from plumbline.models.scored_model import main_head
from plumbline.models.training import train_task
from plumbline.records import Kind
from tests.models.made_up import labels_table

BARE_KIND, BARE_RUDE = Replies(["happy to help with that"], [""]), Replies(["no go away"], [""])


def of_source(table, name):
    at = table.schema.get_field_index("source")
    renamed = table.set_column(
        at, table.schema.field(at), pa.array([name] * len(table)).cast(table.schema.field(at).type)
    )
    return with_terms(renamed, terms_of(table))


def two_sources(*, flipped=False):
    large, small = labels_table(150, flipped=flipped), labels_table(50, flipped=flipped, seed=1)
    return pa.concat_tables([of_source(large, "large/train.jsonl"), of_source(small, "small/train.jsonl")])


def by_recipe(table, **settings):
    options = training_options("moderation", {"recipe": "transfer", **settings})
    return train_task({Kind.SAFETY_LABELS: table}, "moderation", options, place="made-up")


@pytest.fixture(scope="module")
def trained():
    return by_recipe(two_sources())


def test_texts_without_a_prompt_are_told_apart_and_flipping_the_labels_flips_them(trained):
    flipped = by_recipe(two_sources(flipped=True))
    assert trained.model.score(BARE_RUDE)[0, 0] > 0 > trained.model.score(BARE_KIND)[0, 0]
    assert flipped.model.score(BARE_RUDE)[0, 0] < 0 < flipped.model.score(BARE_KIND)[0, 0]


def test_what_each_source_gave_is_counted_and_stands_in_the_card(trained):
    large, small = trained.summary["by_source"]
    rows = label_rows(two_sources(), place="x")
    assert (large["source"], small["source"]) == ("large", "small")
    assert large["safe"] + large["unsafe"] == 150
    assert large["unsafe"] + small["unsafe"] == rows.is_unsafe.sum()
    # 200 rows: half of them for each class, half of that for each source.
    counts = [each[f"{name}_counts_as"] for each in (large, small) for name in ("safe", "unsafe")]
    assert counts == pytest.approx([50.0] * 4)
    told = told_sources(trained.summary)
    assert told[0] == f"large: {large['safe']} safe and {large['unsafe']} unsafe rows, which count as 50 and 50"
    assert told[1].endswith("count as 50 and 50; too few safe rows to hold it to the rate of false positives by itself")
    for form in ("with_prompt", "without_prompt"):
        assert large[form]["auprc"]["n"] == 150
        assert large[form]["false_positive_rate"]["n"] == large["safe"]
    manifest = Manifest(holds="model", command=[], configuration={}, inputs=[], uses=[], licence="MIT")
    card = format_card("m", trained.model, manifest, trained.cross_validated, trained.summary, synthetic=False)
    assert "recipe transfer, version 1" in card
    assert f"| small | {small['safe']}, 50 | {small['unsafe']}, 50 | without prompt | " in card


def test_a_row_and_its_form_without_the_prompt_are_never_on_both_sides():
    rows = label_rows(two_sources(), place="x")
    found = train_moderation(rows, training_options("moderation", {"recipe": "transfer"}))
    assert found.bare is not None
    groups = {}
    for out in (found.out_of_fold.first(1), found.bare.first(1)):
        assert sorted(out.positions) == list(range(200))
        for position, fold in zip(out.positions, out.folds, strict=True):
            groups.setdefault(rows.places.group_ids[position], set()).add(int(fold))
    assert all(len(folds) == 1 for folds in groups.values())
    assert (found.out_of_fold.scores != found.bare.scores).all(), "the prompt says something, and is left out"


def test_every_source_is_held_to_the_rate_of_false_positives_by_itself(tmp_path):
    table = pa.concat_tables([of_source(labels_table(300), "large/t"), of_source(labels_table(100, seed=1), "small/t")])
    rows = label_rows(table, place="x")
    # Of the small source's 50 or so safe rows eight say what is unsafe elsewhere: 16 % of them, 4 % of all safe rows.
    in_small = np.arange(400) >= 300
    rows.is_unsafe[np.flatnonzero(in_small & rows.is_unsafe)[:8]] = False

    def false_positive_rate_in_small(recipe):
        found = train_moderation(rows, training_options("moderation", {"recipe": str(recipe)}))
        head, out = main_head(found.model), found.out_of_fold.first(1)
        safe = (in_small & ~rows.is_unsafe)[out.positions]
        return (head.calibration.probabilities(out.scores[safe, 0]) >= head.threshold).mean()

    pooled = tmp_path / "pooled.toml"
    shipped = resources.files("plumbline.models") / "training_recipes" / "transfer.toml"
    pooled.write_text(shipped.read_text().replace("threshold_for_each_part = true", "threshold_for_each_part = false"))
    assert false_positive_rate_in_small(pooled) > 0.1
    assert false_positive_rate_in_small("transfer") <= 0.05


def test_a_recipe_that_asks_for_nothing_trains_as_without_one(tmp_path):
    path = tmp_path / "nothing.toml"
    path.write_text('name = "nothing"\nversion = 1\ntask = "moderation"\n')
    rows = label_rows(two_sources(), place="x")
    plain = main_head(train_moderation(rows, training_options("moderation", {})).model)
    same = main_head(train_moderation(rows, training_options("moderation", {"recipe": str(path)})).model)
    assert np.array_equal(plain.weights, same.weights)
    assert (plain.intercept, plain.calibration, plain.threshold) == (same.intercept, same.calibration, same.threshold)


def test_the_figures_of_a_model_are_of_rows_as_they_stand(trained):
    assert trained.cross_validated["auprc"]["n"] == 200
    assert trained.summary["labels"] == trained.summary["scored_out_of_fold"] == 200
    assert trained.summary["rows_without_out_of_fold_scores"] == 0
    unsafe = trained.out_of_fold.filter(pa.compute.equal(trained.out_of_fold["head"], "unsafe"))
    assert len(unsafe) == len(set(unsafe["id"].to_pylist()))
