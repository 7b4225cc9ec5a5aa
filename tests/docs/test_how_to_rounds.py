"""docs/how-to/rounds.md: its file is one that the program takes, and it names every setting there is."""

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


def test_every_setting_stands_in_its_table():
    told, table = {}, ""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6:
            table = cells[1].strip("`") or table
            told.setdefault(table, set()).update(re.findall(r"`([a-z_]+)`", cells[2]))
    for name, section in (
        ("[data]", Data),
        ("[curate]", Curate),
        ("[release]", Release),
        ("[[models]]", Model),
        ("[sampler]", Sampler),
        ("[next]", Next),
    ):
        assert set(section.model_fields) <= told[name], name
