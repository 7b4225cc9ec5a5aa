"""docs/how-to/curate.md names every rule, every setting with its default and every key of the summary; its example is a recipe."""

import json
import re
from pathlib import Path

from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from plumbline.cli.main import app
from plumbline.curate.personal_data.kinds import ALL
from plumbline.curate.recipe import parse_recipe, shipped_recipes
from plumbline.curate.rules import RULES
from plumbline.curate.summary import summary_of
from tests.curate.made_up import curated, labels, recipe_of
from tests.loop.curating.curations import curated as curation
from tests.loop.curating.curations import pair, pairs, write

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "curate.md").read_text(encoding="utf-8")


def table_of(heading):
    """Rows of a table, cell by cell."""
    rows = PAGE.partition(heading)[2].partition("\n\n")[0].strip().splitlines()[1:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def default_of(field):
    """A default as recipes write it, or in a word."""
    if field.is_required():
        return "must be named"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if value is None:
        return "no limit"
    if value == ALL:
        return "all"
    if isinstance(value, dict):
        return "`{ " + ", ".join(f"{name} = {share}" for name, share in value.items()) + " }`"
    return f"`{json.dumps(value)}`"


def test_every_rule_and_setting_stands_in_its_table_with_its_default():
    assert {row[0].strip("`") for row in table_of("| rule | what goes or changes |")} == RULES.keys()
    told = [
        (row[0].strip("`"), row[1].strip("`"), row[3])
        for row in table_of("| rule | setting | what it says | default |")
    ]
    expected = [
        (name, setting, default_of(field))
        for name, rule in RULES.items()
        for setting, field in rule.settings.model_fields.items()
    ]
    assert sorted(told) == sorted(expected)


def test_every_key_of_the_summary_stands_in_its_table(tmp_path):
    rows = labels(*[("q", "r", safe, {"worker": w, "split": split}) for w, safe, split in said])
    recipe = recipe_of("personal-data", "near-duplicates", "leakage")
    summary = summary_of(curated(tmp_path, recipe, rows), recipe, 4, {}, {})
    keys = {*summary, *(f"steps.{key}" for key in summary["steps"][0]), "label_errors"}
    assert {"agreement", "workers", "noise_ceiling", "repeated", "clusters", "leakage"} <= keys
    told = {key for row in table_of("| key | what |") for key in re.findall(r"`([a-z_.]+)`", row[0])}
    assert keys <= told


def test_the_look_at_what_was_removed_runs_and_names_rows_that_are_there(tmp_path, monkeypatch, capsys):
    write(tmp_path / "harmless-base" / "train.jsonl", [*pairs(4), pair("question 9")])
    write(tmp_path / "harmless-base" / "test.jsonl", [pair("question 9", "c", "d")])
    monkeypatch.chdir(tmp_path)
    curation("curated-pairs", "harmless-base")
    (code,) = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(code, {})
    (command,) = re.findall(r"^plumbline (data show .*)$", capsys.readouterr().out, re.MULTILINE)
    shown = CliRunner().invoke(app, command.split())
    assert shown.exit_code == 0
    assert "question 9" in shown.output


said = [("w1", True, "train"), ("w2", True, "test"), ("w1", True, "train"), ("w2", False, "train")]


def test_the_example_is_a_recipe_and_the_recipes_named_are_those_there_are():
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(parse_recipe(example, "example").steps) == 6
    assert set(
        re.findall(r"^\| `([a-z0-9-]+)` (?:\(the default\) )?\| (?:every|pairs|safety)", PAGE, re.MULTILINE)
    ) == set(shipped_recipes())
