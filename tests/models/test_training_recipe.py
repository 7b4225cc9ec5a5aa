"""Training recipes: the one that ships, files of one's own, and what no recipe can say."""

import re
from pathlib import Path

import pytest

from plumbline.models.linear.default_features import training_options
from plumbline.models.training_recipe import (
    TrainingRecipe,
    parse_training_recipe,
    read_training_recipe,
    shipped_recipes,
)
from plumbline.records import SourceError, UsageError

LEAST = 'name = "own"\nversion = 1\ntask = "moderation"\n'


def test_the_shipped_recipe_balances_leaves_prompts_out_and_holds_every_part_to_the_rate():
    assert shipped_recipes() == ["transfer"]
    recipe = read_training_recipe("transfer")
    assert (recipe.name, recipe.version, recipe.task) == ("transfer", 1, "moderation")
    assert recipe.balance
    assert recipe.threshold_for_each_part
    assert 0 < recipe.bare_share < 1


def test_what_is_written_out_reads_back_as_the_same_recipe():
    recipe = read_training_recipe("transfer")
    words = {True: "true", False: "false"}
    lines = [
        f"{key} = {words[value] if isinstance(value, bool) else repr(value)}"
        for key, value in recipe.to_json().items()
        if key != "digest"
    ]
    assert parse_training_recipe("\n".join(lines), "here") == recipe


def test_the_page_shows_the_recipe_that_ships():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "train-moderation.md").read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert parse_training_recipe(shown, "the page") == read_training_recipe("transfer")
    assert all(f"`{key}`" in page for key in TrainingRecipe.model_fields)


def test_the_digest_changes_with_any_setting():
    assert parse_training_recipe(LEAST, "x").digest != parse_training_recipe(LEAST + "balance = true", "x").digest


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (LEAST + "balence = true", "PL-TRP-004", "balance in its place"),
        (LEAST + "[weights]\nx = 1", "PL-TRP-004", 'unknown key "weights"'),
        (LEAST + 'balance = "true"', "PL-TRP-005", "balance is not as it must be"),
        (LEAST + "bare_share = 1.0", "PL-TRP-005", "Expected a number of at most 0.9, found 1.0"),
        (LEAST + "l2 = nan", "PL-TRP-005", "l2"),
        (LEAST.replace("moderation", "cost"), "PL-TRP-005", "task"),
        ("version = 1\n" + 'task = "moderation"', "PL-TRP-005", "name is missing"),
        ("name = ", "PL-TRP-003", "no TOML"),
        (f"l2 = {'[' * 150}{']' * 150}", "PL-TRP-003", "without end"),
    ],
)
def test_what_no_recipe_can_say_is_refused(text, code, told):
    with pytest.raises(UsageError) as caught:
        parse_training_recipe(text, "here")
    assert caught.value.code == code
    assert told in str(caught.value)


def test_unknown_names_and_unreadable_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"PL-TRP-001(.|\n)*--recipe transfer"):
        read_training_recipe("trasnfer")
    with pytest.raises(SourceError, match="PL-TRP-002"):
        read_training_recipe(str(tmp_path / "none.toml"))
    for content, told in ((b"\xff\xfe", "another encoding"), (b"#" * (1 + (1 << 20)), "more than 1,048,576 bytes")):
        (tmp_path / "bytes.toml").write_bytes(content)
        with pytest.raises(SourceError, match=rf"PL-TRP-002(.|\n)*{told}"):
            read_training_recipe(str(tmp_path / "bytes.toml"))


def test_a_flag_wins_over_the_recipe(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(LEAST + 'l2 = 0.5\nfeatures = "characters"\n')
    options = training_options("moderation", {"recipe": str(path), "l2": 2.0})
    assert options.solver.l2 == 2.0
    assert options.recipe == training_options("moderation", {"features": "characters"}).recipe
    assert options.training is not None
    assert options.training.name == "own"
