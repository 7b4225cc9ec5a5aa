"""The reference page of study files: whole, and true of the settings that are read."""

import re

import pytest
from pydantic import BaseModel

from plumbline.collect.study_checks import KINDS_OF_KEY
from plumbline.collect.study_file import SECTIONS, parse_study_file
from plumbline.collect.study_reference import EXAMPLES, setting_meanings, study_reference, value_of
from plumbline.collect.study_settings import Sampler, Section, StudyFile, StudyKind, Tranche

TABLES = {"": StudyFile, **SECTIONS}
CHATS = (StudyKind.PREFERENCE_CHAT, StudyKind.RED_TEAM_CHAT)
CHAT = '[replies]\nsampler = "two-samples"\nsources = ["retrieval:x"]\n'


def sections_of_page():
    """The page by table: "" for the file's own keys."""
    parts = re.split(r"^## (?:The file|`\[+(\w+)\]+`)$", study_reference(), flags=re.MULTILINE)
    return {name or "": text for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_every_setting_of_every_table_stands_on_the_page_with_a_meaning():
    page = sections_of_page()
    assert page.keys() == TABLES.keys() == EXAMPLES.keys()
    count = 0
    for table, section in TABLES.items():
        meanings = setting_meanings(section)
        rows = {row[0].strip("`"): row for row in cells_of(page[table]) if row[0].startswith("`") and len(row) > 2}
        assert [*rows] == [*section.model_fields]
        for name, row in rows.items():
            assert len(meanings[name]) >= 15
            assert row[-1] == meanings[name]
            assert (row[2] == "required") == section.model_fields[name].is_required()
            count += 1
    assert count == sum(len(section.model_fields) for section in TABLES.values()) >= 55


def cells_of(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def test_no_table_is_left_out():
    """A setting that is a table of its own is one of those listed."""
    tables = {each for each in Section.__subclasses__() if each is not StudyFile}
    assert set(SECTIONS.values()) == tables


def test_the_kinds_are_those_that_know_the_key():
    rows = {row[0].strip("`"): row[3] for row in cells_of(sections_of_page()[""]) if len(row) == 5}
    for key, kinds in KINDS_OF_KEY.items():
        for kind in StudyKind:
            said = rows[key].removeprefix("all but ").split(", ")
            assert ((kind in said) != rows[key].startswith("all but ")) == (kind in kinds), key
    assert rows["seed"] == "all kinds"
    assert rows["warning"] == "red-team-chat"


@pytest.mark.parametrize("table", [table for table in EXAMPLES if table])
def test_the_example_of_a_table_is_part_of_a_right_study(table):
    kinds = KINDS_OF_KEY.get(table, (StudyKind.PAIRS,))
    kind = StudyKind.PAIRS if StudyKind.PAIRS in kinds else kinds[0]
    more = {"red-team-chat": 'warning = "w"\n', "preference-chat": 'axes = ["helpfulness"]\n'}
    head = f'name = "s"\nkind = "{kind}"\ntranche = "base"\nguidelines = "g.md"\n'
    head += more.get(kind, 'axes = ["helpfulness"]\n')
    if table != "items":
        head += 'items = "x.jsonl"\n'
    study = parse_study_file(head + EXAMPLES[table] + (CHAT if kind in CHATS and table != "replies" else ""))
    assert getattr(study, table) not in (None, ())
    assert EXAMPLES[table] in sections_of_page()[table]


def test_the_first_example_is_a_whole_study():
    assert parse_study_file(EXAMPLES[""]).kind is StudyKind.PAIRS
    assert EXAMPLES[""] in sections_of_page()[""]


def test_choices_and_bounds_are_the_ones_that_are_read():
    page = sections_of_page()
    for choice in Sampler:
        assert f'`"{choice.value}"`' in page["replies"]
    for tranche in Tranche:
        assert f'\n| `"{tranche.value}"` | ' in page[""]
    assert "| `overlap` | a whole number, 1 to 100 | `1` |" in page[""]
    assert "| `top_p` | a number, over 0, at most 1 | `1.0` |" in page["replies"]
    assert "| `share` | a number, over 0, under 1 | required |" in page["gold"]
    assert value_of({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/X"}]}, {"X": {"enum": ["a", "b"]}}) == '`"a"`, `"b"`'


class _Undescribed(BaseModel):
    """Two settings.

    Attributes:
        first: The one that is described,
            on two lines.
    """

    first: int
    second: int


class _Described(BaseModel):
    """One setting.

    Attributes:
        first: The one that is ``described``,
            on two lines.
    """

    first: int


def test_a_setting_without_a_description_is_refused():
    assert setting_meanings(_Described) == {"first": "The one that is `described`, on two lines."}
    with pytest.raises(ValueError, match="second"):
        setting_meanings(_Undescribed)
