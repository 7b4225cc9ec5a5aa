"""docs/how-to/rounds.md: its file is one that the program takes, and it names every setting there is."""

import json
import re
from pathlib import Path

from plumbline.loop.rounds.round_file import parse_round_settings
from plumbline.loop.rounds.round_settings import Curate, Data, Model, Next, Release, RoundSettings, Sampler

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "rounds.md").read_text(encoding="utf-8")


def test_its_file_is_one_that_the_program_takes():
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    settings = parse_round_settings(text)
    assert [model.name for model in settings.models] == ["harmless", "other"]
    assert {name for name in RoundSettings.model_fields if getattr(settings, name) is not None} == {
        *RoundSettings.model_fields
    }


SECTIONS = {
    "[data]": Data,
    "[curate]": Curate,
    "[release]": Release,
    "[[models]]": Model,
    "[sampler]": Sampler,
    "[next]": Next,
}


def rows():
    """Rows of the settings' table: the table of the file, its settings, what is said of their defaults."""
    table = ""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6:
            table = cells[1].strip("`") or table
            yield table, re.findall(r"`([a-z_]+)`", cells[2]), cells[4]


def test_every_setting_stands_in_its_table_and_no_other():
    told = {}
    for table, names, _ in rows():
        told.setdefault(table, set()).update(names)
    assert {name: set(section.model_fields) for name, section in SECTIONS.items()} == {
        name: told[name] for name in SECTIONS
    }


def test_the_defaults_that_it_tells_are_those_of_the_program():
    seen = 0
    for table, names, defaults in rows():
        if table not in SECTIONS:
            continue
        known = [SECTIONS[table].model_fields[name].default for name in names]
        for told in re.findall(r'`(".*?"|true|false)`|(?<!\S)(\d[\d.]*\d|\d)', defaults):
            seen += 1
            assert json.loads("".join(told)) in known, (table, names, told)
    assert seen == 5
